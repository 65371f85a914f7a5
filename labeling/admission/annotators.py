"""Who judges: a room's code, random tokens, invitations, exclusions, withdrawal. No name, no address is kept.

A token is handed out once and stored as its hash; `annotator_id` is what exports and reports show.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from common import languages
from common.errors import AfinaError, NotAllowed, NotFound
from common.languages import ENGLISH
from labeling.admission import joining, vote_counts, vote_standing
from labeling.admission.vote_standing import excluded
from labeling.schema import Annotator, new_id, now, text_of
from labeling.storage.label_store import Store
from labeling.storage.tables import annotation_log, annotators, rooms, trained

_CODE_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none that is mistaken for another on a projector
_CODE_LENGTH = 6


_BY_TOKEN = select(annotators).where(annotators.c.token_hash == bindparam("token"))
_BY_ID = select(annotators).where(annotators.c.annotator_id == bindparam("annotator"))
_ROOM_BY_CODE = select(rooms).where(rooms.c.code == bindparam("code"))
_ADD = insert(annotators)
_DEPARTURES = select(
    *(
        f(c)
        for c in (annotators.c.revoked_at, annotators.c.withdrawn_at, annotators.c.undone_at)
        for f in (func.count, func.max)
    )
)


def room(store: Store) -> Row:
    """The installation's room (`room_id`, `code`), made when first asked for."""
    with store.read() as connection:
        row = connection.execute(select(rooms).order_by(rooms.c.created_at)).first()
    if row:
        return row
    with store.write() as connection:
        store.lock(connection, "room")
        row = connection.execute(select(rooms).order_by(rooms.c.created_at)).first()
        if not row:
            code = "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
            connection.execute(insert(rooms).values(room_id=new_id(), code=code, created_at=now()))
            row = connection.execute(select(rooms)).one()
    return row


def join(
    store: Store, code: object, language: object = ENGLISH, group: str = "", device: str | None = None
) -> tuple[Annotator, str]:
    """A new annotator of the room with `code`, and the token that proves who they are.

    Args:
        device: *optional*. The number of the browser that asks, "" if it shows none; None where nobody asks for one,
            as in a script of the teacher's: then there is always a seat.

    Raises: NotFound `label.no_room` for a wrong code; NotAllowed as `labeling.admission.joining.admit`.
    """
    room_code = text_of("room", code, 64).strip().upper()
    with store.read() as connection:
        found = connection.execute(_ROOM_BY_CODE, {"code": room_code}).first()
    if not found:
        raise NotFound("label.no_room", code=code)
    return _add(store, found.room_id, "voter", languages.known(language), group, 0, device)


def invite(store: Store, group: str = "", quota: int = 0, language: str = ENGLISH) -> tuple[Annotator, str]:
    """An annotator of a team, under a pseudonym: the same token works on every device until it is revoked."""
    if isinstance(quota, bool) or not isinstance(quota, int) or not 0 <= quota <= 100_000:
        raise AfinaError("label.number", name="quota", value=quota, low=0, high=100_000)
    return _add(store, room(store).room_id, "invited", language, group, quota)


def simulate(store: Store) -> Annotator:
    """An annotator who is not there (`labeling.rounds.simulated_annotators`): nobody is given the token."""
    return _add(store, room(store).room_id, "simulated", ENGLISH, "", 0)[0]


def rater(store: Store, annotator_id: str, language: str = ENGLISH) -> None:
    """Makes the annotator behind somebody's ratings in the chat, once.

    It has no token: nobody can vote with it, and it takes no seat.
    """
    room_id = room(store).room_id
    with store.write() as connection:
        store.lock(connection, f"annotator {annotator_id}")
        if connection.execute(_BY_ID, {"annotator": annotator_id}).first() is None:
            values = {
                "annotator_id": annotator_id,
                "room_id": room_id,
                "kind": "rater",
                "group": "",
                "quota": 0,
            }
            connection.execute(insert(annotators).values(**values, language=language, created_at=now()))


def known(store: Store, annotator_id: str) -> bool:
    """Whether there is such an annotator."""
    with store.read() as connection:
        return connection.execute(_BY_ID, {"annotator": annotator_id}).first() is not None


def _add(
    store: Store, room_id: str, kind: str, language: str, group: str, quota: int, device: str | None = None
) -> tuple[Annotator, str]:
    token = secrets.token_urlsafe(24)
    values = {
        "annotator_id": new_id(),
        "room_id": room_id,
        "kind": kind,
        "language": language,
        "group": text_of("group", group, 100),
        "quota": quota,
        "created_at": now(),
        "device": device,
        "doubt": "",
    }
    with store.write() as connection:
        if device is not None:
            values["doubt"] = joining.admit(store, connection, room_id, device)
        connection.execute(_ADD, values | {"token_hash": _hash(token)})
    return Annotator(**values), token  # type: ignore[arg-type]


