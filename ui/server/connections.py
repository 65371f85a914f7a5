"""What the web server needs when a whole class comes: connections that last, and enough of them."""

from __future__ import annotations

import contextlib
from typing import Any

# Of silence: a phone asks every few seconds, and a proxy before us keeps a connection for a minute.
KEPT_SECONDS = 75
_MOST = 65_536  # open files; each phone holds a connection or two, and many systems start with 256 or 1024


def keep_connections(server: Any) -> None:
    """Lets `server` (uvicorn, started) hold silent connections longer than the pause between two votes.

    After uvicorn's own five seconds nearly every vote would need a connection of its own, and one that comes just
    then is cut off.
    """
    server.config.timeout_keep_alive = KEPT_SECONDS


def allow_connections() -> None:
    """Raises this process's limit of open files as far as the system lets it."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if most == resource.RLIM_INFINITY else min(_MOST, most)
    if least < wanted:
        with contextlib.suppress(OSError, ValueError):  # macOS may allow less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
