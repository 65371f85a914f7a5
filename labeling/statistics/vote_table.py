"""Votes as columns of numbers: what every statistic is worked out from.

A vote's item is a comparison; `model_a` and `model_b` are the item's own order, the same for everyone who
judged it. Made from a round in the store (`of_round`) or from rows of a file (`Columns`). Knows no
statistics.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from labeling.schema import WINNERS, Phase, Winner

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray

A, B, TIE, BOTH_BAD = range(4)  # codes of `WINNERS`
UNKNOWN = -1
PHASES: tuple[Phase, ...] = ("blind", "discussed")
_OF_VOTE = ("item", "annotator", "winner", "swapped", "milliseconds", "phase", "repeat")
_OF_ITEM = ("model_a", "model_b", "prompt", "length_a", "length_b", "heldout", "gold")


@dataclass(frozen=True)
class Votes:
    """N votes. Codes index the lists of names; UNKNOWN (-1) stands for "not said"."""

    models: list[str]
    annotators: list[str]
    items: list[str | tuple]  # comparison ids, or what tells a comparison that has none
    prompts: list[str]
    item: Array  # (N,)
    annotator: Array  # (N,) or -1
    winner: Array  # (N,) 0…3 as in WINNERS
    swapped: Array  # (N,) whether the item's b was shown on the left; -1 unknown
    milliseconds: Array  # (N,) or -1
    strength: Array  # (N,) -3 (a better) … 3 (b better), NaN where not said
    phase: Array  # (N,) 0 blind, 1 discussed
    repeat: Array  # (N,) 1 where the same person was asked again with the sides swapped
    model_a: Array  # (items,)
    model_b: Array  # (items,)
    prompt: Array  # (items,)
    length_a: Array  # (items,) characters, -1 unknown
    length_b: Array  # (items,)
    heldout: Array  # (items,) bool
    gold: Array  # (items,) the winner that a gold item should have, -1 for ordinary items
    left_out: Counter[str] = field(default_factory=Counter)  # reason -> votes not in here
    skips: Array | None = None  # (items,) how often each was skipped
    flags: Array | None = None  # (items,) how often each was reported

    def __len__(self) -> int:
        return len(self.item)

    def only(self, keep: Array) -> Votes:
        """The votes where `keep` is true; items and names stay as they are."""
        columns = (*_OF_VOTE, "strength")
        return replace(self, **{name: getattr(self, name)[keep] for name in columns})

    def counted(self, phase: Phase = "blind") -> Votes:
        """The votes that statistics count: of one phase, without repeats and without gold items.

        Gold items test the annotators, not the policies.
        """
        of_phase = self.phase == PHASES.index(phase)
        return self.only(of_phase & (self.repeat == 0) & (self.gold[self.item] == UNKNOWN))

    @property
    def judged_models(self) -> set[str]:
        """The policies of the items that are no gold: who wrote a gold item's replies is not asked."""
        ordinary = self.gold == UNKNOWN
        codes = {*self.model_a[ordinary].tolist(), *self.model_b[ordinary].tolist()}
        return {self.models[code] for code in codes}


class Names:
    """Numbers names in the order in which they first come."""

    def __init__(self) -> None:
        self.codes: dict[Any, int] = {}

    def __call__(self, name: str | tuple) -> int:
        return self.codes.setdefault(name, len(self.codes))

    @property
    def names(self) -> list:
        return list(self.codes)


_CODES = {winner: code for code, winner in enumerate(WINNERS)}
FLIPPED = {"model_a": "model_b", "model_b": "model_a", "tie": "tie", "both_bad": "both_bad"}


