"""
`alicloud-ingress import`: rules that exist, as a program and its import file.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from alicloud_ingress.cleanup.clock import now
from alicloud_ingress.cleanup.judgement import Narrowing
from alicloud_ingress.cleanup.owners import Owners
from alicloud_ingress.cleanup.stack_states import read_owners
from alicloud_ingress.client import EcsClient
from alicloud_ingress.commands.failure import Failure
from alicloud_ingress.commands.options import (
    FOLDER,
    as_group_id,
    filters,
    states,
    where,
)
from alicloud_ingress.commands.tables import count
from alicloud_ingress.connections import Connections, located
from alicloud_ingress.errors import (
    CredentialsRefusedError,
    IngressError,
    PermissionRefusedError,
    UnreachableError,
)
from alicloud_ingress.importer import (
    Import,
    import_of,
    program,
    resources,
    set_resource,
    skipped_lines,
    state_deletions,
)
from alicloud_ingress.live import LiveRule
from alicloud_ingress.markup import plain
from alicloud_ingress.texts import writing

NEXT = """\
then: pulumi import --file {file} --generate-code=false --protect=false
and make {program} part of the stack's program; `pulumi preview` shows no change"""
FIRST = """\
first: sh {script}
which takes {resources} of pulumi-alicloud out of the state, and deletes no rule"""


@click.command("import")
@click.option(
    "--group",
    "groups",
    required=True,
    multiple=True,
    type=as_group_id,
    help="Group ID (`sg-...`); can be repeated.",
)
@click.option(
    "--out",
    required=True,
    type=FOLDER,
    help="Folder for import.json and __main__.py; nothing is overwritten.",
)
@click.option("--set", "as_set", is_flag=True, help="One rule set for each group.")
@filters
@where
@states
def import_(  # noqa: PLR0913, PLR0917 - one argument for each option
    groups: tuple[str, ...],
    out: Path,
    as_set: bool,  # noqa: FBT001 - click passes flags by name
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
    Write an import file for `pulumi import`, and the Python that matches it.

    What the given states own is skipped, and named; but what they own through
    pulumi-alicloud is imported, and `state-delete.sh` takes it out of the state first.
    Exits with 3 where a group could not be read or a rule not be judged.
    """
    file, code, script = (
        out / name for name in ("import.json", "__main__.py", "state-delete.sh")
    )
    for each in (file, code, script):
        if each.exists():
            raise click.UsageError(f"{each} exists already; pass another --out")
    owners, _ = read_owners(state_files, stacks)
    narrowing = Narrowing(
        older_than=older_than, cidrs=cidrs, ports=ports, descriptions=descriptions
    )
    imports, problems = _read(Connections(profile), regions, groups, owners, narrowing)
    for found in imports:
        for line in skipped_lines(found):
            click.echo(plain(line, 1_000), err=True)
    taken = [found for found in imports if found.rules]
    if taken:
        deletions = state_deletions(taken)
        entries = [each for found in taken for each in _entries(found, as_set=as_set)]
        _write(
            {
                file: json.dumps({"resources": entries}, indent=1) + "\n",
                code: program(taken, as_set=as_set),
                **({script: deletions} if deletions else {}),
            }
        )
    if taken or not problems:
        _report(imports, file, code, script)
    for problem in dict.fromkeys(problems):
        click.echo(f"not judged: {plain(problem, 1_000)}", err=True)
    if problems:
        raise SystemExit(Failure.exit_code)


def _read(
    connections: Connections,
    regions: Sequence[str],
    groups: Sequence[str],
    owners: Owners,
    narrowing: Narrowing,
) -> tuple[list[Import], list[str]]:
    """
    What there is to import, and what could not be read or judged.
    """
    time = now()
    imports: list[Import] = []
    problems = [doubt.text for doubt in owners.doubts]

    def wanted(rule: LiveRule) -> bool:
        return narrowing.lets_pass(rule, time)

    for group_id in dict.fromkeys(groups):
        try:
            client = located(connections, regions, group_id)
            live = client.describe(group_id)
            _warn_if_service_managed(client, group_id)
            owned = owners.of(live) if owners.given else None
            imports.append(import_of(live, owned, client.account_id(), wanted))
        except (UnreachableError, CredentialsRefusedError):
            raise  # each other group would wait for the same
        except IngressError as error:
            problems.append(str(error))
    return imports, problems


def _warn_if_service_managed(client: EcsClient, group_id: str) -> None:
    try:
        listed = [*client.describe_groups([group_id])]
    except PermissionRefusedError as error:
        why = plain(str(error), 1_000)
        click.echo(f"not known whether a service manages {group_id}: {why}", err=True)
        return
    if any(group.service_managed for group in listed):
        click.echo(
            f"warning: {group_id} is managed by a cloud service; ECS lets nobody else"
            " change its rules, so a stack that owns them cannot change or delete them",
            err=True,
        )


def _write(files: Mapping[Path, str]) -> None:
    """
    Write all files, or none.
    """
    try:
        for file, text in files.items():
            with writing(file):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
    except OSError:
        for file in files:
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
        raise


def _report(imports: Sequence[Import], file: Path, code: Path, script: Path) -> None:
    rules = sum(len(found.rules) for found in imports)
    skipped = sum(len(found.skipped) for found in imports)
    urns = sum(len(found.peer_urns) for found in imports)
    if not rules:
        click.echo(f"no rule to import, {skipped} skipped; no file was written")
        return
    click.echo(f"{count(rules, 'rule')} in {file} and {code}, {skipped} skipped")
    if urns:
        click.echo(FIRST.format(script=script, resources=count(urns, "resource")))
    click.echo(NEXT.format(file=file, program=code))


def _entries(found: Import, *, as_set: bool) -> list[dict[str, object]]:
    if as_set:
        return [set_resource(found, _provider("IngressRuleSetProvider"))]
    return resources(found, _provider("IngressRuleProvider"))


def _provider(name: str) -> str:
    """
    The provider as the engine keeps it: a pickle of the name of its class.
    """
    from alicloud_ingress import resource

    provider = getattr(resource, name)()
    return base64.b64encode(pickle.dumps(provider, pickle.DEFAULT_PROTOCOL)).decode()
