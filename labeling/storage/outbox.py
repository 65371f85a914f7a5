"""What has changed since the last backup: the database itself writes it down, in the same transaction as the change.

Triggers put the key of every row that is added or changed into `backup_outbox`; who has copied a row elsewhere takes
its key out. So nothing is missed by a crash between a vote and its copy, nor by a second process. The table and its
triggers exist only where a backup is configured. Knows nothing of where copies go.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, func, inspect, select, text, tuple_
from sqlalchemy import insert as insert_into

from labeling.storage.tables import metadata

if TYPE_CHECKING:
    from labeling.storage.label_store import Store

# How a row is known where its number in the table means nothing elsewhere.
IDENTITY = {
    "annotations": ("annotation_id",),
    "ratings": ("rating_id",),
    "transitions": ("round_id", "to_state", "at"),
    "exclusions": ("kind", "target_id", "at"),
}
MOST = 5_000  # changes in one fragment
_CHUNK = 400  # keys in one query


@dataclass(frozen=True)
class Change:
    """A row as it is now. `row` has JSON values alone."""

    table: str
    key: tuple[Any, ...]
    row: dict[str, Any]


@dataclass(frozen=True)
class Batch:
    changes: tuple[Change, ...]
    seqs: tuple[int, ...]  # of the outbox: what `settle` takes out
    more: bool


def tables() -> list[Table]:
    """Every table of the schema that a backup holds, parents first."""
    return [table for table in metadata.sorted_tables if not table.info.get("private")]


def key_of(table: Table) -> tuple[str, ...]:
    """The columns by which a row is found in this database."""
    return tuple(column.name for column in table.primary_key.columns)


def install(store: Store, target: str, complete: bool = False) -> None:
    """Makes the outbox and its triggers; a new `target` gets every row there is, unless it is `complete` already."""
    with store.write() as connection:
        store.lock(connection, "backup")
        seq = "INTEGER PRIMARY KEY" if store.sqlite else "BIGSERIAL PRIMARY KEY"
        make = "CREATE TABLE IF NOT EXISTS"
        connection.exec_driver_sql(f"{make} backup_outbox (seq {seq}, tbl TEXT NOT NULL, row_key TEXT NOT NULL)")
        connection.exec_driver_sql(f"{make} backup_target (target TEXT NOT NULL)")
        for table in tables():
            _watch(connection, table, store.sqlite)
        known = connection.execute(text("SELECT target FROM backup_target")).scalar()
        if known == target:
            return
        connection.execute(text("DELETE FROM backup_outbox"))
        connection.execute(text("DELETE FROM backup_target"))
        connection.execute(text("INSERT INTO backup_target VALUES (:target)"), {"target": target})
        for table in () if complete else tables():
            key = _json_key(table, "", store.sqlite)
            connection.exec_driver_sql(
                f"INSERT INTO backup_outbox (tbl, row_key) SELECT '{table.name}', {key} FROM {table.name}"
            )


def pending(store: Store) -> int:
    """How many changes wait for their copy."""
    with store.read() as connection:
        if not inspect(connection).has_table("backup_outbox"):
            return 0
        return int(connection.execute(text("SELECT count(*) FROM backup_outbox")).scalar_one())


def collect(store: Store) -> Batch:
    """The oldest changes and the rows as they are, all seen at one moment."""
    with store.engine.connect() as connection:
        if not store.sqlite:
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        query = text("SELECT seq, tbl, row_key FROM backup_outbox ORDER BY seq LIMIT :most")
        waiting = connection.execute(query, {"most": MOST}).all()
        keys: dict[str, dict[tuple, None]] = defaultdict(dict)
        for each in waiting:
            keys[each.tbl][tuple(json.loads(each.row_key))] = None
        found: list[Change] = []
        for table in tables():
            found += _rows(connection, table, list(keys.get(table.name, ())))
    return Batch(tuple(found), tuple(each.seq for each in waiting), len(waiting) == MOST)


def settle(store: Store, batch: Batch) -> None:
    """Takes out what has been copied, and only that."""
    with store.write() as connection:
        for start in range(0, len(batch.seqs), _CHUNK):
            part = ", ".join(str(int(seq)) for seq in batch.seqs[start : start + _CHUNK])
            connection.exec_driver_sql(f"DELETE FROM backup_outbox WHERE seq IN ({part})")


def is_empty(store: Store) -> bool:
    """Whether nothing has ever been kept here."""
    with store.read() as connection:
        return all(connection.execute(select(func.count()).select_from(table)).scalar_one() == 0 for table in tables())


def insert_rows(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Adds rows in their order. Columns that this schema does not know are left out; missing ones take defaults."""
    known = {column.name for column in table.columns}
    if "seq" in known and table.name in IDENTITY:
        known.discard("seq")  # the database counts anew
    for start in range(0, len(rows), _CHUNK):
        part = [{k: v for k, v in row.items() if k in known} for row in rows[start : start + _CHUNK]]
        for _, alike in groupby(part, key=sorted):  # rows of an older schema have fewer columns
            connection.execute(insert_into(table), list(alike))


def _rows(connection: Connection, table: Table, keys: list[tuple]) -> list[Change]:
    columns = [table.c[name] for name in key_of(table)]
    changes = []
    for start in range(0, len(keys), _CHUNK):
        matches = tuple_(*columns).in_(keys[start : start + _CHUNK])
        for row in connection.execute(select(table).where(matches)):
            values = {str(name): value for name, value in row._mapping.items()}
            key = tuple(values[name] for name in IDENTITY.get(table.name, key_of(table)))
            changes.append(Change(table.name, key, values))
    return changes


def _json_key(table: Table, prefix: str, sqlite: bool) -> str:
    """SQL for a row's key as a JSON list."""
    columns = ", ".join(f'{prefix}"{name}"' for name in key_of(table))
    return f"json_array({columns})" if sqlite else f"json_build_array({columns})::text"


def _watch(connection: Connection, table: Table, sqlite: bool) -> None:
    """The triggers of one table."""
    add = f"INSERT INTO backup_outbox (tbl, row_key) VALUES ('{table.name}', {_json_key(table, 'NEW.', sqlite)})"
    name = f"backup_{table.name}"
    if sqlite:
        for event in ("INSERT", "UPDATE"):
            connection.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS {name}_{event.lower()} AFTER {event} ON {table.name} BEGIN {add}; END"
            )
        return
    connection.exec_driver_sql(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$body$ BEGIN {add}; RETURN NULL; END $body$"
    )
    connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name} ON {table.name}")
    connection.exec_driver_sql(
        f"CREATE TRIGGER {name} AFTER INSERT OR UPDATE ON {table.name} FOR EACH ROW EXECUTE FUNCTION {name}()"
    )
