"""Intervals by a two-way bootstrap: votes on one prompt, and votes of one annotator, resemble each other.

Every resample draws prompts and, independently, annotators with replacement; a vote weighs as often as both were
drawn (the pigeonhole bootstrap of Owen 2007, which errs on the wide side). Above MANY draws the weights are
Poisson instead of multinomial, the same to within 1/n (Owen and Eckles 2012). Knows nothing of policies.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labeling.statistics import wilson
from labeling.statistics.vote_table import UNKNOWN

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray

N_BOOTSTRAP = 1000
N_BOOTSTRAP_LARGE = 200  # above LARGE votes: the interval is narrow, its ends may shake a little
LARGE = 200_000
MANY = 5_000
LEVEL = 0.95
_BLOCK = 50  # resamples worked out at once


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; None where the votes do not allow one."""

    value: float | None
    low: float | None
    high: float | None
    n: int

    def to_dict(self) -> dict[str, Any]:
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


@dataclass(frozen=True)
class Measure:
    """A mean to be resampled, in each of `n_groups`; only votes in `keep` enter."""

    score: Array  # (N,) 0, ½ or 1
    keep: Array  # (N,) bool
    group: Array | None = None  # (N,) 0 … n_groups - 1
    n_groups: int = 1


def resample(
    prompt: Array,
    annotator: Array,
    measures: list[Measure],
    n_bootstrap: int | None = None,
    seed: int = 0,
) -> list[Array]:
    """For each measure (2, n_groups, 1 + resamples): the weighted score and the weight; first as observed.

    All measures see the same resamples. An unknown annotator (-1) is drawn once, always.
    """
    import numpy as np

    n = resamples(len(prompt), n_bootstrap)
    prompt, n_prompts = numbered(prompt)
    people, n_people = numbered(annotator + 1)  # -1 becomes 0, the first
    nameless = bool((annotator == UNKNOWN).any())
    sums = [np.zeros((2, each.n_groups, 1 + n)) for each in measures]
    tables = [_Table(each, prompt, people, n_prompts, n_people) for each in measures]
    for table, found in zip(tables, sums, strict=True):
        found[:, :, 0] = table.observed

    def block(start: int, size: int, random: Any) -> None:
        drawn = weights(random, n_prompts, size), weights(random, n_people, size, nameless)
        for table, found in zip(tables, sums, strict=True):
            found[:, :, 1 + start : 1 + start + size] = table.weighted(*drawn)

    in_blocks(block, n if len(prompt) else 0, seed, cores=len(prompt) > LARGE)
    return sums


def resamples(n_votes: int, requested: int | None = None) -> int:
    """How many resamples so many votes get."""
    return requested or (N_BOOTSTRAP if n_votes <= LARGE else N_BOOTSTRAP_LARGE)


def in_blocks(work: Callable[[int, int, Any], None], n: int, seed: int, cores: bool) -> None:
    """Calls `work(start, size, random)` for blocks of `n` resamples, on every core where `cores`.

    Each block has random numbers of its own: the same whatever the number of cores.
    """
    import numpy as np

    starts = range(0, n, _BLOCK)
    seeds = np.random.SeedSequence(seed).spawn(len(starts))

    def block(start: int, own: Any) -> None:
        work(start, min(_BLOCK, n - start), np.random.default_rng(own))

    if not cores:
        for start, own in zip(starts, seeds, strict=True):
            block(start, own)
        return
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:  # NumPy and SciPy let go of Python's lock
        list(pool.map(block, starts, seeds))


def estimate(sums: Array, clusters: int) -> Estimate:
    """The mean of a measure's group, from its (2, 1 + resamples) sums: the middle 95 % of the resamples.

    Where all votes agree, resampling would claim certainty: there Wilson's interval on the `clusters` stands.
    """

    n = round(float(sums[1, 0]))
    if not n:
        return Estimate(None, None, None, 0)
    value = float(sums[0, 0] / sums[1, 0])
    if clusters == 0:
        return Estimate(value, None, None, n)  # one prompt and one annotator: nothing to resample
    if value in (0.0, 1.0):
        return Estimate(value, *wilson.interval(round(value * clusters), clusters, LEVEL), n)
    score, weight = sums[:, 1:]
    low, high = interval_of(score[weight > 0] / weight[weight > 0])
    return Estimate(value, min(value, float(low)), max(value, float(high)), n)


