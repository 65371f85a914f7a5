"""A round's guidelines: Markdown for the annotators, versioned; every annotation carries the version it saw."""

from __future__ import annotations

from sqlalchemy import insert, select, update

from labeling.schema import now, text_of
from labeling.storage.label_store import Store
from labeling.storage.tables import guidelines as table
from labeling.storage.tables import rounds


def write(store: Store, round_id: str, markdown: str) -> int:
    """Keeps a new version of the guidelines; annotations from now on carry its number."""
    text_of("guidelines", markdown)
    with store.write() as connection:
        store.lock(connection, f"round {round_id}")
        query = select(rounds.c.guidelines_version).where(rounds.c.round_id == round_id)
        version = connection.execute(query).scalar_one() + 1
        values = {"round_id": round_id, "version": version, "text": markdown, "created_at": now()}
        connection.execute(insert(table).values(**values))
        change = update(rounds).where(rounds.c.round_id == round_id)
        connection.execute(change.values(guidelines_version=version))
    return version


def read(store: Store, round_id: str, version: int | None = None) -> str:
    """The guidelines' text, the newest by default; empty where there are none."""
    query = select(table.c.text).where(table.c.round_id == round_id)
    if version is not None:
        query = query.where(table.c.version == version)
    with store.read() as connection:
        return connection.execute(query.order_by(table.c.version.desc())).scalars().first() or ""
