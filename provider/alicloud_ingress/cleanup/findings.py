"""
Judges the rules of one group: which are stale, why, and which are to stay all the same.

Nothing here asks anybody: what has to be known of the world comes in as values. What
is in doubt is never named stale.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, get_args

from alicloud_ingress.cleanup.owners import GroupOwners
from alicloud_ingress.errors import IngressError
from alicloud_ingress.exposure.diagram import TooComplexError
from alicloud_ingress.exposure.redundancy import (
    CoveredRule,
    alone,
    covers_as_text,
    together,
)
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import (
    ALL_PORTS,
    WITH_PORTS,
    has_expired,
    port_pair,
)
from alicloud_ingress.rules.validation import LAST_PRIORITY

Kind = Literal["unmanaged", "expired", "dangling", "shadowed", "duplicate"]
KINDS: tuple[Kind, ...] = get_args(Kind)
NEEDLESS: frozenset[Kind] = frozenset({"shadowed", "duplicate"})
"""
The reasons for which a removal changes no packet's lot.
"""

FOR_GOOD = "restore cannot bring this rule back"
_ADDRESS = re.compile(r"[0-9a-fA-F.]*[.:][0-9a-fA-F.:]*(/\d*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reason:
    """
    Why a rule is stale, in one word and in a sentence.
    """

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    A rule for which there is a reason.

    Args:
        rule: letter by letter as ECS told it, to be put back in that spelling.
        as_text: the rule in its one form, for people.
        kept: why it stays all the same; "" if it is planned for destruction.
    """

    rule_id: str
    create_time: str
    rule: IngressRule
    as_text: str
    reasons: tuple[Reason, ...]
    kept: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFindings:
    """
    What was found in one group.

    Args:
        stale: rules planned for destruction.
        kept: rules with a reason that stay, and why.
        not_judged: what could not be told, in sentences; then this is not all.
    """

    group_id: str
    region: str
    vpc_id: str = ""
    rule_count: int = 0
    stale: tuple[Finding, ...] = ()
    kept: tuple[Finding, ...] = ()
    not_judged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """
    What makes a plan smaller; none of it is a reason.

    Args:
        older_than: since its creation; a rule of unknown age is not old.
        cidrs: only rules whose source lies within one of these blocks.
        ports: only tcp, udp and `all` rules that speak of one of these ports.
        descriptions: only rules whose description matches one of these globs.
    """

    older_than: dt.timedelta | None = None
    cidrs: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    descriptions: tuple[str, ...] = ()

    def lets_pass(self, live: LiveRule, now: dt.datetime) -> bool:
        """
        Whether a rule is to be looked at.
        """
        return (
            self._is_old(live, now)
            and (not self.cidrs or any(_within(live.rule, c) for c in self.cidrs))
            and (not self.ports or any(_speaks_of(live.rule, p) for p in self.ports))
            and (not self.descriptions or _matches(live.rule, self.descriptions))
        )

    def _is_old(self, live: LiveRule, now: dt.datetime) -> bool:
        if self.older_than is None:
            return True
        created = created_at(live.create_time)
        return created is not None and now - created >= self.older_than


