"""
What works on this machine, and what to do about the rest: observations, judged.

Nothing is asked or measured here; `checkup` does that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from alicloud_ingress.ecs.credentials import Credentials
from alicloud_ingress.errors import (
    ConfigurationError,
    CredentialsRefusedError,
    EcsError,
    GroupNotFoundError,
    NoAnswerError,
    PermissionRefusedError,
)

MIN_ENGINE_VERSION = (3, 254, 0)
MIN_PULUMI_VERSION = (3, 216)
PULUMI = "pulumi"
MAX_SKEW_S = 15 * 60
"""
Seconds between the clocks from which ECS refuses what is signed.
"""
NOTABLE_SKEW_S = 60
PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
OPTIONAL = {
    "DescribePrefixLists": "only `stale plan` needs it, for rules with a prefix list"
}


class Outcome(str, Enum):
    """
    How a check ended.
    """

    WORKS = "works"
    LIKELY = "likely works"
    WARNING = "warning"
    FAILS = "fails"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    What one check found.

    Args:
        check: what was looked at.
        next_step: what to do; "" where there is nothing to do.
    """

    check: str
    outcome: Outcome
    detail: str
    next_step: str = ""


def all_works(findings: Sequence[Finding]) -> bool:
    """
    Whether all that is needed works, as far as can be seen.
    """
    return all(
        finding.outcome not in (Outcome.FAILS, Outcome.NOT_TRIED)
        for finding in findings
    )


def works(check: str, detail: str) -> Finding:
    """
    A check that went well.
    """
    return Finding(check=check, outcome=Outcome.WORKS, detail=detail)


def fails(check: str, detail: str, next_step: str) -> Finding:
    """
    A check of something needed that did not.
    """
    return Finding(
        check=check, outcome=Outcome.FAILS, detail=detail, next_step=next_step
    )


def warning(check: str, detail: str, next_step: str) -> Finding:
    """
    A trap that is there, though nothing has failed.
    """
    return Finding(
        check=check, outcome=Outcome.WARNING, detail=detail, next_step=next_step
    )


def not_tried(check: str, after: str) -> Finding:
    """
    A check that had to be left out because of another.
    """
    return Finding(
        check=check,
        outcome=Outcome.NOT_TRIED,
        detail=f"{after} does not work",
        next_step=f"see to {after} first, then run it again",
    )


def engine(path: str | None, told: str) -> Finding:
    """
    Judge the engine.

    Args:
        path: of `pulumi`; None where there is none on PATH.
        told: what `pulumi version` printed.
    """
    oldest = ".".join(map(str, MIN_ENGINE_VERSION))
    step = f"install Pulumi {oldest} or newer, and put it on PATH"
    if path is None:
        return fails("engine", "no `pulumi` is on PATH", step)
    version = _version(told)
    if not version:
        return fails("engine", f"{path} does not tell its version", step)
    if version < MIN_ENGINE_VERSION:
        return fails("engine", f"{path} is {told.strip()}, which is too old", step)
    return works("engine", f"{told.strip()} at {path}")


def packages(versions: Mapping[str, str | None]) -> Finding:
    """
    Judge the installed distributions, by name; None is one that is missing.
    """
    missing = [name for name, version in versions.items() if version is None]
    step = "run `pip install --upgrade pulumi-alicloud-ingress`"
    if missing:
        return fails("packages", f"not installed: {', '.join(missing)}", step)
    told = ", ".join(f"{name} {version}" for name, version in versions.items())
    if _version(versions.get(PULUMI) or "") < MIN_PULUMI_VERSION:
        return fails("packages", f"{told}; this pulumi is too old", step)
    return works("packages", told)


def clock(skew_s: float) -> Finding:
    """
    Judge the seconds by which the server's clock is ahead of this machine's.
    """
    detail = f"{abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead of'} the server"
    if abs(skew_s) >= MAX_SKEW_S:
        return fails("clock", detail, "set the clock of this machine, best by NTP")
    if abs(skew_s) >= NOTABLE_SKEW_S:
        step = f"set the clock; from {MAX_SKEW_S // 60} minutes on ECS refuses"
        return warning("clock", detail, step)
    return works("clock", f"within {NOTABLE_SKEW_S} s of the server")


