"""
Reads and applies waivers: findings accepted for a time, with a reason and a last day.

The schema of the file is `schemas/preview-waivers-1.json`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alicloud_ingress.errors import IngressError
from alicloud_ingress.exposure.packets import PORTS, Interval
from alicloud_ingress.files import items, mapping
from alicloud_ingress.previews.document import DocumentError, decoded
from alicloud_ingress.previews.gate import Waived
from alicloud_ingress.rules.spelling import is_date, port_pair

_WHAT = 'a list such as [{"resource": "ssh", "reason": "..", "until": "2026-12-31"}]'
_NEEDED = ("resource", "reason", "until")
_LISTS = ("ports",)
_ALLOWED = (*_NEEDED, "group", *_LISTS)


class WaiverError(IngressError):
    """
    The file of waivers is not valid.
    """


@dataclass(frozen=True, slots=True)
class Waiver:
    """
    Accepts findings of one resource.

    Args:
        resource: a URN, a name that only one resource has, or the ID of a rule that is
            not in the stack. What begins with `sgr-` is an ID, and never a name.
        reason: why they are accepted.
        until: the last day.
        group: only findings of this security group; "" for any.
        ports: only findings about these ports of tcp and udp; none for all.
    """

    resource: str
    reason: str
    until: dt.date
    group: str = ""
    ports: tuple[Interval, ...] = ()


def read_waivers(content: str | bytes) -> tuple[Waiver, ...]:
    """
    Read `[{"resource": "ssh", "reason": "...", "until": "2026-12-31"}]`.

    Raises:
        WaiverError: an entry is not valid; the message says which, and why.
    """
    try:
        entries = decoded(content, of=_WHAT)
    except DocumentError as error:
        raise WaiverError(f"the waivers cannot be read: {error}") from None
    if items(entries) != entries:
        raise WaiverError("the waivers are not a list")
    return tuple(
        _waiver(number, mapping(entry))
        for number, entry in enumerate(items(entries), 1)
    )


def _waiver(number: int, entry: Mapping[str, Any]) -> Waiver:
    if not set(_NEEDED) <= set(entry) <= set(_ALLOWED):
        raise WaiverError(
            f"waiver {number}: set {', '.join(_NEEDED)}; group and ports are optional,"
            " and other names are not known"
        )
    texts = {name: entry[name] for name in entry if name not in _LISTS}
    if not all(isinstance(v, str) and v.strip() for v in texts.values()):
        raise WaiverError(
            f"waiver {number}: {', '.join(texts)} must be texts that are not empty"
        )
    if not is_date(texts["until"]):
        raise WaiverError(
            f"waiver {number}: until is {texts['until']!r}, not a date such as"
            " 2026-12-31"
        )
    return Waiver(
        texts["resource"],
        texts["reason"],
        dt.date.fromisoformat(texts["until"]),
        texts.get("group", ""),
        tuple(_ports(number, entry)),
    )


def _ports(number: int, entry: Mapping[str, Any]) -> Iterator[Interval]:
    ports = entry.get("ports", [])
    if "ports" in entry and not items(ports):
        raise WaiverError(
            f"waiver {number}: ports must be a list such as [22, '8000/8010']"
        )
    for port in items(ports):
        pair = None if isinstance(port, bool | float) else port_pair(str(port))
        if pair is None or not 1 <= pair[0] <= pair[1] <= PORTS[1]:
            raise WaiverError(
                f"waiver {number}: {port!r} is not a port or a range such as 8000/8010"
            )
        yield pair


class Waivers:
    """
    The waivers that apply to one preview.

    Args:
        waivers: as read.
        names: names of the preview's resources, by URN.
        today: in UTC.
        longest_days: waivers that end later than this are reported.
        hidden: number of resources that the preview does not show. Any of them may have
            the name that a waiver gives.
    """

    def __init__(
        self,
        waivers: Iterable[Waiver],
        names: Mapping[str, str],
        today: dt.date,
        longest_days: int,
        *,
        hidden: int = 0,
    ) -> None:
        self._remarks: list[str] = []
        self._held: list[tuple[Waiver, str]] = []
        for waiver in waivers:
            what = f"the waiver for {waiver.resource}"
            if waiver.until < today:
                self._remarks.append(f"{what} ended on {waiver.until}: remove it")
                continue
            if (waiver.until - today).days > longest_days:
                self._remarks.append(
                    f"{what} ends on {waiver.until}, more than {longest_days} days"
                    " from today"
                )
            named = _named(waiver.resource, names)
            if hidden and len(named) == 1 and named != [waiver.resource]:
                self._remarks.append(
                    f"{what} has no effect: {hidden} resources are not shown, and one"
                    " of them may have this name; run pulumi preview with --show-sames,"
                    f" or use the URN {named[0]}"
                )
            elif len(named) == 1:
                self._held.append((waiver, named[0]))
            elif named:
                self._remarks.append(
                    f"{what} has no effect: {len(named)} resources have this name; use"
                    f" a URN, such as {named[0]}"
                )
            else:
                self._remarks.append(f"{what} matches nothing in this preview")

    def of(self, group: str) -> Waived:
        """
        The waived ports of a group.
        """
        waived: dict[str, tuple[Interval, ...] | None] = {}
        for waiver, name in self._held:
            if waiver.group in ("", group):
                known = waived.get(name, ())
                both = (*known, *waiver.ports) if known is not None else None
                waived[name] = both if waiver.ports else None
        return waived

    def covering(self, group: str, names: Sequence[str]) -> tuple[Waiver, ...]:
        """
        The waivers for a group that name one of these URNs and rule IDs.
        """
        return tuple(
            waiver
            for waiver, name in self._held
            if name in names and waiver.group in ("", group)
        )

    def covering_all(self, group: str, names: Sequence[str]) -> tuple[Waiver, ...]:
        """
        The same without waivers for ports; none unless each of the names has one.
        """
        whole = [w for w in self.covering(group, names) if not w.ports]
        held = {name for waiver, name in self._held if waiver in whole}
        return tuple(whole) if names and held.issuperset(names) else ()

    def remarks(self, used: Iterable[Waiver]) -> tuple[str, ...]:
        """
        Notes about the waivers, one sentence each.

        Args:
            used: the waivers that cover a finding.
        """
        in_use = [*used]
        idle = [
            f"the waiver for {waiver.resource} matches no finding of this preview"
            for waiver, _ in self._held
            if waiver not in in_use
        ]
        return (*self._remarks, *idle)


def _named(resource: str, names: Mapping[str, str]) -> list[str]:
    """
    The URNs and rule IDs that a waiver may mean.
    """
    if resource in names or resource.startswith("sgr-"):
        return [resource]
    return [urn for urn, name in names.items() if name == resource]
