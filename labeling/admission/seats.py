"""A room's door, as the teacher handles it: seats, who came in, joinings undone. No vote is ever deleted.

Kept in the database, so that several apps share it. Who is let in is decided in `admission`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from common.errors import AfinaError
from labeling.admission import annotators, vote_counts, vote_standing
from labeling.admission.joining import LESSON, SEATED
from labeling.schema import now
from labeling.storage import tables
from labeling.storage.label_store import Store
from labeling.storage.tables import rooms

UNDONE = "undone"  # the reason under which an undone person's votes are left out
MOST = 100_000  # seats
RECENT = 10.0  # seconds: what "just joined" means
_PAUSE = 10.0  # seconds without a joining that end a burst
_LONGEST = 900.0  # seconds of joinings that one tap undoes at most

_CROWDS = ("anonymous", "burst")  # the surer sign first; who only joins again on one device is no crowd
_DOUBTED = SEATED & (tables.annotators.c.doubt != "")


@dataclass(frozen=True)
class Door:
    """Who came in, as the teacher sees it."""

    seats: int | None  # None: no limit
    closed: bool
    inside: int  # in this lesson
    recent: int  # joined in the last `RECENT` seconds
    doubted: int  # of those inside
    undone: int
    last: int  # joinings that `undo` would undo now
    since: float | None  # when the first of them was


def set_seats(store: Store, n: int | None, closed: bool | None = None) -> None:
    """Sets the number of seats (None: no limit) and whether the door is closed (None: as it is).

    Raises: AfinaError `label.number`.
    """
    if n is not None and (isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST):
        raise AfinaError("label.number", name="seats", value=n, low=1, high=MOST)
    here = annotators.room(store)
    values: dict = {"seats": n} | ({} if closed is None else {"closed": closed})
    with store.write() as connection:
        connection.execute(update(rooms).where(rooms.c.room_id == here.room_id).values(**values))


def door(store: Store) -> Door:
    here = annotators.room(store)
    at = now()
    lesson = {"lesson": at - LESSON}
    with store.read() as connection:
        count = select(func.count()).select_from(tables.annotators)
        inside = connection.execute(count.where(SEATED), lesson).scalar_one()
        doubted = connection.execute(count.where(_DOUBTED), lesson).scalar_one()
        undone = connection.execute(count.where(tables.annotators.c.undone_at.is_not(None))).scalar_one()
        just = count.where(SEATED, tables.annotators.c.created_at > at - RECENT)
        recent = connection.execute(just, lesson).scalar_one()
        last = _last(connection, at)
    return Door(
        here.seats,
        bool(here.closed),
        inside,
        recent,
        doubted,
        undone,
        len(last),
        last[0][1] if last else None,
    )


def undo(store: Store, since: float | None = None) -> int:
    """Takes joinings back; how many. Their tokens stop working, their leases are free, their votes are left out.

    Without `since` (seconds since 1970): the doubted ones of those who came last, or all who came in the last
    crowd where none is doubted.
    """
    with store.write() as connection:
        store.alone(connection)
        if since is None:
            ids = [each for each, _ in _last(connection, now())]
        else:
            query = select(tables.annotators.c.annotator_id).where(SEATED, tables.annotators.c.created_at >= since)
            ids = list(connection.execute(query, {"lesson": now() - LESSON}).scalars())
        vote_standing.mark(connection, ids, undone_at=now())
        vote_standing.exclude(connection, "annotator", ids, UNDONE)
        vote_counts.of_people(connection, ids)
    return len(ids)


def take_back(store: Store) -> int:
    """Lets everybody in again whose joining was undone, their votes too; how many."""
    gone = select(tables.annotators.c.annotator_id).where(tables.annotators.c.undone_at.is_not(None))
    with store.write() as connection:
        store.alone(connection)
        ids = list(connection.execute(gone).scalars())
        vote_standing.mark(connection, ids, undone_at=None)
        reasons = vote_standing.excluded(connection)["annotator"]
        again = [each for each in ids if reasons.get(each) == UNDONE]
        vote_standing.exclude(connection, "annotator", again, None)
        vote_counts.of_people(connection, ids)
    return len(ids)


def trust(store: Store) -> int:
    """Doubts nobody who is inside any more: they are the class. How many."""
    with store.write() as connection:
        store.alone(connection)
        query = select(tables.annotators.c.annotator_id).where(_DOUBTED)
        ids = list(connection.execute(query, {"lesson": now() - LESSON}).scalars())
        vote_standing.mark(connection, ids, doubt="")
        vote_counts.of_people(connection, ids)
    return len(ids)


def _last(connection: Connection, at: float) -> Sequence[tuple[str, float]]:
    """(annotator_id, when) of those who would be undone now, the first of them first."""
    query = select(tables.annotators.c.annotator_id, tables.annotators.c.created_at, tables.annotators.c.doubt)
    recent = query.where(SEATED, tables.annotators.c.created_at > at - _LONGEST)
    recent = recent.order_by(tables.annotators.c.created_at.desc())
    rows = connection.execute(recent, {"lesson": at - LESSON}).all()
    for why in _CROWDS:
        if any(row.doubt == why for row in rows):
            of = (why, "repeat")
            return [(row.annotator_id, row.created_at) for row in reversed(rows) if row.doubt in of]
    crowd: list[tuple[str, float]] = []
    for row in rows:
        if crowd and crowd[-1][1] - row.created_at > _PAUSE:
            break
        crowd.append((row.annotator_id, row.created_at))
    return crowd[::-1]
