"""
How the fields of a rule are spelled: many ways in, one way inside.

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
Networks whose spelling is remembered: rules share few sources, and each is read
several times.
"""
EMPTIED_DESCRIPTION = "-"
"""
What stands for "no description" where ECS does not let one be emptied.
"""

_EXPIRY = re.compile(r"(?:^| )\[expires (\d{4}-\d{2}-\d{2})\]\Z", re.ASCII)
_PORTS = re.compile(r"(-?\d{1,5})(?:[/-](-?\d{1,5}))?", re.ASCII)


def text_of(value: object) -> str:
    """
    Write a value as text; the engine hands whole numbers over as floats.
    """
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    try:
        return str(value).strip()
    except ValueError:  # Python writes none of more than 4,300 digits as decimal
        return format(value, "x")


def protocol(text: str) -> str:
    """
    The lower-case name where the protocol has one, else its number.
    """
    folded = text.lower()
    return "all" if folded == "-1" else PROTOCOL_NUMBERS.get(folded, folded)


def port_pair(text: str) -> tuple[int, int] | None:
    """
    First and last port of 443, `8000-8010` or `8000/8010`; None of anything else.
    """
    match = _PORTS.fullmatch(text)
    if match is None:
        return None
    first = int(match[1])
    return first, first if match[2] is None else int(match[2])


def ports(text: str) -> str:
    """
    The form `first/last`; what is no port range stays as it is.
    """
    pair = port_pair(text)
    return text if pair is None else f"{pair[0]}/{pair[1]}"


@functools.lru_cache(maxsize=KNOWN_NETWORKS)
def network(text: str) -> str:
    """
    An address block compressed, host bits kept, a full prefix length left out.

    What is no address block stays as it is.
    """
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        return text
    bare = interface.network.prefixlen == interface.max_prefixlen
    return str(interface.ip) if bare else interface.with_prefixlen


@functools.lru_cache(maxsize=KNOWN_NETWORKS)
def masked(text: str) -> str:
    """
    The same block without host bits: 10.1.2.3/8 is 10.0.0.0/8.
    """
    try:
        return network(str(ipaddress.ip_interface(text).network))
    except ValueError:
        return text


def split_expiry(remark: str) -> tuple[str, str]:
    """
    Part a stored description into its text and its expiry (ISO date or "").

    Only a real date in the one form ` [expires 2026-12-31]` counts.
    """
    match = _EXPIRY.search(remark)
    if match is None or not is_date(match[1]):
        return remark, ""
    return remark[: match.start()], match[1]


def with_expiry(description: str, expires_on: str) -> str:
    """
    The description as ECS stores it, with the expiry at its end.
    """
    if not expires_on:
        return description
    marker = f"[expires {expires_on}]"
    return f"{description} {marker}" if description else marker


def is_date(text: str) -> bool:
    """
    Whether this is a date in the form 2026-12-31.
    """
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def has_expired(expires_on: str, now: dt.datetime | None = None) -> bool:
    """
    Whether a rule's last day, which ends at 24:00 UTC, is over.
    """
    if not is_date(expires_on):
        return False
    time = now or dt.datetime.now(dt.timezone.utc)
    today = time.astimezone(dt.timezone.utc).date()
    return today > dt.date.fromisoformat(expires_on)
