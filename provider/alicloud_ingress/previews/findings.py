"""
What a judged preview is: groups, findings, and what is to stop a pull request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alicloud_ingress.exposure.group_exposure import Difference
from alicloud_ingress.exposure.internet import InternetOpening
from alicloud_ingress.previews.outcome import Refusal, Takeover
from alicloud_ingress.previews.preview import Preview
from alicloud_ingress.previews.waivers import Waiver
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule

FAIL_ON = ("world-open-admin", "world-open-any", "gap", "delete", "unmanaged")
ADMIN_PORTS = (22, 3389)
MAX_WAIVER_DAYS = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    Something that `--fail-on` asks for.

    Args:
        kind: one of `FAIL_ON`.
        group: the security group's ID, or in words whose it will be; "" for none.
        resources: names of those that bring it about; the ID of an unmanaged rule.
        urns: of the same, where they have one.
        judged: False where it may be so.
        waivers: those that cover it; none if it counts.
        opening: of a finding about the world, what is open.
    """

    kind: str
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
        group: its ID, or in words whose it will be.
        change: None if the rules are too entangled to be judged.
        openings: what is newly open to the world, or may be, waived or not.
        names: the resources that state a rule, by rule.
        idle: rules that come (True) or go and do nothing: others decide before them.
        rules_left: how many live rules there will be; None without a look.
        unmanaged: live rules that the stack does not state; None if not told.
        expired: live rules past their date.
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
    rules_left: int | None = None
    unmanaged: tuple[LiveRule, ...] | None = None
    expired: tuple[LiveRule, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    takeovers: tuple[Takeover, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """
    A preview, judged.

    Args:
        preview: as read; where a group was looked at, without gaps where there is
            nothing to delete.
        problems: why it is not whole, one sentence each.
        remarks: what is to be said of waivers, one sentence each.
    """

    preview: Preview
    groups: tuple[GroupReview, ...]
    findings: tuple[Finding, ...]
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def failing(self) -> tuple[Finding, ...]:
        """
        The findings that no waiver covers.
        """
        return tuple(finding for finding in self.findings if not finding.waivers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """
    What is to stop a pull request.

    Args:
        fail_on: kinds of `FAIL_ON`.
        admin_ports: what `world-open-admin` is about.
        waivers: those that have ended have no effect.
        longest_waiver_days: a waiver that ends later is named.
    """

    fail_on: frozenset[str] = frozenset()
    admin_ports: frozenset[int] = frozenset(ADMIN_PORTS)
    waivers: tuple[Waiver, ...] = ()
    longest_waiver_days: int = MAX_WAIVER_DAYS


def name_of(urn: str) -> str:
    """
    The name of a resource.
    """
    return urn.split("::", 3)[-1]
