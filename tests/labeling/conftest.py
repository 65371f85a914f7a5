"""Real databases for the labeling tests: a SQLite file, and a private PostgreSQL cluster on loopback."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from labeling.admission import annotators
from labeling.rounds import assignment, lifecycle, vote_casting
from labeling.schema import Annotator, Comparison, Round, RoundSettings
from labeling.storage.label_store import Store, connect


def _binaries() -> Path | None:
    """The folder of PostgreSQL's programs."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return next((path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), None)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL cluster that lives as long as the tests; skips where there is none."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    # it refuses to run as root
    user = "postgres" if os.getuid() == 0 else None
    if user and user not in {entry.pw_name for entry in pwd.getpwall()}:
        pytest.skip("running as root, and there is no user postgres to run PostgreSQL as")
    with tempfile.TemporaryDirectory(prefix="afina-pg-") as folder, socket.socket() as free:
        data = Path(folder) / "data"
        if user:
            shutil.chown(folder, user)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        make = [binaries / "initdb", "-D", data, "-U", "afina", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(make, user=user, check=True, capture_output=True, cwd=folder)
        # No test cuts the power: what a killed process leaves is whole without waiting for the disk.
        serve = [binaries / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", "", "-F"]
        quiet = subprocess.DEVNULL
        server = subprocess.Popen(serve, user=user, stdout=quiet, stderr=quiet, cwd=folder)
        try:
            address = f"postgresql://afina@127.0.0.1:{port}"
            _wait(f"{address.replace('postgresql', 'postgresql+psycopg')}/postgres")
            yield address
        finally:
            server.terminate()
            server.wait(30)


def _wait(address: str) -> None:
    engine = create_engine(address)
    for _ in range(150):
        try:
            with engine.connect():
                break
        except Exception:
            time.sleep(0.2)
    else:
        raise RuntimeError("PostgreSQL does not answer")
    engine.dispose()


@contextmanager
def _database(postgresql: str, name: str, template: str = "template1") -> Iterator[str]:
    """The address of a PostgreSQL database that is a copy of `template`; dropped when the block ends."""
    server = f"{postgresql.replace('postgresql', 'postgresql+psycopg')}/postgres"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        try:
            yield f"{postgresql}/{name}"
        finally:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def database(postgresql: str) -> Iterator[str]:
    """The address of an empty PostgreSQL database of this test's own."""
    with _database(postgresql, f"t_{uuid.uuid4().hex}") as address:
        yield address


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: str) -> Iterator[str]:
    """The name of a database with every migration, for others to be copies of: a migration takes half a second."""
    with _database(postgresql, "migrated") as address:
        connect(address).close()
        yield "migrated"


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with every migration, to copy."""
    path = tmp_path_factory.mktemp("migrated") / "labels.db"
    connect(path).close()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where a database without a table is, or none yet: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        return tmp_path / "home" / "labels.db"
    return request.getfixturevalue("database")


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str | Path]:
    """Where a database with its tables and no rows is: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        yield _copied(request.getfixturevalue("migrated_sqlite"), tmp_path / "home")
    else:
        template = request.getfixturevalue("migrated_postgresql")
        with _database(request.getfixturevalue("postgresql"), f"t_{uuid.uuid4().hex}", template) as copy:
            yield copy


def _copied(database: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy(database, folder))


@pytest.fixture
def store(address: str | Path) -> Iterator[Store]:
    opened = connect(address)
    yield opened
    opened.close()


@pytest.fixture
def sqlite(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Store]:
    """A SQLite store, where the database makes no difference."""
    opened = connect(_copied(migrated_sqlite, tmp_path))
    yield opened
    opened.close()


class Room:
    """An open round and its people: what a test of voting needs."""

    def __init__(self, store: Store, n: int = 8, state: str = "open", name: str = "one", **settings) -> None:
        self.store = store
        made = lifecycle.create(store, name, "judge", ["pocket", "tuned"], RoundSettings(**settings))
        self.round_id = made.round_id
        self.comparisons = [
            Comparison(f"Question {i}?", f"first {i}", f"second {i}", "pocket", "tuned") for i in range(n)
        ]
        lifecycle.add_comparisons(store, self.round_id, self.comparisons)
        if state == "open":
            lifecycle.move(store, self.round_id, "open")

    @property
    def round(self) -> Round:
        return lifecycle.get(self.store, self.round_id)

    def person(self, **kwargs) -> Annotator:
        return annotators.join(self.store, annotators.room(self.store).code, **kwargs)[0]

    def next(self, person: Annotator) -> assignment.Served | None:
        return assignment.next_for(self.store, person, self.round_id)

    def cast(self, person: Annotator, comparison_id: str, winner: str | None = "left", **more) -> vote_casting.Receipt:
        body = {"annotation_id": str(uuid.uuid4()), "comparison_id": comparison_id, "winner": winner} | more
        return vote_casting.cast(self.store, person, vote_casting.Ballot.parse(body))

    def vote(self, person: Annotator, winner: str = "left", **more) -> assignment.Served | None:
        """Judges the next comparison; returns what it was."""
        served = self.next(person)
        if served is not None:
            self.cast(person, served.comparison_id, winner, assignment_id=served.assignment_id, **more)
        return served


@pytest.fixture
def room(store: Store) -> Room:
    return Room(store)
