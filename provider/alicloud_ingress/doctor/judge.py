"""
Judges the observations of `observe.checkup`: what works, and how to fix the rest.

Nothing is measured here, and no calls are sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from alicloud_ingress.ecs.credentials import Credentials
from alicloud_ingress.ecs.reactions import is_refusal
from alicloud_ingress.errors import (
    ConfigurationError,
    CredentialsRefusedError,
    EcsError,
    GroupNotFoundError,
    PermissionRefusedError,
)

MIN_ENGINE_VERSION = (3, 254, 0)
MIN_PULUMI_VERSION = (3, 216)
PULUMI = "pulumi"
MAX_SKEW_S = 15 * 60
"""
Clock difference in seconds from which ECS refuses signed calls.
"""
NOTABLE_SKEW_S = 60
PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")
OPTIONAL = {
    "DescribePrefixLists": "only `stale plan` needs it, for rules with a prefix list",
    "DescribeNetworkInterfaces": "only `usage show` and `stale plan --usage` need it",
}


class Outcome(str, Enum):
    """
    The result of a check.
    """

    WORKS = "works"
    LIKELY = "likely works"
    WARNING = "warning"
    FAILS = "fails"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    What one check found.

    Args:
        check: what was checked.
        outcome: the result.
        detail: what was found, for people.
        next_step: what to do; "" if there is nothing to do.
    """

    check: str
    outcome: Outcome
    detail: str
    next_step: str = ""


def all_works(findings: Sequence[Finding]) -> bool:
    """
    Whether everything that is needed works, as far as the checks show.
    """
    broken = (Outcome.FAILS, Outcome.NOT_TRIED)
    return all(finding.outcome not in broken for finding in findings)


def works(check: str, detail: str) -> Finding:
    """
    A check that succeeded.
    """
    return Finding(check, Outcome.WORKS, detail)


def fails(check: str, detail: str, next_step: str) -> Finding:
    """
    A failed check of something that is needed.
    """
    return Finding(check, Outcome.FAILS, detail, next_step)


def refused(check: str, error: ConfigurationError | EcsError) -> Finding:
    """
    A check that failed with an error, whose message ends with the next step.
    """
    return fails(check, *_refusal(error))


def warning(check: str, detail: str, next_step: str) -> Finding:
    """
    A check that found a risk, though nothing has failed.
    """
    return Finding(check, Outcome.WARNING, detail, next_step)


def not_tried(check: str, after: str) -> Finding:
    """
    A check that was skipped because another one failed.
    """
    step = f"fix {after} first, then run doctor again"
    return Finding(check, Outcome.NOT_TRIED, f"{after} does not work", step)


def engine(path: str | None, printed: str) -> Finding:
    """
    Judge the engine.

    Args:
        path: path of `pulumi`; None if it is not on PATH.
        printed: output of `pulumi version`.
    """
    oldest = ".".join(map(str, MIN_ENGINE_VERSION))
    step = f"install Pulumi {oldest} or newer, and put it on PATH"
    if path is None:
        return fails("engine", "`pulumi` is not on PATH", step)
    version = _version(printed)
    if not version:
        return fails("engine", f"{path} does not print its version", step)
    if version < MIN_ENGINE_VERSION:
        return fails("engine", f"{path} is {printed.strip()}, which is too old", step)
    return works("engine", f"{printed.strip()} at {path}")


def packages(versions: Mapping[str, str | None]) -> Finding:
    """
    Judge the versions of the distributions, by name; None means not installed.
    """
    missing = [name for name, version in versions.items() if version is None]
    step = "run `pip install --upgrade pulumi-alicloud-ingress`"
    if missing:
        return fails("packages", f"not installed: {', '.join(missing)}", step)
    installed = ", ".join(f"{name} {version}" for name, version in versions.items())
    if _version(versions.get(PULUMI) or "") < MIN_PULUMI_VERSION:
        return fails("packages", f"{installed}; this pulumi is too old", step)
    return works("packages", installed)


def clock(skew_s: float) -> Finding:
    """
    Judge the clock difference: by how many seconds the server is ahead of this machine.
    """
    detail = f"{abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead of'} the server"
    if abs(skew_s) >= MAX_SKEW_S:
        return fails("clock", detail, "set the clock of this machine, ideally by NTP")
    if abs(skew_s) >= NOTABLE_SKEW_S:
        step = f"set the clock; ECS refuses calls from {MAX_SKEW_S // 60} minutes on"
        return warning("clock", detail, step)
    return works("clock", f"within {NOTABLE_SKEW_S} s of the server")