class Columns:
    """Gathers items and votes one by one, then gives them as `Votes`."""

    def __init__(self) -> None:
        self._models, self._prompts, self._annotators, self._items = Names(), Names(), Names(), Names()
        self._of_item = {name: array("q") for name in _OF_ITEM}
        self._of_vote = array("q")  # one vote after the other, each as in _OF_VOTE
        self._strength = array("d")
        self.left_out: Counter[str] = Counter()
        self._skips: Counter[int] = Counter()
        self._flags: Counter[int] = Counter()

    def code(self, key: str | tuple) -> int | None:
        """The code of a comparison that was added before."""
        return self._items.codes.get(key)

    def item(
        self,
        key: str | tuple,
        prompt: str,
        models: tuple[str, str],
        lengths: tuple[int, int] = (UNKNOWN, UNKNOWN),
        heldout: bool = False,
        gold: Winner | None = None,
    ) -> int:
        """Adds a comparison; returns its code."""
        code = self._items(key)
        add = self._of_item
        if code == len(add["prompt"]):
            add["model_a"].append(self._models(models[0]))
            add["model_b"].append(self._models(models[1]))
            add["prompt"].append(self._prompts(prompt))
            add["length_a"].append(lengths[0])
            add["length_b"].append(lengths[1])
            add["heldout"].append(heldout)
            add["gold"].append(UNKNOWN if gold is None else _CODES[gold])
        return code

    def vote(
        self,
        item: int,
        annotator: str | None,
        winner: Winner,
        swapped: int = UNKNOWN,
        ms: int | None = None,
        strength: int | None = None,
        phase: Phase = "blind",
        repeat: int = 0,
    ) -> None:
        self._of_vote.extend(
            (
                item,
                UNKNOWN if annotator is None else self._annotators(annotator),
                _CODES[winner],
                swapped,
                UNKNOWN if ms is None else ms,
                phase == "discussed",
                repeat,
            )
        )
        self._strength.append(float("nan") if strength is None else strength)

    def skip(self, item: int) -> None:
        self._skips[item] += 1

    def flag(self, item: int) -> None:
        self._flags[item] += 1

    def __len__(self) -> int:
        return len(self._strength)

    def append(self, later: Columns) -> None:
        """Adds what was gathered after this, under our codes."""
        import numpy as np

        of = {
            name: np.array([mine(each) for each in theirs.codes], dtype=np.int64)
            for name, mine, theirs in (
                ("model", self._models, later._models),
                ("prompt", self._prompts, later._prompts),
                ("annotator", self._annotators, later._annotators),
            )
        }
        n = len(self._items.codes)
        of["item"] = np.array([self._items(each) for each in later._items.codes], dtype=np.int64)
        new = of["item"] >= n  # their first place is their order: new ones come in it
        kinds = {"model_a": "model", "model_b": "model", "prompt": "prompt"}
        for name, values in later._of_item.items():
            column = np.frombuffer(values, dtype=np.int64) if len(values) else np.zeros(0, dtype=np.int64)
            column = of[kinds[name]][column] if name in kinds else column
            self._of_item[name].frombytes(column[new].tobytes())
        table = np.array(later._of_vote, dtype=np.int64).reshape(-1, len(_OF_VOTE))
        table[:, 0] = of["item"][table[:, 0]]
        known = table[:, 1] != UNKNOWN
        table[known, 1] = of["annotator"][table[known, 1]]
        self._of_vote.frombytes(table.tobytes())
        self._strength.extend(later._strength)
        self.left_out.update(later.left_out)
        for mine, theirs in ((self._skips, later._skips), (self._flags, later._flags)):
            mine.update({int(of["item"][code]): count for code, count in theirs.items()})

    def votes(self) -> Votes:
        """What was gathered. Of one annotator's votes on one comparison (and phase) the last one counts."""
        import numpy as np

        table = np.array(self._of_vote, dtype=np.int64).reshape(-1, len(_OF_VOTE))
        vote = {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(_OF_VOTE)}
        item = {name: np.array(values, dtype=np.int64) for name, values in self._of_item.items()}
        n_items = len(item["prompt"])
        every = Votes(
            models=self._models.names,
            annotators=self._annotators.names,
            items=self._items.names,
            prompts=self._prompts.names,
            **vote,
            **(item | {"heldout": item["heldout"].astype(bool)}),
            strength=np.array(self._strength, dtype=np.float64),
            left_out=Counter(self.left_out),
            skips=_tally(self._skips, n_items),
            flags=_tally(self._flags, n_items),
        )
        keep = _last(every)
        if not keep.all():
            every.left_out["superseded"] += int((~keep).sum())
        return every.only(keep)


def _last(votes: Votes) -> Array:
    """(N,) bool: false where the same annotator judged the same thing again later."""
    import numpy as np

    keep = np.ones(len(votes), dtype=bool)
    known = np.flatnonzero(votes.annotator != UNKNOWN)[::-1]
    place = votes.item[known] * max(len(votes.annotators), 1) + votes.annotator[known]
    key = (place * 2 + votes.phase[known]) * 2 + votes.repeat[known]
    first = np.unique(key, return_index=True)[1]  # in reversed order: the last
    keep[known] = False
    keep[known[first]] = True
    return keep


def _tally(counts: Counter[int], n: int) -> Array:
    import numpy as np

    tally = np.zeros(n, dtype=np.int64)
    for code, count in counts.items():
        tally[code] = count
    return tally
