"""Copies of everything durable, outside the machine, and the way back.

Every change becomes part of a *fragment*: a file `labels/<time>-<uuid>.jsonl` that is added once and never changed.
Its first line says how many rows follow and what they hash to, so that a half-written one is known and left out; its
changes are still in the outbox then and come again in the next. Replaying fragments in their order gives the newest
state of every row; doing it twice gives the same. A vote is *acknowledged* when it is on the app's own disk; it is
safe from the loss of that disk once it is in a fragment, at most `seconds` later, or before the answer where `wait`
is on. Knows nothing of what the rows mean.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock, Timeout

from common.errors import AfinaError
from labeling import outbox, recount
from labeling.outbox import Change
from labeling.places import Place, Unreachable
from labeling.store import Store

logger = logging.getLogger(__name__)
_FRAGMENT = re.compile(r"labels/\d{20}-[0-9a-f]{32}\.jsonl")
_VERSION = 1
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
        try:
            if self._lock is not None:
                self._lock.acquire(timeout=_PATIENCE)
        except Timeout as problem:
            raise Unreachable("backup.busy", where=self.place.name) from problem
        try:
            while True:
                batch = outbox.collect(self._store)
                if batch.changes:
                    name, content = fragment(batch.changes)
                    self.place.add({name: content}, f"{len(batch.changes)} rows")
                if batch.seqs:
                    outbox.settle(self._store, batch)
                written += len(batch.changes)
                if not batch.more:
                    break
        finally:
            if self._lock is not None:
                self._lock.release()
        with self._round:
            self._done = max(self._done, mine)
            self._last, self._error = time.time(), None
            self._round.notify_all()
        return written

    def settled(self, patience: float = _PATIENCE) -> None:
        """Returns when everything committed before the call is in the place. Raises: Unreachable `backup.slow`."""
        with self._round:
            mine = self._begun + 1
            self._wake.set()
            if not self._round.wait_for(lambda: self._done >= mine, patience):
                raise Unreachable("backup.slow", where=self.place.name)

    def status(self) -> BackupStatus:
        return BackupStatus(
            self.place.name, self.seconds, outbox.pending(self._store), self._last, self._error
        )

    def _work(self) -> None:
        pause = self.seconds
        while not self._closing.is_set():
            try:
                self.flush()
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


def fragment(changes: Iterable[Change]) -> tuple[str, bytes]:
    """A fragment's name and content."""
    lines = [orjson.dumps({"t": each.table, "k": each.key, "r": each.row}) for each in changes]
    body = b"\n".join(lines) + b"\n"
    head = {"afina": _VERSION, "n": len(lines), "sha256": hashlib.sha256(body).hexdigest()}
    return f"labels/{time.time_ns():020d}-{uuid.uuid4().hex}.jsonl", orjson.dumps(head) + b"\n" + body


def parse(content: bytes) -> list[Change] | None:
    """A fragment's changes; None for one that is not whole. Raises: AfinaError `backup.newer`."""
    first, _, body = content.partition(b"\n")
    try:
        head = orjson.loads(first)
        if head["afina"] > _VERSION:
            raise AfinaError("backup.newer", version=head["afina"])
        if hashlib.sha256(body).hexdigest() != head["sha256"]:
            return None
        rows = [orjson.loads(line) for line in body.splitlines()]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return [Change(row["t"], tuple(row["k"]), row["r"]) for row in rows]


def restore(store: Store, place: Place) -> Restored:
    """Brings back every row that is in `place` and not in `store`; what is in the store stays as it is.

    Raises: Unreachable; AfinaError `backup.newer`.
    """
    names = [name for name in place.names() if _FRAGMENT.fullmatch(name)]
    newest: dict[str, dict[tuple, dict[str, Any]]] = {table.name: {} for table in outbox.tables()}
    broken = 0
    with tempfile.TemporaryDirectory(prefix="afina-restore-") as folder:
        place.fetch(names, Path(folder))
        for name in names:
            changes = parse((Path(folder) / name).read_bytes())
            if changes is None:
                broken += 1
                logger.warning("fragment %s is not whole", name)
            for change in changes or ():
                newest.setdefault(change.table, {})[change.key] = change.row
    return Restored(len(names), broken, _bring_back(store, newest))


def _bring_back(store: Store, newest: dict[str, dict[tuple, dict[str, Any]]]) -> int:
    added = 0
    fresh = outbox.is_empty(store)
    with store.write() as connection:
        store.lock(connection, "backup")
        for table in outbox.tables():
            rows = list(newest[table.name].values())
            if "seq" in table.columns:
                rows.sort(key=lambda row: row["seq"])
            if not fresh and rows:
                rows = recount.missing(connection, table, rows)
            if rows:
                outbox.insert_rows(connection, table, rows)
            added += len(rows)
        if not fresh and added:
            recount.recount(connection)
    return added


def boot(store: Store, place: Place, patience: float, waiting: Callable[[AfinaError], None]) -> bool:
    """Before anybody is let in: an empty store is filled from `place`. Whether the place holds all there is now.

    An app that started empty beside a backup would lose to it: so it waits for the place, `patience` seconds.
    Raises: Unreachable when it has waited in vain.
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
            if time.monotonic() + pause > deadline:
                raise
            waiting(error)
            time.sleep(pause)
            pause = min(pause * 1.5, 30.0)
