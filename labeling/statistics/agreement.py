"""How far annotators agree: Krippendorff's alpha, Cohen's kappa of every two, plain pairwise agreement.

Everything on the four winners as categories, and on strength as an ordered scale. Kappa for all pairs
at once by sparse products. Knows nothing of policies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labeling.schema import MAX_STRENGTH, WINNERS
from labeling.statistics import agreement_intervals as spread
from labeling.statistics.vote_table import UNKNOWN, Votes

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray

DENSE = 3000  # annotators up to whom a table of all pairs is made
MIN_SHARED = 5  # items that two annotators must share for a kappa


def agreement(votes: Votes) -> dict[str, Any]:
    """The report's `agreement` part."""
    import numpy as np

    items, counts = _counts(votes.item, votes.winner, len(WINNERS))
    said = ~np.isnan(votes.strength)
    levels = (votes.strength[said] + MAX_STRENGTH).astype(np.int64)
    strong, strength = _counts(votes.item[said], levels, 2 * MAX_STRENGTH + 1)
    first, second, shared, kappa = _every_two(votes, MIN_SHARED)
    mean, interval = spread.kappa_interval(first, second, kappa)
    of_strength, _ = spread.intervals(strength, votes.prompt[strong], "ordinal")
    return {
        **_nominal(counts, votes.prompt[items]),
        "krippendorff_alpha_strength": alpha(strength, "ordinal"),
        "krippendorff_alpha_strength_interval": of_strength,
        "cohen_kappa": _named(votes.annotators, first, second, shared, kappa),
        "cohen_kappa_mean": mean,
        "cohen_kappa_mean_interval": interval,
        "n_items": int((counts.sum(axis=1) >= 2).sum()),
        "n_annotators": len(np.unique(votes.annotator[votes.annotator != UNKNOWN])),
    }


def _nominal(counts: Array, prompt: Array) -> dict[str, Any]:
    """Both measures of agreement on the four winners, with their intervals."""
    of_alpha, of_pairs = spread.intervals(counts, prompt, "nominal")
    return {
        "krippendorff_alpha": alpha(counts, "nominal"),
        "krippendorff_alpha_interval": of_alpha,
        "pairwise_agreement": pairwise(counts),
        "pairwise_agreement_interval": of_pairs,
    }


def alpha(counts: Array, level: spread.Level) -> float | None:
    """Krippendorff's alpha (2011) from (items, values) counts; None where no item has two votes, or all are equal.

    With one value alone chance agreement is perfect too, and alpha is 0 / 0.
    """
    pairable = counts[counts.sum(axis=1) >= 2]
    if not len(pairable) or (pairable.sum(axis=0) > 0).sum() < 2:
        return None
    own, _ = spread.coincidences(pairable)
    return float(spread.alphas_of(own.sum(axis=0)[None], level)[0])


def pairwise(counts: Array) -> float | None:
    """The chance that two different votes on one item agree, averaged over all such pairs of votes."""
    n = counts.sum(axis=1)
    pairs = (n * (n - 1)).sum()
    return float((counts * (counts - 1)).sum() / pairs) if pairs else None


def kappas(votes: Votes, min_shared: int = MIN_SHARED) -> list[dict[str, Any]]:
    """Cohen's kappa of every two annotators who share `min_shared` items; None where chance leaves no room."""
    return _named(votes.annotators, *_every_two(votes, min_shared))


