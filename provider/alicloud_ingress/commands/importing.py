"""
`alicloud-ingress import`: rules that exist, as a program and its import file.
"""

from __future__ import annotations

import base64
import json
import pickle
from pathlib import Path

import click

from alicloud_ingress.cleanup.stack_states import read_owners
from alicloud_ingress.commands.failure import Failure
from alicloud_ingress.commands.options import states, where
from alicloud_ingress.connections import Connections, located
from alicloud_ingress.importer import (
    Import,
    import_of,
    program,
    resources,
    set_resource,
    skipped_lines,
)
from alicloud_ingress.markup import plain

NEXT = """\
then: pulumi import --file {file} --generate-code=false --protect=false
and make {program} part of the stack's program; `pulumi preview` shows no change"""


@click.command("import")
@click.option("--group", required=True, help="`sg-...`.")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that gets import.json and __main__.py; nothing is overwritten.",
)
@click.option("--set", "as_set", is_flag=True, help="One rule set for all rules.")
@where
@states
def import_(  # noqa: PLR0913, PLR0917 - one argument for each option
    group: str,
    out: Path,
    as_set: bool,  # noqa: FBT001 - click passes flags by name
    regions: tuple[str, ...],
    profile: str,
    state_files: tuple[Path, ...],
    stacks: tuple[str, ...],
) -> None:
    """
    Write an import file for `pulumi import`, and the Python that matches it.

    What the given states own already is skipped, and told.
    """
    file, code = out / "import.json", out / "__main__.py"
    for each in (file, code):
        if each.exists():
            raise click.UsageError(f"{each} is there already; give another --out")
    owners, _ = read_owners(state_files, stacks)
    client = located(Connections(profile), regions, group)
    live = client.describe(group)
    owned = owners.of(live) if owners.given else None
    found = import_of(live, owned, client.account_id())
    for line in skipped_lines(found):
        click.echo(plain(line, 1_000), err=True)
    entries = _entries(found, as_set=as_set)
    out.mkdir(parents=True, exist_ok=True)
    file.write_text(
        json.dumps({"resources": entries}, indent=1) + "\n", encoding="utf-8"
    )
    code.write_text(program(found, as_set=as_set), encoding="utf-8")
    click.echo(
        f"{len(found.rules)} rules in {file} and {code}, {len(found.skipped)} skipped"
    )
    click.echo(NEXT.format(file=file, program=code))
    for doubt in owners.doubts:
        click.echo(f"not judged: {plain(doubt.text)}", err=True)
    if owners.doubts:
        raise SystemExit(Failure.exit_code)


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
