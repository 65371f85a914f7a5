"""What is nobody's mistake and passes: a full disk, a database that does not answer, a folder that is read-only.

Such an error is worded wherever it reaches somebody, as 503, and logged as one line now and then: a class asks many
times a second. Does not depend on any database's library: their errors are known by their names.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from common.errors import AfinaError

logger = logging.getLogger(__name__)
_SECONDS = 10.0  # between two lines about the same kind of trouble
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENOTDIR, errno.EISDIR, errno.ESTALE)
_DRIVERS = ("sqlite3", "psycopg", "sqlalchemy")
_AWAY = (
    "OperationalError",
    "InterfaceError",
    "TimeoutError",
    "DatabaseError",
    "ResourceClosedError",
    "PendingRollbackError",
    "AdminShutdown",
    "CannotConnectNow",
    "CrashShutdown",
    "DiskFull",
)
_MOST_CAUSES = 8


class Unavailable(AfinaError):
    """It cannot be done now; nothing of it was kept. Trying again later may help."""

    status = 503


def in_words(error: BaseException) -> AfinaError | None:
    """The error that people see for `error`, or for what led to it; None for what is of another kind."""
    if isinstance(error, AfinaError):
        return error
    chain = list(_chain(error))
    for each in chain:
        if (isinstance(each, OSError) and each.errno in _FULL) or _says(each, "disk is full", "no space left"):
            return Unavailable("unavailable.full")
    for each in chain:
        if found := _of_database(each) or _of_system(each):
            return found
    return AfinaError("number.too_long") if _is_no_number(error) else None


@contextmanager
def worded(logged: bool = True) -> Iterator[None]:
    """Raises what breaks in the block as the AfinaError that people see, where it has one; else as it is.

    `logged`: also writes a line about what is unavailable; not where the caller prints one.
    """
    try:
        yield
    except AfinaError:
        raise
    except Exception as error:
        worded_error = in_words(error)
        if worded_error is None:
            raise
        if logged and isinstance(worded_error, Unavailable):
            note(worded_error, error)
        raise worded_error from error


def note(found: AfinaError, error: BaseException) -> None:
    """Logs what stands behind a worded error: its kind alone, a line every few seconds."""
    logger.warning("%s: %s", found.key, type(error).__name__)


def _is_no_number(error: BaseException) -> bool:
    """Whether a number that somebody sent broke it: thousands of digits, infinity, or not a number at all."""
    parts = (
        "integer string conversion",
        "float nan to integer",
        "float infinity to integer",
        "int too large",
    )
    return isinstance(error, (ValueError, OverflowError)) and _says(error, *parts)


def _of_database(error: BaseException) -> AfinaError | None:
    kind = type(error)
    if kind.__module__.split(".")[0] not in _DRIVERS or not any(each.__name__ in _AWAY for each in kind.__mro__):
        return None
    if any(each.__name__ in ("IntegrityError", "ProgrammingError", "DataError") for each in kind.__mro__):
        return None
    if _says(error, "malformed", "not a database", "file is encrypted"):
        return Unavailable("unavailable.damaged")
    if _says(error, "readonly database", "unable to open database file", "disk i/o error"):
        return Unavailable("unavailable.refused", what="labels.db")
    return Unavailable("unavailable.database")


def _of_system(error: BaseException) -> AfinaError | None:
    if isinstance(error, OSError) and error.errno in _REFUSED:
        name = str(error.filename or "").rpartition("/")[2] or "?"
        return Unavailable("unavailable.refused", what=f"{name}: {error.strerror}")
    return None


def _says(error: BaseException, *parts: str) -> bool:
    text = str(error).lower()
    return any(part in text for part in parts)


def _chain(error: BaseException) -> Iterator[BaseException]:
    at: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if at is None:
            return
        yield at
        at = getattr(at, "orig", None) or at.__cause__ or at.__context__


class _Seldom(logging.Filter):
    """Lets the same line through once every few seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        line, at = record.getMessage(), time.monotonic()
        if at - self._last.get(line, -_SECONDS) < _SECONDS:
            return False
        self._last[line] = at
        return True


if not logger.filters:
    logger.addFilter(_Seldom())
