"""Rounds: made as a draft, filled with prompts and comparisons, moved from state to state.

Every step is a row in `transitions`, and generation is kept prompt by prompt, so that a killed app goes on
where it was. Knows nothing of who samples the replies.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache

import orjson
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from common.errors import AfinaError, Conflict, NotFound
from common.languages import ENGLISH
from common.split import split
from labeling.admission import annotators
from labeling.rounds import guidelines, round_names
from labeling.rounds.round_names import RoundLine
from labeling.schema import (
    BUSY,
    TRANSITIONS,
    Comparison,
    Generation,
    Message,
    Phase,
    Purpose,
    Round,
    RoundSettings,
    State,
    messages_of,
    new_id,
    now,
    one_of,
    text_of,
)
from labeling.storage.label_store import Store
from labeling.storage.tables import comparisons, coverage, prompts, rounds, transitions

logger = logging.getLogger(__name__)
_ONE = select(rounds).where(rounds.c.round_id == bindparam("round"))


@dataclass(frozen=True)
class Waiting:
    """A prompt of a round whose replies are still to be sampled."""

    position: int
    prompt: tuple[Message, ...]


def create(
    store: Store,
    name: str,
    purpose: Purpose,
    policies: Sequence[str],
    settings: RoundSettings | None = None,
    generation: Generation | None = None,
    guidelines_text: str = "",
    language: str = ENGLISH,
) -> Round:
    """A new draft. Without a name it gets the next free one of `language`: "Round 3".

    Raises: AfinaError for a purpose that its policies do not fit (collect: one, sampled twice; judge: two or
    more), Conflict `round.name_taken`.
    """
    one_of("purpose", purpose, ("collect", "judge"))
    policies = tuple(dict.fromkeys(policies))
    if (purpose == "collect" and len(policies) != 1) or (purpose == "judge" and len(policies) < 2):
        raise AfinaError(f"round.policies_{purpose}", n=len(policies))
    name = text_of("name", name.strip(), 200)
    row = {
        "round_id": new_id(),
        "room_id": annotators.room(store).room_id,
        "purpose": purpose,
        "state": "draft",
        "phase": "blind",
        "policies": list(policies),
        "settings": asdict(settings or RoundSettings()),
        "generation": asdict(generation or Generation()),
        "guidelines_version": 0,
        "discussed": [],
        "counts": {},
        "created_at": now(),
        "secret": secrets.token_hex(16),
    }
    try:
        with store.write() as connection:
            store.lock(connection, "rounds")
            number = round_names.next_number(connection, name)
            row |= {"number": number, "name": name or round_names.neutral(number, language)}
            connection.execute(insert(rounds).values(**row))
    except IntegrityError:
        raise Conflict("round.name_taken", name=name) from None
    if guidelines_text:
        guidelines.write(store, row["round_id"], guidelines_text)
    return get(store, row["round_id"])


def get(store: Store, name: str) -> Round:
    """The round with this id or name. Raises: NotFound `round.unknown`."""
    if not isinstance(name, str):  # an endpoint passes on whatever JSON it was sent
        raise NotFound("round.unknown", name=str(name))
    with store.read() as connection:
        query = select(rounds).where((rounds.c.round_id == name) | (rounds.c.name == name))
        row = connection.execute(query).first()
    if row is None:
        raise NotFound("round.unknown", name=name)
    return _round(row)


def read(connection: Connection, round_id: str) -> Round:
    """The round as this transaction sees it."""
    row = connection.execute(_ONE, {"round": round_id}).first()
    if row is None:
        raise NotFound("round.unknown", name=round_id)
    return _round(row)


def remembered(store: Store, connection: Connection, round_id: str) -> Round:
    """The same, read once for all the work that shares a transaction; it is not moved before that ends."""
    memory = store.memory()
    key = ("round", round_id)
    if key not in memory:
        store.lock(connection, f"round {round_id}", shared=True)
        memory[key] = read(connection, round_id)
    return memory[key]


def listed(store: Store) -> list[Round]:
    """All rounds, newest first."""
    with store.read() as connection:
        return [_round(row) for row in connection.execute(select(rounds).order_by(rounds.c.created_at.desc()))]


def overview(store: Store) -> tuple[RoundLine, ...]:
    """All rounds in few words, newest first: cheap enough to ask every second."""
    query = select(rounds.c.name, rounds.c.number, rounds.c.state).order_by(rounds.c.created_at.desc())
    with store.read() as connection:
        return tuple(RoundLine(row.name, row.number or 0, row.state) for row in connection.execute(query))


def present(store: Store, room_id: str) -> Round | None:
    """The round that a room's people look at: the busy one, else the one opened last."""
    with store.read() as connection:
        mine = select(rounds).where(rounds.c.room_id == room_id, rounds.c.opened_at.is_not(None))
        found = connection.execute(mine.where(rounds.c.state.in_(BUSY))).first()
        found = found or connection.execute(mine.order_by(rounds.c.opened_at.desc())).first()
    return _round(found) if found else None


