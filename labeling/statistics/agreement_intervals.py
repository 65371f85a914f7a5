"""How sure agreement is: alpha and pairwise agreement resampled by prompt, the mean kappa by leaving out one person.

All votes on a prompt are drawn together, because they resemble each other (Hayes and Krippendorff 2007 resample
units too). Alpha of a resample comes from its coincidence matrix (Krippendorff 2011), which is a sum over items:
one matrix product gives all resamples. Knows nothing of where votes come from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from labeling.statistics.bootstrap import (
    LARGE,
    estimate,
    in_blocks,
    interval_of,
    numbered,
    resamples,
    weights,
)

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray

Level = Literal["nominal", "ordinal"]
Interval = list[float] | None  # [low, high], 95 %
_Z = 1.959964  # of a normal distribution's middle 95 %


def intervals(counts: Array, prompt: Array, level: Level, seed: int = 0) -> tuple[Interval, Interval]:
    """Of Krippendorff's alpha and of pairwise agreement, from (items, values) counts and each item's prompt.

    None where there are fewer than two prompts with two votes; for alpha also where hardly a resample has two
    values. Where all pairs agree, the second is Wilson's on the prompts: resampling would claim certainty.
    """
    import numpy as np

    n = counts.sum(axis=1)
    counts, prompt, n = counts[n >= 2].astype(np.float64), prompt[n >= 2], n[n >= 2]
    n_values, n_prompts = counts.shape[1], numbered(prompt)[1]
    if n_prompts < 2:
        return None, None
    own, agreeing = coincidences(counts)
    rows = np.column_stack([own.reshape(len(own), n_values**2), agreeing, n * (n - 1)])
    drawn = _drawn(rows, prompt, int(n.sum()), seed)
    observed = rows[:, -2:].sum(axis=0)[:, None]
    pairs = estimate(np.concatenate([observed, drawn[:, -2:].T], axis=1), n_prompts)
    alphas = alphas_of(drawn[:, :-2].reshape(-1, n_values, n_values), level)
    alphas = alphas[~np.isnan(alphas)]
    unsure = len(alphas) < len(drawn) / 2 or alphas.min() == alphas.max()
    return (
        None if unsure else interval_of(alphas).tolist(),
        None if pairs.low is None or pairs.high is None else [pairs.low, pairs.high],
    )


def kappa_interval(first: Array, second: Array, kappa: Array) -> tuple[float | None, Interval]:
    """The mean kappa of all pairs of annotators and its interval: the jackknife over annotators (Efron 1982).

    `first`, `second`: codes of each pair's annotators; a kappa that is NaN is left out.
    """
    import numpy as np

    known = ~np.isnan(kappa)
    if not known.any():
        return None, None
    value = kappa[known]
    code, n_people = numbered(np.concatenate([first[known], second[known]]))
    total, n = np.bincount(code, np.tile(value, 2), n_people), np.bincount(code, minlength=n_people)
    mean, left = float(value.mean()), len(value) - n
    if (left <= 0).any():
        return mean, None  # without one of them nothing is left
    without = (value.sum() - total) / left
    half = _Z * float(np.sqrt((n_people - 1) / n_people * ((without - without.mean()) ** 2).sum()))
    return mean, [max(mean - half, -1.0), min(mean + half, 1.0)]


def _drawn(rows: Array, prompt: Array, n_votes: int, seed: int) -> Array:
    """(resamples, columns): sums of `rows` over prompts drawn with replacement."""
    import numpy as np

    code, n_prompts = numbered(prompt)
    by_prompt = np.stack([np.bincount(code, column, n_prompts) for column in rows.T], axis=1).astype(np.float32)
    n = resamples(n_votes)
    drawn = np.zeros((n, by_prompt.shape[1]))

    def block(start: int, size: int, random: Any) -> None:
        drawn[start : start + size] = weights(random, n_prompts, size).T @ by_prompt

    in_blocks(block, n, seed, cores=n_votes > LARGE)
    return drawn


def coincidences(counts: Array) -> tuple[Array, Array]:
    """Of (items, values) counts, two or more votes an item: each item's (values, values) coincidences, agreeing pairs.

    The coincidences count ordered pairs of different votes, divided by the other votes of the item.
    """
    import numpy as np

    own = counts[:, :, None] * counts[:, None, :].astype(np.float64)
    diagonal = np.arange(counts.shape[1])
    own[:, diagonal, diagonal] -= counts
    agreeing = own[:, diagonal, diagonal].sum(axis=1)
    own /= (counts.sum(axis=1) - 1)[:, None, None]
    return own, agreeing


def alphas_of(matrices: Array, level: Level) -> Array:
    """Krippendorff's alpha (2011) of each (values, values) coincidence matrix; NaN where only one value occurs.

    alpha = 1 - (n - 1) sum o d / sum m m' d, with coincidences o, marginals m, their sum n and squared distances d.
    """
    import numpy as np

    marginal = matrices.sum(axis=2)
    total = marginal.sum(axis=1)
    if level == "nominal":
        distance = np.broadcast_to(1.0 - np.eye(marginal.shape[1]), matrices.shape)
    else:  # (sum of the marginals from one value to the other, their own halved) squared
        upto = marginal.cumsum(axis=1) - marginal / 2
        distance = (upto[:, :, None] - upto[:, None, :]) ** 2
    observed = (matrices * distance).sum(axis=(1, 2))
    expected = (marginal[:, :, None] * marginal[:, None, :] * distance).sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - (total - 1) * observed / expected
