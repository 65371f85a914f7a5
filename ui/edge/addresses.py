"""The addresses under which this app can be opened: what is printed and shown must work from a phone."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket

import psutil

from common.errors import AfinaError
from common.settings import Settings, is_loopback


def is_shared(settings: Settings) -> bool:
    """Whether other devices of the network can open the app."""
    return not is_loopback(settings.host) or bool(public_address(settings))


def public_address(settings: Settings) -> str:
    """The one address that was given, by `AFINA_PUBLIC_URL` or by the platform; else empty."""
    space = os.environ.get("SPACE_HOST")
    return settings.public_url or (f"https://{space}" if space else "")


def require_address(settings: Settings) -> None:
    """Raises: AfinaError that says why the app cannot listen at its host and port."""
    host, port = settings.host.strip("[]"), settings.port
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as tried:
            if os.name != "nt":  # there it would take a port that another program listens on
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise AfinaError("settings.port_taken", port=port) from error
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise AfinaError("settings.no_such_address", host=host, reason=error.strerror) from error
        raise AfinaError("settings.port_refused", port=port, reason=error.strerror) from error


def addresses(settings: Settings) -> list[str]:
    """URLs for other devices, the likeliest first; empty where only this computer can open the app."""
    if public := public_address(settings):
        return [public]
    if not is_shared(settings):
        return []
    if settings.host not in ("0.0.0.0", "::"):
        return [f"http://{settings.host}:{settings.port}"]
    return [f"http://{each}:{settings.port}" for each in lan_addresses()]


def local_address(settings: Settings) -> str:
    """The URL for this computer's own browser; on a Space or behind a proxy the public one."""
    if public := public_address(settings):
        return public
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    return f"http://{host}:{settings.port}"


def lan_addresses() -> list[str]:
    """This computer's IPv4 addresses in its networks; those of interfaces that are up, private ones first."""
    up = {name for name, stats in psutil.net_if_stats().items() if stats.isup}
    candidates = []
    for name, each in psutil.net_if_addrs().items():
        for address in each:
            if address.family == socket.AF_INET and name in up:
                ip = ipaddress.ip_address(address.address)
                if not ip.is_loopback and not ip.is_link_local:
                    virtual = name.startswith(("docker", "veth", "br-", "virbr", "tun", "vmnet"))
                    candidates.append((virtual, not ip.is_private, address.address))
    return [address for _, _, address in sorted(candidates)]


def phones_address(settings: Settings) -> str:
    """The address that phones can open; this computer's own where there is no other."""
    return next(iter(addresses(settings)), local_address(settings))