def move(store: Store, round_id: str, to: State, discussed: Sequence[str] | None = None) -> Round:
    """Takes a round to its next state; `discussed` names the comparisons that are voted on again.

    Raises: Conflict `round.transition` where the present state does not lead there, `round.other_open`,
    `round.nothing_to_judge`, `round.nothing_discussed`.
    """
    current = get(store, round_id)
    one_of("state", to, tuple(TRANSITIONS))
    try:
        with store.write() as connection:
            store.lock(connection, f"round {current.round_id}")
            row = connection.execute(select(rounds).where(rounds.c.round_id == current.round_id)).one()
            values = _next(connection, row, to, discussed)
            change = update(rounds).where(rounds.c.round_id == row.round_id)
            connection.execute(change.values(**values))
            step = {"round_id": row.round_id, "from_state": row.state, "to_state": to, "at": now()}
            connection.execute(insert(transitions).values(**step, phase=values.get("phase", row.phase)))
    except IntegrityError:
        raise Conflict("round.other_open") from None
    logger.info("round %s is %s", current.round_id, to, extra={"round_id": current.round_id})
    return get(store, current.round_id)


def _next(connection: Connection, row: Row, to: State, discussed: Sequence[str] | None) -> dict:
    """The columns that change with the step to `to`."""
    blocked = to == "open" and row.phase == "discussed"
    if to not in TRANSITIONS[row.state] or blocked:
        ways = ", ".join(TRANSITIONS[row.state]) or "-"
        raise Conflict("round.transition", name=row.name, state=row.state, to=to, ways=ways)
    values: dict = {"state": to}
    known = select(comparisons.c.comparison_id).where(comparisons.c.round_id == row.round_id)
    if to == "open":
        if connection.execute(known).first() is None:
            raise Conflict("round.nothing_to_judge", name=row.name)
        if connection.execute(known.where(comparisons.c.is_common)).first() is None:
            _mark_common(connection, _round(row))
        values["opened_at"] = row.opened_at or now()
    if discussed is not None:
        for each in set(discussed) - set(connection.execute(known).scalars()):
            raise NotFound("label.no_comparison", comparison=each)
        values["discussed"] = list(dict.fromkeys(discussed))
        if row.secret is None and not row.discussed:  # a round from before, restored
            values["secret"] = secrets.token_hex(16)
    if to == "open_again":
        if not values.get("discussed", row.discussed):
            raise Conflict("round.nothing_discussed", name=row.name)
        values["phase"] = "discussed"
    return values


def add_prompts(store: Store, round_id: str, new_prompts: Iterable[object]) -> int:
    """Appends prompts (texts or messages) that wait for their replies; returns how many the round has."""
    rows = [messages_of("prompt", each) for each in new_prompts]
    with store.write() as connection:
        store.lock(connection, f"round {round_id}")
        query = select(func.count()).select_from(prompts).where(prompts.c.round_id == round_id)
        start = connection.execute(query).scalar_one()
        values = [
            {"round_id": round_id, "position": start + i, "prompt": list(row), "split": split(row)}
            for i, row in enumerate(rows)
        ]
        if values:
            connection.execute(insert(prompts).values(state="waiting"), values)
    return start + len(rows)


def waiting(store: Store, round_id: str) -> list[Waiting]:
    """The prompts whose replies are still to be sampled: where a killed app goes on."""
    query = select(prompts).where(prompts.c.round_id == round_id, prompts.c.state == "waiting")
    with store.read() as connection:
        rows = connection.execute(query.order_by(prompts.c.position)).all()
    return [Waiting(row.position, tuple(row.prompt)) for row in rows]


def generated(
    store: Store,
    round_id: str,
    position: int,
    items: Sequence[Comparison],
    dropped: str | None = None,
    counts: dict[str, int] | None = None,
) -> None:
    """Settles one waiting prompt: its comparisons are kept, or it is dropped. Twice does nothing more.

    `counts` adds to the round's tally of regenerated and dropped replies.
    """
    with store.write() as connection:
        store.lock(connection, f"round {round_id}")
        this = (prompts.c.round_id == round_id) & (prompts.c.position == position)
        settled = update(prompts).where(this, prompts.c.state == "waiting")
        state = "dropped" if dropped else "generated"
        if connection.execute(settled.values(state=state, reason=dropped)).rowcount != 1:
            return
        _insert_comparisons(connection, round_id, items)
        _tally(connection, round_id, (counts or {}) | ({f"dropped_{dropped}": 1} if dropped else {}))


