"""Work of one thread that shares a transaction: each piece in a savepoint, one commit for all, one memory.

Knows no tables, and nothing of who waits for whom: see `turns` and `batches`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine


class Lots:
    """The lots of all threads; each thread has one at a time.

    Args:
        begun: *optional*. Called with the connection when a lot's transaction begins.
    """

    def __init__(self, engine: Engine, begun: Callable[[Connection], None] | None = None) -> None:
        self._engine, self._begun = engine, begun
        self._mine = threading.local()  # `lot`: the `_Lot` that this thread is in, or None

    @contextmanager
    def together(self) -> Iterator[None]:
        """This thread's writes within the block share one commit: all are on disk when the block has ended.

        One that raises is undone alone. Reads within see what the writes before them did (`reading`).
        """
        lot = self._mine.lot = _Lot()
        try:
            yield
        finally:
            self._mine.lot = None
            if lot.group is not None:
                lot.group.commit()
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
        """What this thread's lot has read and keeps true until it commits. No lot, no memory."""
        lot = self._lot
        return {} if lot is None else lot.memory

    @contextmanager
    def write(self, keeps: bool) -> Iterator[Connection]:
        """A piece of the lot's work, undone when it raises.

        Args:
            keeps: it brings `memory` up to date with what it writes; without that, and when it raises, all is
                forgotten.
        """
        lot = self._lot
        assert lot is not None
        if lot.group is None:
            lot.group = Group(self._engine)
            if self._begun is not None:
                self._begun(lot.group.connection)
        keeping = False
        try:
            with savepoint(lot.group.connection) as connection:
                yield connection
            keeping = keeps
        finally:
            if not keeping:
                lot.memory.clear()

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

    def __init__(self) -> None:
        self.group: Group | None = None
        self.memory: dict[Any, Any] = {}
