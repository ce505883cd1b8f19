"""
`alicloud-ingress import`: writes the program and the import file for existing rules.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import pickle
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from alicloud_ingress.cleanup.filters import Narrowing
from alicloud_ingress.cleanup.owners import read_owners
from alicloud_ingress.cli.failure import exit_if_incomplete, say
from alicloud_ingress.cli.options import (
    FOLDER,
    filters,
    group_option,
    states,
    where,
)
from alicloud_ingress.cli.stack_settings import connections_of
from alicloud_ingress.cli.tables import count
from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.connections import Connections, located
from alicloud_ingress.ecs.reactions import OF_EVERY_GROUP
from alicloud_ingress.errors import (
    IngressError,
    PermissionRefusedError,
)
from alicloud_ingress.files import writing
from alicloud_ingress.inventory.importer import (
    Import,
    import_of,
    movable,
    program,
    resources,
    set_resource,
    skipped_lines,
)
from alicloud_ingress.inventory.moving_over import (
    PeerState,
    deletion_script,
    kept_resources,
)
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.times import now

NEXT = """\
then: pulumi import --file {file} --generate-code=false
which protects the rules until they are in the program; add {program}
to the stack's program: `pulumi preview` then shows no change, and `pulumi up`
ends the protection"""
FIRST = """\
first: sh {script}
which removes {resources} of pulumi-alicloud from the state, and deletes no rule
"""
MOVE = """\
next, in this order:
1. sh {script}
   which removes {resources} of pulumi-alicloud from the state, and deletes no rule
2. pulumi import --file {file} --generate-code=false
   which protects the rules until they are in the program
