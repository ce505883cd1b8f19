"""
The result of judging a preview: findings, and what changes in each group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from alicloud_ingress.exposure.group_exposure import Difference
from alicloud_ingress.exposure.internet import InternetOpening
from alicloud_ingress.previews.outcome import Refusal, Takeover
from alicloud_ingress.previews.preview import Preview
from alicloud_ingress.previews.steps import Source
from alicloud_ingress.previews.waivers import Waiver
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule

Kind = Literal["world-open-admin", "world-open-any", "gap", "delete", "unmanaged"]
FAIL_ON: tuple[Kind, ...] = get_args(Kind)
ADMIN_PORTS = (22, 3389)
MAX_WAIVER_DAYS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    Something that `--fail-on` names.

    Args:
        kind: one of `FAIL_ON`.
        resources: names of the resources that cause it; IDs of unmanaged rules.
        text: for people.
        group: the security group's ID, or a text for a future one; "" for none.
        urns: URNs of the resources.
        judged: False if it is only possible, not certain.
        waivers: those that cover it; if there are none, the finding counts.
        opening: what is newly open to the world, if it is about that.
    """

    kind: Kind
    resources: tuple[str, ...]
    text: str
    group: str = ""
    urns: tuple[str, ...] = ()
    judged: bool = True
    waivers: tuple[Waiver, ...] = ()
    opening: InternetOpening | None = None

    @property
    def waived(self) -> str:
        """
        The reasons of the waivers that cover it; "" if it counts.
        """
        return "; ".join(dict.fromkeys(waiver.reason for waiver in self.waivers))


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReview:
    """
    What a preview does to one group.

    Args:
        group: its ID, or a text for a future one.
        change: None if the rules are too entangled to be judged.
        openings: what is or may be newly open to the world, waived or not.
        names: names of the resources that declare a rule, by rule.
        idle: rules without effect, because others decide first: True for one that is
            created, False for one that is deleted.
        rules_afterwards: number of live rules; None if the group was not read.
        unmanaged: live rules that are not in the stack; None if that is not known.
        why_hidden: why that is not known; "" if the group was not read.
        expired: live rules whose last day is past.
        refusals: steps that will fail.
        takeovers: steps that take over a live rule.
    """

    group: str
    change: Difference | None = None
    openings: tuple[InternetOpening, ...] = ()
    names: Mapping[IngressRule, tuple[str, ...]] = field(
        default_factory=dict["IngressRule", "tuple[str, ...]"]
    )
    idle: tuple[tuple[IngressRule, bool], ...] = ()
    rules_afterwards: int | None = None
    unmanaged: tuple[LiveRule, ...] | None = None
    why_hidden: str = ""
    expired: tuple[LiveRule, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    takeovers: tuple[Takeover, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """
    A judged preview.

    Args:
        preview: the preview; of groups that were read, without the gaps of rules that
            do not exist.
        groups: what it does to each group.
        findings: those of the kinds that `Gate.fail_on` names, waived or not.
        problems: why the review is incomplete, one sentence each.
        remarks: notes about waivers, one sentence each.
    """

    preview: Preview
    groups: tuple[GroupReview, ...]
    findings: tuple[Finding, ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def sources(self) -> Mapping[str, Source]:
        """
        Where the program declares each resource, by its URN, as far as it is known.
        """
        return {step.urn: step.source for step in self.preview.steps if step.source}

    @property
    def failing(self) -> tuple[Finding, ...]:
        """
        The findings that no waiver covers.
        """
        return tuple(finding for finding in self.findings if not finding.waivers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """
    What to look for in a preview.

    Args:
        fail_on: kinds of findings, from `FAIL_ON`.
        admin_ports: ports that `world-open-admin` checks.
        waivers: accepted findings; a waiver has no effect after its last day.
        longest_waiver_days: a waiver that ends later than this is reported.
    """

    fail_on: frozenset[str] = frozenset()
    admin_ports: frozenset[int] = frozenset(ADMIN_PORTS)
    waivers: tuple[Waiver, ...] = ()
    longest_waiver_days: int = MAX_WAIVER_DAYS

    @property
    def world_kinds(self) -> Mapping[Kind, frozenset[int] | None]:
        """
        The ports that each kind of finding about the world is for; None for all.
        """
        return {"world-open-any": None, "world-open-admin": self.admin_ports}
