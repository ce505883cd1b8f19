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
from dataclasses import dataclass, replace

from alicloud_ingress.previews.declared import PEER_RULE, DeclaredRule
from alicloud_ingress.previews.gate import OwnedRule, Side
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
    if (live is not None and not live.vpc_id) or rule.nic_type == "intranet":
        return rule
    return replace(rule, nic_type="intranet")


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


def drops(rule: IngressRule) -> bool:
    """
    Whether it drops for certain.
    """
    return rule.policy == "drop"
