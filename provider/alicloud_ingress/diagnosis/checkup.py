"""
Looks at this machine and asks ECS, changing nothing; `doctor` judges what is seen.

No call of ECS has a dry run. So a call that writes is tried with arguments that
cannot name or make a rule: it has to be refused, and only the code of the refusal
is of interest.
"""

from __future__ import annotations

import email.utils
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import requests

from alicloud_ingress import config
from alicloud_ingress.config import Connection
from alicloud_ingress.diagnosis import doctor
from alicloud_ingress.diagnosis.doctor import Finding
from alicloud_ingress.diagnosis.engine_python import EnginePython, engine_python
from alicloud_ingress.ecs.exchange import exchange
from alicloud_ingress.ecs.sdk import STS_VERSION, Call, Sdk, address_of
from alicloud_ingress.ecs.transport import proxies_for, session
from alicloud_ingress.errors import ConfigurationError, EcsError

DISTRIBUTIONS = ("pulumi-alicloud-ingress", "pulumi", "alibabacloud-ecs20140526")
PATIENCE_S = 15.0
COMMAND_PATIENCE_S = 60
MADE_UP_GROUP = "sg-doctor0made0up"
NO_RULE = "sgr-doctor"
"""
A rule ID of a form that ECS gives to no rule.
"""
LOOKS: Mapping[str, Mapping[str, str]] = {
    "DescribeSecurityGroupAttribute": {"Direction": "ingress", "MaxResults": "10"},
    "DescribeSecurityGroups": {"MaxResults": "10"},
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
_IMPORTED = "import alicloud_ingress.resource as r; print(r.__file__)"


def checkup(
    environ: Mapping[str, str],
    folder: Path,
    *,
    region: str = "",
    profile: str = "",
    group_id: str = "",
) -> Iterator[Finding]:
    """
    Make all checks, one after the other.

    Args:
        environ: the environment.
        folder: of the Pulumi project.
        region: "" for the one that is configured; so *profile*.
        profile: of the Alibaba Cloud command line.
        group_id: a group to try the permissions on; "" takes one that is not there.
    """
    yield from _machine(environ, folder)
    try:
        connection = config.resolve(
            lambda _: None, environ, region=region, profile=profile
        )
    except ConfigurationError as error:
        said, _, step = str(error).rpartition("; ")
        yield doctor.fails("configuration", said or str(error), step)
        yield doctor.not_tried("calls of ECS", "configuration")
        return
    yield doctor.works(
        "region", f"{connection.region} (a stack's own configuration is not read here)"
    )
    yield doctor.credentials(connection.credentials)
    yield from _network(environ, connection, group_id)


def _machine(environ: Mapping[str, str], folder: Path) -> Iterator[Finding]:
    yield doctor.works("Python", f"{sys.version.split()[0]} at {sys.executable}")
    yield doctor.packages({name: _installed(name) for name in DISTRIBUTIONS})
    path = shutil.which("pulumi", path=environ.get("PATH"))
    yield doctor.engine(path, _printed([path, "version"], environ) if path else "")
    yield _importable(engine_python(folder, environ), environ)
    yield doctor.talkative_sdk(environ)


def _network(
    environ: Mapping[str, str], connection: Connection, group_id: str
) -> Iterator[Finding]:
    address = address_of(connection)
    yield doctor.proxies(environ, address, proxies_for(address))
    reached = False
    for finding in _endpoint(address):
        reached = reached or finding.outcome is doctor.Outcome.WORKS
        yield finding
    if not reached:
        yield doctor.not_tried("calls of ECS", "endpoint")
        return
    sdk = Sdk(connection)
    identity = Call("GetCallerIdentity", {}, STS_VERSION)
    try:
        told = _sent(sdk, identity)
    except ConfigurationError as error:
        said, _, step = str(error).rpartition("; ")
        yield doctor.fails("account", said, step)
        yield doctor.not_tried("permissions", "account")
        return
    identified = doctor.account(told, connection.expected_account_id)
    yield identified
    if identified.outcome is doctor.Outcome.FAILS:
        yield doctor.not_tried("permissions", "account")
        return
    yield from _permissions(sdk, connection.region, group_id)


def _permissions(sdk: Sdk, region: str, group_id: str) -> Iterator[Finding]:
    group = {"SecurityGroupId": group_id or MADE_UP_GROUP}
    for action, parameters in {**LOOKS, **TRIALS}.items():
        about = {} if action == "DescribeSecurityGroups" else group
        place = f"{group_id or 'a made-up group'} in {region}"
        call = Call(action, {"RegionId": region, **about, **parameters}, place=place)
        answer = _sent(sdk, call)
        refusal = answer if isinstance(answer, EcsError) else None
        yield doctor.permission(action, refusal, group_id, acts=action in TRIALS)


def _sent(sdk: Sdk, call: Call) -> Mapping[str, object] | EcsError:
    try:
        return sdk.send(call, PATIENCE_S)
    except EcsError as error:
        return error


def _endpoint(address: str) -> Iterator[Finding]:
    """
    Knock at the endpoint without credentials; any answer of HTTP will do.
    """
    with exchange() as attempt:
        began = time.time()
        try:
            answer = session(1).get(address, timeout=PATIENCE_S, allow_redirects=False)
        except requests.RequestException:
            yield doctor.fails(
                "endpoint",
                f"{address}: {attempt.trouble}",
                "check the network, the proxy, the region and the endpoint",
            )
            return
    ended = time.time()
    yield doctor.works("endpoint", f"{address} answers in {ended - began:.2f} s")
    try:
        there = email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp()
    except (KeyError, ValueError):
        yield doctor.warning(
            "clock", "the endpoint tells no time", "compare the clock by hand"
        )
        return
    yield doctor.clock(there - (began + ended) / 2)


def _importable(python: EnginePython, environ: Mapping[str, str]) -> Finding:
    """
    Whether the Python that the engine runs finds this provider.
    """
    check = "provider in the engine's Python"
    if python.problem:
        return doctor.fails(check, python.problem, python.next_step)
    told = _printed([python.executable, "-c", _IMPORTED], environ, folder=python.folder)
    if not told.strip():
        return doctor.fails(
            check,
            f"{python.executable} ({python.why}) cannot import alicloud_ingress",
            f"run `{python.executable} -m pip install pulumi-alicloud-ingress`",
        )
    return doctor.works(check, f"{python.executable} ({python.why}) imports it")


def _installed(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _printed(
    command: list[str], environ: Mapping[str, str], folder: Path | None = None
) -> str:
    """
    What a command prints; "" where it fails.
    """
    quiet = {**environ, "PULUMI_SKIP_UPDATE_CHECK": "1"}
    try:
        return subprocess.run(  # noqa: S603 - what the engine would run
            command,
            cwd=folder,
            env=quiet,
            capture_output=True,
            text=True,
            timeout=COMMAND_PATIENCE_S,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