3. put {program} into your program, in place of the resources that it names
4. pulumi preview --expect-no-changes, then pulumi up"""


@click.command("import")
@group_option("import rules of", required=True)
@click.option(
    "--out",
    required=True,
    type=FOLDER,
    help="Folder to write import.json and the program to. No file is overwritten.",
)
@click.option(
    "--set",
    "as_set",
    is_flag=True,
    help="Import the rules of each group as one rule set, not as single rules.",
)
@click.option(
    "--from-pulumi-alicloud",
    "is_move",
    is_flag=True,
    help="Import only rules that resources of pulumi-alicloud own in the state, and"
    " keep the names of those resources.",
)
@filters
@where
@states
def import_(  # noqa: PLR0913, PLR0917 - one argument for each option
    groups: tuple[str, ...],
    out: Path,
    as_set: bool,  # noqa: FBT001 - click passes flags by name
    is_move: bool,  # noqa: FBT001
    older_than: dt.timedelta | None,
    cidrs: tuple[str, ...],
    ports: tuple[int, ...],
    descriptions: tuple[str, ...],
    regions: tuple[str, ...],
    profile: str,
    state_files: tuple[Path, ...],
    stacks: tuple[str, ...],
) -> None:
    """
    Write the program and the import file for existing rules.

    `pulumi import` takes the import file. Rules that the states passed with --state or
    --stack already own are skipped and listed. Rules that the states own through
    pulumi-alicloud are imported: the script `state-delete.sh` first removes their
    resources from the state.

    With --from-pulumi-alicloud, only those rules are imported, and the program is
    `ingress_rules.py`, to be included in your own program.

    Exits with 3 if a group could not be read, or if it is not known whether a rule is
    owned already.
    """
    if is_move and len(state_files) + len(stacks) != 1:
        raise click.UsageError(
            "--from-pulumi-alicloud needs exactly one --state or --stack: the stack"
            " that owns the rules"
        )
    files = _files(out, is_move=is_move)
    owners, texts = read_owners(state_files, stacks)
    peers, time = PeerState.read(texts), now()
    narrowing = Narrowing(
        older_than=older_than, cidrs=cidrs, ports=ports, descriptions=descriptions
    )

    def choose(live: LiveGroup, account: str) -> Import:
        return import_of(
            live,
            owners.of(live) if owners.given else None,
            account,
            lambda rule: narrowing.lets_pass(rule, time),
            peers,
        )

    read, problems = _read(connections_of(profile, stacks), regions, groups, choose)
    problems = [*(doubt.text for doubt in owners.doubts), *problems]
    imports = movable(read, peers, only_peers=is_move)
    lines = [line for found in imports for line in skipped_lines(found)]
    if is_move:
        met = [peer.urn for found in read for peer in found.peers]
        lines += kept_resources(peers, groups, met)
    for line in lines:
        say(line)
    if taken := [found for found in imports if found.rules]:
        _write(files, taken, peers if is_move else None, as_set=as_set)
    if taken or not problems:
        _report(imports, files, is_move=is_move)
    exit_if_incomplete(problems)


@dataclass(frozen=True, slots=True)
class _Files:
    resources: Path
    program: Path
    script: Path


def _files(folder: Path, *, is_move: bool) -> _Files:
    files = _Files(
        folder / "import.json",
        folder / ("ingress_rules.py" if is_move else "__main__.py"),
        folder / "state-delete.sh",
    )
    for each in (files.resources, files.program, files.script):
        if each.exists() or each.is_symlink():
            raise click.UsageError(f"{each} exists already; pass another --out")
    return files


def _read(
    connections: Connections,
    regions: Sequence[str],
    groups: Sequence[str],
    choose: Callable[[LiveGroup, str], Import],
) -> tuple[list[Import], list[str]]:
    """
    What to import from each group, and which groups could not be read.
    """
    imports: list[Import] = []
    problems: list[str] = []
    for group_id in dict.fromkeys(groups):
        try:
            client = located(connections, regions, group_id)
            live = client.describe(group_id)
            _warn_if_service_managed(client, group_id)
            imports.append(choose(live, client.account_id()))
        except OF_EVERY_GROUP:
            raise
        except IngressError as error:
            problems.append(str(error))
    return imports, problems


def _warn_if_service_managed(client: EcsClient, group_id: str) -> None:
    try:
        listed = [*client.describe_groups([group_id])]
    except PermissionRefusedError as error:
        say(f"cannot check whether a service manages {group_id}: {error}")
        return
    if any(group.service_managed for group in listed):
        say(
            f"warning: {group_id} is managed by a cloud service; ECS lets only that"
            " service change its rules, so a stack cannot change or delete them"
        )


def _write(
    files: _Files, imports: Sequence[Import], peers: PeerState | None, *, as_set: bool
) -> None:
    """
    Write all files, which must not exist; if one fails, remove the others.
    """
    entries = [each for found in imports for each in _entries(found, as_set=as_set)]
    texts = {
        files.resources: json.dumps({"resources": entries}, indent=1) + "\n",
        files.program: program(imports, peers, as_set=as_set),
    }
    if deletions := deletion_script([p for found in imports for p in found.peers]):
        texts[files.script] = deletions
    written: list[Path] = []
    try:
        for file, text in texts.items():
            with writing(file):
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("x", encoding="utf-8") as opened:
                    written.append(file)
                    opened.write(text)
    except OSError:
        for file in written:
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
        raise


def _report(imports: Sequence[Import], files: _Files, *, is_move: bool) -> None:
    rules = sum(len(found.rules) for found in imports)
    skipped = sum(len(found.skipped) for found in imports)
    resources = sum(len(found.peers) for found in imports)
    if not rules:
        click.echo(f"no rule to import, {skipped} skipped; no file was written")
        return
    click.echo(
        f"{count(rules, 'rule')} in {files.resources} and {files.program},"
        f" {skipped} skipped"
    )
    steps = MOVE if is_move else f"{FIRST if resources else ''}{NEXT}"
    click.echo(
        steps.format(
            script=shlex.quote(str(files.script)),
            resources=count(resources, "resource"),
            file=shlex.quote(str(files.resources)),
            program=files.program,
        )
    )


def _entries(found: Import, *, as_set: bool) -> list[dict[str, object]]:
    if as_set:
        return [set_resource(found, _provider("IngressRuleSetProvider"))]
    return resources(found, _provider("IngressRuleProvider"))


def _provider(name: str) -> str:
    """
    The provider as the engine stores it: a pickle that names its class.
    """
    from alicloud_ingress import resource

    provider = getattr(resource, name)()
    return base64.b64encode(pickle.dumps(provider, pickle.DEFAULT_PROTOCOL)).decode()
