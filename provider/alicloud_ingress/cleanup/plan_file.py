"""
The plan file: which rules are stale, and for what reasons.

It has all that a later run needs to check that a rule has not changed, and to restore
it in the same spelling. A plan over many groups is written group by group, so that
memory never holds all of it. A run that was interrupted is continued by the next.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from alicloud_ingress.cleanup.documents import (
    VERSION,
    Time,
    Version,
    read_document,
    replaced,
)
from alicloud_ingress.cleanup.findings import Finding, GroupFindings
from alicloud_ingress.documents import as_json_object, tag_of
from alicloud_ingress.files import replacing, writing
from alicloud_ingress.times import moment_of

CONTINUED_WITHIN = dt.timedelta(hours=6)
"""
How old an unfinished plan may be: rules that are stale now were not when it was begun.
"""
HEAD_BYTES = 100
"""
A plan says within so many bytes what it is.
"""


class Plan(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="form",
    tag="alicloud-ingress stale plan",
):
    """
    Which rules are stale, and for what reasons.

    Args:
        made_at: ISO 8601 in UTC.
        account_id: "" if STS refused to return it.
        stacks: stacks whose states were passed.
        groups: groups with a finding, or with rules that could not be judged.
        groups_judged: number of groups that were read.
        left_alone: IDs of groups that a cloud service manages; they are skipped.
        not_judged: what else could not be judged, in sentences.
    """

    version: Version = VERSION
    made_at: Time
    account_id: str
    stacks: tuple[str, ...]
    groups_judged: int
    left_alone: tuple[str, ...]
    not_judged: tuple[str, ...]
    groups: tuple[GroupFindings, ...]

    @property
    def stale(self) -> tuple[tuple[GroupFindings, Finding], ...]:
        """
        Each rule planned for destruction, with its group.
        """
        return tuple((g, found) for g in self.groups for found in g.stale)

    @property
    def is_whole(self) -> bool:
        """
        Whether everything could be judged.
        """
        return not self.not_judged and not any(g.not_judged for g in self.groups)

    @property
    def digest(self) -> str:
        """
        A SHA-256 that identifies this plan.
        """
        lines = [
            json.dumps(as_json_object(group), sort_keys=True) for group in self.groups
        ]
        head = [self.made_at, self.account_id]
        return hashlib.sha256("\n".join([*head, *lines]).encode()).hexdigest()


def write_plan(path: Path, plan: Plan) -> None:
    """
    Write a plan.
    """
    write_streamed(path, plan, plan.groups)


def write_streamed(path: Path, head: Plan, groups: Iterable[GroupFindings]) -> None:
    """
    Write a plan group by group.

    Args:
        path: of the file.
        head: the plan; its own groups are ignored.
        groups: the groups to write.
    """
    document = as_json_object(msgspec.structs.replace(head, groups=()))
    del document["groups"]
    with replaced(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(document, indent=1).removesuffix("\n}"))
        file.write(',\n "groups": [')
        separator = "\n"
        for group in groups:
            file.write(separator + json.dumps(as_json_object(group)))
            separator = ",\n"
        file.write("\n ]\n}\n")


def read_plan(path: Path) -> Plan:
    """
    Read a plan.

    Raises:
        DocumentError: the file is not a plan.
    """
    return read_document(path, Plan)


def may_be_replaced(path: Path) -> bool:
    """
    Whether a file is an older plan, is empty, or does not exist.

    Any other file may be the only record of deleted rules, or an exported state.
    """
    if not path.exists():
        return True
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return not head or tag_of(Plan).encode() in head


class _Head(msgspec.Struct, frozen=True):
    question: str
    made_at: Time


class Partial:
    """
    An unfinished plan: a file with one line for the criteria, and one for each group.

    A run that is killed leaves it behind. The next run with the same criteria continues
    from it, if it is recent, and judges groups again that could not be judged.

    Args:
        path: of the plan; this file is in the same folder.
        question: all that the findings depend on.
    """

    def __init__(self, path: Path, question: str) -> None:
        self._path = path.with_name(f"{path.name}.partial")
        self._question = hashlib.sha256(question.encode()).hexdigest()
        self.made_at = ""

    def known(self, made_at: str) -> set[tuple[str, str]]:
        """
        The groups that an earlier run has judged, by region and ID.

        The file is cut before the first line that is incomplete or damaged, so that it
        hides none that is added after it.

        Args:
            made_at: the time of the plan, if no earlier run is continued.
        """
        head = self._head()
        if head is None or not self._is_continued(head, made_at):
            self.made_at = made_at
            head = _Head(self._question, made_at)
            with replacing(self._path, private=True) as temporary:
                temporary.write_bytes(msgspec.json.encode(head) + b"\n")
            return set()
        self.made_at = head.made_at
        with self._path.open("rb+") as file:
            judged = {_place(g) for g in _whole_lines(file) if not g.not_judged}
            file.truncate()
        return judged

    def add(self, group: GroupFindings) -> None:
        """
        Add the findings of a group to the file.
        """
        with writing(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(as_json_object(group)) + "\n")

    def groups(self) -> Iterator[GroupFindings]:
        """
        The groups for the plan. If a group was judged twice, the last one counts.
        """
        with self._path.open("rb") as file:
            last = {_place(g): number for number, g in enumerate(_whole_lines(file))}
        with self._path.open("rb") as file:
            for number, group in enumerate(_whole_lines(file)):
                is_last = last[_place(group)] == number
                if is_last and not group.is_empty:
                    yield group

    def remove(self) -> None:
        """
        Remove the file, once the plan is written.
        """
        self._path.unlink(missing_ok=True)

    def _is_continued(self, head: _Head, made_at: str) -> bool:
        begun, at = moment_of(head.made_at), moment_of(made_at)
        is_recent = begun and at and abs(at - begun) <= CONTINUED_WITHIN
        return bool(is_recent) and head.question == self._question

    def _head(self) -> _Head | None:
        try:
            with self._path.open("rb") as file:
                return msgspec.json.decode(file.readline(), type=_Head)
        except (FileNotFoundError, ValueError):
            return None


def _place(group: GroupFindings) -> tuple[str, str]:
    return group.region, group.group_id


def _whole_lines(file: BinaryIO) -> Iterator[GroupFindings]:
    """
    The groups up to the first line that is incomplete or damaged, where the file is
    positioned then. The line with the criteria is skipped.
    """
    file.readline()
    while True:
        start = file.tell()
        line = file.readline()
        try:
            group = msgspec.json.decode(line, type=GroupFindings)
        except ValueError:
            break
        if not line.endswith(b"\n"):
            break
        yield group
    file.seek(start)
