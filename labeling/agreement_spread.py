"""How sure agreement is: alpha and pairwise agreement resampled by prompt, the mean kappa by leaving out one person.

All votes on a prompt are drawn together, because they resemble each other (Hayes and Krippendorff 2007 resample
units too). Alpha of a resample comes from its coincidence matrix (Krippendorff 2011), which is a sum over items:
one matrix product gives all resamples. Knows nothing of where votes come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from labeling.resampling import (
    LARGE,
    N_BOOTSTRAP,
    N_BOOTSTRAP_LARGE,
    Estimate,
    estimate,
    interval_of,
    numbered,
    weights,
)

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray

Interval = list[float] | None  # [low, high], 95 %
_Z = 1.959964  # of a normal distribution's middle 95 %


def alpha_interval(
    counts: Array, prompt: Array, level: Literal["nominal", "ordinal"], seed: int = 0
) -> Interval:
    """Of Krippendorff's alpha, from (items, values) counts and each item's prompt.

    None where there are fewer than two prompts with two votes, or where hardly a resample has two values.
    """
    import numpy as np

    pairable = counts.sum(axis=1) >= 2
    counts, prompt = counts[pairable].astype(np.float64), prompt[pairable]
    own = counts[:, :, None] * counts[:, None, :]  # ordered pairs of values within an item
    diagonal = np.arange(counts.shape[1])
    own[:, diagonal, diagonal] -= counts
    own /= (counts.sum(axis=1) - 1)[:, None, None]
    drawn = _drawn(own.reshape(len(own), counts.shape[1] ** 2), prompt, int(counts.sum()), seed)
    if drawn is None:
        return None
    values = _alphas(drawn.reshape(-1, counts.shape[1], counts.shape[1]), level)
    values = values[~np.isnan(values)]
    if len(values) < len(drawn) / 2 or values.min() == values.max():
        return None
    return interval_of(values).tolist()


def pairwise_interval(counts: Array, prompt: Array, seed: int = 0) -> Interval:
    """Of the chance that two votes on one item agree. Where all agree, Wilson's on the prompts."""
    import numpy as np

    n = counts.sum(axis=1)
    pairs = np.stack([(counts * (counts - 1)).sum(axis=1), n * (n - 1)], axis=1).astype(np.float64)
    drawn = _drawn(pairs[n >= 2], prompt[n >= 2], int(n.sum()), seed)
    if drawn is None:
        return None
    sums = np.concatenate([pairs.sum(axis=0)[:, None], drawn.T], axis=1)
    found: Estimate = estimate(sums, numbered(prompt[n >= 2])[1])
    return None if found.low is None or found.high is None else [found.low, found.high]


def kappa_interval(pairs: Sequence[dict[str, Any]]) -> tuple[float | None, Interval]:
    """The mean kappa of all pairs of annotators and its interval: the jackknife over annotators (Efron 1982)."""
    import numpy as np

    known = [each for each in pairs if each["kappa"] is not None]
    if not known:
        return None, None
    names = {name: i for i, name in enumerate(sorted({each[side] for each in known for side in "ab"}))}
    value = np.array([each["kappa"] for each in known])
    total, n = np.zeros(len(names)), np.zeros(len(names))
    for side in "ab":
        code = np.array([names[each[side]] for each in known])
        total += np.bincount(code, value, len(names))
        n += np.bincount(code, minlength=len(names))
    mean, left = float(value.mean()), len(value) - n
    if (left <= 0).any():
        return mean, None  # without one of them nothing is left
    without = (value.sum() - total) / left
    half = _Z * float(np.sqrt((len(names) - 1) / len(names) * ((without - without.mean()) ** 2).sum()))
    return mean, [max(mean - half, -1.0), min(mean + half, 1.0)]


def _drawn(rows: Array, prompt: Array, n_votes: int, seed: int) -> Array | None:
    """(resamples, columns): sums of `rows` over prompts drawn with replacement; None for fewer than two."""
    import numpy as np

    code, n_prompts = numbered(prompt)
    if n_prompts < 2:
        return None
    by_prompt = np.stack([np.bincount(code, column, n_prompts) for column in rows.T], axis=1)
    size = N_BOOTSTRAP if n_votes <= LARGE else N_BOOTSTRAP_LARGE
    return weights(np.random.default_rng(seed), n_prompts, size).T @ by_prompt


def _alphas(coincidences: Array, level: Literal["nominal", "ordinal"]) -> Array:
    """Alpha of each (values, values) coincidence matrix; NaN where only one value occurs."""
    import numpy as np

    marginal = coincidences.sum(axis=2)
    total = marginal.sum(axis=1)
    if level == "nominal":
        distance = np.broadcast_to(1.0 - np.eye(marginal.shape[1]), coincidences.shape)
    else:  # (sum of the marginals from one value to the other, their own halved) squared
        upto = marginal.cumsum(axis=1) - marginal / 2
        distance = (upto[:, :, None] - upto[:, None, :]) ** 2
    observed = (coincidences * distance).sum(axis=(1, 2))
    expected = (marginal[:, :, None] * marginal[:, None, :] * distance).sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - (total - 1) * observed / expected
