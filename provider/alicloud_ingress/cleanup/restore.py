"""
Puts destroyed rules back, from a report; a rule that is there already is left.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import stamina

from alicloud_ingress.cleanup.clock import now_text
from alicloud_ingress.cleanup.report_file import Entry, Report, write_report
from alicloud_ingress.ecs.batching import MAX_ENTRIES
from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.connections import Connections
from alicloud_ingress.ecs.waiting import waiting_for
from alicloud_ingress.errors import (
    EcsError,
    IngressError,
    NoAnswerError,
    RuleNotConfirmedError,
)
from alicloud_ingress.reconcile.polling import SHOWN_WITHIN_S
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule


class Restorer:
    """
    One run over a report; its entries change as it goes on.

    Args:
        connections: clients by region.
        report: of a destruction.
        path: where it is kept.
        regions: only rules there; none for all.
        told: called with each entry that was tried.
    """

    def __init__(
        self,
        connections: Connections,
        report: Report,
        path: Path,
        regions: Collection[str],
        told: Callable[[Entry], object],
    ) -> None:
        self._connections = connections
        self._report = report
        self._path = path
        self._regions = regions
        self._told = told

    def run(self) -> list[Entry]:
        """
        Put back what was destroyed.

        Returns:
            The rules that are not there again; `why` tells the reason.
        """
        gone = [
            entry
            for entry in self._report.having("destroyed", "destroying", "restored")
            if not self._regions or entry.region in self._regions
        ]

        def place(entry: Entry) -> tuple[str, str]:
            return entry.region, entry.group_id

        failed: list[Entry] = []
        for (region, group_id), members in groupby(sorted(gone, key=place), place):
            entries = list(members)
            try:
                client = self._connections.client(region)
                failed += self._in_group(client, group_id, entries)
            except IngressError as error:
                failed += self._failed(entries, error)
        write_report(self._path, self._report)
        return failed

    def _in_group(
        self, client: EcsClient, group_id: str, entries: list[Entry]
    ) -> list[Entry]:
        missing = self._settled(client.describe(group_id), entries)
        failed: list[Entry] = []
        for start in range(0, len(missing), MAX_ENTRIES):
            failed += self._batch(client, group_id, missing[start:][:MAX_ENTRIES])
            write_report(self._path, self._report)
        return failed

    def _batch(
        self, client: EcsClient, group_id: str, entries: list[Entry]
    ) -> list[Entry]:
        """
        Authorize rules together; if ECS refuses, one by one, to tell which.
        """
        try:
            _authorize(client, group_id, entries)
        except EcsError as error:
            if len(entries) == 1 or isinstance(error, NoAnswerError):
                return self._failed(entries, error)
            left = self._settled(client.describe(group_id), entries)
            return [
                failed
                for entry in left
                for failed in self._batch(client, group_id, [entry])
            ]
        return self._failed(self._proven(client, group_id, entries), None)

    def _proven(
        self, client: EcsClient, group_id: str, entries: list[Entry]
    ) -> list[Entry]:
        """
        Look until all are shown; those that are not in the end.
        """
        missing = entries

        @stamina.retry(
            on=RuleNotConfirmedError,
            attempts=None,
            timeout=SHOWN_WITHIN_S,
            wait_max=4.0,
        )
        def read_missing() -> None:
            nonlocal missing
            missing = self._settled(client.describe(group_id), missing)
            if missing:
                raise RuleNotConfirmedError

        with (
            waiting_for(f"the restored rules to show in {group_id}", SHOWN_WITHIN_S),
            contextlib.suppress(RuleNotConfirmedError),
        ):
            read_missing()
        return missing

    def _settled(self, group: LiveGroup, entries: Sequence[Entry]) -> list[Entry]:
        """
        Tell which are there, under whatever ID; the others are the result.
        """
        missing: list[Entry] = []
        for entry in entries:
            live = _the_same(group, entry)
            if live is None:
                missing.append(entry)
                continue
            if live.rule_id == entry.rule_id:
                entry.status = "planned"  # it has not been destroyed after all
            else:
                entry.status, entry.restored_as = "restored", live.rule_id
            wanted = entry.rule.normal().remark
            other = live.rule.remark not in (wanted, "" if wanted == "-" else wanted)
            entry.why = "its description is another now" if other else ""
            entry.at = now_text()
            self._told(entry)
        return missing

    def _failed(self, entries: list[Entry], error: Exception | None) -> list[Entry]:
        for entry in entries:
            said = error or "ECS answered 200, and no read shows it"
            entry.why, entry.at = f"not restored: {said}", now_text()
            self._told(entry)
        return entries


def _the_same(group: LiveGroup, entry: Entry) -> LiveRule | None:
    return group.by_id(entry.rule_id) or group.matching(entry.rule.normal())


def _authorize(client: EcsClient, group_id: str, entries: Sequence[Entry]) -> None:
    for attempt in stamina.retry_context(
        on=NoAnswerError, attempts=3, wait_initial=1.0, wait_max=10.0
    ):
        with attempt:
            client.authorize(group_id, [_to_send(entry.rule) for entry in entries])


def _to_send(rule: IngressRule) -> IngressRule:
    """
    As spelled; but ECS shows ports beside a list of ports, which would win over it.
    """
    return replace(rule, port_range="") if rule.port_range_list_id else rule
