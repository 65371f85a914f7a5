"""Copies of everything durable, outside the machine, and the way back.

Every change becomes part of a *fragment*: a file `labels/<time>-<uuid>.jsonl` that is added once and never changed.
Its first line says how many rows follow and what they hash to, so that a half-written one is known and left out; its
changes are still in the outbox then and come again in the next. Replaying fragments in their order gives the newest
state of every row; doing it twice gives the same. When there are many they are merged (`fragments.py`).

A vote is *acknowledged* when it is on the app's own disk; it is safe from the loss of that disk once it is in a
fragment, at most `seconds` later, or before the answer where `wait` is on. Knows nothing of what the rows mean.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from common.errors import AfinaError
from labeling.admission import vote_counts
from labeling.backup import segments
from labeling.backup.destinations import Place, Refused, Unreachable
from labeling.backup.segments import fragment
from labeling.rounds import round_names
from labeling.storage import outbox
from labeling.storage.label_store import Store

logger = logging.getLogger(__name__)
_SLOWEST = 60.0  # seconds between two attempts while the place does not answer
_PATIENCE = 25.0  # seconds that a vote waits for its copy


@dataclass(frozen=True)
class BackupStatus:
    """What the page shows. Times are seconds since 1970."""

    where: str
    seconds: float  # how long a vote may be on this machine alone
    pending: int
    last: float | None  # the last time that nothing was pending
    error: AfinaError | None


@dataclass(frozen=True)
class Restored:
    fragments: int
    broken: int  # half-written ones, left out
    rows: int  # that were not there before

    def to_dict(self) -> dict[str, int]:
        return {"fragments": self.fragments, "broken": self.broken, "rows": self.rows}


class Backup:
    """Keeps one place up to date with one store, in a thread of its own."""

    def __init__(self, store: Store, place: Place, seconds: float = 0, lock: Path | None = None) -> None:
        self._store, self.place = store, place
        self.seconds = seconds or place.interval
        self._lock = FileLock(lock) if lock else None
        self._wake, self._closing = threading.Event(), threading.Event()
        self._round = threading.Condition()
        self._added, self._merged = segments.ENOUGH, set[str]()  # the first look finds what others left
        self._begun = self._done = 0  # flushes that began, and the newest one that succeeded
        self._last: float | None = None
        self._error: AfinaError | None = None
        self._thread: threading.Thread | None = None

    def start(self, complete: bool = False) -> None:
        """Begins to copy; `complete`: the place already holds everything that the store does."""
        outbox.install(self._store, self.place.name, complete)
        self._thread = threading.Thread(target=self._work, name="backup", daemon=True)
        self._thread.start()

    def stop(self, patience: float = _PATIENCE) -> bool:
        """Copies what is left, for as long as `patience` seconds; whether nothing is left."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(patience)
        deadline = time.monotonic() + patience
        while True:
            try:
                self.flush()
                return True
            except AfinaError as error:
                self._error = error
                logger.warning("%s", error)
            if time.monotonic() > deadline:
                return False
            time.sleep(min(1.0, self.seconds))

    def flush(self) -> int:
        """Copies everything that waits; how many rows. Raises: Unreachable."""
        with self._round:
            self._begun += 1
            mine = self._begun
        written = 0
        with self._alone():
            while True:
                batch = outbox.collect(self._store)
                if batch.changes:
                    name, content = fragment(batch.changes)
                    self.place.add({name: content}, f"{len(batch.changes)} rows")
                    self._added += 1
                if batch.seqs:
                    outbox.settle(self._store, batch)
                written += len(batch.changes)
                if not batch.more:
                    break
        with self._round:
            self._done = max(self._done, mine)
            self._last, self._error = time.time(), None
            self._round.notify_all()
        return written

    def merge(self) -> int:
        """Merges fragments where there are many; how many went. Raises: Unreachable."""
        if self._added < segments.ENOUGH:
            return 0
        with self._alone():
            gone = segments.merge(self.place, self._merged)
        self._added = 0
        return gone

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time changes the place. Raises: Unreachable `backup.busy`."""
        try:
            if self._lock is not None:
                self._lock.acquire(timeout=_PATIENCE)
        except Timeout as problem:
            raise Unreachable("backup.busy", where=self.place.name) from problem
        try:
            yield
        finally:
            if self._lock is not None:
                self._lock.release()

    def settled(self, patience: float = _PATIENCE) -> None:
        """Returns when everything committed before the call is in the place. Raises: Unreachable `backup.slow`."""
        with self._round:
            mine = self._begun + 1
            self._wake.set()
            if not self._round.wait_for(lambda: self._done >= mine, patience):
                raise Unreachable("backup.slow", where=self.place.name)

    def status(self) -> BackupStatus:
        return BackupStatus(self.place.name, self.seconds, outbox.pending(self._store), self._last, self._error)

    def _work(self) -> None:
        pause = self.seconds
        while not self._closing.is_set():
            try:
                self.flush()
                self.merge()
                pause = self.seconds
            except AfinaError as error:
                self._error = error
                pause = min(_SLOWEST, max(1.0, pause) * 1.5)
                logger.warning("%s", error)
                self._closing.wait(1.0)  # not more often, however many votes wait
            except Exception as problem:  # the copies go on after whatever one attempt broke on
                self._error = AfinaError("backup.failed", reason=f"{type(problem).__name__}: {problem}")
                logger.exception("backup")
            self._wake.wait(pause)
            self._wake.clear()


def restore(store: Store, place: Place) -> Restored:
    """Brings back every row that is in `place` and not in `store`; what is in the store stays as it is.

    Raises: Unreachable; AfinaError `backup.newer`.
    """
    names = segments.names(place)
    newest, broken = segments.replayed(place, names)
    return Restored(len(names), len(broken), _bring_back(store, newest))


def _bring_back(store: Store, newest: dict[str, dict[tuple, dict[str, Any]]]) -> int:
    added = 0
    fresh = outbox.is_empty(store)
    with store.write() as connection:
        store.lock(connection, "backup")
        for table in outbox.tables():
            rows = list(newest.get(table.name, {}).values())
            if "seq" in table.columns:
                rows.sort(key=lambda row: row["seq"])
            if not fresh and rows:
                rows = vote_counts.missing(connection, table, rows)
            if rows:
                outbox.insert_rows(connection, table, rows)
            added += len(rows)
        round_names.number_all(connection)
        if added:  # an older version counted otherwise
            vote_counts.recount(connection)
    return added


def boot(store: Store, place: Place, patience: float, waiting: Callable[[AfinaError], None]) -> bool:
    """Before anybody is let in: an empty store is filled from `place`. Whether the place holds all there is now.

    An app that started empty beside a backup would lose to it: so it waits for the place, `patience` seconds.
    Raises: Refused at once, Unreachable when it has waited in vain.
    """
    if not outbox.is_empty(store):
        return False
    deadline, pause = time.monotonic() + patience, 1.0
    while True:
        try:
            found = restore(store, place)
            if found.fragments:
                logger.info("restored %s", json.dumps(found.to_dict()))
            return bool(found.fragments)
        except Unreachable as error:
            if isinstance(error, Refused) or time.monotonic() + pause > deadline:
                raise
            waiting(error)
            time.sleep(pause)
            pause = min(pause * 1.5, 30.0)
