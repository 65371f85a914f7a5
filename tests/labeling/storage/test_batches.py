"""What a crowd asks for at once: one commit, answers after it, each failure its own."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy import event, select, text

from labeling.admission import annotators
from labeling.storage import tables


@pytest.fixture
def held(sqlite):
    """A store, its executor, and a way to let a lot gather: `go()` lets the thread begin."""
    workers, gate = sqlite.workers(), threading.Event()
    workers.submit(gate.wait)
    yield sqlite, workers, gate.set
    gate.set()
    workers.shutdown()


def named(store, name: str):
    def write() -> str:
        with store.write() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS notes (name TEXT)"))
            connection.execute(text("INSERT INTO notes VALUES (:name)"), {"name": name})
        return name

    return write


def names(store) -> set[str]:
    with store.read() as connection:
        return set(connection.execute(text("SELECT name FROM notes")).scalars())


def test_many_pieces_share_a_commit_and_are_answered_after_it(held):
    store, workers, go = held
    commits, seen_at_commit = [], []
    futures = []

    def count(connection):
        commits.append(1)
        seen_at_commit.append([future.done() for future in futures])

    futures += [workers.submit(named(store, str(i))) for i in range(20)]
    event.listen(store.engine, "commit", count)
    go()
    assert [future.result(10) for future in futures] == [str(i) for i in range(20)]
    assert len(commits) <= 2  # the first lot was the gate alone
    assert not any(seen_at_commit[-1])
    assert names(store) == {str(i) for i in range(20)}


def test_a_piece_that_fails_is_undone_alone(held):
    store, workers, go = held

    def fails():
        named(store, "half")()
        raise ValueError("no")

    def fails_within():
        with store.write() as connection:
            connection.execute(text("INSERT INTO notes VALUES ('within')"))
            raise ValueError("no")

    first = workers.submit(named(store, "one"))
    bad, worse = workers.submit(fails), workers.submit(fails_within)
    last = workers.submit(named(store, "two"))
    go()
    assert (first.result(10), last.result(10)) == ("one", "two")
    for each in (bad, worse):
        with pytest.raises(ValueError, match="no"):
            each.result(10)
    assert names(store) == {"one", "two", "half"}  # its block had ended well before it failed


def test_reads_within_see_what_the_lot_has_written(held):
    store, workers, go = held
    workers.submit(named(store, "one"))
    seen = workers.submit(lambda: names(store))
    go()
    assert seen.result(10) == {"one"}


def test_a_commit_that_fails_is_told_to_everybody(held):
    store, workers, go = held
    workers.submit(named(store, "before")).cancel()

    def broken(connection):
        raise OSError("disk full")

    event.listen(store.engine, "commit", broken)
    futures = [workers.submit(named(store, str(i))) for i in range(3)]
    go()
    for future in futures:
        with pytest.raises(OSError, match="disk full"):
            future.result(10)
    event.remove(store.engine, "commit", broken)
    assert workers.submit(named(store, "after")).result(10) == "after"
    assert names(store) == {"after"}


def test_others_who_write_outside_get_their_turn(held):
    store, workers, go = held
    go()
    code = annotators.room(store).code
    futures = [workers.submit(lambda: annotators.join(store, code)) for _ in range(50)]
    outside = [annotators.join(store, code) for _ in range(5)]
    assert len({future.result(10)[1] for future in futures} | {token for _, token in outside}) == 55
    with store.read() as connection:
        assert len(connection.execute(select(tables.annotators)).all()) == 55


def test_a_lot_that_waits_does_not_hold_up_who_writes_outside(held):
    store, workers, go = held
    go()
    workers.submit(named(store, "first")).result(10)
    with store.write() as connection:
        connection.execute(text("INSERT INTO notes VALUES ('outside')"))
        future = workers.submit(named(store, "lot"))
        while not store._turns._turn.is_wanted:  # the lot's thread stands in line: the commit is left to it
            time.sleep(0.001)
    assert future.result(5) == "lot"  # SQLite itself would wait for half a minute
    assert names(store) == {"first", "outside", "lot"}
