"""
What a preview does to one group: the rules that it has before, and afterwards.

Where the engine or a provider may act in more than one way, the worst case is kept
beside the likely one: in it, rules that accept are kept or created, and rules that drop
are deleted. `state_outcome` works it out from the state, `live_outcome` on a group that
was read.

Source: what this provider does, in `reconcile`. The rule resource of pulumi-alicloud
finds its rule by its attributes, and takes over a rule that exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from alicloud_ingress.previews.declared import DeclaredRule
from alicloud_ingress.previews.gate import OwnedRule, Side
from alicloud_ingress.previews.notation import UNCHANGED
from alicloud_ingress.previews.peer import PEER_RULE, as_the_peer_compares
from alicloud_ingress.previews.preview import Preview
from alicloud_ingress.previews.steps import Step
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule

IDENTICAL = "which is an identical rule"
_TWICE = "which another resource creates, too"

Added = tuple[IngressRule, Step]
"""
A rule, and the step that creates it.
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    A step that will fail.

    Args:
        step: the step.
        rule: the ID of the live rule in question, or the rule as text.
        why: the reason: a clause that follows the ID.
    """

    step: Step
    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Takeover:
    """
    A step that takes over a live rule.
    """

    step: Step
    rule_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What a preview does to one group.

    Args:
        before: the rules before.
        after: the rules after, if every step succeeds.
        least_before: see `gate.GroupChange`.
        most_after: see `gate.GroupChange`.
        if_it_stops: the rules that may exist if the run stops half way.
        refusals: steps that will fail.
        may_stop: whether a step may fail, since it makes a rule that another resource
            has until its own step. Which of the two is first is not known.
        takeovers: steps that take over a live rule.
        gone: steps whose old rule no longer exists, by `key`.
        unmanaged: live rules that no step declares.
    """

    before: Side
    after: Side
    least_before: Side | None = None
    most_after: Side | None = None
    if_it_stops: Side = ()
    refusals: tuple[Refusal, ...] = ()
    may_stop: bool = False
    takeovers: tuple[Takeover, ...] = ()
    gone: frozenset[tuple[str, str]] = frozenset()
    unmanaged: tuple[LiveRule, ...] = ()


def flat(rule: IngressRule, live: LiveGroup | None) -> IngressRule:
    """
    The rule for comparisons: the NIC type has a meaning in the classic network only.
    """
    return rule if live is not None and not live.vpc_id else rule.in_vpc


def steps_by_rule(added: Iterable[Added]) -> dict[IngressRule, list[Step]]:
    """
    The steps that create each rule.
    """
    found: dict[IngressRule, list[Step]] = {}
    for rule, step in added:
        found.setdefault(rule, []).append(step)
    return found


def created_twice(added: Iterable[Added]) -> Iterator[Refusal]:
    """
    The second resource that makes a rule is refused, unless it is of pulumi-alicloud.
    Which one is the second is not known.

    Args:
        added: rules that steps create, or change another one into.
    """
    for rule, steps in steps_by_rule(added).items():
        creating = {step.urn: step for step in steps}.values()
        ours = [step for step in creating if step.kind != PEER_RULE]
        for step in ours[1:] if len(ours) == len(creating) else ours:
            yield Refusal(step, rule.as_text, _TWICE)


def key(step: Step) -> tuple[str, str]:
    """
    Identifies a step. The URN alone does not: a resource that an earlier run replaced
    and did not delete has the URN of its replacement.
    """
    return step.urn, step.op


def owned(declared: DeclaredRule) -> OwnedRule:
    """
    A rule of a state, with its owner.
    """
    return OwnedRule(
        rule=flat(declared.rule, None), owners=(declared.urn,), rule_id=declared.rule_id
    )


