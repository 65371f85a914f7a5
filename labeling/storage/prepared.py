"""A statement that every vote needs: compiled once, then given to SQLite's driver as it is.

SQLAlchemy spends ten times as long on the way to SQLite as SQLite on the answer, and a class's votes share one core.
Other databases are further away than that, and take the plain way. Knows no tables.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.sql import ClauseElement

_SQLITE = SQLiteDialect_pysqlite()
_Turn = Callable[[Any], Any] | None


class Prepared:
    """A statement and its way to the database.

    Args:
        statement: with named parameters; an insert takes those in `columns`.
        columns: *optional*. The columns that an insert fills.
    """

    def __init__(self, statement: Any, columns: tuple[str, ...] | None = None) -> None:
        self._statement, self._columns = statement, columns

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> None:
        """Executes it, for its effect alone."""
        if connection.dialect.name == "sqlite":
            self._execute(connection, parameters)
        else:
            connection.execute(self._statement, dict(parameters))

    def all(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        """Its rows, columns as attributes."""
        if connection.dialect.name != "sqlite":
            return list(connection.execute(self._statement, dict(parameters)).all())
        make, turns = self._results
        rows = self._execute(connection, parameters).fetchall()
        if not turns:
            return [make(*row) for row in rows]
        return [self._row(row) for row in rows]

    def first(self, connection: Connection, parameters: Mapping[str, Any]) -> Any:
        """Its first row, or None. The others are not asked for: a cursor left open would hold a read."""
        rows = self.all(connection, parameters)
        return rows[0] if rows else None

    def _execute(self, connection: Connection, parameters: Mapping[str, Any]) -> Any:
        sql, fixed, names = self._compiled
        values = {**fixed, **parameters} if fixed else parameters
        driver: Any = connection.connection.driver_connection
        return driver.execute(sql, [turn(values[name]) if turn else values[name] for name, turn in names])

    def _row(self, row: tuple) -> Any:
        make, turns = self._results
        values = list(row)
        for i, turn in turns:
            values[i] = turn(values[i])
        return make(*values)

    @cached_property
    def _clause(self) -> Any:
        statement: ClauseElement = self._statement
        return statement.compile(dialect=_SQLITE, column_keys=list(self._columns) if self._columns else None)

    @cached_property
    def _compiled(self) -> tuple[str, dict[str, Any], list[tuple[str, _Turn]]]:
        """The SQL, the statement's own values, and for each `?` its name and what turns a value into SQLite's."""
        binds = self._clause.binds
        names: list[str] = self._clause.positiontup
        fixed = {name: binds[name].value for name in names if not binds[name].required}
        turns = [binds[name].type.dialect_impl(_SQLITE).bind_processor(_SQLITE) for name in names]
        return str(self._clause), fixed, list(zip(names, turns, strict=True))

    @cached_property
    def _results(self) -> tuple[Callable[..., Any], list[tuple[int, Callable[[Any], Any]]]]:
        """What makes a row, and what turns SQLite's values at which place into Python's."""
        columns = list(self._statement.selected_columns)
        processors = [each.type.dialect_impl(_SQLITE).result_processor(_SQLITE, None) for each in columns]
        turns = [(i, turn) for i, turn in enumerate(processors) if turn is not None]
        return namedtuple("Row", [each.key for each in columns]), turns
