"""
The addresses of network interfaces: in the spelling of ECS, and unique in their VPC.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from alicloud_ingress.testing.state import State

PRIVATE = ipaddress.ip_network("172.16.0.0/12")


def addresses_of(vpc_id: str, state: State) -> set[str]:
    """
    The addresses of all interfaces of a VPC.
    """
    return {
        address
        for each in state.interfaces.values()
        if each.vpc_id == vpc_id
        for address in (*each.private_ips, *each.ipv6_ips)
    }


def free(addresses: Sequence[str], version: int, taken: set[str]) -> list[str]:
    """
    Check that each is a free address of this IP version, and return their spelling.

    Raises:
        ValueError: one is not; the message says which.
    """
    written: list[str] = []
    for text in addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            raise ValueError(f"{text!r} is not an IPv{version} address") from None
        if address.version != version:
            raise ValueError(f"{text!r} is not an IPv{version} address")
        if str(address) in {*taken, *written}:
            raise ValueError(f"the address {address} is taken in this VPC")
        written.append(str(address))
    return written


def private_ip(number: int, taken: set[str]) -> str:
    """
    The first free address of 172.16.0.0/12 from a number on.

    Raises:
        ValueError: none is free.
    """
    for step in range(PRIVATE.num_addresses):
        address = str(PRIVATE[(number + step) % PRIVATE.num_addresses])
        if address not in taken:
            return address
    raise ValueError(f"{PRIVATE} is used up in this VPC")
