"""No connection to an address that a partner must not have: loopback, private networks, link-local, clouds' own.

It stands where a socket is made for an address, after every name was resolved and for literals, too. So it does not
matter how an address came about, and a name cannot lead elsewhere between the look and the connection.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

WITH_IPV4_AT_THE_END = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96")))  # NAT64; as it once was written
# Global by the registry, and yet an address of a cloud's or a provider's inside.
INSIDE = tuple(map(ipaddress.ip_network, ("100.64.0.0/10", "192.0.0.0/24", "168.63.129.16/32", "fd00:ec2::/32")))


class ForbiddenAddress(OSError):
    """A connection that the guard did not allow."""


def is_public(text: str) -> bool:
    """Whether an address, or any that is wrapped in it, lies in the internet at large."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])  # without the interface of a link-local one
    except ValueError:
        return False
    return all(map(_is_public, _meant(address)))


def _meant(address: Address) -> list[Address]:
    """An address and those that packets to it may end at."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    wrapped: list[Address | None] = [address.ipv4_mapped, address.sixtofour]
    wrapped += address.teredo or ()
    if any(address in network for network in WITH_IPV4_AT_THE_END):
        wrapped.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    inner = [each for each in wrapped if each is not None]
    return inner if address.ipv4_mapped else [address, *inner]


def _is_public(address: Address) -> bool:
    if any(address in network for network in INSIDE):
        return False
    return address.is_global and not address.is_multicast


def guarded_socket(allow_private: bool) -> Callable[[AddressInfo], socket.socket]:
    """What a connector makes its sockets with; raises ForbiddenAddress."""

    def make(info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, address = info
        if not allow_private and not is_public(str(address[0])):
            raise ForbiddenAddress(None, f"{address[0]} is an address of this machine or of a private network")
        return socket.socket(family, kind, protocol)

    return make
