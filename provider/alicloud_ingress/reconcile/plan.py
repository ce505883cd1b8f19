"""
A set of rules, wanted against what the state and the group hold: a plan.

Nothing here calls anything. What a plan names is what an update does, no more;
a rule that no preview has shown is never in what it revokes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from alicloud_ingress.errors import IngressError
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule


@dataclass(frozen=True, slots=True)
class Member:
    """
    A rule that the state holds for a set.

    Args:
        rule_id: `sgr-...`, or "" while unknown.
        declared: whether the program declared it; a refresh of an exclusive set
            brings in the others.
    """

    rule: IngressRule
    rule_id: str
    declared: bool = True


@dataclass(frozen=True, slots=True)
class Keep:
    """
    What an exclusive set leaves alone, though it is not its own.

    Args:
        rule_ids: `sgr-...`.
        descriptions: globs, such as `managed by *`.
    """

    rule_ids: frozenset[str] = frozenset()
    descriptions: tuple[str, ...] = ()

    def holds(self, live: LiveRule) -> bool:
        """
        Whether the rule is to stay.
        """
        return live.rule_id in self.rule_ids or any(
            fnmatchcase(live.rule.description, glob) for glob in self.descriptions
        )


@dataclass(frozen=True, slots=True)
class Change:
    """
    A live rule, and what it is to be.
    """

    live: LiveRule
    wanted: IngressRule

    @property
    def is_needed(self) -> bool:
        """
        Whether the two mean something else, remarks included.
        """
        return bool(self.live.rule.difference(self.wanted))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What brings a group to what a set wants, in the order in which it is done.

    Args:
        authorize: rules that are not there.
        duplicates: rules that are there and are not the set's; to be adopted, or in
            the way.
        own: the set's live rules that stay, changed or not.
        revoke: rules of the state that are wanted no more.
        kept: rules of the state that are wanted no more, and stay all the same.
        unseen: for an exclusive set, live rules that neither the program nor the
            state has; no preview has shown them, so they stay.
    """

    authorize: tuple[IngressRule, ...]
    duplicates: tuple[Change, ...]
    own: tuple[Change, ...]
    revoke: tuple[Member, ...]
    kept: tuple[Member, ...]
    unseen: tuple[LiveRule, ...]

    def ids(self, added: Mapping[IngressRule, str]) -> dict[IngressRule, str]:
        """
        The ID of each wanted rule, given those of what was authorized.
        """
        standing = (*self.own, *self.duplicates)
        return {**added, **{change.wanted: change.live.rule_id for change in standing}}


class UnfinishedUpdateError(IngressError):
    """
    An update failed after it had revoked some rules, so that nothing is taken back.

    Attributes:
        ids: ID of each wanted rule, as `SetLifecycle.update` returns them.
        left: what the set still has to revoke.
    """

    def __init__(
        self,
        message: str,
        ids: Mapping[IngressRule, str],
        left: Sequence[Member],
    ) -> None:
        super().__init__(message)
        self.ids = ids
        self.left = left


class Index:
    """
    The rules of a group by ID and by identity, for many questions at once.
    """

    def __init__(self, group: LiveGroup) -> None:
        self.rules = group.rules
        self._in_vpc = bool(group.vpc_id)
        self._by_id = {live.rule_id: live for live in group.rules if live.rule_id}
        self._by_rule = {live.rule: live for live in group.rules}

    def by_id(self, rule_id: str) -> LiveRule | None:
        """
        The rule with this ID, if it is there.
        """
        return self._by_id.get(rule_id)

    def identical_to(self, rule: IngressRule) -> LiveRule | None:
        """
        As `LiveGroup.identical_to`.
        """
        wanted = replace(rule, nic_type="intranet") if self._in_vpc else rule
        return self._by_rule.get(wanted)

    def matching(self, rule: IngressRule) -> LiveRule | None:
        """
        As `LiveGroup.matching`.
        """
        return self.identical_to(rule) or self.identical_to(rule.masked)

    def of(self, member: Member, *, adopt: bool = False) -> LiveRule | None:
        """
        The live rule of a member: by ID, or by identity while no ID is known.

        Args:
            member: a rule of the state.
            adopt: take an identical rule where the ID is gone.
        """
        if member.rule_id and (live := self.by_id(member.rule_id)):
            return live
        return self.matching(member.rule) if adopt or not member.rule_id else None


def planned(
    wanted: Sequence[IngressRule],
    members: Sequence[Member],
    group: LiveGroup,
    *,
    exclusive: bool = False,
    keep: Keep | None = None,
) -> Plan:
    """
    Work out what an update does.

    Args:
        wanted: what the program declares, each rule once.
        members: what the state holds; none for a new set.
        group: a look at the group.
        exclusive: whether no rule but the set's may be there.
        keep: what stays in any case.
    """
    keep = keep or Keep()
    index = Index(group)
    by_rule = {member.rule: member for member in members}
    authorize: list[IngressRule] = []
    duplicates: list[Change] = []
    own: list[Change] = []
    mine = {live for member in members if (live := index.of(member))}
    staying: set[LiveRule] = set()
    for rule in wanted:
        member = by_rule.get(rule)
        live = (member and index.of(member)) or index.matching(rule)
        if live is None:
            authorize.append(rule)
            continue
        # ECS may clear host bits: a live rule of the set can be wanted in other words.
        there = own if live in mine else duplicates
        there.append(Change(group.in_terms_of(rule, live), rule))
        staying.add(live)
    wanted_rules = set(wanted)
    leaving = [
        member
        for member in members
        if member.rule not in wanted_rules
        and (member.declared or exclusive)
        and index.of(member) not in staying
    ]
    kept = [m for m in leaving if (live := index.of(m)) and keep.holds(live)]
    known = {live.rule_id for live in staying} | {m.rule_id for m in members}
    return Plan(
        authorize=tuple(authorize),
        duplicates=tuple(duplicates),
        own=tuple(own),
        revoke=tuple(member for member in leaving if member not in kept),
        kept=tuple(kept),
        unseen=tuple(_others(index, known, keep)) if exclusive else (),
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """
    A live rule that a refresh finds, and the member that it was, if any.
    """

    live: LiveRule
    member: Member | None


def refreshed(
    members: Sequence[Member],
    group: LiveGroup,
    *,
    exclusive: bool = False,
    keep: Keep | None = None,
    adopt: bool = False,
) -> tuple[Seen, ...]:
    """
    Work out what a refresh finds: the members, and all others if exclusive.
    """
    index = Index(group)
    seen = [
        Seen(group.in_terms_of(member.rule, live), member)
        for member in members
        if (live := index.of(member, adopt=adopt and member.declared))
    ]
    if exclusive:
        known = {found.live.rule_id for found in seen}
        seen += [Seen(live, None) for live in _others(index, known, keep or Keep())]
    return tuple(seen)


def ids_by_rule(
    wanted: Iterable[IngressRule], group: LiveGroup
) -> Mapping[IngressRule, str]:
    """
    The IDs of those rules that show in a group.
    """
    index = Index(group)
    return {rule: live.rule_id for rule in wanted if (live := index.matching(rule))}


def _others(index: Index, known: set[str], keep: Keep) -> Iterator[LiveRule]:
    for live in index.rules:
        if live.rule_id not in known and not keep.holds(live):
            yield live
