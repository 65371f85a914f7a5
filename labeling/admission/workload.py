"""How many votes and holders each comparison of a round has: read once, then moved with every place that changes.

A crowd's work shares a transaction (`store.memory`), so that what a thousand people hold is read for all of them at
once. Which comparison is next is decided here too, because it is decided by load. Knows no person and no answer.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, case, func, select

from labeling.admission.vote_standing import ORDINARY, Standing
from labeling.schema import Action, Phase, Round, now
from labeling.storage.label_store import Store
from labeling.storage.prepared import Prepared
from labeling.storage.tables import annotators, assignments, comparisons, coverage

# The statement is built once: building it costs more than running it.
_round: Any = bindparam("round")
_phase: Any = bindparam("phase")
_LEASES = (  # how many people hold each comparison of the round now
    select(
        assignments.c.comparison_id,
        func.count().label("n"),
        func.sum(case((annotators.c.doubt == "", 0), else_=1)).label("doubted"),
    )
    .join(annotators, annotators.c.annotator_id == assignments.c.annotator_id)
    .where(
        assignments.c.round_id == _round,
        assignments.c.phase == _phase,
        assignments.c.action.is_(None),
        assignments.c.repeat == 0,
        assignments.c.lease_until.between(bindparam("now"), bindparam("latest")),
        annotators.c.left_out.is_(False),
        annotators.c.revoked_at.is_(None),
        annotators.c.withdrawn_at.is_(None),
        annotators.c.undone_at.is_(None),
    )
    .group_by(assignments.c.comparison_id)
    .subquery()
)
_LOAD = coverage.c.votes + func.coalesce(_LEASES.c.n, 0)
_DOUBTED = coverage.c.doubted + func.coalesce(_LEASES.c.doubted, 0)
_ITEMS = Prepared(
    select(
        comparisons.c.comparison_id,
        comparisons.c.is_common,
        comparisons.c.is_gold,
        _LOAD.label("load"),
        _DOUBTED.label("doubted"),
    )
    .join(coverage, coverage.c.comparison_id == comparisons.c.comparison_id)
    .outerjoin(_LEASES, _LEASES.c.comparison_id == comparisons.c.comparison_id)
    .where(comparisons.c.round_id == _round, coverage.c.phase == _phase)
    .order_by(comparisons.c.position)
)


Held = tuple[int, Action | None, float]  # what of an assignment counts: repeat, action, lease_until
CLOCKS_APART = 60.0  # seconds by which the clocks of several app processes may differ


@dataclass
class Item:
    """A comparison, as far as its turn depends on it."""

    comparison_id: str
    is_common: bool
    is_gold: bool
    load: int  # votes that count, and people who hold it
    doubted: int = 0  # of these, the ones of people whose joining is doubted

    @property
    def taken(self) -> int:
        """The places that are gone: a script that joins many times takes none."""
        return self.load - self.doubted


class Loads:
    """The comparisons of a round in one phase, in their order, with their loads as of `at`.

    `lease` is how many seconds a lease lasts. One that would end later than `at` + `lease` was made before the clock
    was set back; it counts as expired, or it would hold until the clock has caught up.
    """

    def __init__(self, items: Iterable[Item], votes_each: int, at: float, lease: float) -> None:
        self.at = at  # seconds since 1970
        self.latest = _latest(at, lease)
        self._votes_each = votes_each
        self.items = {each.comparison_id: each for each in items}
        self._common = [each for each in self.items.values() if each.is_common and not each.is_gold]
        self._others = [each for each in self.items.values() if not each.is_common and not each.is_gold]
        self._gold = [each.comparison_id for each in self.items.values() if each.is_gold]

    def lowest(self, seen: Collection[str]) -> tuple[str | None, int]:
        """What to judge next of what is not `seen`, and how much there is to judge.

        What everybody judges comes first, then what has least load and wants votes; chance among equals.
        """
        common = [each for each in self._common if each.comparison_id not in seen]
        most = self._votes_each
        others = [e for e in self._others if e.taken < most and e.comparison_id not in seen]
        first = common or others
        if not first:
            return None, 0
        return _least_loaded(first), len(common) + len(others)

    def least(self, seen: Collection[str], most: int) -> tuple[str | None, int]:
        """As `lowest`, where no more votes are wanted: what has least load, and how much there is, `most` at most."""
        left = [each for each in self._others if each.comparison_id not in seen]
        return (_least_loaded(left) if left else None), min(most, len(left))

    def discussed(self, chosen: Collection[str], seen: Collection[str]) -> tuple[str | None, int]:
        """The first of `chosen` that is not `seen`, in the round's order, and how many these are."""
        left = [each for each in self.items if each in chosen and each not in seen]
        return (left[0] if left else None), len(left)

    def gold(self, seen: Collection[str]) -> str | None:
        """A gold item that is not `seen`."""
        left = [each for each in self._gold if each not in seen]
        return random.choice(left) if left else None

    def has_room(self, comparison_id: str) -> bool:
        """Whether one more vote on this comparison is wanted."""
        item = self.items[comparison_id]
        return item.is_common or item.is_gold or item.taken < self._votes_each

    def holds(self, lease_until: float) -> bool:
        """Whether a lease until then holds its comparison now."""
        return self.at <= lease_until <= self.latest

    def move(self, comparison_id: str, before: Held | None, after: Held | None, of: Standing = ORDINARY) -> None:
        """An assignment of somebody has changed, or is new where there was none `before` that counted."""
        if of.left_out:
            return
        item, step = self.items[comparison_id], self._weight(after) - self._weight(before)
        item.load += step
        item.doubted += step * of.doubted

    def _weight(self, held: Held | None) -> int:
        """What an assignment adds to its comparison's load: 1 for a vote, or while it is held."""
        if held is None:
            return 0
        repeat, action, lease_until = held
        if repeat:
            return 0
        return int(self.holds(lease_until)) if action is None else int(action == "vote")


def _least_loaded(items: list[Item]) -> str:
    """One of those with least load, by chance among equals."""
    least = min([each.load for each in items])
    return random.choice([each for each in items if each.load == least]).comparison_id


def read(store: Store, connection: Connection, round_: Round) -> Loads:
    """The loads of a round in its present phase; those of this transaction, if it has read them."""
    memory = store.memory()
    kept = memory.get(_key(round_.round_id, round_.phase))
    if kept is None:
        at, lease = now(), round_.settings.lease_seconds
        sought = {"round": round_.round_id, "phase": round_.phase, "now": at, "latest": _latest(at, lease)}
        rows = _ITEMS.all(connection, sought)
        kept = Loads((Item(*row) for row in rows), round_.settings.votes_wanted, at, lease)
        memory[_key(round_.round_id, round_.phase)] = kept
    return kept


def kept(store: Store, round_id: str, phase: Phase) -> Loads | None:
    """The loads, if this transaction has read them: who changes a place moves them too."""
    return store.memory().get(_key(round_id, phase))


def _latest(at: float, lease: float) -> float:
    """The latest end that a lease given until `at` can have."""
    return at + lease + CLOCKS_APART


def _key(round_id: str, phase: Phase) -> tuple[str, str, str]:
    return "loads", round_id, phase