class KeepListError(IngressError):
    """
    A line of a list of rules to keep that would keep nothing.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepList:
    """
    Rules that are never to be destroyed.

    Args:
        rule_ids: of rules.
        cidrs: rules whose source lies within one of these blocks.
        tags: rules of groups that have one of these tags; "" stands for any value.
        descriptions: globs over descriptions of rules.
    """

    rule_ids: frozenset[str] = frozenset()
    cidrs: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    descriptions: tuple[str, ...] = ()

    @staticmethod
    def read(text: str) -> KeepList:
        """
        Read one entry a line: `sgr-...`, an address block, `tag:KEY=VALUE` (or
        `tag:KEY`), or a glob over descriptions.

        Empty lines, and those that begin with #, say nothing.

        Raises:
            KeepListError: a line looks like an address block, and is none.
        """
        lines = [line.strip() for line in text.splitlines()]
        entries = [line for line in lines if line and not line.startswith("#")]
        ids = [entry for entry in entries if entry.startswith("sgr-")]
        cidrs = [entry for entry in entries if _ADDRESS.fullmatch(entry)]
        for cidr in cidrs:
            try:
                ipaddress.ip_interface(cidr)
            except ValueError:
                raise KeepListError(
                    f"the keep list has {cidr!r}, which is not an address block such as"
                    " 10.0.0.0/8; correct it, or write a glob such as '*"
                    f"{cidr}' if it is a description"
                ) from None
        tags = [entry for entry in entries if entry.startswith("tag:")]
        parted = [tag.removeprefix("tag:").partition("=") for tag in tags]
        return KeepList(
            rule_ids=frozenset(ids),
            cidrs=tuple(cidrs),
            tags=tuple((key, value) for key, _, value in parted),
            descriptions=tuple(e for e in entries if e not in {*ids, *cidrs, *tags}),
        )

    def holds(self, live: LiveRule, tags: Mapping[str, str]) -> bool:
        """
        Whether a rule of a group with these tags is on the list.
        """
        return (
            live.rule_id in self.rule_ids
            or any(_within(live.rule, cidr) for cidr in self.cidrs)
            or any(k in tags and v in ("", tags[k]) for k, v in self.tags)
            or _matches(live.rule, self.descriptions)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """
    What is asked of each group.

    Args:
        now: with its zone; what is expired, and how old a rule is.
        states_are_complete: whether a rule that no state owns is nobody's, even
            in a group in which the states own nothing.
    """

    now: dt.datetime
    narrowing: Narrowing = field(default_factory=Narrowing)
    keep: KeepList = field(default_factory=KeepList)
    states_are_complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupFacts:
    """
    What a group's rules hang on.

    Args:
        owners: None where no state was given.
        gone: source groups and prefix lists that are gone, by ID.
        not_judged: of which that could not be asked, in sentences.
        tags: of the group.
    """

    owners: GroupOwners | None = None
    gone: frozenset[str] = frozenset()
    not_judged: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


def judge(
    group: LiveGroup, surroundings: GroupFacts, question: Question
) -> GroupFindings:
    """
    Find the stale rules of one group.
    """
    return _Judgement(group, surroundings, question).findings()


class _Judgement:
    def __init__(
        self, group: LiveGroup, surroundings: GroupFacts, question: Question
    ) -> None:
        self.group = group
        self.around = surroundings
        self.question = question
        self.rules = [live.rule for live in group.rules]
        self.ids = {n: live.rule_id for n, live in enumerate(group.rules)}
        self.problems = [*surroundings.not_judged]
        owners = surroundings.owners
        self.owners = owners.owners if owners else ("",) * len(self.rules)
        if owners:
            self.problems += owners.doubts

    def findings(self) -> GroupFindings:
        in_sight = [
            n
            for n, live in enumerate(self.group.rules)
            if self.question.narrowing.lets_pass(live, self.question.now)
        ]
        kept = {n: why for n in in_sight if (why := self._kept(n))}
        judged = [n for n in in_sight if n in kept or not self._is_doubted(n)]
        own = {n: [*self._reasons(n)] for n in judged}
        free = [n for n in judged if n not in kept]
        for n, entry in self._needless(own, free, kept).items():
            kind: Kind = "shadowed" if entry.kind == "shadowed" else "duplicate"
            text = covers_as_text(entry, self.rules, self.ids)
            own[n].append(Reason(kind, text))
        found = [
            _finding(self.group.rules[n], own[n], kept.get(n, ""))
            for n in judged
            if own[n]
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

    def _is_doubted(self, n: int) -> bool:
        owners = self.around.owners
        return owners is not None and bool(owners.doubts) and not self.owners[n]

    def _kept(self, n: int) -> str:
        live = self.group.rules[n]
        if self.owners[n]:
            return f"owned by {self.owners[n]}"
        if self.question.keep.holds(live, self.around.tags):
            return "on the keep list"
        if not live.rule_id:
            return "ECS does not tell its ID"
        if live.rule.priority > LAST_PRIORITY:
            return f"no call could put priority {live.rule.priority} back"
        return ""

    def _reasons(self, n: int) -> Iterator[Reason]:
        rule = self.rules[n]
        if self._is_unmanaged(n):
            yield Reason("unmanaged", "no state that was given owns it")
        today = self.question.now.astimezone(dt.timezone.utc).date()
        if has_expired(rule.expires_on, today):
            yield Reason("expired", f"it ended with {rule.expires_on}, UTC")
        if rule.source_group_id in self.around.gone:
            yield Reason(
                "dangling", f"the group {rule.source_group_id} is gone; {FOR_GOOD}"
            )
        if rule.source_prefix_list_id in self.around.gone:
            yield Reason(
                "dangling",
                f"the prefix list {rule.source_prefix_list_id} is gone; {FOR_GOOD}",
            )

    def _is_unmanaged(self, n: int) -> bool:
        owners = self.around.owners
        if owners is None or self.owners[n]:
            return False
        return owners.managed or self.question.states_are_complete

    def _needless(
        self,
        own: dict[int, list[Reason]],
        free: Sequence[int],
        kept: dict[int, str],
    ) -> dict[int, CoveredRule]:
        oldest_first = sorted(
            free, key=lambda n: (self.group.rules[n].create_time, self.ids[n])
        )
        going = [n for n in free if own[n]]
        try:
            shown = alone(self.rules)
            named = together(self.rules, going=going, free=oldest_first)
        except TooComplexError:
            self.problems.append(
                "which rules are shadowed cannot be judged: they overlap in too many"
                " ways"
            )
            return {}
        return {n: shown[n] for n in kept if n in shown} | named


def _finding(live: LiveRule, reasons: Sequence[Reason], kept: str) -> Finding:
    return Finding(
        rule_id=live.rule_id,
        create_time=live.create_time,
        rule=live.as_spelled or live.rule,
        as_text=live.rule.as_text,
        reasons=tuple(reasons),
        kept=kept,
    )


def created_at(create_time: str) -> dt.datetime | None:
    """
    When a rule was made; None where that is not told.
    """
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ"):
        try:
            told = dt.datetime.strptime(create_time, form)  # noqa: DTZ007 - Z is UTC
        except ValueError:
            continue
        return told.replace(tzinfo=dt.timezone.utc)
    return None


def _matches(rule: IngressRule, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(rule.description, glob) for glob in globs)


def _within(rule: IngressRule, cidr: str) -> bool:
    try:
        source = ipaddress.ip_interface(rule.source).network
        around = ipaddress.ip_interface(cidr).network
    except ValueError:
        return False
    if isinstance(source, ipaddress.IPv4Network):
        return isinstance(around, ipaddress.IPv4Network) and source.subnet_of(around)
    return isinstance(around, ipaddress.IPv6Network) and source.subnet_of(around)


def _speaks_of(rule: IngressRule, port: int) -> bool:
    if rule.ip_protocol == "all":
        return True
    pair = port_pair(rule.port_range)
    if rule.ip_protocol not in WITH_PORTS or pair is None:
        return False
    return rule.port_range == ALL_PORTS or pair[0] <= port <= pair[1]
