"""
`alicloud-ingress show`: the live rules of a group.
"""

from __future__ import annotations

from pathlib import Path

import click

from alicloud_ingress.cleanup.clock import now
from alicloud_ingress.cleanup.stack_states import read_owners
from alicloud_ingress.commands.failure import Failure
from alicloud_ingress.commands.lists import read_lists
from alicloud_ingress.commands.options import located, shown_as, states, where
from alicloud_ingress.commands.tables import print_table
from alicloud_ingress.connections import Connections
from alicloud_ingress.listing import (
    COLUMNS,
    Listing,
    as_json,
    as_markdown,
    cells,
    listing,
)
from alicloud_ingress.markup import plain


@click.command()
@click.option("--group", "groups", multiple=True, required=True, help="`sg-...`.")
@where
@states
@shown_as
def show(  # noqa: PLR0913, PLR0917 - one argument for each option
    groups: tuple[str, ...],
    regions: tuple[str, ...],
    profile: str,
    state_files: tuple[Path, ...],
    stacks: tuple[str, ...],
    form: str,
) -> None:
    """
    Show the live rules of groups, whose they are, and what they expose.

    Exits with 3 where something could not be read or judged.
    """
    owners, _ = read_owners(state_files, stacks)
    listings: list[Listing] = []
    unread: list[str] = []
    for client, group_id in located(Connections(profile), regions, groups):
        group = client.describe(group_id)
        lists, problems = read_lists(client, (live.rule for live in group.rules))
        unread += problems
        of_group = owners.of(group) if owners.given else None
        listings.append(listing(group, of_group, now(), lists))
    if form == "json":
        click.echo(as_json(listings))
    elif form == "markdown":
        click.echo(as_markdown(listings).encode())
    else:
        for each in listings:
            _print(each)
    doubts = [
        *(doubt.text for doubt in owners.doubts),
        *(doubt for each in listings for doubt in each.doubts),
        *unread,
    ]
    for doubt in dict.fromkeys(doubts):
        click.echo(f"not judged: {plain(doubt)}", err=True)
    if doubts:
        raise SystemExit(Failure.exit_code)


def _print(listed: Listing) -> None:
    group = listed.group
    print_table(
        f"{group.group_id} in {group.region}: {len(listed.rows)} inbound rules",
        COLUMNS,
        map(cells, listed.rows),
    )
    for opening in listed.world_open:
        click.echo(f"open to the world: {plain(opening)}")
