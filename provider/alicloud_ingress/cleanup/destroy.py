"""
Destroys the rules that a plan names: by ID, and only if they have not changed since.

The report is written before each call, with the rules that the call deletes, and after
it, with what a read has verified. If the process is killed in between, the next run
reads the group and finds out which rules were deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alicloud_ingress.cleanup.effects import (
    locks_out,
    opened_as_text,
    opens_through,
)
from alicloud_ingress.cleanup.failed_regions import FailedRegions
from alicloud_ingress.cleanup.findings import NEEDLESS, OPENING, Kind
from alicloud_ingress.cleanup.owners import Owners
from alicloud_ingress.cleanup.report_file import (
    Entry,
    Report,
    Status,
    by_group,
    write_report,
)
from alicloud_ingress.ecs.batching import MAX_ENTRIES
from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.connections import Connections
from alicloud_ingress.ecs.reactions import is_refusal
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
from alicloud_ingress.reconcile.polling import (
    SHOWN_WITHIN_S,
    may_show_later,
    read_until,
)
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.times import now, time_text

OPENS = (
    "without it, packets could enter through rules that the plan deletes too or does"
    " not know: "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    What a run may destroy.

    Args:
        reasons: only rules with one of these reasons.
        most: maximum number of rules destroyed in one run.
        allow_lockout: whether the last rules that allow access to port 22 or 3389 may
            be destroyed.
        regions: only rules in these regions; none for all.
    """

    reasons: frozenset[Kind]
    most: int = 50
    allow_lockout: bool = False
    regions: frozenset[str] = frozenset()

    def cover(self, entry: Entry) -> bool:
        """
        Whether the reasons and regions include an entry.
        """
        return bool({reason.kind for reason in entry.reasons} & self.reasons) and (
            not self.regions or entry.region in self.regions
        )

    @property
    def reached(self) -> str:
        """
        Why a rule is kept for another run.
        """
        return f"one run destroys at most {self.most}"


