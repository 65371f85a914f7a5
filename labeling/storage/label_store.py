"""The database: one SQLite file in AFINA_HOME, or PostgreSQL. Opens, migrates, gives transactions.

`write()` is durable once its block has ended: SQLite in WAL mode with synchronous=FULL and BEGIN IMMEDIATE,
PostgreSQL by its own commit. `lock()` orders those who change the same round. Knows nothing of rounds or
votes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from zlib import crc32

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from common import unavailable
from common.errors import AfinaError
from common.settings import Settings
from labeling import migrations
from labeling.storage.batches import Batches
from labeling.storage.group_commit import GroupCommit
from labeling.storage.turns import Turns

_BUSY_SECONDS = 30
_MIGRATIONS_KEY = 0x4146494E  # PostgreSQL's advisory lock under which migrations run
_SPACE = 7  # of our advisory locks
LOT = "lot"  # the lock that every lot holds


class Store:
    """An open, migrated database. One object serves all threads of a process."""

    def __init__(self, engine: Engine, path: Path | None = None) -> None:
        self.engine = engine
        self.path = path  # of the SQLite file
        self._opened = False  # until then whoever opens it says what is wrong
        self.sqlite = engine.dialect.name == "sqlite"
        self._commits = GroupCommit(engine, version=_others) if self.sqlite else GroupCommit(engine, _one_lot_at_a_time)
        self._turns = Turns(engine, self._commits) if self.sqlite else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection whose reads see one state."""
        own = self._commits.reading
        with unavailable.worded(self._opened):
            if own is not None:
                yield own
                return
            with self.engine.connect() as connection:
                yield connection

    @contextmanager
    def write(self, cached: bool = False) -> Iterator[Connection]:
        """A transaction: committed and on disk when the block ends, undone when it raises.

        SQLite admits one writer: threads of this process take turns, other processes wait for the file. `cached` says
        that the block brings `memory` up to date with what it writes; other blocks make it forget.
        """
        with unavailable.worded(self._opened):
            if self._commits.open:
                writing: AbstractContextManager[Connection] = self._commits.write(cached)
            else:
                writing = self._turns.write() if self._turns is not None else self.engine.begin()
            with writing as connection:
                yield connection

    def memory(self) -> dict[Any, Any]:
        """What the transaction that this thread's work shares has read so far; alone, nothing."""
        return self._commits.memory

    @property
    def sharing(self) -> bool:
        """Whether what this thread writes now is committed later, with other work."""
        return self._commits.open

    def workers(self) -> Executor:
        """Who does what a crowd asks: one thread, its commits shared by all who wait."""
        transaction = self._turns.transaction if self._turns is not None else self._commits.transaction

        @contextmanager
        def worded() -> Iterator[None]:
            with unavailable.worded(), transaction():
                yield

        return Batches(worded)

    def lock(self, connection: Connection, name: str, shared: bool = False) -> None:
        """Holds `name` until the transaction ends.

        SQLite has one writer anyway; on PostgreSQL it is advisory.
        """
        if not self.sqlite and ("locked", name, shared) not in self.memory():
            kind = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
            connection.execute(text(f"SELECT {kind}(:space, :key)"), {"space": _SPACE, "key": _signed(name)})
            self.memory()["locked", name, shared] = True

    def alone(self, connection: Connection) -> None:
        """Waits until no lot is at work, and holds off the next: who moves counters goes one at a time."""
        if not self._commits.open:
            self.lock(connection, LOT)

    def opened(self) -> None:
        """From now on what goes wrong is logged: nobody stands by who prints it."""
        self._opened = True

    def close(self) -> None:
        self._commits.close()
        self.engine.dispose()


def open_store(settings: Settings) -> Store:
    """The installation's store: DATABASE_URL, else `labels.db` in AFINA_HOME."""
    return connect(settings.database_url or settings.home / "labels.db")


def connect(where: str | Path) -> Store:
    """Opens a PostgreSQL address or a SQLite file, and brings it to the present schema.

    Raises: AfinaError `label.database_url` for an address of another kind, `label.database` where nobody
    answers.
    """
    store = _sqlite(where) if isinstance(where, Path) else _postgresql(where)
    try:
        _migrate(store)
        store.opened()
    except unavailable.Unavailable as problem:
        store.close()
        raise problem if store.sqlite else _unanswered(store, problem) from problem
    return store


def _unanswered(store: Store, problem: unavailable.Unavailable) -> AfinaError:
    """Says which address does not answer, and what its server said."""
    said: Any = problem.__cause__
    reason = (str(getattr(said, "orig", said)).strip().splitlines() or ["?"])[0]
    return AfinaError("label.database", where=shown(store.engine), reason=reason)


def shown(engine: Engine) -> str:
    """The database's address without its password."""
    return engine.url.render_as_string(hide_password=True)


def _sqlite(path: Path) -> Store:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(OSError):  # what is in the way, SQLite says
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite itself would let everybody read it
    engine = create_engine(
        f"sqlite+pysqlite:///{path}",
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
        pool_size=20,
        max_overflow=40,
        hide_parameters=True,  # an error's words would quote what people wrote
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Store(engine, path)


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: the driver would begin too late
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")
    if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(address: str) -> Store:
    try:
        url = make_url(address)
        if url.drivername not in ("postgres", "postgresql", "postgresql+psycopg"):
            raise AfinaError("label.database_url", value=url.drivername)
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=10,
            max_overflow=20,
            pool_pre_ping=True,
            hide_parameters=True,
        )
    except (ArgumentError, NoSuchModuleError) as problem:
        raise AfinaError("label.database_url", value="") from problem
    return Store(engine)


def _migrate(store: Store) -> None:
    """Runs the missing migrations, one process at a time."""
    if store.sqlite and store.path is not None:
        with unavailable.worded(logged=False), FileLock(f"{store.path}.lock"), store.write() as connection:
            _upgrade(connection)
        return
    with store.write() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATIONS_KEY})
        _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    if not migrations.is_current(connection):
        migrations.upgrade(connection)


def _one_lot_at_a_time(connection: Connection) -> None:
    """Lots of several app processes take turns: each touches many rows in its own order, and would wait crosswise."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:space, :key)"), {"space": _SPACE, "key": _signed(LOT)})


def _others(connection: Connection) -> int:
    """A number that changes when another connection to the SQLite file, whoever's, has committed something."""
    driver: Any = connection.connection.driver_connection
    return driver.execute("PRAGMA data_version").fetchone()[0]


def _signed(name: str) -> int:
    """PostgreSQL's 32-bit key of a lock's name."""
    return crc32(name.encode()) - 2**31
