"""
What an operation does to a group: a plan, made of what is wanted, the state and a read.

One rule and a set of rules differ here, and in how messages name them; the steps that
carry a plan out are the same. Nothing here makes a call. An operation does what its
plan names and no more; a plan never revokes a rule that no preview has shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase

from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.times import time_text


@dataclass(frozen=True, slots=True)
class Member:
    """
    A rule that the state holds for a resource.

    Args:
        rule_id: `sgr-...`, or "" while unknown.
        declared: whether the program declared it; a refresh of an exclusive set adds
            the other rules of the group, which are foreign.
        held: whether another resource of this run holds the rule, too, or revokes it.
        pending: whether it was created and no read has shown it. A refresh that does
            not find it keeps it: it may show later, and a state has to name it.
        create_time: as in `LiveRule`; "" where the state does not have it.
        update_time: likewise.
    """

    rule: IngressRule
    rule_id: str
    declared: bool = True
    held: bool = False
    pending: bool = False
    create_time: str = ""
    update_time: str = ""


@dataclass(frozen=True, slots=True)
class Keep:
    """
    The rules that an exclusive set leaves alone, though it did not declare them.

    Args:
        rule_ids: `sgr-...`.
        descriptions: globs, such as `managed by *`.
    """

    rule_ids: frozenset[str] = frozenset()
    descriptions: tuple[str, ...] = ()

    def holds(self, live: LiveRule) -> bool:
        """
        Whether the rule is kept.
        """
        return live.rule_id in self.rule_ids or any(
            fnmatchcase(live.rule.description, glob) for glob in self.descriptions
        )


@dataclass(frozen=True, slots=True)
class Change:
    """
    A live rule, and what it is to be.

    Args:
        live: as read, spelled as *wanted* where both mean the same.
        wanted: what the program declares.
        state: what the state has; None for a rule that is not the resource's yet.
        read_at: when the live rule was read, in the time of ECS; None if not known.
    """

    live: LiveRule
    wanted: IngressRule
    state: IngressRule | None = None
    read_at: datetime | None = None

    @property
    def is_needed(self) -> bool:
        """
        Whether the live rule or that of the state differs from the wanted one in
        meaning or in the description.

        Where only the state differs, somebody has changed the rule, or the read is late
        and shows what the rule was. Changing it to what it is does no harm.
        """
        known = [self.live.rule]
        if self.state:
            known.append(self.state.with_host_bits_of(self.wanted))
        return any(rule.difference(self.wanted) for rule in known)

    @property
    def result(self) -> LiveRule:
        """
        The live rule as it is to be.
        """
        time = time_text(self.read_at) if self.is_needed and self.read_at else ""
        return replace(self.live, rule=self.wanted, as_spelled=None, update_time=time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What brings a group to what a resource wants, in the order in which it is done.

    Args:
        authorize: wanted rules that the group does not have.
        duplicates: wanted rules that the group has and that are not the resource's: to
            be adopted, or in the way.
        own: the resource's live rules that are kept, changed or not.
        revoke: rules of the state that are no longer wanted.
        kept: rules of the state that are no longer wanted, and are kept all the same.
        not_previewed: for an exclusive set, live rules that neither the program nor the
            state has; no preview has shown them, so they are kept.
        in_state: those of *authorize* that the state has: they may exist, and the read
            may lag behind.
    """

    authorize: tuple[IngressRule, ...] = ()
    duplicates: tuple[Change, ...] = ()
    own: tuple[Change, ...] = ()
    revoke: tuple[Member, ...] = ()
    kept: tuple[Member, ...] = ()
    not_previewed: tuple[LiveRule, ...] = ()
    in_state: Mapping[IngressRule, Member] = field(
        default_factory=dict[IngressRule, Member]
    )

    def result(
        self, added: Mapping[IngressRule, LiveRule]
    ) -> dict[IngressRule, LiveRule]:
        """
        Each wanted rule as it is after the plan, given what was authorized.
        """
        return {
            **added,
            **{
                change.wanted: change.result for change in (*self.own, *self.duplicates)
            },
        }


def live_of(
    member: Member, group: LiveGroup, *, adopt: bool = False
) -> LiveRule | None:
    """
    The live rule of a member: by ID, or by identity while no ID is known.

    Args:
        member: a rule of the state.
        group: as read.
        adopt: take an identical rule where the ID is gone.
    """
    if member.rule_id and (live := group.by_id(member.rule_id)):
        return live
    return group.matching(member.rule) if adopt or not member.rule_id else None


def planned(
    wanted: Sequence[IngressRule],
    members: Sequence[Member],
    group: LiveGroup,
    keep: Keep | None = None,
) -> Plan:
    """
    Work out what a create, or an update of a set, does.

    Args:
        wanted: what the program declares, each rule once.
        members: what the state holds; none for a new resource.
        group: as read.
        keep: what an exclusive set leaves alone, among the rules that it did not
            declare; None if the group may have other rules.
    """
    lives = {member: live_of(member, group) for member in members}
    owned = {live: m for m, live in lives.items() if live and not m.held}
    used = _live_rules_for(wanted, owned, group)
    found = {rule: live for rule in wanted if (live := group.matching(rule))}
    authorize = [rule for rule in wanted if rule not in used and rule not in found]
    staying = {*used.values(), *found.values()}
    leaving = [
        member
        for member in _without_a_use(lives, staying, set(wanted))
        if member.declared or keep is not None
    ]
    kept = {member for member in leaving if _is_kept(member, group, keep)}
    to_send = set(authorize)
    known = {*staying, *lives.values()}
    return Plan(
        authorize=tuple(authorize),
        duplicates=tuple(
            Change(group.in_terms_of(rule, live), rule)
            for rule, live in found.items()
            if rule not in used
        ),
        # ECS may clear host bits, so the spelling can differ from the state's.
        own=tuple(
            Change(group.in_terms_of(rule, live), rule, owned[live].rule)
            for rule in wanted
            if (live := used.get(rule))
        ),
        revoke=tuple(member for member in leaving if member not in kept),
        kept=tuple(member for member in leaving if member in kept),
        not_previewed=tuple(_others(group, known, keep)),
        in_state={m.rule: m for m in members if not m.held and m.rule in to_send},
    )


