import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import delete, inspect, select, text, update
from sqlalchemy.exc import DatabaseError

from common.errors import AfinaError
from common.unavailable import Unavailable
from labeling import migrations
from labeling.admission import annotators
from labeling.storage import tables
from labeling.storage.label_store import connect, shown
from tests import ROOT


def test_a_new_database_has_the_tables_of_tables_py(store):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
    assert "annotations" in inspect(store.engine).get_table_names()


def test_opening_again_changes_nothing(empty):
    first = connect(empty)
    code = annotators.room(first).code
    first.close()
    second = connect(empty)
    assert annotators.room(second).code == code
    second.close()


@pytest.mark.slow
def test_processes_that_start_together_migrate_once(empty):
    where = f"Path({str(empty)!r})" if isinstance(empty, Path) else repr(empty)
    script = f"from pathlib import Path; from labeling.storage.label_store import connect; connect({where}).close()"
    started = [subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.PIPE) for _ in range(3)]
    for process in started:
        _, error = process.communicate(timeout=120)
        assert process.returncode == 0, error.decode()
    store = connect(empty)
    with store.read() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [NEWEST]
    store.close()


def test_sqlite_is_durable_and_patient(sqlite):
    with sqlite.read() as connection:
        found = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in _PRAGMAS}
    assert found == _PRAGMAS


NEWEST = max(each.stem for each in (ROOT / "labeling/migrations/versions").glob("0*.py")).split("_")[0]
_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 30_000, "foreign_keys": 1}


def test_a_write_takes_the_file_at_once(sqlite):
    other = sqlite3.connect(sqlite.path, timeout=0, isolation_level=None)
    with sqlite.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_a_failed_block_leaves_nothing(store):
    with pytest.raises(ZeroDivisionError), store.write() as connection:
        connection.execute(tables.rooms.insert().values(room_id="r", code="X", created_at=0.0))
        raise ZeroDivisionError("something failed")
    with store.read() as connection:
        assert connection.execute(select(tables.rooms)).all() == []


def test_annotations_only_grow(room):
    person = room.person()
    room.vote(person)
    log = tables.annotation_log
    for change in (update(log).values(winner="tie"), delete(log)):
        with pytest.raises(DatabaseError, match="only grows"), room.store.write() as connection:
            connection.execute(change)


def test_threads_write_in_turn(store):
    def write(i: int) -> None:
        with store.write() as connection:
            row = {"room_id": f"r{i}", "code": f"c{i}", "created_at": float(i)}
            connection.execute(tables.rooms.insert().values(**row))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(200)))
    with store.read() as connection:
        assert len(connection.execute(select(tables.rooms)).all()) == 200


def test_a_failure_among_threads_undoes_its_own_work_alone(store):
    def write(i: int) -> bool:
        try:
            with store.write() as connection:
                row = {"room_id": f"r{i}", "code": f"c{i}", "created_at": float(i)}
                connection.execute(tables.rooms.insert().values(**row))
                if i % 3 == 0:
                    raise ZeroDivisionError(str(i))
        except ZeroDivisionError:
            return False
        with store.read() as connection:  # what has returned can be read by everybody
            found = connection.execute(select(tables.rooms).where(tables.rooms.c.room_id == f"r{i}")).all()
        return len(found) == 1

    with ThreadPoolExecutor(16) as pool:
        done = list(pool.map(write, range(150)))
    assert done == [i % 3 != 0 for i in range(150)]
    with store.read() as connection:
        assert len(connection.execute(select(tables.rooms)).all()) == 100


def test_threads_share_a_commit(sqlite):
    from sqlalchemy import event

    commits = []
    event.listen(sqlite.engine, "commit", commits.append)

    def write(i: int) -> None:
        with sqlite.write() as connection:
            connection.execute(tables.rooms.insert().values(room_id=f"r{i}", code=f"c{i}", created_at=0.0))
            time.sleep(0.002)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write, range(160)))
    assert len(commits) < 80


def test_a_commit_that_fails_is_told_to_all_who_share_it(sqlite):
    from sqlalchemy import event

    def fail(connection):
        raise OSError("no space left on device")

    event.listen(sqlite.engine, "commit", fail)

    def write(i: int) -> str:
        try:
            with sqlite.write() as connection:
                connection.execute(tables.rooms.insert().values(room_id=f"r{i}", code=f"c{i}", created_at=0.0))
        except Unavailable:
            return "told"
        return "lost"

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(write, range(40))) == {"told"}
    event.remove(sqlite.engine, "commit", fail)
    with sqlite.write() as connection:
        assert connection.execute(select(tables.rooms)).all() == []


def test_addresses_that_are_none():
    for address in ("mysql://a:secret@b/c", "nonsense"):
        with pytest.raises(AfinaError) as caught:
            connect(address)
        assert caught.value.key == "label.database_url"
        assert "secret" not in str(caught.value)


def test_a_database_that_does_not_answer_is_named_without_its_password():
    with pytest.raises(AfinaError) as caught:
        connect("postgres://me:secret@127.0.0.1:1/none")
    assert caught.value.key == "label.database"
    assert "secret" not in str(caught.value) and "127.0.0.1:1" in str(caught.value)


def test_the_address_shown_hides_the_password(sqlite):
    assert str(sqlite.path) in shown(sqlite.engine)


def test_a_database_at_the_last_step_is_known_without_alembic(store):
    with store.write() as connection:
        assert migrations.is_current(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
        assert not migrations.is_current(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        assert not migrations.is_current(connection)