@dataclass(slots=True, kw_only=True)
class Destroyer:
    """
    One run over a report. It updates the report's entries.

    Args:
        connections: clients by region.
        report: has an entry for each rule of the plan.
        path: file of the report.
        limits: what the run may destroy.
        owners: owners from states; a rule that has one is kept.
        on_progress: called with each entry whose status has changed, except those that
            are kept for another run.
        account_is_known: whether plan and credentials are known to be of one account;
            otherwise, a group that is not found may be one of another account.
        planned_at: when the plan was made, ISO 8601 in UTC.
    """

    connections: Connections
    report: Report
    path: Path
    limits: Limits
    owners: Owners
    on_progress: Callable[[Entry], object]
    account_is_known: bool
    planned_at: str
    _sent: int = field(init=False, default=0)
    _sent_before: frozenset[str] = field(init=False, default=frozenset())

    def run(self) -> None:
        """
        Destroy rules within the limits, group by group.
        """
        write_report(self.path, self.report)
        self._sent_before = frozenset(
            entry.rule_id for entry in self.report.having("destroying")
        )
        failed = FailedRegions()
        for (region, group_id), entries in by_group(chosen(self.report, self.limits)):
            self._set("planned", [e for e in entries if e.status != "destroying"])
            try:
                with failed.calling(region, group_id):
                    self._in_group(self.connections.client(region), group_id, entries)
            except IngressError as error:
                self._fail(entries, error)
        self._save()

    def _fail(self, entries: list[Entry], error: IngressError) -> None:
        """
        Mark entries as failed. Those of a call that may have worked keep their status
        `destroying`, so that the next run checks them: only a refusal of that very call
        is certain, and not a refusal of the read after it. A refusal because a rule
        does not exist is not certain either: the read that shows it is late.
        """
        is_certain, why = _is_refused(error), str(error)
        if isinstance(error, RuleNotFoundError | RuleIdNotValidError):
            is_certain, why = False, f"{error.quoted}; run the command again"
        for entry in entries:
            may_be_deleted = not is_certain or entry.rule_id in self._sent_before
            if entry.status == "destroying" and may_be_deleted:
                self._set("destroying", [entry], why)
            elif entry.status in ("planned", "destroying"):
                self._set("failed", [entry], why)

    def _in_group(self, client: EcsClient, group_id: str, entries: list[Entry]) -> None:
        """
        Destroy rules in calls of up to 100. Each call is judged by a read after the one
        before it: others may have changed the group since.
        """
        group = self._read(client, group_id, entries)
        while group and entries:
            group = _read_again(client, group, entries)
            safe = self._within_cap(group, self._unchanged(group, entries))
            if safe:
                group = self._send(client, group, safe[:MAX_ENTRIES])
            entries = [e for e in safe if e.status in ("planned", "destroying")]

    def _read(
        self, client: EcsClient, group_id: str, entries: list[Entry]
    ) -> LiveGroup | None:
        """
        Read the group; None if there is nothing to destroy in it.
        """
        listed = next(iter(client.describe_groups([group_id])), None)
        if listed is not None and listed.service_managed:
            self._set("left", entries, "a cloud service manages the group")
            return None
        try:
            return client.describe(group_id)
        except GroupNotFoundError:
            if listed is not None or not self.account_is_known:
                raise
            self._set("gone", entries, "the group no longer exists")
            return None

    def _unchanged(self, group: LiveGroup, entries: list[Entry]) -> list[Entry]:
        """
        The entries whose rule is as the plan has it. The others are settled here.
        """
        unchanged: list[Entry] = []
        owned = self.owners.of(group)
        ids = [live.rule_id for live in group.rules]
        whose = dict(zip(ids, owned.owners, strict=True))
        for entry in entries:
            live = group.by_id(entry.rule_id)
            if live is None:
                self._missing(group, entry)
            elif change := entry.differences(live):
                self._set("left", [entry], f"it has changed since the plan: {change}")
            elif owner := whose[entry.rule_id]:
                self._set("left", [entry], f"owned by {owner}")
            elif owned.doubts:
                self._set("failed", [entry], f"not judged: {'; '.join(owned.doubts)}")
            else:
                unchanged.append(entry)
        return unchanged

    def _missing(self, group: LiveGroup, entry: Entry) -> None:
        """
        Settle an entry whose rule ID no longer exists.
        """
        same = group.matching(entry.rule.normal())
        if entry.status == "destroying":
            self._set("destroyed", [entry])
        elif same and not {reason.kind for reason in entry.reasons} <= NEEDLESS:
            other = same.rule_id or "another rule"
            why = f"its ID no longer exists, and the same rule exists as {other}"
            self._set("left", [entry], f"{why}; make a new plan to judge that one")
        else:
            self._set("gone", [entry], "it was deleted before this run")

    def _within_cap(self, group: LiveGroup, entries: list[Entry]) -> list[Entry]:
        """
        The entries that are safe to destroy, as many as the run may still destroy.

        Whether a rule is safe to destroy depends on the others that are destroyed, so
        each selection is judged as a whole. A refused rule makes room for the next one.
        """
        open_ = entries
        room = self.limits.most - self._sent
        try:
            while True:
                selected = open_[:room]
                safe = self._safe(group, selected)
                if len(safe) == len(selected):
                    break
                refused = {e.rule_id for e in selected} - {e.rule_id for e in safe}
                open_ = [e for e in open_ if e.rule_id not in refused]
        except TooComplexError as error:
            self._set("left", open_, f"the effect of deleting it is not known: {error}")
            return []
        self._set("left", open_[room:], self.limits.reached, report=False)
        return safe

    def _safe(self, group: LiveGroup, entries: list[Entry]) -> list[Entry]:
        """
        The entries whose deletion has only the effect that the plan states.

        Rules that drop come last: if the run stops half way, or the others are kept,
        nothing is open that they close.
        """
        ordered = sorted(entries, key=lambda entry: entry.rule.drops)
        still = self._still_covered(group, ordered)
        if not self.limits.allow_lockout:
            still = self._open(group, still)
        return self._closed(group, still)

    def _still_covered(self, group: LiveGroup, entries: list[Entry]) -> list[Entry]:
        """
        Leave out the rules that other rules made needless, if one of those is missing.
        """
        ids = [live.rule_id for live in group.rules]
        removed = {ids.index(entry.rule_id): entry for entry in entries}
        needless = [n for n, e in removed.items() if self._kinds(e) <= NEEDLESS]
        if not needless:
            return entries
        kept = [n for n in range(len(ids)) if n not in removed]
        still = covered([live.rule for live in group.rules], kept, needless)
        needed = [removed[n] for n in needless if n not in still]
        self._set("left", needed, "the rules that make it needless do not all exist")
        return [entry for entry in entries if entry not in needed]

    def _kinds(self, entry: Entry) -> set[Kind]:
        return {r.kind for r in entry.reasons if r.kind in self.limits.reasons}

    def _open(self, group: LiveGroup, entries: list[Entry]) -> list[Entry]:
        """
        The entries whose deletion keeps some access to port 22 and 3389.
        """
        # A rule whose source group no longer exists gives no access.
        dangling = {
            entry.rule_id
            for entry in self.report.entries
            if any(reason.kind == "dangling" for reason in entry.reasons)
        }
        rules = {e.rule_id: e.rule for e in group.rules if e.rule_id not in dangling}
        removed: list[Entry] = []
        for entry in entries:
            rest = {i: rule for i, rule in rules.items() if i != entry.rule_id}
            accepts = not entry.rule.drops and entry.rule_id in rules
            port = locks_out([*rules.values()], [*rest.values()]) if accepts else ""
            if port:
                why = f"it is the last access to port {port}; see --allow-lockout"
                self._set("left", [entry], why)
            else:
                removed.append(entry)
                rules = rest
        return removed

    def _closed(self, group: LiveGroup, entries: list[Entry]) -> list[Entry]:
        """
        Leave out the drops whose deletion would open what the plan does not: through a
        rule that the plan deletes too, or that was created or changed after the plan.
        """
        entries = self._as_stated(group, entries)
        dropping = [entry for entry in entries if entry.rule.drops]
        kept = [entry for entry in entries if not entry.rule.drops]
        through = self._unplanned(group, kept) if dropping else set[IngressRule]()
        if not through:
            return entries
        removed = {entry.rule_id for entry in kept}
        for drop in dropping:
            before = group.without(removed)
            after = before.without([drop.rule_id])
            if opens_through(_rules(before), _rules(after), through):
                why = ", ".join(sorted(rule.as_text for rule in through))
                self._set("left", [drop], f"{OPENS}{why}")
            else:
                kept.append(drop)
                removed.add(drop.rule_id)
        return kept

    def _as_stated(self, group: LiveGroup, entries: list[Entry]) -> list[Entry]:
        """
        Leave out the drops whose deletion, with all others of the plan, opens now what
        the plan does not say: someone has changed a rule behind them.
        """
        ids = {entry.rule_id for entry in self._planned(group)}
        after = _rules(group.without(ids))
        rules = {live.rule_id: live.rule for live in group.rules}
        stated: list[Entry] = []
        for entry in entries:
            kinds = {reason.kind for reason in entry.reasons}
            if not entry.rule.drops or kinds <= NEEDLESS:
                stated.append(entry)
                continue
            opened = opened_as_text([*after, rules[entry.rule_id]], after)
            if opened and opened != entry.reasons[0].text.partition(OPENING)[2]:
                why = (
                    f"without it, these are open, which the plan does not say: {opened}"
                )
                self._set("left", [entry], f"{why}; make a new plan")
            else:
                stated.append(entry)
        return stated

    def _planned(self, group: LiveGroup) -> list[Entry]:
        return [e for e in self.report.entries if e.group_id == group.group_id]

    def _unplanned(
        self, group: LiveGroup, deleted: Sequence[Entry]
    ) -> set[IngressRule]:
        """
        The accepting rules that the plan does not expect to exist in the end.
        """
        planned = self._planned(group)
        named = {entry.rule_id for entry in planned}
        again = {entry.rule.normal() for entry in planned}
        ids = {entry.rule_id for entry in deleted}
        return {
            live.rule
            for live in group.rules
            if not live.rule.drops
            and live.rule_id not in ids
            and (
                live.rule_id in named
                or live.rule in again
                or live.create_time > self.planned_at
            )
        }

    def _send(
        self, client: EcsClient, group: LiveGroup, entries: list[Entry]
    ) -> LiveGroup:
        """
        Delete up to 100 rules. If ECS refuses the call and some of the rules do not
        exist, only those are settled.

        Returns:
            The group, read after the call.
        """
        self._set("destroying", entries)
        self._save()
        self._sent += len(entries)
        try:
            client.revoke_by_id(group.group_id, [entry.rule_id for entry in entries])
        except EcsError as error:
            if not _is_refused(error):
                raise
            group = _read_again(client, client.describe(group.group_id), entries)
            missing = [e for e in entries if group.by_id(e.rule_id) is None]
            self._sent -= len(entries) - len(missing)
            if not missing:
                raise
            self._record_missing(missing, error)
            return group
        group = _verified(client, group, entries)
        self._set("destroyed", entries)
        self._save()
        return group

    def _record_missing(self, entries: list[Entry], error: EcsError) -> None:
        """
        Settle the entries of a refused call whose rules no longer exist.

        One missing rule is a reason to refuse the call. If more are missing, or this is
        not the reason, the call may have deleted some of them. So may an earlier run.
        """
        is_reason = isinstance(error, RuleNotFoundError | RuleIdNotValidError)
        for entry in entries:
            by_other = is_reason and len(entries) == 1
            if by_other and entry.rule_id not in self._sent_before:
                self._set("gone", [entry], "it was deleted by something else")
            else:
                why = f"this run or something else deleted it: {error.quoted}"
                self._set("destroyed", [entry], why)

    def _set(
        self,
        status: Status,
        entries: Iterable[Entry],
        why: str = "",
        *,
        report: bool = True,
    ) -> None:
        for entry in entries:
            entry.status, entry.why, entry.at = status, why, time_text(now())
            if report and status != "planned":
                self.on_progress(entry)

    def _save(self) -> None:
        write_report(self.path, self.report)


