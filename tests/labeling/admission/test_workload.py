"""Loads that are kept in memory equal those in the database, whatever happens, and nothing is asked for too often."""

from __future__ import annotations

import random
import uuid
from collections import Counter

import pytest
from sqlalchemy import func, select, update

from common.errors import AfinaError
from labeling.admission import annotators, workload
from labeling.rounds import assignment, lifecycle, vote_casting
from labeling.schema import Comparison, now
from labeling.storage import group_commit
from labeling.storage.label_store import connect
from labeling.storage.tables import assignments, comparisons, coverage
from tests.labeling.conftest import Room

ACTIONS = ("vote", "vote", "vote", "skip", "report")


@pytest.fixture
def workers(store):
    found = store.workers()
    yield found
    found.shutdown()


class Someone:
    """A person who does whatever a phone may do, drawn by `chance`."""

    def __init__(self, room: Room, chance: random.Random) -> None:
        self.room, self.chance, self.person = room, chance, room.person()
        self.held: assignment.Served | None = None
        self.cast: list[tuple[str, str, str]] = []  # annotation, comparison, assignment

    def act(self) -> None:
        what = self.chance.random()
        if self.held is None or what < 0.1:  # asking again is no second place
            self.held = self.room.next(self.person)
        elif what < 0.6:
            self._send(self.held.comparison_id, self.held.assignment_id, self.chance.choice(ACTIONS))
            self.held = None
        elif self.cast and what < 0.75:
            annotation, comparison, place = self.cast.pop(self.chance.randrange(len(self.cast)))
            action = self.chance.choice([*ACTIONS, "retract"])
            self._send(comparison, place, action, annotation)
        elif what < 0.85:
            with pytest.raises(AfinaError):
                self._send("unknown", None, "vote")
        elif what < 0.95:
            with self.room.store.write() as connection:  # a lease runs out
                mine = assignments.c.annotator_id == self.person.annotator_id
                connection.execute(update(assignments).where(mine).values(lease_until=now() - 1))

    def _send(self, comparison: str, place: str | None, action: str, supersedes: str | None = None) -> None:
        body = {"annotation_id": str(uuid.uuid4()), "comparison_id": comparison, "action": action}
        body |= {"winner": "left"} if action == "vote" else {}
        body |= {"assignment_id": place} if place else {}
        body |= {"supersedes": supersedes} if supersedes else {}
        vote_casting.cast(self.room.store, self.person, vote_casting.Ballot.parse(body))
        if action != "retract":
            self.cast.append((uuid.UUID(body["annotation_id"]).hex, comparison, place or ""))


def in_database(room: Room, at: float) -> dict[str, int]:
    """The loads, counted row by row from the places and not from the counters."""
    with room.store.read() as connection:
        places = connection.execute(select(assignments).where(assignments.c.repeat == 0)).all()
        ids = connection.execute(select(comparisons.c.comparison_id)).scalars().all()
    counts = Counter(
        place.comparison_id
        for place in places
        if place.action == "vote" or (place.action is None and place.lease_until >= at)
    )
    return {each: counts[each] for each in ids}


@pytest.mark.parametrize("seed", range(4))
def test_kept_loads_equal_those_in_the_database(sqlite, seed):
    chance = random.Random(seed)
    room = Room(sqlite, n=12, state="draft", votes_wanted=3, common_items=3, gold_every=4, repeat_every=5)
    gold = Comparison("1 + 1?", "2", "a fish", "gold", "gold", is_gold=True, gold_winner="model_a")
    lifecycle.add_comparisons(sqlite, room.round_id, [gold])
    lifecycle.move(sqlite, room.round_id, "open")
    crowd = [Someone(room, chance) for _ in range(6)]
    compared = []

    def lot() -> None:
        for _ in range(150):
            chance.choice(crowd).act()
            kept = workload.kept(sqlite, room.round_id, "blind")
            if kept is not None:
                assert {each.comparison_id: each.load for each in kept.items.values()} == in_database(room, kept.at)
                compared.append(kept)

    workers = sqlite.workers()
    for _ in range(4):
        workers.submit(lot).result(60)
    workers.shutdown()
    assert len(compared) > 300 and len(set(map(id, compared))) > 4  # kept for long, and forgotten at times


