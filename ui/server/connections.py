"""What the web server needs when a whole class comes: enough connections."""

from __future__ import annotations

import contextlib

_MOST = 65_536  # open files; each phone holds a connection or two, and many systems start with 256 or 1024


def allow_connections() -> None:
    """Raises this process's limit of open files as far as the system lets it."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _MOST if most == resource.RLIM_INFINITY else min(_MOST, most)
    if least < limit:
        with contextlib.suppress(OSError, ValueError):  # macOS may allow less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, most))