def _rules(group: LiveGroup) -> list[IngressRule]:
    return [live.rule for live in group.rules]


def _is_refused(error: IngressError) -> bool:
    """
    Whether ECS has refused to delete rules.
    """
    is_revoke = isinstance(error, EcsError) and error.action == "RevokeSecurityGroup"
    return is_revoke and is_refusal(error)


def chosen(report: Report, limits: Limits) -> list[Entry]:
    """
    The entries that a run works on: within the limits, and not finished.
    """
    return [
        entry
        for entry in report.having("planned", "destroying", "left", "failed")
        if limits.cover(entry)
    ]


def _read_again(
    client: EcsClient, group: LiveGroup, entries: Sequence[Entry]
) -> LiveGroup:
    """
    The group, read once more if a rule is missing: a single read may lack one that
    exists. If the rule is new, several reads may.
    """
    missing = [entry for entry in entries if group.by_id(entry.rule_id) is None]
    if not missing:
        return group
    new = [e for e in missing if e.create_time and e.status == "planned"]

    def are_shown() -> bool:
        nonlocal group
        group = client.describe(group.group_id)
        return not any(
            group.by_id(entry.rule_id) is None
            and may_show_later(entry.create_time, group)
            for entry in new
        )

    with waiting_for(f"new rules to show in {group.group_id}", SHOWN_WITHIN_S):
        read_until(are_shown, SHOWN_WITHIN_S)
    return group


def _verified(
    client: EcsClient, group: LiveGroup, entries: Sequence[Entry]
) -> LiveGroup:
    """
    Read the group until it no longer has the rules, and return it.

    Raises:
        RuleNotConfirmedError: it still has some when the time is up.
    """
    still = ids = {entry.rule_id for entry in entries}

    def are_gone() -> bool:
        nonlocal group, still
        group = client.describe(group.group_id)
        still = ids & {live.rule_id for live in group.rules}
        return not still

    with waiting_for(f"the deleted rules to leave {group.group_id}", SHOWN_WITHIN_S):
        if read_until(are_gone, SHOWN_WITHIN_S):
            return group
    raise RuleNotConfirmedError(
        f"RevokeSecurityGroup on {group.group_id} answered 200, and"
        f" {', '.join(sorted(still))} still exist; run it again"
    )
