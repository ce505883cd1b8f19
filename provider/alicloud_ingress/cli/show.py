"""
`alicloud-ingress show`: lists the live rules of groups.
"""

from __future__ import annotations

import abc
import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from alicloud_ingress.cleanup.owners import read_owners
from alicloud_ingress.cli.failure import exit_if_incomplete, say
from alicloud_ingress.cli.options import (
    groups_or_all,
    require_groups,
    shown_as,
    states,
    where,
)
from alicloud_ingress.cli.stack_settings import connections_of
from alicloud_ingress.cli.tables import count, csv_text, print_table
from alicloud_ingress.inventory.listing import (
    COLUMNS,
    Listing,
    Reader,
    Unread,
    as_json,
    as_markdown,
    cells,
    open_to_world,
)
from alicloud_ingress.rendering.markup import plain
from alicloud_ingress.times import now


@click.command()
@groups_or_all("show")
@click.option(
    "--open-to-world",
    "only_open",
    is_flag=True,
    help="Show only rules that are open to the world, and the groups that have some.",
)
@where
@states
@shown_as
def show(  # noqa: PLR0913, PLR0917 - one argument for each option
    groups: tuple[str, ...],
    all_groups: bool,  # noqa: FBT001 - click passes flags by name
    only_open: bool,  # noqa: FBT001
    regions: tuple[str, ...],
    profile: str,
    state_files: tuple[Path, ...],
    stacks: tuple[str, ...],
    form: str,
) -> None:
    """
    List the live rules of groups, their owners, and what they expose.

    The owner of a rule is a resource in a state passed with --state or --stack.

    Exits with 3 if something could not be read or judged; stderr says what. The rest is
    shown.
    """
    require_groups(groups, all_groups=all_groups)
    owners, _ = read_owners(state_files, stacks)
    connections = connections_of(profile, stacks)
    regions = connections.regions(regions)
    reader = Reader(connections, regions, owners, now())
    doubts = [doubt.text for doubt in owners.doubts]
    output = _OUTPUTS[form]()
    is_read = False
    for found in reader.all_groups() if all_groups else reader.groups(groups):
        if isinstance(found, Unread):
            doubts.append(found.why)
            continue
        is_read = True
        doubts += found.doubts
        if listed := open_to_world(found) if only_open else found:
            output.add(listed)
    if is_read or not doubts:
        output.end(list(dict.fromkeys(doubts)))
    if not is_read and not doubts:
        say(f"{', '.join(regions)} has no security group of this account")
    exit_if_incomplete(doubts)


class _Output(abc.ABC):
    """
    Prints group by group, so that memory never holds all groups.
    """

    @abc.abstractmethod
    def add(self, listed: Listing) -> None:
        """
        Print a group.
        """

    def end(self, doubts: Sequence[str]) -> None:  # noqa: B027 - most have no end
        """
        Print what comes after the last group.
        """


class _Tables(_Output):
    def add(self, listed: Listing) -> None:
        print_table(
            f"{listed.group.title}: {count(len(listed.rows), 'inbound rule')}",
            COLUMNS,
            map(cells, listed.rows),
        )
        for opening in listed.world_open:
            click.echo(f"open to the world: {plain(opening)}")


class _Markdown(_Output):
    def add(self, listed: Listing) -> None:
        click.echo("\n".join(as_markdown(listed)).encode())


class _Csv(_Output):
    def __init__(self) -> None:
        click.echo(csv_text([("group", "name", "region", *COLUMNS)]), nl=False)

    def add(self, listed: Listing) -> None:
        group = listed.group
        place = (group.group_id, group.name, group.region)
        click.echo(csv_text((*place, *cells(row)) for row in listed.rows), nl=False)


class _Json(_Output):
    def __init__(self) -> None:
        self._before = '{\n "groups": ['

    def add(self, listed: Listing) -> None:
        text = textwrap.indent(as_json(listed), "  ")
        click.echo(f"{self._before}\n{text}", nl=False)
        self._before = ","

    def end(self, doubts: Sequence[str]) -> None:
        if self._before != ",":
            click.echo(self._before, nl=False)
        click.echo(f'\n ],\n "not_judged": {json.dumps(doubts)}\n}}')


_OUTPUTS: Mapping[str, type[_Output]] = {
    "table": _Tables,
    "markdown": _Markdown,
    "csv": _Csv,
    "json": _Json,
}
