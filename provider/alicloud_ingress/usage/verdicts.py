"""
What is said about a rule: used, possibly used, unused, or not judged.

Only what is proven is called unused: no flow of any kind could have needed the rule,
and everything that could have shown one was watched. Whatever is in doubt keeps the
rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Literal, get_args

from alicloud_ingress.exposure.packets import matched
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.usage.coverage import Coverage, JudgedPeriod
from alicloud_ingress.usage.encoding import existence
from alicloud_ingress.usage.facts import VpcFacts
from alicloud_ingress.usage.traffic import Doubt, Tally, Traffic, Use

Verdict = Literal["used", "possibly used", "unused", "not judged"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """
    One rule and what is said about it.

    Args:
        reasons: in sentences; why it is possibly used, unused or not judged.
        traffic: what a used rule surely decided, and what a possibly used one may
            have decided; of a drop, what it stopped.
        doubtful: what a used rule may have decided beside that.
    """

    live: LiveRule
    verdict: Verdict
    reasons: tuple[str, ...]
    traffic: tuple[Traffic, ...] = ()
    doubtful: tuple[Traffic, ...] = ()

    @property
    def tally(self) -> Tally | None:
        """
        The traffic in numbers; None for none.
        """
        if not self.traffic:
            return None
        return reduce(add, (each.tally for each in self.traffic))

    @property
    def is_drop(self) -> bool:
        """
        Whether the rule drops, so that traffic is what it stopped.
        """
        return self.live.rule.policy == "drop"


def judged(
    live: LiveRule, use: Use, facts: VpcFacts, coverage: Coverage, period: JudgedPeriod
) -> Judged:
    """
    Judge one rule.

    Args:
        live: the rule.
        use: of `attribution.attribute`; an empty one where there was none.
        facts: of its VPC.
        coverage: of its group.
        period: over which it is judged.
    """
    if use.certain:
        return Judged(
            live=live,
            verdict="used",
            reasons=(),
            traffic=use.certain,
            doubtful=use.possible_traffic,
        )
    if use.possible:
        return Judged(
            live=live,
            verdict="possibly used",
            reasons=tuple(REASONS[each] for each in use.doubts),
            traffic=use.possible_traffic,
        )
    if doubts := tuple(_doubts(live, facts, coverage, period)):
        return Judged(live=live, verdict="not judged", reasons=doubts)
    lowered = (
        f" (--min-coverage {period.min_coverage:g})" if period.min_coverage < 1 else ""
    )
    text = (
        f"no flow from {period.as_text} could have used it; {coverage.as_text}{lowered}"
    )
    return Judged(live=live, verdict="unused", reasons=(text,))


def _doubts(
    live: LiveRule, facts: VpcFacts, coverage: Coverage, period: JudgedPeriod
) -> Iterator[str]:
    if live.rule.policy != "accept":
        yield "it stopped nothing; a drop is never called unused, as removing it opens"
    yield from coverage.problems
    surely, _ = existence(live.create_time)
    if surely is None:
        yield "when it was created is not known"
    elif surely > period.start:
        yield f"it was created at {live.create_time}, within the period"
    yield from (f"{each} could not be resolved" for each in unresolved(live, facts))


def unresolved(live: LiveRule, facts: VpcFacts) -> Iterator[str]:
    """
    What a rule names and what is not known, in words.
    """
    for each in sorted(matched(live.rule, facts.lists).unknown):
        if each.kind != "group":
            yield f"the {each.kind.replace('_', ' ')} {each.name}".rstrip()
        elif each.name not in facts.listed:
            yield f"the source group {each.name}"


REASONS: Mapping[Doubt, str] = {
    Doubt.OPENER: "a flow that it matches may be an answer to a connection that the"
    " interface itself opened",
    Doubt.MATCHES: "whether it matches a flow is not known: a list, the source group,"
    " the source port or the time of its creation is in doubt",
    Doubt.BELOW: "a rule before it may have decided its flows",
    Doubt.INNER: "traffic among members of one group, which needs no rule, matches it",
    Doubt.UNREAD: "not all rules of the interface of a flow could be read",
    Doubt.REFUSED: "a flow matches it that today's rules of its interface do not"
    " accept",
    Doubt.GONE: "a flow of an interface that no longer exists matches it",
}
"""
Why a use is only possible, in words.
"""
