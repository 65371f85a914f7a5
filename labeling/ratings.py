"""Ratings of single replies, thumbs or a Likert scale, given in the chat or beside a comparison: the data of KTO."""

from __future__ import annotations

from sqlalchemy import insert, select

from common.split import split
from labeling import people
from labeling.schema import Rating
from labeling.store import Store
from labeling.tables import ratings


def keep(store: Store, rating: Rating) -> None:
    """Keeps a rating, once per `rating_id`."""
    with store.write() as connection:
        store.lock(connection, f"rating {rating.rating_id}")
        query = select(ratings.c.seq).where(ratings.c.rating_id == rating.rating_id)
        if connection.execute(query).first() is None:
            values = {name: getattr(rating, name) for name in rating.__dataclass_fields__}
            values |= {"prompt": list(rating.prompt), "split": split(rating.prompt)}
            connection.execute(insert(ratings).values(**values))


def counting(store: Store) -> list[Rating]:
    """All ratings by people who neither withdrew nor were excluded, oldest first."""
    with store.read() as connection:
        gone = people.excluded(connection)["annotator"]
        rows = connection.execute(select(ratings).order_by(ratings.c.seq)).all()
    fields = Rating.__dataclass_fields__
    return [
        Rating(**{name: getattr(row, name) for name in fields})
        for row in rows
        if row.annotator_id not in gone
    ]