def proxies(
    environ: Mapping[str, str], address: str, used: Mapping[str, str]
) -> Finding:
    """
    Report whether calls to *address* go through a proxy.

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
        detail = f"{both} differ; programs do not agree on which one to use"
        return warning("proxy", detail, "set both to the same value, or unset one")
    scheme = address.partition("://")[0]
    if proxy := used.get(scheme) or used.get("all"):
        host = re.sub(r"^.*@", "", proxy.partition("://")[2] or proxy)
        return warning(
            "proxy",
            f"calls to {address} go through the proxy {host}",
            "if that is not intended, add the host to NO_PROXY (other programs that use"
            " the SDK ignore NO_PROXY)",
        )
    if any(environ.get(name) or environ.get(name.lower()) for name in PROXY_VARIABLES):
        return works("proxy", f"one is set; calls to {address} do not use it")
    return works("proxy", "none is set")


def talkative_sdk(environ: Mapping[str, str]) -> Finding:
    """
    Warn about `DEBUG=sdk`, which makes the SDK print signed requests and tokens.
    """
    if environ.get("DEBUG", "").lower() != "sdk":
        return works("DEBUG", "not set to `sdk`")
    return warning(
        "DEBUG",
        "DEBUG=sdk makes the SDK print signed requests and tokens to stderr; this"
        " provider suppresses that for its own calls, other programs do not",
        "unset DEBUG; ALICLOUD_INGRESS_LOG=debug shows calls without secrets",
    )


def credentials(found: Credentials, key: str) -> Finding:
    """
    Report where the credentials come from, with the masked access key ID.
    """
    return works("credentials", f"{found.source}, key {masked(key)}")


def masked(key: str) -> str:
    """
    The start of an access key ID, enough to recognize it.
    """
    shown = 4
    return f"{key[:shown]}..." if len(key) > 2 * shown else "..."


def account(answer: Mapping[str, object] | EcsError, expected: str) -> Finding:
    """
    Judge the answer of GetCallerIdentity.

    Args:
        answer: its body, or the error.
        expected: the account in `alicloud:accountId`; "" for any.
    """
    if isinstance(answer, CredentialsRefusedError):
        return refused("account", answer)
    if isinstance(answer, EcsError):
        detail, step = _refusal(answer)
        return warning(
            "account", detail, f"{step}; it is needed only to compare accounts"
        )
    found = str(answer.get("AccountId") or "unknown")
    if expected not in ("", found):
        return fails(
            "account",
            f"the credentials are of account {found}, and {expected} is expected",
            "correct the credentials, or the expected account",
        )
    return works("account", f"{found}, as {answer.get('Arn') or 'an unnamed identity'}")


def permission(
    action: str, refusal: EcsError | None, group_id: str, *, acts: bool
) -> Finding:
    """
    Judge the trial of an action.

    Args:
        action: action of the ECS API.
        refusal: the error; None if the call succeeded.
        group_id: the group that the user passed; "" if it was a made-up one.
        acts: whether the action writes, so that ECS must refuse the trial.
    """
    check = f"ecs:{action}"
    if refusal is None:
        return works(check, "the call succeeded")
    if action in OPTIONAL and isinstance(refusal, PermissionRefusedError):
        detail, step = _refusal(refusal)
        return warning(check, detail, f"{step}; {OPTIONAL[action]}")
    if isinstance(refusal, GroupNotFoundError) and not group_id:
        return _likely(check, refusal, "the group does not exist; pass --group")
    is_missing = isinstance(refusal, PermissionRefusedError | GroupNotFoundError)
    if is_missing or not (acts and is_refusal(refusal)):
        return refused(check, refusal)
    return _likely(check, refusal, "ECS must refuse this trial")


def _likely(check: str, refusal: EcsError, why: str) -> Finding:
    return Finding(
        check,
        Outcome.LIKELY,
        f"refused with {refusal.code}, not for a missing permission ({why});"
        " whether ECS checks the permission first is not documented",
    )


def _refusal(error: ConfigurationError | EcsError) -> tuple[str, str]:
    """
    Split an error's message into what failed and what to do, if it says that.
    """
    detail, found, step = str(error).rpartition("; ")
    return (detail, step) if found else (step, "")


def _version(text: str) -> tuple[int, ...]:
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in match.groups()) if match else ()
