"""
What certain sources can reach, as a value and as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from alicloud_ingress.exposure.diagram import Piece
from alicloud_ingress.exposure.packets import (
    IPV4,
    IPV6,
    PORTS,
    PROTOCOLS,
    Interval,
    OpaqueSet,
    blocks,
    gaps,
    joined,
)
from alicloud_ingress.rules.spelling import PROTOCOL_NUMBERS, WITH_PORTS

SHOWN = 10
"""
The maximum number of blocks or ranges in a list; "and 5 more" stands for the others.
"""

_NAMES = {int(number): name for number, name in PROTOCOL_NUMBERS.items()}
_INTERNET = 1


@dataclass(frozen=True, slots=True)
class Traffic:
    """
    Ports of protocols.

    Args:
        protocols: numbers, first and last.
        ports: all of them for protocols without ports.
    """

    protocols: Interval
    ports: tuple[Interval, ...]

    @property
    def all_ports(self) -> bool:
        """
        Whether all ports are included; port 0 does not count, no rule names it alone.
        """
        return self.ports in (((0, PORTS[1]),), ((1, PORTS[1]),))

    @property
    def as_text(self) -> str:
        """
        `tcp 22, 8000-8010`, `all udp ports`, `icmp`, `protocols 2-5`.
        """
        name = _protocol_words((self.protocols,))
        if self.protocols == PROTOCOLS and self.all_ports:
            return "all protocols and ports"
        if self.all_ports:
            return f"all {name} ports" if name in WITH_PORTS else name
        return f"{name} {_listed(_ranges(self.ports))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """
    Some sources, and the traffic that exactly these can send.

    Args:
        members: the unknown sets that the sources must be in.
        sources: intervals of addresses, see `packets`.
        source_ports: first and last.
        dests: intervals of addresses; both families if neither is limited.
        nic: 0 for intranet, 1 for internet.
    """

    members: tuple[OpaqueSet, ...]
    sources: tuple[Interval, ...]
    source_ports: Interval
    dests: tuple[Interval, ...]
    nic: Interval
    traffic: tuple[Traffic, ...]

    @property
    def who(self) -> str:
        """
        The sources: `10.0.0.0/8`, or `members of sg-1`.
        """
        among = " and ".join(
            _MEMBERS.get(kind, "an unknown source {}").format(name).rstrip()
            for kind, name in self.members
            if kind in _MEMBERS
        )
        if not among:
            return source_words(self.sources)
        if self.sources == (IPV4, IPV6):
            return among
        if self.sources in ((IPV4,), (IPV6,)):
            return f"{among} over {'IPv4' if self.sources == (IPV4,) else 'IPv6'}"
        return f"{among} within {source_words(self.sources)}"

    @property
    def what(self) -> str:
        """
        The traffic: `tcp 443`, with source ports and destinations if they are limited.
        """
        words = traffic_words(self.traffic)
        lists = [
            (f"{kind} {name}").rstrip()
            for kind, name in self.members
            if kind not in _MEMBERS
        ]
        if lists:
            words += f" of {' and '.join(lists)}"
        if self.source_ports[0] > 1 or self.source_ports[1] < PORTS[1]:
            words += f" from source ports {_listed(_ranges((self.source_ports,)))}"
        if any(dest not in (IPV4, IPV6) for dest in self.dests):
            words += f" at {source_words(self.dests)}"
        if self.nic == (_INTERNET, _INTERNET):
            words += " on the internet interface"
        return words

    @property
    def as_text(self) -> str:
        """
        `10.0.0.0/8 may reach tcp 443`.
        """
        return f"{self.who} may reach {self.what}"


_MEMBERS = {
    "group": "members of {}",
    "prefix list": "prefix list {}",
    "source_cidr_ip": "an unknown source {}",
}


_Way = tuple[Interval, Interval, tuple[Interval, ...], tuple[Interval, ...]]


def reaches(pieces: Iterable[Piece], members: Iterable[OpaqueSet]) -> list[Reach]:
    """
    Group pieces of a region by sources, so that each source is listed once with all
    its traffic of the same source ports, destinations and network interface type.
    """
    traffic: dict[_Way, dict[Interval, list[Interval]]] = {}
    for piece in pieces:
        if piece.ports == (0, 0):
            continue
        key = (piece.nic, piece.source_ports, piece.dests, piece.sources)
        traffic.setdefault(key, {}).setdefault(piece.protocols, []).append(piece.ports)
    return _families_joined(
        Reach(
            members=tuple(sorted(members)),
            nic=nic,
            source_ports=source_ports,
            dests=dests,
            sources=sources,
            traffic=tuple(
                Traffic(protocols, joined(ports))
                for protocols, ports in sorted(by_protocol.items())
            ),
        )
        for (nic, source_ports, dests, sources), by_protocol in traffic.items()
    )


def _families_joined(found: Iterable[Reach]) -> list[Reach]:
    """
    Join what all IPv4 and all IPv6 sources can reach at any destination into one.
    """
    result: list[Reach] = []
    for reach in found:
        if reach.sources == reach.dests == (IPV6,):
            duplicate = replace(reach, sources=(IPV4,), dests=(IPV4,))
            if reach.members and duplicate in result:
                both = replace(reach, sources=(IPV4, IPV6), dests=(IPV4, IPV6))
                result[result.index(duplicate)] = both
                continue
        result.append(reach)
    return result


def source_words(sources: Sequence[Interval]) -> str:
    """
    Blocks; or one block and its exceptions if that is shorter: `0.0.0.0/0 except
    10.0.0.0/8`.
    """
    plain = [block for part in sources for block in blocks(part)]
    around = _enclosing(sources[0][0], sources[-1][1])
    if around is None:
        return _listed(plain)
    lacking = [block for part in gaps(around, sources) for block in blocks(part)]
    if not lacking or len(lacking) + 1 >= len(plain):
        return _listed(plain)
    return f"{blocks(around)[0]} except {_listed(lacking)}"


def _enclosing(first: int, last: int) -> Interval | None:
    """
    The smallest block that holds both; None if they are of two address families.
    """
    if first <= IPV4[1] < last:
        return None
    offset = IPV6[0] if first >= IPV6[0] else 0
    free = ((first - offset) ^ (last - offset)).bit_length()
    start = (first - offset) >> free << free
    return start + offset, start + (1 << free) - 1 + offset


def traffic_words(traffic: Sequence[Traffic]) -> str:
    """
    The traffic as text. Protocols without ports are listed together, at the end.
    """
    whole = joined(part.protocols for part in traffic if not _is_apart(part))
    words = [part.as_text for part in traffic if _is_apart(part)]
    if whole == (PROTOCOLS,):
        return "all protocols and ports"
    if whole:
        words.append(_protocol_words(whole))
    return ", ".join(words)


def _is_apart(part: Traffic) -> bool:
    return not part.all_ports or _protocol_words((part.protocols,)) in WITH_PORTS


def _protocol_words(protocols: Sequence[Interval]) -> str:
    lacking = gaps(PROTOCOLS, protocols)
    if sum(last - first + 1 for first, last in lacking) <= SHOWN:
        names = [
            _protocol(number)
            for first, last in lacking
            for number in range(first, last + 1)
        ]
        return f"every protocol except {_listed(names)}" if names else "every protocol"
    return _listed(
        [
            _protocol(first) if first == last else f"protocols {first}-{last}"
            for first, last in protocols
        ]
    )


def _protocol(number: int) -> str:
    return _NAMES.get(number, f"protocol {number}")


def _ranges(ports: Iterable[Interval]) -> list[str]:
    shown = [(max(first, 1), last) for first, last in ports if last]
    return [str(a) if a == b else f"{a}-{b}" for a, b in shown]


def _listed(words: Sequence[str]) -> str:
    more = len(words) - SHOWN
    if more <= 1:
        return ", ".join(words)
    return f"{', '.join(words[:SHOWN])} and {more} more"
