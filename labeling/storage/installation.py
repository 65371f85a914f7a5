"""Keeps values that all apps on one database share. They are in no backup and no export."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from labeling.storage.label_store import Store
from labeling.storage.tables import installation


def shared(store: Store, name: str, first: str) -> str:
    """Gives the value of `name`; where there is none, `first` becomes it. Of several apps that start, one wins."""
    insert = sqlite.insert if store.sqlite else postgresql.insert
    with store.write() as connection:
        connection.execute(
            insert(installation).values(name=name, value=first).on_conflict_do_nothing(index_elements=["name"])
        )
        return connection.execute(select(installation.c.value).where(installation.c.name == name)).scalar_one()
