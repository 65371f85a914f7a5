"""Runs that are left out of lists, because their files are broken: which, and why.

A directory is looked at again when its run.json changes, so that a repaired run comes back by itself. Does not depend
on what a run is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from common.errors import AfinaError
from common.files import BrokenFile

logger = logging.getLogger(__name__)
T = TypeVar("T")


class _Run(Protocol):
    id: str
    name: str
    path: Path


R = TypeVar("R", bound=_Run)
_Stamp = tuple[int, ...]


class Known(Generic[R]):
    """The runs that have been read from their directories, by `make`, and the errors of those that could not be."""

    def __init__(self, make: Callable[[Path], R]) -> None:
        self._make = make
        self._read: dict[str, tuple[_Stamp, R | AfinaError]] = {}  # by directory

    def look(self, path: Path) -> R | AfinaError | None:
        """The run in the directory `path`; what is wrong with it; None for what is no run's directory."""
        stamp = _stamp(path)
        if stamp is None:
            self._read.pop(path.name, None)
            return None
        known = self._read.get(path.name)
        if known is not None and known[0] == stamp:
            return known[1]
        try:
            run: R | AfinaError = self._make(path)
        except BrokenFile as error:
            run = AfinaError("runs.broken", folder=path.name, reason=error.params["reason"])
        except FileNotFoundError:
            if not path.is_dir():  # deleted in between
                return None
            run = AfinaError("runs.broken", folder=path.name, reason=AfinaError("file.missing"))
        if isinstance(run, AfinaError):
            logger.warning("%s", run)
        self._read[path.name] = (stamp, run)
        return run


class LeftOut:
    """Why runs that can be read as such are left out of one list or another."""

    def __init__(self) -> None:
        self._errors: dict[tuple[str, str], AfinaError] = {}  # (id, what was asked of the run)

    def gather(self, runs: Iterable[R], make: Callable[[R], T | None]) -> list[T]:
        """What `make` gives for each run, without None; one for which it raises is left out, and logged once."""
        values = []
        for run in runs:
            key = (run.id, getattr(make, "__qualname__", ""))
            try:
                value = make(run)
            except AfinaError as error:
                self._note(key, error)
                continue
            except Exception as error:  # whatever its files lead to: the other runs are not to blame
                if run.path.is_dir():  # else it was deleted in between
                    reason = f"{type(error).__name__}: {error}"
                    self._note(key, AfinaError("runs.unreadable", name=run.name, reason=reason), error)
                continue
            self._errors.pop(key, None)
            if value is not None:
                values.append(value)
        return values

    def why(self, run_id: str) -> AfinaError | None:
        """Why a run was left out of something, the last time that this was asked."""
        errors = self._errors.copy().items()
        return next((error for (name, _), error in errors if name == run_id), None)

    def _note(self, key: tuple[str, str], error: AfinaError, cause: Any = None) -> None:
        before = self._errors.get(key)
        self._errors[key] = error
        if before is None or before.key != error.key:
            logger.warning("%s", error, exc_info=cause, extra={"run_id": key[0]})


def _stamp(run: Path) -> _Stamp | None:
    """Of a run's run.json: changes when the file does. None where there is no run's directory, or an empty one."""
    try:
        stat = (run / "run.json").stat()
    except (FileNotFoundError, NotADirectoryError):
        try:
            return () if run.is_dir() and any(run.iterdir()) else None
        except FileNotFoundError:  # deleted in between
            return None
    except OSError:
        return ()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