def proxies(
    environ: Mapping[str, str], address: str, used: Mapping[str, str]
) -> Finding:
    """
    Tell whether calls to *address* go through a proxy.

    Args:
        environ: the environment.
        address: such as `https://ecs.eu-central-1.aliyuncs.com`.
        used: the proxies for the address, by scheme.
    """
    conflict = [
        name
        for name in PROXY_VARIABLES
        if name in environ
        and name.lower() in environ
        and environ[name] != environ[name.lower()]
    ]
    if conflict:
        both = ", ".join(f"{name} and {name.lower()}" for name in conflict)
        detail = f"{both} differ; programs disagree on which of the two counts"
        return warning("proxy", detail, "set both to the same, or unset one")
    scheme = address.partition("://")[0]
    if proxy := used.get(scheme) or used.get("all"):
        host = re.sub(r"^.*@", "", proxy.partition("://")[2] or proxy)
        return warning(
            "proxy",
            f"calls to {address} go through the proxy {host}",
            "where that is not meant, name the host in NO_PROXY (other programs that"
            " use the SDK do not heed NO_PROXY)",
        )
    if any(environ.get(name) or environ.get(name.lower()) for name in PROXY_VARIABLES):
        return works("proxy", f"one is set; calls to {address} go past it")
    return works("proxy", "none is set")


def talkative_sdk(environ: Mapping[str, str]) -> Finding:
    """
    Warn of `DEBUG=sdk`, by which the SDK prints signed requests and tokens.
    """
    if environ.get("DEBUG", "").lower() != "sdk":
        return works("DEBUG", "not set to `sdk`")
    return warning(
        "DEBUG",
        "DEBUG=sdk makes the SDK print signed requests and tokens to stderr; this"
        " provider keeps its own calls out of that, other programs do not",
        "unset DEBUG; ALICLOUD_INGRESS_LOG=debug shows calls without a secret",
    )


def credentials(found: Credentials, key: str) -> Finding:
    """
    Tell where the credentials come from, the key that came of it masked.
    """
    source = found.source or "the SDK's default chain"
    return works("credentials", f"{source}, key {masked(key)}")


def no_credentials(error: ConfigurationError | EcsError) -> Finding:
    """
    The source of the credentials gives none.
    """
    return fails("credentials", *_refusal(error))


def masked(key: str) -> str:
    """
    Enough of an access key ID to tell it from others.
    """
    shown = 4
    return f"{key[:shown]}..." if len(key) > 2 * shown else "..."


def account(answer: Mapping[str, object] | EcsError, expected: str) -> Finding:
    """
    Judge what GetCallerIdentity said.

    Args:
        answer: its body, or the refusal.
        expected: the account that `alicloud:accountId` names; "" for any.
    """
    if isinstance(answer, CredentialsRefusedError):
        return fails("account", *_refusal(answer))
    if isinstance(answer, EcsError):
        detail, step = _refusal(answer)
        return warning("account", detail, f"{step}; it guards against a mix-up only")
    found = str(answer.get("AccountId") or "unknown")
    if expected not in ("", found):
        return fails(
            "account",
            f"the credentials are of {found}, and {expected} is expected",
            "correct the credentials, or the expected account",
        )
    return works("account", f"{found}, as {answer.get('Arn') or 'an unnamed identity'}")


def permission(
    action: str, refusal: EcsError | None, group_id: str, *, acts: bool
) -> Finding:
    """
    Judge a trial of an action.

    Args:
        action: of ECS.
        refusal: how it ended; None is a success.
        group_id: the group that the user named; "" where it was a made-up one.
        acts: whether it writes, so that the trial was one which has to be refused.
    """
    check = f"ecs:{action}"
    if refusal is None:
        return works(check, "tried, and answered")
    if action in OPTIONAL and isinstance(refusal, PermissionRefusedError):
        said, step = _refusal(refusal)
        return warning(check, said, f"{step}; {OPTIONAL[action]}")
    if isinstance(refusal, GroupNotFoundError) and not group_id:
        return _probably(check, refusal, "the group was made up; give --group")
    if isinstance(refusal, PermissionRefusedError | GroupNotFoundError):
        return fails(check, *_refusal(refusal))
    if refusal.retryable or isinstance(refusal, NoAnswerError) or not acts:
        return fails(check, *_refusal(refusal))
    return _probably(check, refusal, "the trial had to be refused")


def _probably(check: str, refusal: EcsError, why: str) -> Finding:
    return Finding(
        check=check,
        outcome=Outcome.LIKELY,
        detail=f"refused with {refusal.code}, not for want of permission ({why});"
        " whether ECS looks at the permission first is not documented",
    )


def _refusal(error: ConfigurationError | EcsError) -> tuple[str, str]:
    """
    What failed, and what to do, of an error that tells both in one sentence.
    """
    said, _, step = str(error).rpartition("; ")
    return said, step


def _version(text: str) -> tuple[int, ...]:
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in match.groups()) if match else ()
