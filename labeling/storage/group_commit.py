"""Work of one thread that shares a transaction: each piece in a savepoint, one commit for all, one memory.

Knows no tables, and nothing of who waits for whom: see `turns` and `batches`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine

_FRESH = 1.0  # seconds for which a memory may be passed on: what depends on the time in it is at most so old


class GroupCommit:
    """The lots of all threads; each thread has one at a time.

    Args:
        begun: *optional*. Called with the connection when a lot's transaction begins.
        version: *optional*. Of what the others have committed, as a connection sees it. Lots then keep one
            connection, and what one has read the next may use while that stands still. Only where one thread at
            a time has a lot.
    """

    def __init__(
        self,
        engine: Engine,
        begun: Callable[[Connection], None] | None = None,
        version: Callable[[Connection], int] | None = None,
    ) -> None:
        self._engine, self._begun, self._version = engine, begun, version
        self._mine = threading.local()  # `lot`: the `_Lot` that this thread is in, or None
        self._connection: Connection | None = None  # the lots' own, where there is a version
        self._left: tuple[int, float, dict[Any, Any]] = (-1, 0.0, {})  # version, when it was read, memory

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """This thread's writes within the block share one commit: all are on disk when the block has ended.

        One that raises is undone alone. Reads within see what the writes before them did (`reading`).
        """
        lot = self._mine.lot = _Lot()
        try:
            yield
        finally:
            self._mine.lot = None
            if lot.group is not None:
                self._end(lot, lot.group)
        if lot.group is not None and lot.group.error is not None:
            raise lot.group.error

    @property
    def open(self) -> bool:
        """Whether this thread is in a lot."""
        return self._lot is not None

    @property
    def reading(self) -> Connection | None:
        """The connection that sees this thread's writes that are not yet committed, if there are any."""
        lot = self._lot
        return lot.group.connection if lot is not None and lot.group is not None else None

    @property
    def memory(self) -> dict[Any, Any]:
        """What this thread's lot has read, true until it commits. No lot, no memory."""
        lot = self._lot
        return {} if lot is None else lot.memory

    @contextmanager
    def write(self, cached: bool) -> Iterator[Connection]:
        """A piece of the lot's work, undone when it raises.

        Args:
            cached: it brings `memory` up to date with what it writes; without that, and when it raises, all is
                forgotten.
        """
        lot = self._lot
        assert lot is not None
        if lot.group is None:
            self._start(lot)
        assert lot.group is not None
        keeping = False
        try:
            with savepoint(lot.group.connection) as connection:
                yield connection
            keeping = cached
        finally:
            if not keeping:
                lot.memory.clear()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _start(self, lot: _Lot) -> None:
        if self._version is None:
            lot.group = Group(self._engine.connect())
        else:
            if self._connection is None:
                self._connection, self._left = self._engine.connect(), (-1, 0.0, {})
            connection, self._connection = self._connection, None  # not to be used again if this fails
            lot.group = Group(connection, keep=True)
            self._connection = connection
            lot.version, lot.since = self._version(connection), time.monotonic()
            if lot.version == self._left[0] and lot.since - self._left[1] < _FRESH:
                lot.since, lot.memory = self._left[1:]
        if self._begun is not None:
            self._begun(lot.group.connection)

    def _end(self, lot: _Lot, group: Group) -> None:
        group.commit()
        if group.error is not None:
            self._connection = None
        self._left = (lot.version, lot.since, lot.memory)

    @property
    def _lot(self) -> _Lot | None:
        return getattr(self._mine, "lot", None)


@contextmanager
def savepoint(connection: Connection) -> Iterator[Connection]:
    """Work that is undone alone when it raises. Said to the driver: SQLAlchemy's way costs more than an insert."""
    driver: Any = connection.connection.driver_connection
    driver.execute("SAVEPOINT piece")
    try:
        yield connection
    except BaseException:
        driver.execute("ROLLBACK TO SAVEPOINT piece")
        driver.execute("RELEASE SAVEPOINT piece")
        raise
    driver.execute("RELEASE SAVEPOINT piece")


class Group:
    """An open transaction that several pieces of work share.

    Args:
        keep: leave the connection open when it has ended well.
    """

    def __init__(self, connection: Connection, keep: bool = False) -> None:
        self.connection, self._keep = connection, keep
        self.size = 0
        self.committed = threading.Event()
        self.error: BaseException | None = None
        try:
            self.connection.execution_options(writes=True)
            self._transaction = self.connection.begin()
        except BaseException:
            self.connection.invalidate()
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
            if self.error is not None or not self._keep:
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

    def __init__(self) -> None:
        self.group: Group | None = None
        self.memory: dict[Any, Any] = {}
        self.version, self.since = -1, 0.0  # of the memory