def add_comparisons(store: Store, round_id: str, items: Sequence[Comparison]) -> list[str]:
    """Adds ready comparisons (imported pairs, gold items); returns their ids."""
    with store.write() as connection:
        store.lock(connection, f"round {round_id}")
        _insert_comparisons(connection, round_id, items)
    return [each.comparison_id for each in items]


def discard(store: Store, round_id: str, ids: Sequence[str], reason: str) -> None:
    """Takes comparisons out of a round that nobody has seen yet; counted as `dropped_{reason}`.

    Raises: Conflict `round.transition` once it has been opened.
    """
    if not ids:
        return
    with store.write() as connection:
        store.lock(connection, f"round {round_id}")
        row = connection.execute(select(rounds).where(rounds.c.round_id == round_id)).one()
        if row.state not in ("draft", "generating") or row.opened_at is not None:
            raise Conflict("round.transition", name=row.name, state=row.state, to="draft", ways="-")
        for table in (coverage, comparisons):
            these = (table.c.comparison_id.in_(ids)) & (table.c.round_id == round_id)
            connection.execute(delete(table).where(these))
        _tally(connection, round_id, {f"dropped_{reason}": len(ids)})


def _mark_common(connection: Connection, round_: Round) -> None:
    """Marks the comparisons that everybody sees first: evenly spread ones without gold."""
    mine = comparisons.c.round_id == round_.round_id
    query = select(comparisons.c.comparison_id).where(mine, comparisons.c.is_gold.is_(False))
    every = connection.execute(query.order_by(comparisons.c.position)).scalars().all()
    n_common = min(round_.settings.common_items, len(every))
    ids = [every[(2 * i + 1) * len(every) // (2 * n_common)] for i in range(n_common)]
    connection.execute(update(comparisons).where(mine).values(is_common=False))
    chosen = update(comparisons).where(mine, comparisons.c.comparison_id.in_(ids))
    connection.execute(chosen.values(is_common=True))


def comparisons_of(store: Store, round_id: str) -> list[Comparison]:
    """A round's comparisons in their order, with everything that a voter must not see."""
    query = select(comparisons).where(comparisons.c.round_id == round_id).order_by(comparisons.c.position)
    with store.read() as connection:
        return [comparison(row) for row in connection.execute(query)]


def comparison_of(store: Store, comparison_id: str) -> Comparison:
    """One comparison. Raises: NotFound `label.no_comparison`."""
    query = select(comparisons).where(comparisons.c.comparison_id == comparison_id)
    with store.read() as connection:
        row = connection.execute(query).first()
    if row is None:
        raise NotFound("label.no_comparison", comparison=comparison_id)
    return comparison(row)


def sides(this: Round, each: Comparison) -> tuple[str, str]:
    """The two replies, left and right, as they stand where all look at them together."""
    left, right = each.completion_a, each.completion_b
    return (right, left) if this.swapped(each.comparison_id) else (left, right)


def comparison(row: Row) -> Comparison:
    """A table row as a value."""
    values = {k: v for k, v in row._mapping.items() if k not in ("position", "created_at")}
    return Comparison(**(values | {"prompt": tuple(values["prompt"])}))


def _insert_comparisons(connection: Connection, round_id: str, items: Sequence[Comparison]) -> None:
    if not items:
        return
    query = select(func.coalesce(func.max(comparisons.c.position), -1))
    start = connection.execute(query.where(comparisons.c.round_id == round_id)).scalar_one() + 1
    rows = [asdict(replace(each, round_id=round_id)) for each in items]
    extra = [{"position": start + i, "created_at": now()} for i in range(len(rows))]
    connection.execute(insert(comparisons), [row | more for row, more in zip(rows, extra, strict=True)])
    phases: tuple[Phase, ...] = ("blind", "discussed")
    zero = {"round_id": round_id, "votes": 0, "skips": 0, "reports": 0}
    counters = [zero | {"comparison_id": each.comparison_id, "phase": p} for each in items for p in phases]
    connection.execute(insert(coverage), counters)


def _tally(connection: Connection, round_id: str, more: dict[str, int]) -> None:
    row = connection.execute(select(rounds.c.counts).where(rounds.c.round_id == round_id)).one()
    counts = dict(row.counts)
    for name, n in more.items():
        counts[name] = counts.get(name, 0) + n
    connection.execute(update(rounds).where(rounds.c.round_id == round_id).values(counts=counts))


def _round(row: Row) -> Round:
    values = {k: v for k, v in row._mapping.items() if k != "opened_at"}
    values["settings"] = _settings(orjson.dumps(row.settings))
    values["generation"] = Generation(**values["generation"])
    values |= {"number": row.number or 0, "secret": row.secret or ""}
    return Round(**(values | {"policies": tuple(row.policies), "discussed": tuple(row.discussed)}))


@lru_cache(maxsize=256)
def _settings(kept: bytes) -> RoundSettings:
    """Checked once for each round, not at every vote."""
    return RoundSettings(**orjson.loads(kept))
