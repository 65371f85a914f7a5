"""SQLite's single writer, shared: threads write in the order in which they come, and commit in groups.

Flushing to disk takes longer than a vote's few statements. So a thread that finds others waiting leaves its work,
in a savepoint of its own, to the last one's commit, and returns when that is on disk. Knows no tables.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from labeling.storage.group_commit import Group, GroupCommit, savepoint

MOST = 32  # pieces of work in one commit: how long other processes may have to wait


class Turns:
    """Hands the one writing connection from thread to thread."""

    def __init__(self, engine: Engine, commits: GroupCommit) -> None:
        self._engine, self._commits = engine, commits
        self._turn = _Fair()
        self._group: Group | None = None  # the open one; belongs to whoever has the turn

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A lot of this thread's (`GroupCommit.transaction`): it has the turn until all is on disk."""
        self._turn.take()
        try:
            # Left to us by somebody who saw us waiting; a lot has a transaction of its own.
            if self._group is not None:
                group, self._group = self._group, None
                group.commit()
            with self._commits.transaction():
                yield
        finally:
            self._turn.give()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A piece of work: on disk when the block has ended, undone when it raises."""
        self._turn.take()
        first, failed = self._group is None, False
        try:
            if self._group is None:
                self._group = Group(self._engine.connect())
        except BaseException:
            self._turn.give()
            raise
        group = self._group
        try:
            if first:  # a savepoint is for those who join later
                yield group.connection
            else:
                with savepoint(group.connection):
                    yield group.connection
        except BaseException:
            failed = first
            raise
        finally:
            group.size += 1
            try:
                if failed:
                    self._group = None
                    group.roll_back()
                elif not self._turn.is_wanted or group.size >= MOST:
                    self._group = None
                    group.commit()
            finally:  # the next one has its turn, whatever the database did to this one
                self._turn.give()
        group.committed.wait()
        if group.error is not None:
            raise group.error


class _Fair:
    """A lock that is handed on in the order in which it was asked for."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._held = False

    @property
    def is_wanted(self) -> bool:
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
