"""
Checks this machine and sends calls to ECS, without changing anything.

The Python that the engine uses for a project's program and dynamic providers is found
as the engine finds it.

The ECS API has no dry run for these calls. So an action that writes is tried with
arguments that cannot name or create a rule: ECS must refuse it, and the error code
shows whether the permission is missing.
"""

from __future__ import annotations

import email.utils
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import yaml

from alicloud_ingress.doctor import judge
from alicloud_ingress.doctor.judge import Finding
from alicloud_ingress.ecs import config
from alicloud_ingress.ecs.config import Connection
from alicloud_ingress.ecs.exchange import exchange
from alicloud_ingress.ecs.gateway import STS_VERSION, Gateway
from alicloud_ingress.ecs.settings import TIMEOUT_VARIABLE
from alicloud_ingress.ecs.signed_request import ApiCall
from alicloud_ingress.ecs.transport import proxies_for, session
from alicloud_ingress.ecs.waiting import waiting_for
from alicloud_ingress.errors import (
    ConfigurationError,
    EcsError,
    GroupNotFoundError,
    NoAnswerError,
    UnreachableError,
)
from alicloud_ingress.files import UnreadableError, project_file, text_in

DISTRIBUTIONS = ("pulumi-alicloud-ingress", "pulumi", "alibabacloud-ecs20140526")
PROBE_TIMEOUT_S = 5.0
"""
Timeout of each call in seconds, unless `--timeout` sets it.
"""
LANGUAGE_HOST = "pulumi-language-python"
COMMAND_TIMEOUT_S = 60
MADE_UP_GROUP = "sg-doctor0made0up"
NO_RULE = "sgr-doctor"
"""
Not a valid rule ID: no rule can have it.
"""
READS: Mapping[str, Mapping[str, str]] = {
    "DescribeSecurityGroupAttribute": {"Direction": "ingress", "MaxResults": "10"},
    "DescribeSecurityGroups": {"MaxResults": "10"},
    "DescribePrefixLists": {"MaxResults": "10"},
    "DescribeNetworkInterfaces": {"MaxResults": "10"},
}
TRIALS: Mapping[str, Mapping[str, str]] = {
    "AuthorizeSecurityGroup": {
        "Permissions.1.IpProtocol": "none",
        "Permissions.1.PortRange": "none",
        "Permissions.1.Policy": "none",
    },
    "ModifySecurityGroupRule": {"SecurityGroupRuleId": NO_RULE, "Policy": "none"},
    "RevokeSecurityGroup": {"SecurityGroupRuleId.1": NO_RULE},
}
WITHOUT_GROUP = (
    "DescribeSecurityGroups",
    "DescribePrefixLists",
    "DescribeNetworkInterfaces",
)
_IMPORT = "import alicloud_ingress.resource as r; print(r.__file__)"


def checkup(  # noqa: PLR0913 - one for each source of configuration
    environ: Mapping[str, str],
    folder: Path,
    *,
    settings: Mapping[str, str],
    region: str,
    profile: str,
    group_id: str,
) -> Iterator[Finding]:
    """
    Run all checks, one after the other.

    Args:
        environ: the environment.
        folder: folder of the Pulumi project.
        settings: configuration of its stack by key, such as `alicloud:region`.
        region: "" for the configured one.
        profile: profile of the aliyun CLI; "" for the configured one.
        group_id: the group to try the permissions on; "" for one that does not exist.
    """
    yield from _machine(environ, folder)
    try:
        connection = config.resolve(
            settings.get, environ, region=region, profile=profile
        )
    except ConfigurationError as error:
        yield judge.refused("configuration", error)
        yield judge.not_tried("calls of ECS", "configuration")
        return
    of_stack = not region and settings.get("alicloud:region")
    whose = " (configured in the stack of this folder)" if of_stack else ""
    yield judge.works("region", f"{connection.region}{whose}")
    yield from _network(environ, connection, group_id)


def _machine(environ: Mapping[str, str], folder: Path) -> Iterator[Finding]:
    yield judge.works("Python", f"{sys.version.split()[0]} at {sys.executable}")
    yield judge.packages({name: _installed(name) for name in DISTRIBUTIONS})
    path = shutil.which("pulumi", path=environ.get("PATH"))
    yield judge.engine(path, _printed([path, "version"], environ) if path else "")
    yield _importable(engine_python(folder, environ, _language_host(path)), environ)
    yield judge.talkative_sdk(environ)