def _is_kept(member: Member, group: LiveGroup, keep: Keep | None) -> bool:
    """
    Whether an exclusive set leaves a foreign rule alone that is no longer wanted.
    """
    live = None if member.declared else live_of(member, group)
    return live is not None and keep is not None and keep.holds(live)


def _live_rules_for(
    wanted: Sequence[IngressRule], owned: Mapping[LiveRule, Member], group: LiveGroup
) -> dict[IngressRule, LiveRule]:
    """
    The resource's own live rule for each wanted rule; each is used once.

    First come live rules that equal a wanted rule, since a change would close a port.
    For what is then left, a live rule is changed whose state has the wanted rule.
    """
    used = {
        rule: live
        for rule in wanted
        if (live := group.matching(rule)) and live in owned
    }
    taken = set(used.values())
    was = {member.rule: live for live, member in owned.items() if live not in taken}
    return {**{rule: live for rule in wanted if (live := was.get(rule))}, **used}


def _without_a_use(
    lives: Mapping[Member, LiveRule | None],
    staying: set[LiveRule],
    wanted: set[IngressRule],
) -> list[Member]:
    """
    Members that no wanted rule uses, to be revoked: each as the rule that it is now.

    One that no longer exists is left out if another member now equals what it was.
    """
    leaving = {
        member: _as_it_is(member, live)
        for member, live in lives.items()
        if live and live not in staying
    }
    others = wanted | {member.rule for member in leaving.values()}
    gone = {m: m for m, live in lives.items() if not live and m.rule not in others}
    every = {**leaving, **gone}
    return [every[member] for member in lives if member in every]


def _as_it_is(member: Member, live: LiveRule) -> Member:
    """
    A member with the rule that its ID has now. Without an ID, its spelling is needed.
    """
    if not member.rule_id or member.rule == live.rule:
        return member
    return replace(member, rule=live.rule)


def change_of(member: Member, wanted: IngressRule, group: LiveGroup) -> Change | None:
    """
    Work out what an update of one rule does; None where the group does not have it.

    The rule is changed in place, so that there is no moment without it.
    """
    live = live_of(member, group)
    if live is None:
        return None
    return Change(group.in_terms_of(wanted, live), wanted, member.rule, group.read_at)


def doubts(
    members: Sequence[Member],
    group: LiveGroup,
    keep: Keep | None = None,
    *,
    adopt: bool,
) -> dict[Member, LiveRule | None]:
    """
    The members that a read shows otherwise than the state has them, each as shown; None
    for one with an ID that the read lacks, see `live_of`. For an exclusive set, also
    the rules that would become its members. What another resource holds is for that one
    to judge.
    """
    lives = {m: live_of(m, group, adopt=adopt and m.declared) for m in members}
    others = _others(group, {*lives.values()}, keep)
    new = {Member(live.rule, live.rule_id, declared=False): live for live in others}
    return new | {
        member: live
        for member, live in lives.items()
        if not member.held
        and (
            live.rule_id != member.rule_id
            or group.in_terms_of(member.rule, live).rule.difference(member.rule)
            if live
            else member.rule_id
        )
    }


@dataclass(frozen=True, slots=True)
class Seen:
    """
    A rule that a refresh finds, and the member of the state that it is, if any.

    Args:
        live: as read; without an ID if it is not shown.
        is_shown: False for a member that is kept though the group does not show it.
    """

    live: LiveRule
    member: Member | None
    is_shown: bool = True


def refreshed(
    members: Sequence[Member],
    group: LiveGroup,
    keep: Keep | None = None,
    *,
    adopt: bool = False,
) -> tuple[Seen, ...]:
    """
    Work out what a refresh finds: the members, and for an exclusive set all others.

    Those that no state can name beside the members are left out; see `unnameable`.
    """
    lives = {
        member: live_of(member, group, adopt=adopt and member.declared)
        for member in members
    }
    seen = [
        Seen(group.in_terms_of(member.rule, live), member)
        for member, live in lives.items()
        if live
    ]
    left = unnameable(members, group, keep)
    others = _others(group, {*lives.values(), *left}, keep)
    seen += [Seen(live, None) for live in others]
    seen += [
        Seen(LiveRule(member.rule, rule_id="", create_time=""), member, is_shown=False)
        for member, live in lives.items()
        if member.pending and not live
    ]
    return tuple(seen)


def unnameable(
    members: Sequence[Member], group: LiveGroup, keep: Keep | None
) -> list[LiveRule]:
    """
    The rules that an exclusive set does not have, and that its state cannot tell from
    those that it has: without an ID, or spelled otherwise, such as 1.2.3.4/32.
    """
    known = {live_of(member, group) for member in members}
    own = {live.rule for live in known if live}
    others = _others(group, known, keep)
    return [live for live in others if not live.rule_id or live.rule in own]


def _others(
    group: LiveGroup, known: Collection[LiveRule | None], keep: Keep | None
) -> Iterator[LiveRule]:
    """
    The live rules of an exclusive set's group that the set neither has nor keeps.
    """
    if keep is None:
        return
    for live in group.rules:
        if live not in known and not keep.holds(live):
            yield live