def test_a_piece_that_fails_or_says_nothing_makes_it_forget(sqlite):
    room = Room(sqlite, n=4)
    person = room.person()

    def lot() -> list[bool]:
        seen = []

        def look() -> None:
            seen.append(workload.kept(sqlite, room.round_id, "blind") is not None)

        look()
        served = room.next(person)
        look()
        with pytest.raises(AfinaError):
            room.cast(person, "unknown")
        look()
        room.next(person)
        room.cast(person, served.comparison_id)
        look()
        annotators.join(sqlite, annotators.room(sqlite).code)
        look()
        return seen

    workers = sqlite.workers()
    assert workers.submit(lot).result(10) == [False, True, False, True, False]
    assert workers.submit(lambda: workload.kept(sqlite, room.round_id, "blind")).result(10) is None  # a new lot
    workers.shutdown()


def test_a_crowd_never_gets_more_than_is_wanted(store, workers):
    room = Room(store, n=9, votes_wanted=3, common_items=2)
    crowd = [room.person() for _ in range(12)]

    def turn(person) -> bool:
        served = room.next(person)
        if served is not None:
            room.cast(person, served.comparison_id, assignment_id=served.assignment_id)
        return served is not None

    going = len(crowd)
    while going:
        futures = [workers.submit(turn, person) for person in crowd]
        going = sum(each.result(30) for each in futures)
    with store.read() as connection:
        common = set(connection.execute(select(comparisons.c.comparison_id).where(comparisons.c.is_common)).scalars())
        votes = dict(
            connection.execute(
                select(coverage.c.comparison_id, coverage.c.votes).where(coverage.c.phase == "blind")
            ).all()
        )
        twice = (
            select(func.count())
            .select_from(assignments)
            .group_by(assignments.c.annotator_id, assignments.c.comparison_id)
        )
        assert set(connection.execute(twice).scalars()) == {1}
    assert len(common) == 2
    assert all(n == (12 if each in common else 3) for each, n in votes.items())
    assert in_database(room, now()) == votes  # nothing is held in vain


def test_what_is_held_is_held_from_everybody(store, workers):
    room = Room(store, n=2, votes_wanted=4, common_items=0)
    crowd = [room.person() for _ in range(12)]
    served = [each.result(30) for each in [workers.submit(room.next, person) for person in crowd]]
    assert Counter(each.comparison_id for each in served if each) == {
        each.comparison_id: 4 for each in room.comparisons
    }


def test_what_one_lot_has_read_the_next_uses_until_somebody_else_writes(sqlite, tmp_path, monkeypatch):
    room = Room(sqlite, n=6, votes_wanted=2)
    person = room.person()
    workers = sqlite.workers()

    def seen() -> int:
        """Which memory of the loads a lot has, once it writes."""
        room.next(person)
        kept.append(workload.kept(sqlite, room.round_id, "blind"))
        return id(kept[-1])

    kept: list = []  # held, so that no id comes again

    def lot() -> int:
        return workers.submit(seen).result(10)

    first = lot()
    assert lot() == first
    room.person()  # this process, another connection
    second = lot()
    assert second != first and lot() == second
    other = connect(tmp_path / "labels.db")  # as another process has it
    lifecycle.move(other, room.round_id, "locked")
    other.close()
    with pytest.raises(AfinaError, match="locked"):
        lot()  # the round that it remembered was open
    lifecycle.move(sqlite, room.round_id, "open")
    third = lot()
    monkeypatch.setattr(group_commit, "_FRESH", 0.0)  # a second has passed
    assert lot() != third
    workers.shutdown()