_SETTING = ("update", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class _InGroup:
    """
    What a step does to the rules of one group.

    Args:
        step: the step.
        olds: the rules that the state has.
        news: the rules that the step declares, and those that it leaves.
        unsure: rules of which it is not known whether they exist.
        is_revoked: whether another step may revoke a rule that drops.
    """

    step: Step
    olds: tuple[OwnedRule, ...]
    news: tuple[OwnedRule, ...]
    unsure: frozenset[IngressRule]
    revoked: frozenset[IngressRule]

    @property
    def changes(self) -> bool:
        return self.step.op not in UNCHANGED

    def before(self) -> Iterable[OwnedRule]:
        """
        The rules before the step.
        """
        return () if self.step.order == "already deleted" else self.olds

    def least_before(self, *, is_live: bool) -> Iterator[OwnedRule]:
        """
        Those that exist before the step in the most closed case.
        """
        may_be_gone = self.step.order == "delete first or already deleted" or (
            is_live and self.step.op in _SETTING
        )
        for old in self.before():
            is_unsure = old.rule in self.unsure
            if old.rule.drops:
                exists = self.changes or not is_unsure
            else:
                exists = not (may_be_gone or (self.changes and is_unsure))
            if exists:
                yield old

    def most_after(self) -> Iterator[OwnedRule]:
        """
        Those that exist after the step in the most open case.
        """
        for new in self.news:
            if not (new.rule.drops and self._may_lack(new.rule)):
                yield new
        if self.step.may_stay or self.step.settings.keeps:
            for old in self.olds:
                if not old.rule.drops and old not in self.news:
                    yield old

    def if_it_stops(self) -> Iterator[OwnedRule]:
        """
        Those that exist if the run stops before, in or after the step, in the most open
        case.
        """
        for each in (*self.olds, *self.news):
            if not each.rule.drops:
                yield each
        kept = {old.rule for old in self.olds if self.step.op != "replace"}
        for new in self.news:
            if new.rule.drops and new.rule in kept and not self._may_lack(new.rule):
                yield new

    def added(self) -> Iterator[Added]:
        """
        The rules that the step creates.
        """
        had = {old.rule for old in self.olds}
        for new in self.news:
            if self.changes and new.rule not in had:
                yield new.rule, self.step

    def replaced_by_the_same(self) -> Iterator[Refusal]:
        """
        A rule that is identical to the one that it replaces is refused, unless that one
        is deleted first.
        """
        step = self.step
        is_first = step.order != "create first" or step.settings.adopts
        if step.op == "replace" and step.kind != PEER_RULE and not is_first:
            had = {old.rule for old in self.olds}
            for new in self.news:
                if new.rule in had:
                    yield Refusal(step, new.rule.as_text, IDENTICAL)

    def _may_lack(self, rule: IngressRule) -> bool:
        """
        Whether a new rule may not exist at some moment after the step.
        """
        is_revoked = as_the_peer_compares(rule) in self.revoked
        return self.step.gap or is_revoked or rule in self.unsure


def state_outcome(preview: Preview, group: str, *, is_live: bool) -> Outcome:
    """
    Work out what a preview does to a group that was not read.

    Args:
        preview: the preview.
        group: the group, as its rules name it.
        is_live: whether live groups were to be read. Then a missing one means that the
            state may be wrong.
    """
    revoked = _revoked_drops(preview, group)
    steps = [_in_group(step, group, revoked) for step in preview.steps]
    before = tuple(old for each in steps for old in each.before())
    least = tuple(old for each in steps for old in each.least_before(is_live=is_live))
    after = tuple(new for each in steps for new in each.news)
    most = tuple(new for each in steps for new in each.most_after())
    added = [found for each in steps for found in each.added()]
    held: dict[IngressRule, list[Step]] = {}
    for each in steps:
        for old in each.olds:
            held.setdefault(old.rule, []).append(each.step)
    return Outcome(
        before=before,
        after=after,
        least_before=None if least == before else least,
        most_after=None if most == after else most,
        if_it_stops=tuple(rule for each in steps for rule in each.if_it_stops()),
        refusals=(
            *created_twice(added),
            *(refusal for each in steps for refusal in each.replaced_by_the_same()),
        ),
        may_stop=any(
            other.urn != step.urn
            and not (step.settings.adopts and other.op == "delete")
            for rule, step in added
            if step.kind != PEER_RULE
            for other in held.get(rule, ())
        ),
    )


def _in_group(step: Step, group: str, revoked: frozenset[IngressRule]) -> _InGroup:
    olds = [owned(s) for s in step.before if s.group == group]
    news = [owned(s) for s in step.after if s.group == group]
    staying = [
        owned(s)
        for s in step.before
        if s.group == group and not s.declared and not step.settings.exclusive
    ]
    if step.fate == "goes with its group":
        staying += [old for old in olds if old.rule.drops]
    news += [old for old in staying if old not in news]
    unsure = (flat(s.rule, None) for s in (*step.before, *step.after) if s.is_unsure)
    return _InGroup(
        step=step,
        olds=tuple(olds),
        news=tuple(news),
        unsure=frozenset(unsure),
        revoked=revoked,
    )


def _revoked_drops(preview: Preview, group: str) -> frozenset[IngressRule]:
    """
    The rules that a step deletes although another step, or itself, may want them:
    pulumi-alicloud goes by attributes, and none of its resources counts as an owner.
    Neither does one that keeps its rule: with `--target` it is not asked, and the state
    may lack its mark as an owner.
    """
    wanted: set[IngressRule] = set()
    by_peer: set[IngressRule] = set()
    by_others: set[IngressRule] = set()
    for step in preview.steps:
        olds, news = (
            {
                as_the_peer_compares(flat(s.rule, None))
                for s in side
                if s.group == group and s.rule.drops
            }
            for side in (step.before, step.after)
        )
        is_peer = step.kind == PEER_RULE
        if is_peer:
            wanted |= news
        elif step.op != "replace":
            wanted |= news & olds
        is_replaced = step.op == "replace" and step.fate != "retained"
        if step.order != "already deleted":
            (by_peer if is_peer else by_others).update(
                olds if is_replaced else olds - news
            )
    return frozenset(by_peer | (by_others & wanted))
