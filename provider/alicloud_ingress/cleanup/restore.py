"""
Restores destroyed rules from a report. A rule that exists already is not changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

import stamina

from alicloud_ingress.cleanup.failed_regions import FailedRegions
from alicloud_ingress.cleanup.report_file import Entry, Report, by_group, write_report
from alicloud_ingress.ecs.batching import MAX_ENTRIES
from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.connections import Connections
from alicloud_ingress.ecs.reactions import (
    OUTCOME_UNKNOWN,
    is_of_one_entry,
)
from alicloud_ingress.ecs.waiting import waiting_for
from alicloud_ingress.errors import EcsError, IngressError, NoAnswerError
from alicloud_ingress.reconcile.polling import SHOWN_WITHIN_S, read_until
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.times import moment_of, now, time_text

BEHIND_A_LOST_DROP = (
    "a rule of the report that drops packets before it does not exist as it was;"
    " without that one, it would open more than it did"
)
DELETED_SINCE = (
    "an earlier run restored it, and it was deleted since; to open it again, declare it"
    " in a program"
)


class Restorer:
    """
    One run over a report. It updates the report's entries.

    Args:
        connections: clients by region.
        report: of `stale destroy`.
        path: file of the report.
        regions: only rules in these regions; none for all.
        on_progress: called with each entry that was tried.
    """

    def __init__(
        self,
        connections: Connections,
        report: Report,
        path: Path,
        regions: Collection[str],
        on_progress: Callable[[Entry], object],
    ) -> None:
        self._connections = connections
        self._report = report
        self._path = path
        self._regions = regions
        self._on_progress = on_progress
        self._planned = dict(by_group(report.entries))
        self._deleted: set[str] = set()

    def run(self) -> list[Entry]:
        """
        Restore the destroyed rules.

        Returns:
            The entries of rules that could not be restored; their `why` has the reason.
        """
        write_report(self._path, self._report)
        destroyed = [
            entry
            for entry in self._report.entries
            if (entry.restored_as or entry.status in ("destroyed", "destroying"))
            and (not self._regions or entry.region in self._regions)
        ]
        failed: list[Entry] = []
        regions = FailedRegions()
        for (region, group_id), entries in by_group(destroyed):
            try:
                with regions.calling(region, group_id):
                    client = self._connections.client(region)
                    failed += self._in_group(client, group_id, entries)
            except IngressError as error:
                failed += self._failed(entries, error)
        write_report(self._path, self._report)
        return failed

    def _in_group(
        self, client: EcsClient, group_id: str, entries: list[Entry]
    ) -> list[Entry]:
        """
        Restore the rules that drop packets first, and an accepting rule only if each of
        the report that comes before it exists: otherwise it would open more than it
        did. Another run may have deleted one that this report has as left.
        """
        group = self._read(client, group_id, entries)
        missing = self._settled(group, entries)
        changed = [
            entry
            for entry in self._planned[group.region, group_id]
            if entry not in missing and not group.matching(entry.rule.normal())
        ]
        closed = [entry for entry in missing if entry.restored_as]
        for entry in closed:
            entry.status = "gone"
        failed = self._failed(closed, DELETED_SINCE)
        missing = [entry for entry in missing if not entry.restored_as]
        dropping = [entry for entry in missing if entry.rule.drops]
        failed += self._batches(client, group_id, dropping)
        lost = [entry for entry in (*failed, *changed) if entry.rule.drops]
        accepts = [entry for entry in missing if not entry.rule.drops]
        first = min((entry.rule.priority for entry in lost), default=math.inf)
        held = [entry for entry in accepts if entry.rule.priority >= first]
        free = [entry for entry in accepts if entry.rule.priority < first]
        failed += self._failed(held, BEHIND_A_LOST_DROP)
        return failed + self._batches(client, group_id, free)

    def _read(
        self, client: EcsClient, group_id: str, entries: list[Entry]
    ) -> LiveGroup:
        """
        Read the group until it shows what the report says, or is not late any more. An
        ID that it lacks then is deleted, also if a later read shows it.
        """
        group = client.describe(group_id)

        def is_shown() -> bool:
            nonlocal group
            if any(_may_be_late(group, entry) for entry in entries):
                group = client.describe(group_id)
                return False
            return True

        with waiting_for(f"the last changes to show in {group_id}", SHOWN_WITHIN_S):
            read_until(is_shown, SHOWN_WITHIN_S)
        self._deleted |= {e.rule_id for e in entries if not group.by_id(e.rule_id)}
        return group

    def _batches(
        self, client: EcsClient, group_id: str, entries: list[Entry]
    ) -> list[Entry]:
        failed: list[Entry] = []
        for start in range(0, len(entries), MAX_ENTRIES):
            failed += self._batch(client, group_id, entries[start:][:MAX_ENTRIES])
            write_report(self._path, self._report)
        return failed

    def _batch(
        self, client: EcsClient, group_id: str, entries: list[Entry]
    ) -> list[Entry]:
        """
        Authorize rules in one call; if ECS refuses it because of one of them, in one
        call for each rule.
        """
        reason: IngressError | str = "ECS answered 200, and no read shows it"
        try:
            _authorize(client, group_id, entries)
        except OUTCOME_UNKNOWN as error:
            reason = error
        except EcsError as error:
            if len(entries) == 1 or not is_of_one_entry(error):
                return self._failed(entries, error)
            missing = self._settled(client.describe(group_id), entries)
            return [
                failed
                for entry in missing
                for failed in self._batch(client, group_id, [entry])
            ]
        return self._failed(self._verified(client, group_id, entries), reason)

    def _verified(
        self, client: EcsClient, group_id: str, entries: list[Entry]
    ) -> list[Entry]:
        """
        Read until the group has all of the rules; return those that it lacks.
        """
        missing = entries

        def are_shown() -> bool:
            nonlocal missing
            missing = self._settled(client.describe(group_id), missing)
            return not missing

        with waiting_for(f"the restored rules to show in {group_id}", SHOWN_WITHIN_S):
            read_until(are_shown, SHOWN_WITHIN_S)
        return missing

    def _settled(self, group: LiveGroup, entries: Sequence[Entry]) -> list[Entry]:
        """
        Update the entries of rules that exist, under any ID; return the others.
        """
        missing: list[Entry] = []
        group = group.without(self._deleted)
        for entry in entries:
            live = _the_same(group, entry)
            if live is None:
                missing.append(entry)
                continue
            if live.rule_id == entry.rule_id:
                entry.status = "planned"  # it was not destroyed
            else:
                entry.status, entry.restored_as = "restored", live.rule_id
            change = entry.differences(replace(live, create_time=entry.create_time))
            entry.why = f"it differs from the deleted rule: {change}" if change else ""
            entry.at = time_text(now())
            self._on_progress(entry)
        return missing

    def _failed(self, entries: list[Entry], reason: IngressError | str) -> list[Entry]:
        for entry in entries:
            entry.why, entry.at = f"not restored: {reason}", time_text(now())
            self._on_progress(entry)
        return entries


def _the_same(group: LiveGroup, entry: Entry) -> LiveRule | None:
    return (
        group.by_id(entry.rule_id)
        or group.by_id(entry.restored_as)
        or group.matching(entry.rule.normal())
    )


def _may_be_late(group: LiveGroup, entry: Entry) -> bool:
    """
    Whether a read shows a rule as it was before a change that was made shortly before.
    """
    changed = moment_of(entry.at)
    if changed is None or (now() - changed).total_seconds() > SHOWN_WITHIN_S:
        return False
    if entry.status == "restored":
        return group.by_id(entry.restored_as) is None
    return group.by_id(entry.rule_id) is not None


def _authorize(client: EcsClient, group_id: str, entries: Sequence[Entry]) -> None:
    for attempt in stamina.retry_context(
        on=NoAnswerError, attempts=3, wait_initial=1.0, wait_max=10.0
    ):
        with attempt:
            client.authorize(group_id, [_to_send(entry.rule) for entry in entries])


def _to_send(rule: IngressRule) -> IngressRule:
    """
    The rule as spelled, but without ports if it has a port list. ECS returns both, and
    in a call the ports would override the list.
    """
    return replace(rule, port_range="") if rule.port_range_list_id else rule
