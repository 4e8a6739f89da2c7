"""Which addresses a webhook may be sent to: those of the public internet, unless its settings say otherwise."""

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

import trio

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host. Raises OSError."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_SITE_LOCAL = ipaddress.IPv6Network("fec0::/10")


class RefusedAddressError(Exception):
    """The host has an address that must not be reached. The message is for people."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the resolver of this machine."""
    found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


async def addresses_of(host: str, port: int, *, allow_private: bool, resolve: Resolve) -> Sequence[str]:
    """Return the addresses to connect to, and to nothing else: a second look-up could return another one.

    Raises :class:`RefusedAddressError` if one of them is not public, and OSError.
    """
    found = await resolve(host, port)
    for address in found:
        if not allow_private and not is_public(address):
            raise RefusedAddressError(
                f"{host} is at {address}, which is not a public address; if it is meant, set allow_private: true"
            )
    return found


def is_public(address: str) -> bool:
    """Return whether an address is one of the public internet. One that holds an IPv4 address is as public as that."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour
        if embedded is None and ip in _NAT64:
            embedded = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if embedded is not None:
            return is_public(str(embedded))
        if ip in _SITE_LOCAL:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_link_local)
