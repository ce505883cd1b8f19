"""
The plan file: which rules are stale, and for what reasons.

It has all that a later run needs to check that a rule has not changed, and to restore
it in the same spelling. A plan over many groups is written group by group, so that
memory never holds all of it. A run that was interrupted is continued by the next.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alicloud_ingress.cleanup.documents import (
    VERSION,
    read_reasons,
    read_rule,
    reading,
    replacing,
    text_of,
    written_reasons,
)
from alicloud_ingress.cleanup.findings import Finding, GroupFindings
from alicloud_ingress.files import items, mapping, writing

FORM = "alicloud-ingress stale plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
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

    made_at: str
    account_id: str
    stacks: tuple[str, ...] = ()
    groups: tuple[GroupFindings, ...] = ()
    groups_judged: int = 0
    left_alone: tuple[str, ...] = ()
    not_judged: tuple[str, ...] = ()

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
        lines = [json.dumps(_written(group), sort_keys=True) for group in self.groups]
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
    document = {
        "form": FORM,
        "version": VERSION,
        "made_at": head.made_at,
        "account_id": head.account_id,
        "stacks": list(head.stacks),
        "groups_judged": head.groups_judged,
        "left_alone": list(head.left_alone),
        "not_judged": list(head.not_judged),
    }
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(document, indent=1).removesuffix("\n}"))
        file.write(',\n "groups": [')
        separator = "\n"
        for group in groups:
            file.write(separator + json.dumps(_written(group)))
            separator = ",\n"
        file.write("\n ]\n}\n")


def read_plan(path: Path) -> Plan:
    """
    Read a plan.

    Raises:
        DocumentError: the file is not a plan.
    """
    with reading(path, FORM) as found:
        return Plan(
            made_at=text_of(found, "made_at"),
            account_id=text_of(found, "account_id"),
            stacks=tuple(map(str, items(found["stacks"]))),
            groups=tuple(read_group(mapping(each)) for each in items(found["groups"])),
            groups_judged=int(found["groups_judged"]),
            left_alone=tuple(map(str, items(found["left_alone"]))),
            not_judged=tuple(map(str, items(found["not_judged"]))),
        )


class Partial:
    """
    An unfinished plan: a file with one line for the criteria, and one for each group.

    A run that is killed leaves it behind. The next run with the same criteria continues
    from it, and judges groups again that could not be judged.

    Args:
        path: of the plan; this file is in the same folder.
        question: all that the findings depend on.
    """

    def __init__(self, path: Path, question: str) -> None:
        self._path = path.with_name(f"{path.name}.partial")
        self._question = hashlib.sha256(question.encode()).hexdigest()
        self.made_at = ""

    def known(self, made_at: str) -> dict[tuple[str, str], int]:
        """
        The groups that an earlier run has judged.

        Args:
            made_at: the time of the plan, if no earlier run is continued.

        Returns:
            The number of rules by region and ID of the group.
        """
        lines = self._lines()
        nothing: Mapping[str, Any] = {}
        head = next(lines, nothing)
        if head.get("question") != self._question:
            self.made_at = made_at
            head = {"question": self._question, "made_at": made_at}
            with replacing(self._path) as temporary:
                temporary.write_text(json.dumps(head) + "\n", encoding="utf-8")
            return {}
        self.made_at = str(head["made_at"])
        self._drop_incomplete_line()
        return {
            (str(line["region"]), str(line["group_id"])): int(line["rule_count"])
            for line in lines
            if not line["not_judged"]
        }

    def add(self, group: GroupFindings) -> None:
        """
        Add the findings of a group to the file.
        """
        with writing(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_written(group)) + "\n")

    def groups(self) -> Iterator[GroupFindings]:
        """
        The groups for the plan. If a group was judged twice, the last one counts.
        """
        last: dict[tuple[Any, Any], int] = {}
        for number, line in enumerate(self._lines()):
            last[line.get("region"), line.get("group_id")] = number
        for number, line in enumerate(self._lines()):
            if number and last[line["region"], line["group_id"]] == number:
                group = read_group(line)
                if group.stale or group.kept or group.not_judged:
                    yield group

    def remove(self) -> None:
        """
        Remove the file, once the plan is written.
        """
        self._path.unlink(missing_ok=True)

    def _lines(self) -> Iterator[Mapping[str, Any]]:
        if not self._path.exists():
            return
        with self._path.open(encoding="utf-8") as file:
            for line in file:
                try:
                    yield mapping(json.loads(line))
                except ValueError:
                    return  # the last line, incomplete after a kill

    def _drop_incomplete_line(self) -> None:
        with self._path.open("rb+") as file:
            whole_bytes = 0
            for line in file:
                if not line.endswith(b"\n"):
                    break
                whole_bytes += len(line)
            file.truncate(whole_bytes)


def read_group(entry: Mapping[str, Any]) -> GroupFindings:
    """
    Read the findings of one group.
    """
    return GroupFindings(
        group_id=text_of(entry, "group_id"),
        region=text_of(entry, "region"),
        vpc_id=text_of(entry, "vpc_id"),
        rule_count=int(entry["rule_count"]),
        stale=tuple(_finding(mapping(each)) for each in items(entry["stale"])),
        kept=tuple(_finding(mapping(each)) for each in items(entry["kept"])),
        not_judged=tuple(map(str, items(entry["not_judged"]))),
    )


def _written(group: GroupFindings) -> dict[str, Any]:
    return {
        "group_id": group.group_id,
        "region": group.region,
        "vpc_id": group.vpc_id,
        "rule_count": group.rule_count,
        "stale": [written_finding(found) for found in group.stale],
        "kept": [
            {**written_finding(found), "kept": found.kept} for found in group.kept
        ],
        "not_judged": list(group.not_judged),
    }


def written_finding(found: Finding) -> dict[str, Any]:
    """
    A finding as a JSON object.
    """
    return {
        "rule_id": found.rule_id,
        "create_time": found.create_time,
        "in_words": found.in_words,
        "permission": found.rule.to_permission(),
        "reasons": written_reasons(found.reasons),
    }


def _finding(entry: Mapping[str, Any]) -> Finding:
    return Finding(
        rule_id=text_of(entry, "rule_id"),
        create_time=text_of(entry, "create_time"),
        rule=read_rule(entry),
        in_words=text_of(entry, "in_words"),
        reasons=read_reasons(entry),
        kept=str(entry.get("kept") or ""),
    )
