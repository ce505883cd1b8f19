"""
The report of a run of `stale destroy`: what was planned and done, and how to undo it.

It is written before and after each call, so that it is correct whenever the run ends.
The status `destroying` means that a call was about to be sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, get_args

from alicloud_ingress.cleanup.documents import (
    VERSION,
    read_reasons,
    read_rule,
    reading,
    text_of,
    write_document,
    written_reasons,
)
from alicloud_ingress.cleanup.findings import Reason
from alicloud_ingress.files import items, mapping
from alicloud_ingress.rules.rule import IngressRule

FORM = "alicloud-ingress stale report"

Status = Literal[
    "planned", "destroying", "destroyed", "gone", "left", "failed", "restored"
]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(slots=True, kw_only=True)
class Entry:
    """
    One rule of the plan, and its status.

    Args:
        rule: spelled exactly as ECS returned it.
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
    rule: IngressRule
    reasons: tuple[Reason, ...]
    status: Status = "planned"
    why: str = ""
    at: str = ""
    restored_as: str = ""


@dataclass(slots=True, kw_only=True)
class Report:
    """
    The status of each rule of a plan.

    Args:
        plan: the digest of the plan.
        account_id: "" if STS refused to return it.
        made_at: when the first run began, ISO 8601 in UTC.
        entries: one for each rule of the plan.
    """

    plan: str
    account_id: str
    made_at: str
    entries: list[Entry] = field(default_factory=list[Entry])

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
    write_document(path, written_report(report))


def written_report(report: Report) -> dict[str, Any]:
    """
    A report as a JSON object.
    """
    return {
        "form": FORM,
        "version": VERSION,
        "plan": report.plan,
        "account_id": report.account_id,
        "made_at": report.made_at,
        "rules": [_written(entry) for entry in report.entries],
    }


def read_report(path: Path) -> Report:
    """
    Read a report.

    Raises:
        DocumentError: the file is not a report.
    """
    with reading(path, FORM) as found:
        return Report(
            plan=text_of(found, "plan"),
            account_id=text_of(found, "account_id"),
            made_at=text_of(found, "made_at"),
            entries=[_entry(mapping(each)) for each in items(found["rules"])],
        )


def _written(entry: Entry) -> dict[str, Any]:
    return {
        "group_id": entry.group_id,
        "region": entry.region,
        "rule_id": entry.rule_id,
        "create_time": entry.create_time,
        "in_words": entry.in_words,
        "permission": entry.rule.to_permission(),
        "reasons": written_reasons(entry.reasons),
        "status": entry.status,
        "why": entry.why,
        "at": entry.at,
        "restored_as": entry.restored_as,
    }


def _entry(found: Mapping[str, Any]) -> Entry:
    if found["status"] not in STATUSES:
        raise ValueError(f"{found['status']!r} is not a status")
    return Entry(
        group_id=text_of(found, "group_id"),
        region=text_of(found, "region"),
        rule_id=text_of(found, "rule_id"),
        create_time=text_of(found, "create_time"),
        in_words=text_of(found, "in_words"),
        rule=read_rule(found),
        reasons=read_reasons(found),
        status=found["status"],
        why=text_of(found, "why"),
        at=text_of(found, "at"),
        restored_as=text_of(found, "restored_as"),
    )
