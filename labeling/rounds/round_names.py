"""What rounds are called: numbers that are given out once, and the neutral names under which a class knows them.

While a round is blind its own name, which may say what it compares, is the teacher's alone. Knows no roles and no page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from common.errors import messages
from common.languages import ENGLISH, LANGUAGES
from common.wording import fill
from labeling.schema import BUSY, REVEALED, Round, State
from labeling.storage.label_store import Store
from labeling.storage.tables import rounds

_NEUTRAL = re.compile(r"(?:round|ronda) ([1-9]\d{0,5})", re.IGNORECASE)


@dataclass(frozen=True)
class RoundLine:
    """A round in a list."""

    name: str
    number: int
    state: State


def neutral(number: int, language: str) -> str:
    """ "Round 3", in the reader's language."""
    return fill(messages(language)["round.number"], {"n": number})


def public(this: Round, language: str) -> str:
    """The name that everybody may know: a number while the round is blind, then its own."""
    return neutral(this.number, language) if this.blind else this.name


def listed(line: RoundLine, language: str) -> str:
    """What a list of rounds calls one: the list stands on the wall while the class votes."""
    number = neutral(line.number, language)
    if line.state in BUSY:
        return number
    if line.state in REVEALED or number_in(line.name) == line.number:
        return line.name
    return f"{number} · {line.name}"


def unrevealing(this: Round) -> str:
    """One name for what is kept (the data of a run): the round's own where it tells nothing, else its number."""
    said = number_in(this.name) == this.number
    return this.name if said or not this.blind else neutral(this.number, ENGLISH)


def number_in(name: str) -> int | None:
    """The number that a name is made of: 3 of "Round 3" and "ronda 3"; None where it says more."""
    found = _NEUTRAL.fullmatch(name.strip())
    return int(found[1]) if found else None


def upcoming(store: Store, language: str) -> str:
    """The name that a round made now would get."""
    with store.read() as connection:
        return neutral(next_number(connection, ""), language)


def next_number(connection: Connection, name: str) -> int:
    """The number of a new round: the one that its name asks for if it is free, else the next.

    Without a name also "Round 3" must be free, in every language. The caller holds the lock on "rounds".
    """
    rows = connection.execute(select(rounds.c.number, rounds.c.name)).all()
    taken = {row.number for row in rows}
    number_named = number_in(name)
    if number_named is not None and number_named not in taken:
        return number_named
    number = max([len(rows), *filter(None, taken)]) + 1
    names = set() if name else {row.name.casefold() for row in rows}
    while any(neutral(number, each).casefold() in names for each in LANGUAGES):
        number += 1
    return number


def number_all(connection: Connection) -> None:
    """Gives a number to rounds that have none: those of an older backup."""
    nameless = rounds.c.number.is_(None)
    last = connection.execute(select(func.coalesce(func.max(rounds.c.number), 0))).scalar_one()
    query = select(rounds.c.round_id).where(nameless).order_by(rounds.c.created_at, rounds.c.round_id)
    for number, round_id in enumerate(connection.execute(query).scalars().all(), last + 1):
        connection.execute(update(rounds).where(rounds.c.round_id == round_id).values(number=number))
