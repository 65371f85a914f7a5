"""SQLite's single writer, shared: threads write in the order in which they come, and commit in groups.

Flushing to disk takes longer than a vote's few statements. So a thread that finds others waiting leaves its work,
in a savepoint of its own, to the last one's commit, and returns when that is on disk. Knows no tables.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine

MOST = 32  # pieces of work in one commit: how long other processes may have to wait


class Turns:
    """Hands the one writing connection from thread to thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = _Fair()
        self._group: _Group | None = None  # the open one; belongs to whoever has the turn
        self._mine = threading.local()  # `lot`: the `_Lot` that this thread is in, or None

    @contextmanager
    def together(self) -> Iterator[None]:
        """This thread's writes within the block share one commit: all are on disk when the block has ended.

        One that raises is undone alone. Reads within see what the writes before them did (`Turns.reading`).
        """
        self._turn.take()
        lot = self._mine.lot = _Lot(self._engine)
        try:
            yield
        finally:
            self._mine.lot = None
            if lot.group is not None:
                lot.group.commit()
            self._turn.give()
        if lot.group is not None and lot.group.error is not None:
            raise lot.group.error

    @property
    def reading(self) -> Connection | None:
        """The connection that sees this thread's writes that are not yet committed, if there are any."""
        lot = getattr(self._mine, "lot", None)
        return lot.group.connection if lot is not None and lot.group is not None else None

    @property
    def memory(self) -> dict[Any, Any]:
        """What this thread's lot has read, true until it commits: nobody else writes meanwhile. No lot, no memory."""
        lot = getattr(self._mine, "lot", None)
        return {} if lot is None else lot.memory

    @contextmanager
    def write(self, keeps: bool = False) -> Iterator[Connection]:
        """A piece of work: on disk when the block has ended, undone when it raises.

        Args:
            keeps: it brings `memory` up to date with what it writes; without that, and when it raises, all is
                forgotten.
        """
        lot: _Lot | None = getattr(self._mine, "lot", None)
        if lot is not None:
            with _savepoint(lot.begun().connection) as connection:
                keeping = False
                try:
                    yield connection
                    keeping = keeps
                finally:
                    if not keeping:
                        lot.memory.clear()
            return
        self._turn.take()
        first, failed = self._group is None, False
        try:
            if self._group is None:
                self._group = _Group(self._engine)
        except BaseException:
            self._turn.give()
            raise
        group = self._group
        try:
            if first:  # a savepoint is for those who join later
                yield group.connection
            else:
                with _savepoint(group.connection):
                    yield group.connection
        except BaseException:
            failed = first
            raise
        finally:
            group.size += 1
            if failed:
                self._group = None
                group.roll_back()
            elif not self._turn.wanted or group.size >= MOST:
                self._group = None
                group.commit()
            self._turn.give()
        group.committed.wait()
        if group.error is not None:
            raise group.error


@contextmanager
def _savepoint(connection: Connection) -> Iterator[Connection]:
    """Work that is undone alone when it raises. Said to the driver: SQLAlchemy's way costs more than an insert."""
    driver: Any = connection.connection.driver_connection
    driver.execute("SAVEPOINT piece")
    try:
        yield connection
    except BaseException:
        driver.execute("ROLLBACK TO piece")
        driver.execute("RELEASE piece")
        raise
    driver.execute("RELEASE piece")


class _Group:
    """An open transaction that several pieces of work share."""

    def __init__(self, engine: Engine) -> None:
        self.connection = engine.connect()
        self.size = 0
        self.committed = threading.Event()
        self.error: BaseException | None = None
        try:
            self.connection.execution_options(writes=True)
            self._transaction = self.connection.begin()
        except BaseException:
            self.connection.close()
            raise

    def commit(self) -> None:
        """Ends the transaction; an error is kept for all who share it."""
        try:
            self._transaction.commit()
        except BaseException as error:
            self.error = error
            self.connection.invalidate()  # whatever state it is in, nobody gets it again
        finally:
            self.connection.close()
            self.committed.set()

    def roll_back(self) -> None:
        """Undoes the group's first and only piece of work."""
        try:
            self._transaction.rollback()
        finally:
            self.connection.close()
            self.committed.set()


class _Lot:
    """One thread's writes that share a commit; the transaction begins with the first."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.group: _Group | None = None
        self.memory: dict[Any, Any] = {}

    def begun(self) -> _Group:
        if self.group is None:
            self.group = _Group(self._engine)
        return self.group


class _Fair:
    """A lock that is handed on in the order in which it was asked for."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._held = False

    @property
    def wanted(self) -> bool:
        return bool(self._waiting)

    def take(self) -> None:
        with self._guard:
            if not self._held:
                self._held = True
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()

    def give(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False
