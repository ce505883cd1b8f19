"""
The report of a run of `stale destroy`: what was planned and done, and how to undo it.

It is written before and after each call, so that it is correct whenever the run ends.
The status `destroying` means that a call was about to be sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from alicloud_ingress.cleanup.documents import (
    VERSION,
    Time,
    Version,
    read_document,
    replaced,
)
from alicloud_ingress.cleanup.findings import Permission, Reasons, WithPermission
from alicloud_ingress.documents import as_text
from alicloud_ingress.rules.live import LiveRule

Status = Literal[
    "planned", "destroying", "destroyed", "gone", "left", "failed", "restored"
]


class Entry(
    WithPermission, msgspec.Struct, kw_only=True, dict=True, forbid_unknown_fields=True
):
    """
    One rule of the plan, and its status.

    Args:
        status: `planned`: not yet tried; `destroying`: a call was about to be sent, so
            it may be deleted; `destroyed`: a read verified that it is deleted; `gone`:
            something else deleted it; `left`: kept on purpose; `failed`; `restored`: a
            read verified that it exists again.
        why: the reason for `left`, `gone` and `failed`, or why it was not restored.
        at: when the status was set, ISO 8601 in UTC.
        restored_as: the new ID of the restored rule.
    """

    group_id: str
    region: str
    rule_id: str
    create_time: str
    in_words: str
    permission: Permission
    reasons: Reasons
    status: Status
    why: str
    at: Time
    restored_as: str

    def differences(self, live: LiveRule) -> str:
        """
        The fields in which a live rule differs from the plan; "" for none.
        """
        before = {**self.rule.to_permission(), "CreateTime": self.create_time}
        spelled = live.as_spelled or live.rule
        now = {**spelled.to_permission(), "CreateTime": live.create_time}
        names = sorted(before.keys() | now.keys())
        return ", ".join(name for name in names if before.get(name) != now.get(name))


class Report(
    msgspec.Struct,
    kw_only=True,
    forbid_unknown_fields=True,
    rename={"entries": "rules"},
    tag_field="form",
    tag="alicloud-ingress stale report",
):
    """
    The status of each rule of a plan.

    Args:
        plan: the digest of the plan.
        account_id: "" if STS refused to return it.
        made_at: when the first run began, ISO 8601 in UTC.
        entries: one for each rule of the plan.
    """

    version: Version = VERSION
    plan: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    account_id: str
    made_at: Time
    entries: list[Entry]

    def having(self, *statuses: Status) -> list[Entry]:
        """
        The entries with one of these statuses.
        """
        return [entry for entry in self.entries if entry.status in statuses]


def by_group(
    entries: Iterable[Entry],
) -> Iterator[tuple[tuple[str, str], list[Entry]]]:
    """
    Entries by region and group ID.
    """

    def place(entry: Entry) -> tuple[str, str]:
        return entry.region, entry.group_id

    for region_and_group, members in groupby(sorted(entries, key=place), key=place):
        yield region_and_group, list(members)


def write_report(path: Path, report: Report) -> None:
    """
    Write a report that only the file's owner can read, whole or not at all.
    """
    with replaced(path) as temporary:
        temporary.write_text(as_text(report), encoding="utf-8")


def read_report(path: Path) -> Report:
    """
    Read a report.

    Raises:
        DocumentError: the file is not a report.
    """
    return read_document(path, Report)