def _language_host(engine: str | None) -> Path | None:
    """
    The engine's language host for Python, which is installed beside it.
    """
    host = Path(engine).resolve().with_name(LANGUAGE_HOST) if engine else None
    return host if host and host.is_file() else None


def _network(
    environ: Mapping[str, str], connection: Connection, group_id: str
) -> Iterator[Finding]:
    timeout_s = (
        connection.timeout_s if environ.get(TIMEOUT_VARIABLE) else PROBE_TIMEOUT_S
    )
    address = "{}://{}".format(*connection.ecs)
    gateway = Gateway(connection)
    # Assuming a role needs the endpoint, so that is checked first.
    needs_endpoint = connection.credentials.role is not None
    found = None if needs_endpoint else _credentials(gateway, connection)
    if found:
        yield found
    yield judge.proxies(environ, address, proxies_for(address))
    reached = False
    for finding in _endpoint(address, timeout_s):
        reached = reached or finding.outcome is judge.Outcome.WORKS
        yield finding
    if not reached:
        yield judge.not_tried("calls of ECS", "endpoint")
        return
    if not found:
        found = _credentials(gateway, connection)
        yield found
    if found.outcome is judge.Outcome.FAILS:
        yield judge.not_tried("account and permissions", "credentials")
        return
    identity = ApiCall("GetCallerIdentity", {}, STS_VERSION)
    answer = _sent(gateway, identity, timeout_s)
    account = judge.account(answer, connection.expected_account_id)
    yield account
    if account.outcome is judge.Outcome.FAILS:
        yield judge.not_tried("permissions", "account")
        return
    yield from _permissions(gateway, connection.region, group_id, timeout_s)


def _credentials(gateway: Gateway, connection: Connection) -> Finding:
    try:
        with waiting_for("the source of the credentials", connection.timeout_s):
            key = gateway.keys().access_key_id
    except (ConfigurationError, EcsError) as error:
        return judge.refused("credentials", error)
    return judge.credentials(connection.credentials, key)


def _permissions(
    gateway: Gateway, region: str, group_id: str, timeout_s: float
) -> Iterator[Finding]:
    for action, parameters in {**READS, **TRIALS}.items():
        group = {"SecurityGroupId": group_id or MADE_UP_GROUP}
        about = {} if action in WITHOUT_GROUP else group
        place = f"{group_id or 'a made-up group'} in {region}"
        call = ApiCall(action, {"RegionId": region, **about, **parameters}, place=place)
        answer = _sent(gateway, call, timeout_s)
        refusal = answer if isinstance(answer, EcsError) else None
        finding = judge.permission(action, refusal, group_id, acts=action in TRIALS)
        yield finding
        if isinstance(refusal, UnreachableError | NoAnswerError):
            yield judge.not_tried("the other permissions", finding.check)
            return
        if isinstance(refusal, GroupNotFoundError):
            group_id = ""  # reported once; the other actions are tried without it


def _sent(
    gateway: Gateway, call: ApiCall, timeout_s: float
) -> Mapping[str, object] | EcsError:
    try:
        with waiting_for(call.words, timeout_s):
            return gateway.send(call, timeout_s)
    except EcsError as error:
        return error


def _endpoint(address: str, timeout_s: float) -> Iterator[Finding]:
    """
    Connect to the endpoint without credentials. Any HTTP answer is a success.
    """
    with exchange() as attempt:
        began = time.time()
        try:
            with waiting_for(address, timeout_s):
                answer = session(1).get(
                    address, timeout=timeout_s, allow_redirects=False
                )
        except OSError:
            step = "check the network, the proxy, the region and the endpoint"
            if not attempt.failure.retryable:
                step = attempt.failure.next_step
            yield judge.fails("endpoint", f"{address}: {attempt.trouble}", step)
            return
    ended = time.time()
    yield judge.works("endpoint", f"{address} answers in {ended - began:.2f} s")
    try:
        there = email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError):
        yield judge.warning(
            "clock", "the endpoint returns no time", "compare the clock by hand"
        )
        return
    yield judge.clock(there - (began + ended) / 2)