def identify(store: Store, token: object) -> Annotator:
    """Whose token it is.

    Raises: NotAllowed `label.token` for an unknown token, `label.revoked`, `label.withdrawn`, `label.undone`.
    """
    with store.read() as connection:
        row = (
            connection.execute(_BY_TOKEN, {"token": _hash(token)}).first()
            if isinstance(token, str) and 0 < len(token) <= 200
            else None
        )
    if row is None:
        raise NotAllowed("label.token")
    person = _annotator(row)
    if person.withdrawn_at is not None:
        raise NotAllowed("label.withdrawn")
    if person.revoked_at is not None:
        raise NotAllowed("label.revoked")
    if person.undone_at is not None:
        raise NotAllowed("label.undone")
    return person


def departures(store: Store) -> tuple:
    """A value that changes when somebody's token stops working, or works again."""
    with store.read() as connection:
        return tuple(connection.execute(_DEPARTURES).one())


def listed(store: Store) -> list[Annotator]:
    """All annotators, oldest first."""
    with store.read() as connection:
        rows = connection.execute(select(annotators).order_by(annotators.c.created_at)).all()
    return [_annotator(row) for row in rows]


def revoke(store: Store, annotator_id: str) -> None:
    """The annotator's token stops working; their votes stay."""
    _mark(store, annotator_id, revoked_at=now())


def withdraw(store: Store, annotator_id: str) -> list[str]:
    """Takes an annotator's consent back: their votes count no more.

    Returns the runs that these votes trained.
    """
    with store.write() as connection:
        store.alone(connection)
        _require(connection, annotator_id)
        vote_standing.mark(connection, [annotator_id], withdrawn_at=now())
        _exclude(connection, "annotator", annotator_id, "withdrawn")
        theirs = (
            select(trained.c.run_id)
            .join(annotation_log, annotation_log.c.annotation_id == trained.c.annotation_id)
            .where(annotation_log.c.annotator_id == annotator_id)
        )
        return sorted(connection.execute(theirs.distinct()).scalars())


def exclude(store: Store, kind: str, target_id: str, reason: str | None) -> None:
    """Leaves an annotator's votes, or one annotation, out of every count; `reason` None takes it back.

    Raises: NotFound for an unknown target, NotAllowed for somebody who has withdrawn.
    """
    if reason is not None and not reason.strip():
        raise AfinaError("label.no_reason")
    with store.write() as connection:
        store.alone(connection)
        if kind == "annotator":
            person = _require(connection, target_id)
            if person.withdrawn_at is not None:
                raise NotAllowed("label.withdrawn")
        else:
            known = select(annotation_log.c.seq).where(annotation_log.c.annotation_id == target_id)
            if connection.execute(known).first() is None:
                raise NotFound("label.no_annotation", annotation=target_id)
        _exclude(connection, kind, target_id, None if reason is None else text_of("reason", reason, 200))


def left_out(store: Store, round_id: str) -> dict[str, dict[str, str]]:
    """Who and what of a round is excluded now: kind -> target -> reason."""
    with store.read() as connection:
        reasons = excluded(connection)
        of_round = select(annotation_log.c.annotator_id, annotation_log.c.annotation_id).where(
            annotation_log.c.round_id == round_id,
            annotation_log.c.annotator_id.in_(reasons["annotator"])
            | annotation_log.c.annotation_id.in_(reasons["annotation"]),
        )
        rows = connection.execute(of_round).all()
    present = {
        "annotator": {row.annotator_id for row in rows},
        "annotation": {row.annotation_id for row in rows},
    }
    return {kind: {each: why for each, why in reasons[kind].items() if each in present[kind]} for kind in reasons}


def record_training(store: Store, run_id: str, annotation_ids: Iterable[str]) -> None:
    """Notes that a run learned from these annotations, so that a withdrawal can name it."""
    rows = [{"run_id": run_id, "annotation_id": each} for each in sorted(set(annotation_ids))]
    if rows:
        with store.write() as connection:
            connection.execute(insert(trained), rows)


def trained_by(store: Store, run_id: str) -> list[str]:
    """The annotations that a run learned from."""
    with store.read() as connection:
        query = select(trained.c.annotation_id).where(trained.c.run_id == run_id)
        return sorted(connection.execute(query).scalars())


def _mark(store: Store, annotator_id: str, **values: float) -> None:
    with store.write() as connection:
        _require(connection, annotator_id)
        connection.execute(update(annotators).where(annotators.c.annotator_id == annotator_id).values(**values))


def _require(connection: Connection, annotator_id: str) -> Row:
    row = connection.execute(select(annotators).where(annotators.c.annotator_id == annotator_id)).first()
    if row is None:
        raise NotFound("label.no_annotator", annotator=annotator_id)
    return row


def _exclude(connection: Connection, kind: str, target_id: str, reason: str | None) -> None:
    """Writes it down, and counts anew what hangs on it."""
    vote_standing.exclude(connection, kind, [target_id], reason)
    if kind == "annotator":
        vote_counts.of_people(connection, [target_id])
        return
    of = select(annotation_log.c.comparison_id).where(annotation_log.c.annotation_id == target_id)
    vote_counts.of_comparisons(connection, set(connection.execute(of).scalars()))


def _annotator(row: Row) -> Annotator:
    values = {name: value for name, value in row._mapping.items() if name != "token_hash"}
    return Annotator(**values)


def _hash(token: object) -> str:
    return hashlib.sha256(str(token).encode("utf-8", "surrogatepass")).hexdigest()
