"""
Judges the rules of one group: which are stale, for what reason, and which are kept.

Sends no calls: all facts come in as values. A rule that is in doubt is not stale.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal, get_args

import msgspec

from alicloud_ingress.cleanup.effects import opened_as_text
from alicloud_ingress.cleanup.filters import KeepList, Narrowing
from alicloud_ingress.cleanup.owners import GroupOwners
from alicloud_ingress.exposure.diagram import TooComplexError
from alicloud_ingress.exposure.redundancy import (
    CoveredRule,
    alone,
    covers_as_text,
    together,
)
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import has_expired
from alicloud_ingress.rules.validation import LAST_PRIORITY

Kind = Literal["unmanaged", "expired", "dangling", "unused", "shadowed", "duplicate"]
KINDS: tuple[Kind, ...] = get_args(Kind)
NEEDLESS: frozenset[Kind] = frozenset({"shadowed", "duplicate"})
"""
Reasons that mean that deleting the rule changes nothing for any packet.
"""

OPENING = "; deleting it opens: "
"""
What comes before the effect, in a reason to delete a rule that drops packets.
"""
NOT_RESTORABLE = "restore cannot create this rule again"


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """
    Why a rule is stale: one word, and a sentence for people.
    """

    kind: Kind
    text: str


Permission = Annotated[
    dict[str, str],
    msgspec.Meta(
        description=(
            "The rule exactly as ECS returned it, with the parameter names of"
            " AuthorizeSecurityGroup; restored as it is."
        ),
        extra_json_schema={"required": ["IpProtocol", "Priority"]},
    ),
]
Reasons = Annotated[tuple[Reason, ...], msgspec.Meta(min_length=1)]


class WithPermission:
    """
    A part of a document that has a rule as its permission.
    """

    permission: Permission

    def __post_init__(self) -> None:
        for name in ("IpProtocol", "Priority"):
            if not self.permission.get(name):
                raise ValueError(f"the permission has no {name}")
        _ = self.rule  # raises where the priority is not a number

    @cached_property
    def rule(self) -> IngressRule:
        """
        The rule, spelled exactly as ECS returned it, so that it can be restored so.
        """
        return IngressRule.as_spelled(self.permission)


class Finding(
    WithPermission,
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    dict=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
):
    """
    A rule that has a reason to be destroyed.

    Args:
        in_words: the rule in its normal form, for people.
        kept: why it is kept all the same; "" if it is planned for destruction.
    """

    rule_id: str
    create_time: str
    in_words: str
    permission: Permission
    reasons: Reasons
    kept: str = ""


class GroupFindings(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True
):
    """
    What was found in one group.

    Args:
        vpc_id: "" in the classic network.
        stale: rules planned for destruction.
        kept: rules that have a reason and are kept.
        not_judged: what could not be judged, in sentences; if there is any, the
            findings may be incomplete.
    """

    group_id: str
    region: str
    vpc_id: str
    rule_count: int
    stale: tuple[Finding, ...]
    kept: tuple[Finding, ...]
    not_judged: tuple[str, ...]

    def __post_init__(self) -> None:
        if any(found.kept for found in self.stale):
            raise ValueError("a rule that is kept is among the stale ones")

    @property
    def is_empty(self) -> bool:
        """
        Whether there is nothing that a plan has to name.
        """
        return not (self.stale or self.kept or self.not_judged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    By which criteria the rules of each group are judged.

    Args:
        now: with its time zone; decides which rules have expired, and their age.
        narrowing: filters for the rules that are judged.
        keep: rules that are never destroyed.
        states_are_complete: whether a rule that no state owns is unmanaged even in a
            group in which the states own nothing.
    """

    now: dt.datetime
    narrowing: Narrowing = field(default_factory=Narrowing)
    keep: KeepList = field(default_factory=KeepList)
    states_are_complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts:
    """
    What has to be known about a group to judge its rules.

    Args:
        owners: owners of its rules; None if no state was passed.
        gone: IDs of source groups and prefix lists that no longer exist.
        not_judged: what could not be found out, in sentences.
        tags: tags of the group.
        unused: rules that no traffic could have used, each with its proof.
    """

    owners: GroupOwners | None = None
    gone: frozenset[str] = frozenset()
    not_judged: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    unused: Mapping[LiveRule, str] = field(default_factory=dict[LiveRule, str])


def judge(group: LiveGroup, facts: GroupFacts, question: Question) -> GroupFindings:
    """
    Find the stale rules of one group.
    """
    return _Judge(group, facts, question).findings()


