"""Ratings of single replies, thumbs or a Likert scale, given in the chat or beside a comparison: the data of KTO.

The table only grows. A person's newest rating of a reply counts; taking it back is a row of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy import Connection, insert, select

from common.split import Side, split
from labeling.admission import annotators
from labeling.schema import Rating, new_id, now
from labeling.storage.label_store import Store
from labeling.storage.tables import ratings


def keep(store: Store, rating: Rating) -> None:
    """Keeps a rating, once per `rating_id`."""
    with store.write() as connection:
        store.lock(connection, f"rating {rating.rating_id}")
        query = select(ratings.c.seq).where(ratings.c.rating_id == rating.rating_id)
        if connection.execute(query).first() is None:
            _add(connection, rating)


def change(store: Store, rating: Rating, *, take_back: bool = False) -> bool:
    """Makes `rating` the person's only one of this reply, or takes theirs back; whether anything changed."""
    with store.write() as connection:
        store.lock(connection, f"ratings of {rating.annotator_id}")
        same = [each for each in _alike(connection, rating) if _reply(each) == _reply(rating)]
        standing = next(iter(newest(same)), None)
        if take_back:
            mine = [each for each in newest(same) if each.policy == rating.policy]
            if not mine:
                return False
            rating = replace(mine[0], taken_back=True)
        elif standing and (standing.policy, standing.value) == (rating.policy, rating.value):
            return False
        _add(connection, replace(rating, rating_id=new_id(), created_at=now()))
    return True


def counting(store: Store) -> list[Rating]:
    """The ratings that count, oldest first: the newest per person and reply, not taken back.

    Those of people who withdrew or were excluded are left out.
    """
    with store.read() as connection:
        gone = annotators.excluded(connection)["annotator"]
        rows = connection.execute(select(ratings).order_by(ratings.c.seq)).all()
    return newest(_rating(row) for row in rows if row.annotator_id not in gone)


def of_policies(store: Store, policies: Iterable[str], side: Side | None = None) -> list[Rating]:
    """The counting ratings of replies by these policies: what a round's export and its KTO run take."""
    names = {name for each in policies for name in (each, each.rpartition("@")[0]) if name}
    found = [each for each in counting(store) if {each.policy, each.policy.rpartition("@")[0]} & names]
    return [each for each in found if side in (None, split(each.prompt))]


def newest(ratings: Iterable[Rating]) -> list[Rating]:
    """Of ratings in the order in which they were given: the last one per person and reply, without those taken back.

    Taking back concerns the reply of one policy: the same words by another policy keep their rating.
    """
    by_policy: dict[tuple[str, ...], tuple[int, Rating]] = {}
    for place, each in enumerate(ratings):
        by_policy[*_reply(each), each.annotator_id, each.policy] = (place, each)
    standing: dict[tuple[str, ...], tuple[int, Rating]] = {}
    for place, each in sorted(by_policy.values(), key=lambda one: one[0]):
        if not each.taken_back:
            standing[*_reply(each), each.annotator_id] = (place, each)
    return [each for _, each in sorted(standing.values(), key=lambda one: one[0])]


def _reply(rating: Rating) -> tuple[str, str]:
    """What was rated: the conversation and the reply to it."""
    return json.dumps(rating.prompt, ensure_ascii=False, sort_keys=True), rating.completion


def _alike(connection: Connection, rating: Rating) -> list[Rating]:
    """The same person's ratings of the same words, oldest first."""
    same = (ratings.c.annotator_id == rating.annotator_id) & (ratings.c.completion == rating.completion)
    query = select(ratings).where(same).order_by(ratings.c.seq)
    return [_rating(row) for row in connection.execute(query)]


def _add(connection: Connection, rating: Rating) -> None:
    values = {name: getattr(rating, name) for name in rating.__dataclass_fields__}
    values |= {"prompt": list(rating.prompt), "split": split(rating.prompt)}
    connection.execute(insert(ratings).values(**values))


def _rating(row: object) -> Rating:
    return Rating(**{name: getattr(row, name) for name in Rating.__dataclass_fields__})
