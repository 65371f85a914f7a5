"""Intervals of agreement cover what they should."""

from __future__ import annotations

import numpy as np
import pytest

from labeling.statistics import agreement_intervals as spread
from labeling.statistics.agreement import alpha


def _judged(random: np.random.Generator, n_items: int, n_prompts: int) -> tuple[np.ndarray, np.ndarray]:
    """Three votes each on `n_items` of `n_prompts`; an item's taste leans to its prompt's."""
    prompt = np.arange(n_items) % n_prompts
    lean = random.dirichlet((0.7, 0.7, 0.3, 0.2), size=n_prompts)[prompt]
    return np.array([random.multinomial(3, p) for p in lean]), prompt


def test_the_intervals_cover_the_truth_about_as_often_as_they_say():
    """Of 100 intervals for 80 items of 40 prompts about 95 hold the truth."""
    random = np.random.default_rng(0)
    everything, _ = _judged(random, 40_000, 40_000)
    truth = {
        "alpha": alpha(everything, "nominal"),
        "pairs": (everything * (everything - 1)).sum() / everything.sum() / 2,
    }
    hits = {"alpha": 0, "pairs": 0}
    for trial in range(100):
        counts, prompt = _judged(random, 80, 40)
        found = dict(zip(truth, spread.intervals(counts, prompt, "nominal", trial), strict=True))
        for name, (low, high) in found.items():
            hits[name] += low <= truth[name] <= high
    assert all(87 <= n <= 100 for n in hits.values()), hits


def test_where_all_agree_no_certainty_is_claimed():
    counts, prompt = np.tile([2, 0, 0, 0], (10, 1)), np.arange(10)
    of_alpha, (low, high) = spread.intervals(counts, prompt, "nominal")
    assert of_alpha is None and high == 1.0 and 0.5 < low < 0.8  # Wilson, 10 of 10
    assert spread.intervals(counts, np.zeros(10, dtype=int), "nominal") == (None, None)  # one prompt


def test_the_mean_kappa_without_each_person():
    """Three people, three pairs: without one of them a single pair is left, so 0.2, 0.4 and 0.6 in turn.

    Their mean is 0.4, their squares sum to 0.08: the jackknife's error is sqrt(2 / 3 x 0.08) = 0.231.
    """
    pairs = np.array([0, 0, 4]), np.array([2, 4, 2])
    kappa = np.array([0.2, 0.4, 0.6])
    mean, (low, high) = spread.kappa_interval(*pairs, kappa)
    assert mean == pytest.approx(0.4)
    assert (low, high) == (
        pytest.approx(0.4 - 1.96 * 0.23094, abs=1e-4),
        pytest.approx(0.4 + 1.96 * 0.23094, abs=1e-4),
    )
    alone = kappa.copy()
    alone[1:] = np.nan
    assert spread.kappa_interval(*pairs, alone) == (0.2, None)
    assert spread.kappa_interval(*pairs, kappa * np.nan) == (None, None)
