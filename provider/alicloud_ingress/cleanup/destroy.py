"""
Destroys what a plan names: by ID only, and only what is still what the plan saw.

Before each call the report says what is about to go, after it what a read has proven.
Whoever is killed in between finds on the next run which of the two it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import stamina

from alicloud_ingress.cleanup.clock import now_text
from alicloud_ingress.cleanup.findings import NEEDLESS, Kind
from alicloud_ingress.cleanup.lockout import locks_out
from alicloud_ingress.cleanup.owners import Owners
from alicloud_ingress.cleanup.report_file import Entry, Report, Status, write_report
from alicloud_ingress.ecs.batching import MAX_ENTRIES
from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.connections import Connections
from alicloud_ingress.ecs.waiting import waiting_for
from alicloud_ingress.errors import (
    EcsError,
    GroupNotFoundError,
    IngressError,
    RuleIdNotValidError,
    RuleNotConfirmedError,
    RuleNotFoundError,
)
from alicloud_ingress.exposure.diagram import TooComplexError
from alicloud_ingress.exposure.redundancy import covered
from alicloud_ingress.reconcile.polling import SHOWN_WITHIN_S
from alicloud_ingress.rules.live import LiveGroup, LiveRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    What a destruction may do.

    Args:
        reasons: only rules with one of these.
        most: rules destroyed in one run.
        allow_lockout: whether the last way in to 22 or 3389 may go.
        regions: only rules there; none for all.
    """

    reasons: frozenset[Kind]
    most: int = 50
    allow_lockout: bool = False
    regions: frozenset[str] = frozenset()

    @property
    def reached(self) -> str:
        """
        Why a rule is left for another run.
        """
        return f"a run destroys {self.most} at most"


@dataclass(slots=True, kw_only=True)
class Destroyer:
    """
    One run over a report; its entries change as it goes on.

    Args:
        connections: clients by region.
        report: with an entry for each rule of the plan.
        path: where it is kept.
        limits: what the run may do.
        owners: of states; what they own stays, whatever the plan says.
        told: called with each entry whose status has changed; not with those that
            are left for another run.
    """

    connections: Connections
    report: Report
    path: Path
    limits: Limits
    owners: Owners
    told: Callable[[Entry], object]
    _sent: int = field(init=False, default=0)

    def run(self) -> None:
        """
        Destroy what may be destroyed, group by group.
        """
        write_report(self.path, self.report)
        for (region, group_id), entries in _by_group(chosen(self.report, self.limits)):
            self._set("planned", [e for e in entries if e.status != "destroying"])
            try:
                self._in_group(self.connections.client(region), group_id, entries)
            except IngressError as error:
                self._fail(entries, error)
        self._save()

    def _fail(self, entries: list[Entry], error: IngressError) -> None:
        """
        What was sent and may have worked stays open: the next run looks.
        """
        unsure = not isinstance(error, EcsError) or error.retryable
        for entry in entries:
            if entry.status == "destroying" and unsure:
                self._set("destroying", [entry], str(error))
            elif entry.status in ("planned", "destroying"):
                self._set("failed", [entry], str(error))

    def _in_group(self, client: EcsClient, group_id: str, entries: list[Entry]) -> None:
        group = self._looked_at(client, group_id, entries)
        if group is None:
            return
        safe = self._within_cap(group, self._unchanged(group, entries))
        for start in range(0, len(safe), MAX_ENTRIES):
            self._batch(client, group_id, safe[start : start + MAX_ENTRIES])

    def _looked_at(
        self, client: EcsClient, group_id: str, entries: list[Entry]
    ) -> LiveGroup | None:
        """
        The group as it stands; None if nothing is to be done in it.
        """
        listed = next(iter(client.describe_groups([group_id])), None)
        if listed is not None and listed.service_managed:
            self._set("left", entries, "a cloud service manages the group")
            return None
        try:
            return client.describe(group_id)
        except GroupNotFoundError:
            if listed is not None:
                raise
            self._set("gone", entries, "the group is gone")
            return None

    def _unchanged(self, group: LiveGroup, entries: list[Entry]) -> list[Entry]:
        """
        Those that are still what the plan saw; the others are told.
        """
        unchanged: list[Entry] = []
        owned = self.owners.of(group)
        ids = [live.rule_id for live in group.rules]
        whose = dict(zip(ids, owned.owners, strict=True))
        for entry in entries:
            live = group.by_id(entry.rule_id)
            if live is None:
                ours = entry.status == "destroying"
                why = "" if ours else "it was gone before"
                self._set("destroyed" if ours else "gone", [entry], why)
            elif change := _change(entry, live):
                self._set("left", [entry], f"it is not what the plan saw: {change}")
            elif owner := whose[entry.rule_id]:
                self._set("left", [entry], f"owned by {owner}")
            elif owned.doubts:
                self._set("failed", [entry], f"not judged: {'; '.join(owned.doubts)}")
            else:
                unchanged.append(entry)
        return unchanged

    def _within_cap(self, group: LiveGroup, entries: list[Entry]) -> list[Entry]:
        """
        As many of those whose removal is safe as the run may still destroy.

        What is safe depends on what else goes, so each choice is judged as a whole,
        and what was refused makes room for the next.
        """
        open_ = entries
        left = self.limits.most - self._sent
        try:
            while True:
                going = open_[:left]
                safe = self._safe(group, going)
                if len(safe) == len(going):
                    break
                refused = {e.rule_id for e in going} - {e.rule_id for e in safe}
                open_ = [e for e in open_ if e.rule_id not in refused]
        except TooComplexError as error:
            self._set("left", open_, f"its effect cannot be judged: {error}")
            return []
        self._set("left", open_[left:], self.limits.reached, told=False)
        return safe

    def _safe(self, group: LiveGroup, entries: list[Entry]) -> list[Entry]:
        """
        Those whose removal does no more than the plan said, drops first, so that
        whatever part of it comes to be, nobody is locked out.
        """
        ordered = sorted(entries, key=lambda e: e.rule.policy.lower() != "drop")
        still = self._still_covered(group, ordered)
        return still if self.limits.allow_lockout else self._open(group, still)

    def _still_covered(self, group: LiveGroup, entries: list[Entry]) -> list[Entry]:
        """
        A rule that goes because others do the same goes only while they stay.
        """
        ids = [live.rule_id for live in group.rules]
        going = {ids.index(entry.rule_id): entry for entry in entries}
        hanging = [n for n, e in going.items() if self._kinds(e) <= NEEDLESS]
        if not hanging:
            return entries
        staying = [n for n in range(len(ids)) if n not in going]
        sure = covered([live.rule for live in group.rules], staying, hanging)
        bare = [going[n] for n in hanging if n not in sure]
        self._set("left", bare, "the rules that did the same are not all there")
        return [entry for entry in entries if entry not in bare]

    def _kinds(self, entry: Entry) -> set[Kind]:
        return {r.kind for r in entry.reasons if r.kind in self.limits.reasons}

    def _open(self, group: LiveGroup, entries: list[Entry]) -> list[Entry]:
        """
        Those after whose removal each way in that there was is still there.
        """
        # Nobody comes in from a group that is gone.
        dead = {
            entry.rule_id
            for entry in self.report.entries
            if any(reason.kind == "dangling" for reason in entry.reasons)
        }
        rules = {e.rule_id: e.rule for e in group.rules if e.rule_id not in dead}
        removed: list[Entry] = []
        for entry in entries:
            rest = {i: rule for i, rule in rules.items() if i != entry.rule_id}
            accepts = entry.rule.policy.lower() != "drop" and entry.rule_id in rules
            port = locks_out([*rules.values()], [*rest.values()]) if accepts else ""
            if port:
                why = f"nobody could reach {port} any more; see --allow-lockout"
                self._set("left", [entry], why)
            else:
                removed.append(entry)
                rules = rest
        return removed

    def _batch(self, client: EcsClient, group_id: str, entries: list[Entry]) -> None:
        """
        Remove up to 100 rules; a call that one gone rule spoils is sent again.
        """
        left = entries
        while left:
            self._set("destroying", left)
            self._save()
            self._sent += len(left)
            try:
                client.revoke_by_id(group_id, [entry.rule_id for entry in left])
            except (RuleNotFoundError, RuleIdNotValidError):
                group = client.describe(group_id)
                there = [e for e in left if group.by_id(e.rule_id) is not None]
                gone = [e for e in left if e not in there]
                self._sent -= len(there)
                if not gone:
                    raise
                # One was missing to ECS; of more, some may have gone by this call.
                by_us = len(gone) > 1
                self._set(
                    "destroyed" if by_us else "gone",
                    gone,
                    f"another hand was faster{', at least with one' if by_us else ''}",
                )
                left = self._unchanged(group, there)
                continue
            _prove(client, group_id, left)
            self._set("destroyed", left)
            self._save()
            return

    def _set(
        self,
        status: Status,
        entries: Iterable[Entry],
        why: str = "",
        *,
        told: bool = True,
    ) -> None:
        for entry in entries:
            entry.status, entry.why, entry.at = status, why, now_text()
            if told and status != "planned":
                self.told(entry)

    def _save(self) -> None:
        write_report(self.path, self.report)


