"""A temporary folder of this process alone: nobody else reads it, and it goes with the process.

It lies in the system's folder for temporary files, under a name that nobody can take first. One that a killed process
left is removed by the next start of the same user.
"""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: the folder for temporary files is the user's own there
    fcntl = None  # type: ignore[assignment]

_PREFIX = "afina-private-"
_LOCK = ".lock"
_OLD = 24 * 3600  # seconds after which a folder without locks is nobody's


def private_folder() -> Path:
    """Makes the folder (mode 0700), removes those that others of this user left, and gives its path."""
    _remove_left()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    if fcntl:
        fcntl.flock(lock, fcntl.LOCK_EX)  # held until the process ends, however it ends
    atexit.register(_remove, folder, os.getpid())
    return folder


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a forked child
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if _own(folder) and _left(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _own(folder: Path) -> bool:
    """Whether it is a folder, no link to one, and this user's."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and (not hasattr(os, "getuid") or found.st_uid == os.getuid())


def _left(folder: Path) -> bool:
    """Whether no process holds it any more."""
    try:
        if time.time() - folder.stat().st_mtime > _OLD and not fcntl:
            return True
        lock = os.open(folder / _LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:  # being made right now, or half removed
        return time.time() - folder.stat().st_mtime > 60
    except OSError:
        return False
    try:
        if not fcntl:
            return False
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
