"""
The normal form of each field of a rule.

Sources: the AuthorizeSecurityGroup and DescribeSecurityGroupAttribute pages of
ECS 2014-05-26; RFC 5952 for IPv6 text; the IANA registry of protocol numbers.
"""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
import re

ALL_PORTS = "-1/-1"
PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "gre", "all")
PROTOCOL_NUMBERS = {"1": "icmp", "6": "tcp", "17": "udp", "47": "gre", "58": "icmpv6"}
WITH_PORTS = ("tcp", "udp")
DESCRIPTION_LIMIT = 512
KNOWN_NETWORKS = 4096
"""
How many networks are cached: many rules share few sources, each read several times.
"""
KNOWN_RANGES = 4096
"""
How many port ranges are cached, for the same reason.
"""
EMPTIED_DESCRIPTION = "-"
"""
The text for "no description": ECS does not accept an empty description in a change.
"""

_EXPIRY = re.compile(r"(?:^| )\[expires (\d{4}-\d{2}-\d{2})\]\Z", re.ASCII)
_PORTS = re.compile(r"(-?\d{1,5})(?:[/-](-?\d{1,5}))?", re.ASCII)


def text_of(value: object) -> str:
    """
    Write a value as text. The engine passes whole numbers as floats.
    """
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    try:
        return str(value).strip()
    except ValueError:  # Python does not write more than 4,300 decimal digits
        return format(value, "x")


def protocol(text: str) -> str:
    """
    The lower-case name of the protocol, or its number if it has no name.
    """
    folded = text.lower()
    return "all" if folded == "-1" else PROTOCOL_NUMBERS.get(folded, folded)


def port_pair(text: str) -> tuple[int, int] | None:
    """
    First and last port of 443, `8000-8010` or `8000/8010`; None for other text.
    """
    match = _PORTS.fullmatch(text)
    if match is None:
        return None
    first = int(match[1])
    return first, first if match[2] is None else int(match[2])


@functools.lru_cache(maxsize=KNOWN_RANGES)
def ports(text: str) -> str:
    """
    A port range as `first/last`; other text unchanged.
    """
    pair = port_pair(text)
    return text if pair is None else f"{pair[0]}/{pair[1]}"


@functools.lru_cache(maxsize=KNOWN_NETWORKS)
def interface_of(text: str) -> ipaddress.IPv4Interface | ipaddress.IPv6Interface:
    """
    An address with its block. Parsing is slow, and each is needed in several forms.

    Raises:
        ValueError: the text is neither an address nor a block.
    """
    return ipaddress.ip_interface(text)


@functools.lru_cache(maxsize=KNOWN_NETWORKS)
def network(text: str) -> str:
    """
    An address block in compressed form; other text unchanged.

    Host bits are kept. The prefix length of a single address is omitted.
    """
    try:
        interface = interface_of(text)
    except ValueError:
        return text
    # Python 3.13 writes the address of ::ffff:1.2.3.4 otherwise than older ones, and
    # its block as they do.
    block = interface.with_prefixlen
    is_single = interface.network.prefixlen == interface.max_prefixlen
    return block.partition("/")[0] if is_single else block


@functools.lru_cache(maxsize=KNOWN_NETWORKS)
def masked(text: str) -> str:
    """
    The same block without host bits: 10.1.2.3/8 is 10.0.0.0/8.
    """
    try:
        return network(str(interface_of(text).network))
    except ValueError:
        return text


def split_expiry(remark: str) -> tuple[str, str]:
    """
    Split a stored description into its text and its expiry (ISO date or "").

    Only an existing date in the form ` [expires 2026-12-31]` is an expiry.
    """
    match = _EXPIRY.search(remark)
    if match is None or not is_date(match[1]):
        return remark, ""
    return remark[: match.start()], match[1]


def with_expiry(description: str, expires_on: str) -> str:
    """
    The description as ECS stores it, with the expiry at the end.
    """
    if not expires_on:
        return description
    marker = f"[expires {expires_on}]"
    return f"{description} {marker}" if description else marker


def is_date(text: str) -> bool:
    """
    Whether the text is a date in the form 2026-12-31.
    """
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def has_expired(expires_on: str, now: dt.datetime | None = None) -> bool:
    """
    Whether a rule's last day is in the past.

    Args:
        expires_on: the last day, which ends at 24:00 UTC; other text never expires.
        now: a time with a time zone; None for the present.
    """
    if not is_date(expires_on):
        return False
    time = now or dt.datetime.now(dt.timezone.utc)
    today = time.astimezone(dt.timezone.utc).date()
    return today > dt.date.fromisoformat(expires_on)