def interval_of(values: Array) -> Array:
    """The middle 95 % of `values` along their first axis."""
    import numpy as np

    return np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)


def clusters(prompt: Array, annotator: Array) -> int:
    """How many trials Wilson's interval counts where all votes agree: the prompts, or on one prompt the annotators.

    Not "whichever are fewer": three annotators who agree would then seem to say nothing (44 to 100 %), and the first
    vote against would make them sure.
    """
    sizes = (numbered(prompt)[1], numbered(annotator[annotator != UNKNOWN])[1])
    return next((size for size in sizes if size > 1), 0)


class _Table:
    """A measure's votes summed per (group, prompt) and annotator, as two sparse matrices of one shape."""

    def __init__(self, measure: Measure, prompt: Array, people: Array, n_prompts: int, n_people: int) -> None:
        import numpy as np
        from scipy import sparse

        keep = measure.keep
        group = np.zeros(len(prompt), dtype=np.int64) if measure.group is None else measure.group
        group, prompt, people, score = group[keep], prompt[keep], people[keep], measure.score[keep]
        self.observed = np.array(
            [
                np.bincount(group, score, measure.n_groups),
                np.bincount(group, minlength=measure.n_groups),
            ]
        )
        rows, n_rows = numbered(group * n_prompts + prompt)
        cells, shape = (rows, people), (n_rows, n_people)
        self.matrices = [
            sparse.csr_array(sparse.coo_array((values.astype(np.float32), cells), shape=shape))
            for values in (score, np.ones(len(score)))
        ]
        group_of, self.prompt_of = np.zeros(n_rows, dtype=np.int64), np.zeros(n_rows, dtype=np.int64)
        group_of[rows], self.prompt_of[rows] = group, prompt
        ones = np.ones(n_rows, dtype=np.float32)
        self.into = sparse.csr_array((ones, (group_of, np.arange(n_rows))), shape=(measure.n_groups, n_rows))

    def weighted(self, prompt_weight: Array, people_weight: Array) -> list[Array]:
        """(n_groups, size) for score and weight."""
        drawn = prompt_weight[self.prompt_of]
        return [self.into @ ((matrix @ people_weight) * drawn) for matrix in self.matrices]


def numbered(codes: Array) -> tuple[Array, int]:
    """`codes` (0 or more) renumbered without gaps, and how many there are."""
    import numpy as np

    present = np.bincount(codes) > 0 if len(codes) else np.zeros(0, dtype=bool)
    return (np.cumsum(present) - 1)[codes], int(present.sum())


def weights(random: Any, n: int, size: int, fixed: bool = False) -> Array:
    """(n, size): how often each of n was drawn in n draws; with `fixed` the first always once."""
    import numpy as np

    first = int(fixed)
    drawn = n - first
    weights = np.ones((n, size), dtype=np.float32)
    if drawn > MANY:
        weights[first:] = _poisson(random, (drawn, size))
    elif drawn > 1:
        for column in range(size):
            weights[first:, column] = np.bincount(random.integers(0, drawn, drawn), minlength=drawn)
    return weights


def _poisson(random: Any, shape: tuple[int, int]) -> Array:
    """Poisson(1) numbers by looking 16 random bits up in the inverse distribution."""
    import numpy as np
    from scipy.stats import poisson

    at_most = poisson.cdf(np.arange(12), 1)
    table = np.searchsorted(at_most, (np.arange(65_536) + 0.5) / 65_536).astype(np.float32)
    return table[random.integers(0, 65_536, shape, dtype=np.uint16)]