def chosen(report: Report, limits: Limits) -> list[Entry]:
    """
    The rules that a run is about: those that are not done, and asked for.
    """
    return [
        entry
        for entry in report.having("planned", "destroying", "left", "failed")
        if {reason.kind for reason in entry.reasons} & limits.reasons
        and (not limits.regions or entry.region in limits.regions)
    ]


def _by_group(
    entries: Sequence[Entry],
) -> Iterator[tuple[tuple[str, str], list[Entry]]]:
    def place(entry: Entry) -> tuple[str, str]:
        return entry.region, entry.group_id

    for where, members in groupby(sorted(entries, key=place), key=place):
        yield where, list(members)


def _change(entry: Entry, live: LiveRule) -> str:
    """
    In which fields a live rule is not what the plan saw.
    """
    before = {**entry.rule.to_permission(), "CreateTime": entry.create_time}
    spelled = live.as_spelled or live.rule
    now = {**spelled.to_permission(), "CreateTime": live.create_time}
    names = sorted(before.keys() | now.keys())
    return ", ".join(name for name in names if before.get(name) != now.get(name))


def _prove(client: EcsClient, group_id: str, entries: Sequence[Entry]) -> None:
    """
    Look until none of the rules is shown any more.

    Raises:
        RuleNotConfirmedError: some still are.
    """
    ids = {entry.rule_id for entry in entries}
    attempts = stamina.retry_context(
        on=RuleNotConfirmedError, attempts=None, timeout=SHOWN_WITHIN_S, wait_max=4.0
    )
    with waiting_for(f"the deleted rules to leave {group_id}", SHOWN_WITHIN_S):
        for attempt in attempts:
            with attempt:
                there = {live.rule_id for live in client.describe(group_id).rules}
                if still := ids & there:
                    raise RuleNotConfirmedError(
                        f"RevokeSecurityGroup on {group_id} answered 200, and"
                        f" {', '.join(sorted(still))} are still there; run it again"
                    )