def _importable(python: EnginePython, environ: Mapping[str, str]) -> Finding:
    """
    Whether the Python that the engine uses can import this provider.
    """
    check = "provider in the engine's Python"
    if python.problem:
        return judge.fails(check, python.problem, python.next_step)
    printed = _printed(
        [python.executable, "-c", _IMPORT], environ, folder=python.folder
    )
    if not printed.strip():
        return judge.fails(
            check,
            f"{python.executable} ({python.why}) cannot import alicloud_ingress",
            python.next_step
            or f"run `{python.executable} -m pip install pulumi-alicloud-ingress`",
        )
    return judge.works(check, f"{python.executable} ({python.why}) imports it")


def _installed(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _printed(
    command: list[str], environ: Mapping[str, str], folder: Path | None = None
) -> str:
    """
    The output of a command; "" if it fails.
    """
    quiet = {**environ, "PULUMI_SKIP_UPDATE_CHECK": "1"}
    try:
        return subprocess.run(  # noqa: S603 - what the engine would run
            command,
            cwd=folder,
            env=quiet,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePython:
    """
    The Python that the engine runs for a project, or why it cannot be found.

    Args:
        executable: its path; "" if there is a problem.
        why: what selects it, for people.
        folder: the folder in which the engine runs it.
        problem: why it cannot be found; "" if it was found.
        next_step: what to do; "" if there is nothing to do.
    """

    executable: str = ""
    why: str = ""
    folder: Path
    problem: str = ""
    next_step: str = ""


def engine_python(
    folder: Path, environ: Mapping[str, str], host: Path | None = None
) -> EnginePython:
    """
    Find it as the engine does: through the project file, or else on PATH.

    Args:
        folder: folder of the Pulumi project.
        environ: the environment.
        host: the engine's language host for Python; None if it is not known.
    """
    file = project_file(folder)
    if file is None:
        return _on_path(folder, environ, "on PATH; there is no Pulumi.yaml here")
    try:
        project: Any = yaml.safe_load(text_in(file))
        given: Any = project["runtime"]
        runtime = cast(
            "dict[str, Any]", given if isinstance(given, dict) else {"name": str(given)}
        )
        options: dict[str, Any] = runtime.get("options") or {}
        main = str(project.get("main") or "")
    except (
        UnreadableError,
        yaml.YAMLError,
        KeyError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        why = getattr(error, "why", "") or type(error).__name__
        return EnginePython(
            folder=folder,
            problem=f"{file} cannot be read: {why}",
            next_step="correct the project file",
        )
    root = file.parent
    if runtime.get("name") != "python":
        return EnginePython(
            folder=root,
            problem=f"{file} has the runtime {runtime.get('name')!r}",
            next_step="use this provider in a Python program",
        )
    home = options.get("virtualenv") or (options.get("toolchain") == "uv" and ".venv")
    if not home:
        return _on_path(
            root / main, environ, f"on PATH, because {file} names no environment"
        )
    if host is not None and not _knows_options(host):
        why = f"on PATH: {host} ignores virtualenv and toolchain in {file}"
        found = _on_path(root / main, environ, why)
        step = f"activate the environment {home} before running pulumi"
        return found if found.problem else replace(found, next_step=step)
    return _in_virtualenv(root, main, str(home), file)


def _knows_options(host: Path) -> bool:
    """
    Whether a language host reads the project's options. An old one, such as the one
    that this project's tools build, does not contain the word.
    """
    try:
        return b"toolchain" in host.read_bytes()
    except OSError:
        return True


def _in_virtualenv(root: Path, main: str, home: str, file: Path) -> EnginePython:
    if main and not Path(home).is_absolute() and not (root / main / home).exists():
        return EnginePython(
            folder=root,
            problem=f"{file} has main and virtualenv, so the engine looks for {home} in"
            f" {root / main} when it starts a dynamic provider",
            next_step="remove virtualenv, and activate the environment instead",
        )
    executable = root / home / "bin" / "python"
    if not executable.exists():
        return EnginePython(
            folder=root,
            problem=f"{file} names the environment {home}, which does not exist",
            next_step=f"run `python3 -m venv {root / home}` and install into it",
        )
    return EnginePython(
        executable=str(executable), why=f"named by {file}", folder=root / main
    )


def _on_path(folder: Path, environ: Mapping[str, str], why: str) -> EnginePython:
    name = environ.get("PULUMI_PYTHON_CMD") or "python3"
    found = shutil.which(name, path=environ.get("PATH"))
    if found is None:
        return EnginePython(
            folder=folder,
            problem=f"{name} is not on PATH",
            next_step="install Python, or activate an environment that has it",
        )
    return EnginePython(executable=found, why=why, folder=folder)
