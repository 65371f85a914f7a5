"""The short way to SQLite gives what SQLAlchemy's own way gives."""

from __future__ import annotations

import pytest
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import StatementError

from labeling.storage.prepared import Prepared
from labeling.storage.tables import annotation_log, comparisons, prompts
from tests.labeling.conftest import Room

_BY = comparisons.c.comparison_id == bindparam("comparison")


def test_rows_are_those_of_the_long_way(store):
    room = Room(store, n=3)
    query = select(comparisons).where(comparisons.c.round_id == bindparam("round")).order_by("position")
    given = {"round": room.round_id}
    with store.read() as connection:
        short = Prepared(query).all(connection, given)
        long = connection.execute(query, given).all()
        assert [tuple(each) for each in short] == [tuple(each) for each in long] and len(short) == 3
        first = Prepared(query.limit(1)).first(connection, given)  # a value of the statement's own
        assert first.prompt == [{"role": "user", "content": "Question 0?"}] and first.is_gold is False
        assert Prepared(select(comparisons).where(_BY)).first(connection, {"comparison": "none"}) is None


def test_what_is_written_is_what_the_long_way_writes(store):
    room = Room(store, n=1)
    columns = ("round_id", "position", "prompt", "split", "state")
    given = {"round_id": room.round_id, "split": "train", "state": "waiting"}
    prompt = [{"role": "user", "content": "¿Qué? 'quoted' \N{GRINNING FACE}"}]
    with store.write() as connection:
        Prepared(insert(prompts), columns).run(connection, given | {"position": 10, "prompt": prompt})
        connection.execute(insert(prompts), given | {"position": 11, "prompt": prompt})
        change = update(prompts).where(prompts.c.position == bindparam("at")).values(state=bindparam("to"))
        Prepared(change).run(connection, {"at": 10, "to": "dropped"})
        short, long = connection.execute(select(prompts).order_by("position")).all()
    assert (short.prompt, short.reason, short.state) == (long.prompt, None, "dropped")


def test_a_missing_value_is_an_error(store):
    one = Prepared(select(annotation_log).where(annotation_log.c.annotation_id == bindparam("annotation")))
    with store.read() as connection, pytest.raises((KeyError, StatementError)):
        one.first(connection, {})
