"""Reads what another server answers within bounds, and finds addresses that lie in no private network."""

from __future__ import annotations

import ipaddress
import socket
import time
import zlib
from collections.abc import Iterable

MOST = 4 * 2**20  # bytes of an answer
PLAIN = {"Accept-Encoding": "identity"}  # a compressed answer may unpack to a thousand times its size
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class TooLarge(Exception):
    """The answer is larger than what is read of one."""


class Unreadable(Exception):
    """The answer took too long in all, or is packed in a way that cannot be read."""


class PrivateAddress(Exception):
    """The name leads into a private network, or to this machine."""


def read(chunks: Iterable[bytes], encoding: str = "", most: int = MOST, seconds: float = 300.0) -> bytes:
    """The body of an answer whose raw bytes come as `chunks`; `encoding` is its header Content-Encoding.

    Raises: TooLarge beyond `most` bytes, packed or unpacked; Unreadable after `seconds` in all.
    """
    until, body = time.monotonic() + seconds, bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > most:
            raise TooLarge
        if time.monotonic() > until:
            raise Unreadable("the whole answer took too long")
    return _unpacked(bytes(body), encoding.lower(), most)


def public_address(host: str, port: int) -> str:
    """The first address of `host`; the caller connects to it, not to the name, which may lead elsewhere later.

    Raises: PrivateAddress where any of them is not public; OSError where the name is unknown.
    """
    found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not found or not all(_public(each) for each in found):
        raise PrivateAddress
    return found[0]


def _public(address: str) -> bool:
    """Whether the address, and an IPv4 one that it carries, is anybody's."""
    ip_address = ipaddress.ip_address(address.partition("%")[0])
    every: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = [ip_address]
    if isinstance(ip_address, ipaddress.IPv6Address):
        if ip_address in _NAT64:
            every = [ipaddress.IPv4Address(int(ip_address) & 0xFFFFFFFF)]
        elif ip_address.ipv4_mapped:
            every = [ip_address.ipv4_mapped]
        else:
            every += [each for each in (ip_address.sixtofour, *(ip_address.teredo or ())) if each is not None]
    return all(each.is_global and not each.is_multicast and not each.is_reserved for each in every)


def _unpacked(body: bytes, encoding: str, most: int) -> bytes:
    if encoding in ("identity", ""):
        return body
    if encoding not in ("gzip", "deflate"):
        raise Unreadable(f"an answer packed as {encoding}")
    try:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # finds out which of the two it is
        whole = unpacker.decompress(body, most + 1)
    except zlib.error as problem:
        raise Unreadable(str(problem)) from problem
    if len(whole) > most:
        raise TooLarge
    return whole