def _every_two(votes: Votes, min_shared: int) -> tuple[Array, Array, Array, Array]:
    """Both annotators' codes, the items they share, and their kappa (NaN where chance leaves no room).

    X is (annotators, items), 1 where they judged; X_c where they chose c. Over the items that i and j share,
    X_c X^T counts how often i chose c, so sum_c (X_c X^T)(X_c X^T)^T / n^2 is chance agreement.
    """
    import numpy as np
    from scipy import sparse

    known = votes.annotator != UNKNOWN
    person, item, winner = votes.annotator[known], votes.item[known], votes.winner[known]
    shape = (len(votes.annotators), len(votes.items))
    if not len(person):
        return (*np.zeros((2, 0), dtype=np.int64), *np.zeros((2, 0)))

    def matrix(chosen: Array) -> Any:
        ones = np.ones(int(chosen.sum()), dtype=np.int32)
        return sparse.csr_array((ones, (person[chosen], item[chosen])), shape=shape)

    judged = matrix(np.ones(len(person), dtype=bool))
    judged_t = judged.T.tocsr()
    shared = sparse.coo_array(sparse.triu(judged @ judged_t, k=1))
    enough = shared.data >= min_shared
    i, j, n = shared.row[enough], shared.col[enough], shared.data[enough].astype(np.float64)
    observed, chance = np.zeros(len(n)), np.zeros(len(n))
    for code in range(len(WINNERS)):
        chose = matrix(winner == code)
        observed += _at(chose @ chose.T.tocsr(), i, j)
        marginal = (chose @ judged_t).tocsr()
        chance += _at(marginal, i, j) * _at(marginal, j, i)
    observed, chance = observed / n, chance / n**2
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa = np.where(chance < 1, (observed - chance) / (1 - chance), np.nan)
    return i, j, n, kappa


def _named(names: list[str], i: Array, j: Array, n: Array, kappa: Array) -> list[dict[str, Any]]:
    columns = zip(i.tolist(), j.tolist(), n.tolist(), kappa.tolist(), strict=True)
    return [
        {"a": names[a], "b": names[b], "n": int(shares), "kappa": None if value != value else value}
        for a, b, shares, value in columns
    ]


def change(every: Votes) -> dict[str, Any] | None:
    """Agreement before and after discussion, on what the same annotators judged in both phases.

    Also how many changed their mind. None where nothing was judged twice.
    """
    import numpy as np

    once = every.only(every.repeat == 0)
    item, _, old, new = _twice(once, once.phase)
    if not len(item):
        return None
    figures: dict[str, Any] = {"n_votes": len(item), "changed": float((old != new).mean())}
    for name, winner in (("before", old), ("after", new)):
        items, counts = _counts(item, winner, len(WINNERS))
        figures[name] = {
            **_nominal(counts, every.prompt[items]),
            "winners": dict(zip(WINNERS, np.bincount(winner, minlength=len(WINNERS)).tolist(), strict=True)),
        }
    return figures


def repeated(every: Votes) -> tuple[Array, Array]:
    """(annotators,) how many swapped repeats each answered as at first, and of how many."""
    import numpy as np

    blind = every.only(every.phase == 0)
    _, person, old, new = _twice(blind, blind.repeat)
    n = len(every.annotators)
    return np.bincount(person[old == new], minlength=n), np.bincount(person, minlength=n)


def _twice(votes: Votes, second: Array) -> tuple[Array, Array, Array, Array]:
    """(item, annotator, first winner, second winner) of what one annotator judged in both of two takes."""
    import numpy as np

    known = votes.annotator != UNKNOWN
    key = votes.item * max(len(votes.annotators), 1) + votes.annotator
    takes = [np.flatnonzero(known & (second == which)) for which in (0, 1)]
    _, old, new = np.intersect1d(key[takes[0]], key[takes[1]], return_indices=True)
    before, after = takes[0][old], takes[1][new]
    return votes.item[before], votes.annotator[before], votes.winner[before], votes.winner[after]


def _counts(item: Array, value: Array, n_values: int) -> tuple[Array, Array]:
    """The items with a vote, and (items, values): how often each value was given."""
    import numpy as np

    codes, index = np.unique(item, return_inverse=True)
    flat = np.bincount(index * n_values + value, minlength=len(codes) * n_values)
    return codes, flat.reshape(len(codes), n_values)


def _at(matrix: Any, i: Array, j: Array) -> Array:
    """The entries (i, j) of a sparse matrix, as numbers; by way of a dense one where that is small."""
    import numpy as np

    if matrix.shape[0] <= DENSE:
        matrix = matrix.toarray()
    return np.asarray(matrix[i, j], dtype=np.float64).ravel()