class _Judge:
    def __init__(self, group: LiveGroup, facts: GroupFacts, question: Question) -> None:
        self.group = group
        self.facts = facts
        self.question = question
        self.rules = [live.rule for live in group.rules]
        self.ids = {n: live.rule_id for n, live in enumerate(group.rules)}
        self.problems = [*facts.not_judged]
        owners = facts.owners
        self.owners = owners.owners if owners else ("",) * len(self.rules)
        if owners:
            self.problems += owners.doubts

    def findings(self) -> GroupFindings:
        selected = [
            n
            for n, live in enumerate(self.group.rules)
            if self.question.narrowing.lets_pass(live, self.question.now)
        ]
        kept = {n: why for n in selected if (why := self._kept(n))}
        judged = [n for n in selected if n in kept or not self._is_in_doubt(n)]
        reasons = {n: [*self._reasons(n)] for n in judged}
        free = [n for n in judged if n not in kept]
        for n, entry in self._needless(reasons, free, kept).items():
            kind: Kind = "shadowed" if entry.kind == "shadowed" else "duplicate"
            text = covers_as_text(entry, self.rules, self.ids)
            reasons[n].append(Reason(kind, text))
        self._say_what_opens(reasons, [n for n in free if reasons[n]])
        found = [
            _finding(self.group.rules[n], reasons[n], kept.get(n, ""))
            for n in judged
            if reasons[n]
        ]
        return GroupFindings(
            group_id=self.group.group_id,
            region=self.group.region,
            vpc_id=self.group.vpc_id,
            rule_count=len(self.rules),
            stale=tuple(each for each in found if not each.kept),
            kept=tuple(each for each in found if each.kept),
            not_judged=tuple(self.problems),
        )

    def _say_what_opens(
        self, reasons: dict[int, list[Reason]], deleted: Sequence[int]
    ) -> None:
        """
        Add to the reasons of a drop what deleting it opens, last of all that are
        deleted.
        """
        dropping = [n for n in deleted if self.rules[n].drops]
        if not dropping:
            return
        gone = set(deleted)
        after = [rule for n, rule in enumerate(self.rules) if n not in gone]
        for n in dropping:
            if {reason.kind for reason in reasons[n]} <= NEEDLESS:
                continue
            if opened := opened_as_text([*after, self.rules[n]], after):
                first = reasons[n][0]
                text = f"{first.text}{OPENING}{opened}"
                reasons[n][0] = Reason(first.kind, text)

    def _is_in_doubt(self, n: int) -> bool:
        owners = self.facts.owners
        return owners is not None and bool(owners.doubts) and not self.owners[n]

    def _kept(self, n: int) -> str:
        live = self.group.rules[n]
        if self.owners[n]:
            return f"owned by {self.owners[n]}"
        if self.question.keep.holds(live, self.facts.tags):
            return "on the keep list"
        if not live.rule_id:
            return "ECS returned no ID for it"
        if live.rule.priority > LAST_PRIORITY:
            return f"no call can restore its priority {live.rule.priority}"
        return ""

    def _reasons(self, n: int) -> Iterator[Reason]:
        rule = self.rules[n]
        if self._is_unmanaged(n):
            yield Reason("unmanaged", "none of the states passed owns it")
        if has_expired(rule.expires_on, self.question.now):
            yield Reason("expired", f"its last day was {rule.expires_on}, UTC")
        if rule.source_group_id in self.facts.gone:
            yield Reason(
                "dangling",
                f"the group {rule.source_group_id} no longer exists; {NOT_RESTORABLE}",
            )
        if rule.source_prefix_list_id in self.facts.gone:
            yield Reason(
                "dangling",
                f"the prefix list {rule.source_prefix_list_id} no longer exists;"
                f" {NOT_RESTORABLE}",
            )
        if proof := self.facts.unused.get(self.group.rules[n]):
            yield Reason("unused", proof)

    def _is_unmanaged(self, n: int) -> bool:
        owners = self.facts.owners
        if owners is None or self.owners[n]:
            return False
        return owners.managed or self.question.states_are_complete

    def _needless(
        self,
        reasons: dict[int, list[Reason]],
        free: Sequence[int],
        kept: dict[int, str],
    ) -> dict[int, CoveredRule]:
        oldest_first = sorted(
            free, key=lambda n: (self.group.rules[n].create_time, self.ids[n])
        )
        removed = [n for n in free if reasons[n]]
        try:
            one_by_one = alone(self.rules)
            named = together(self.rules, going=removed, free=oldest_first)
        except TooComplexError:
            self.problems.append(
                "which rules are shadowed cannot be judged: they overlap in too many"
                " ways"
            )
            return {}
        return {n: one_by_one[n] for n in kept if n in one_by_one} | named


def _finding(live: LiveRule, reasons: Sequence[Reason], kept: str) -> Finding:
    return Finding(
        rule_id=live.rule_id,
        create_time=live.create_time,
        in_words=live.rule.as_text,
        permission=(live.as_spelled or live.rule).to_permission(),
        reasons=tuple(reasons),
        kept=kept,
    )
