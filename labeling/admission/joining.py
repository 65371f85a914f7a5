"""Who is let in, and whose joining is doubted.

A script that knows the room's code can join as often as it likes, and nothing tells its tokens from people's for sure.
So nobody is refused on a suspicion: a doubted joining takes no seat and no place from anybody else.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, bindparam, func, select

from common.errors import NotAllowed
from labeling.admission import vote_counts, vote_standing
from labeling.schema import Doubt, now
from labeling.storage.label_store import Store
from labeling.storage.tables import annotators, rooms

# Without a cookie come a few phones of a class, with one come all at once when a code is shown: so many are no class.
_ANONYMOUS = ((20, 10.0), (40, 300.0))  # joinings without a cookie, within so many seconds
_BURST = ((60, 1.0), (150, 5.0))  # of browsers with cookies

_CAME = annotators.c.kind == "voter"
INSIDE = (
    _CAME
    & annotators.c.revoked_at.is_(None)
    & annotators.c.withdrawn_at.is_(None)
    & annotators.c.undone_at.is_(None)
    & annotators.c.left_out.is_(False)
)
SINCE = _CAME & (annotators.c.created_at > bindparam("since"))
# Who sits in the room: who came by the door (no script of the teacher's), in this lesson.
SEATED = INSIDE & annotators.c.device.is_not(None) & (annotators.c.created_at > bindparam("lesson"))
LESSON = 12 * 3600.0  # seconds: on another day the same browser is another person, and yesterday's class is gone
_ANOTHER = (
    select(annotators.c.annotator_id)
    .where(INSIDE, annotators.c.created_at > bindparam("since"), annotators.c.device == bindparam("device"))
    .limit(1)
)
_HERE = select(rooms.c.seats, rooms.c.closed).where(rooms.c.room_id == bindparam("room"))


def admit(store: Store, connection: Connection, room_id: str, device: str | None) -> Doubt:
    """Lets somebody in, or not; whether their joining is doubted. `device` None: nobody asks (a test, a script).

    Raises: NotAllowed `label.door_closed`, `label.full`.
    """
    doubt = _doubt(store, connection, device)
    here = connection.execute(_HERE, {"room": room_id}).one()
    if here.closed:
        raise NotAllowed("label.door_closed")
    if here.seats is None:
        return doubt
    store.alone(connection)
    inside = select(func.count()).where(SEATED, annotators.c.room_id == room_id)
    if not doubt:  # a seat is never taken by somebody doubted from somebody who is not
        inside = inside.where(annotators.c.doubt == "")
    if connection.execute(inside, {"lesson": now() - LESSON}).scalar_one() >= here.seats:
        raise NotAllowed("label.full", n=here.seats)
    return doubt


def _doubt(store: Store, connection: Connection, device: str | None) -> Doubt:
    if device is None:
        return ""
    at = now()
    if device:
        if connection.execute(_ANOTHER, {"since": at - LESSON, "device": device}).first():
            return "repeat"
        return _found(store, connection, "burst", _BURST, annotators.c.device != "", at)
    return _found(store, connection, "anonymous", _ANONYMOUS, annotators.c.device == "", at)


def _found(
    store: Store,
    connection: Connection,
    why: Doubt,
    limits: tuple[tuple[int, float], ...],
    of: ColumnElement[bool],
    at: float,
) -> Doubt:
    """`why` if one more is too many; those of the crowd who came first are doubted from now on too."""
    last = select(annotators.c.doubt).where(SINCE, of).order_by(annotators.c.created_at.desc()).limit(1)
    if connection.execute(last, {"since": at - limits[0][1]}).scalar() == why:  # the crowd goes on: no need to count
        return why
    query = select(func.count()).where(SINCE, of)
    for many, seconds in limits:
        since = at - seconds
        if connection.execute(query, {"since": since}).scalar_one() + 1 < many:
            continue
        before = select(annotators.c.annotator_id).where(SINCE, of, annotators.c.doubt == "")
        ids = list(connection.execute(before, {"since": since}).scalars())
        if ids:
            store.alone(connection)
            vote_standing.mark(connection, ids, doubt=why)
            vote_counts.of_people(connection, ids)
        return why
    return ""
