"""Which policy is better, and how sure that is: win rates, sign tests and Bradley-Terry ratings.

A tie is half a win; "both bad" is left out and counted. Intervals as in `resampling`. Knows nothing of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labeling.statistics.bootstrap import Estimate, Measure, clusters, estimate, interval_of, resample
from labeling.statistics.vote_table import BOTH_BAD, TIE, A, Votes

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray

VIRTUAL_TIES = 0.1  # added between every two policies that met: keeps a rating finite after 10 of 10
SCALE = 400.0
SPLITS = ("train", "heldout")


@dataclass(frozen=True)
class Ranking:
    """Everything that one pass of resampling gives."""

    win_rate: dict[str, Estimate]
    win_rate_by_split: dict[str, dict[str, Estimate]]
    bradley_terry: dict[str, Estimate]
    sign_test: list[dict[str, Any]]  # one per pair of policies
    shares: dict[str, Estimate]  # of the other measures
    both_bad: int
    ties: int
    n_bootstrap: int


def rank(
    votes: Votes,
    n_bootstrap: int | None = None,
    seed: int = 0,
    others: Mapping[str, Measure] | None = None,
) -> Ranking:
    """Ranks the policies by `votes`; `others` are resampled with them and come back as `shares`."""
    import numpy as np

    others = others or {}
    prompt = votes.prompt[votes.item]
    decided = votes.winner != BOTH_BAD
    pairs, pair, score = _pairs(votes)
    heldout = votes.heldout[votes.item].astype(np.int64)
    wins = Measure(score, decided, 2 * pair + heldout, 2 * len(pairs))
    sums, *rest = resample(prompt, votes.annotator, [wins, *others.values()], n_bootstrap, seed)
    by_split = sums.reshape(2, len(pairs), 2, sums.shape[2])
    everything = by_split.sum(axis=2)
    seen = clusters(prompt[decided], votes.annotator[decided])
    return Ranking(
        win_rate=_win_rates(votes.models, pairs, everything, seen),
        win_rate_by_split={
            name: _win_rates(votes.models, pairs, by_split[:, :, side], _clusters_of(votes, side))
            for side, name in enumerate(SPLITS)
            if by_split[1, :, side, 0].any()
        },
        bradley_terry=_ratings(votes.models, pairs, everything),
        sign_test=_sign_tests(votes.models, pairs, pair[decided], score[decided], prompt[decided]),
        shares={
            name: estimate(found[:, 0], clusters(prompt[each.keep], votes.annotator[each.keep]))
            for (name, each), found in zip(others.items(), rest, strict=True)
        },
        both_bad=int((~decided).sum()),
        ties=int((votes.winner == TIE).sum()),
        n_bootstrap=sums.shape[2] - 1,
    )


def _clusters_of(votes: Votes, side: int) -> int:
    keep = (votes.winner != BOTH_BAD) & (votes.heldout[votes.item] == bool(side))
    return clusters(votes.prompt[votes.item][keep], votes.annotator[keep])


def _pairs(votes: Votes) -> tuple[list[tuple[int, int]], Array, Array]:
    """The pairs of policies that met, each vote's pair, and its score for the pair's first policy."""
    import numpy as np

    a, b = votes.model_a[votes.item], votes.model_b[votes.item]
    first, second = np.minimum(a, b), np.maximum(a, b)
    code, pair = np.unique(first * len(votes.models) + second, return_inverse=True)
    score = np.where(votes.winner == TIE, 0.5, (votes.winner == A).astype(np.float64))
    score = np.where(a <= b, score, 1 - score)
    return [divmod(int(each), len(votes.models)) for each in code], pair, score


def _win_rates(models: list[str], pairs: list[tuple[int, int]], sums: Array, seen: int) -> dict[str, Estimate]:
    """Win rates from (2, pairs, 1 + resamples) sums; a policy that met nobody else has none."""
    import numpy as np

    rates = {}
    for code, name in enumerate(models):
        total = np.zeros((2, sums.shape[2]))
        for k, (first, second) in enumerate(pairs):
            if first != second and code in (first, second):
                total[0] += sums[0, k] if code == first else sums[1, k] - sums[0, k]
                total[1] += sums[1, k]
        rates[name] = estimate(total, seen)
    return rates


def _ratings(models: list[str], pairs: list[tuple[int, int]], sums: Array) -> dict[str, Estimate]:
    """Bradley-Terry ratings by maximum likelihood (choix), 400 log10 scale, mean 0, a tie half a win each.

    Policies that no chain of votes connects cannot be ranked together: each connected group has its own mean 0.
    """
    import numpy as np

    n = np.zeros(len(models), dtype=np.int64)
    met = [(k, *couple) for k, couple in enumerate(pairs) if couple[0] != couple[1] and sums[1, k, 0]]
    for k, first, second in met:
        n[[first, second]] += round(float(sums[1, k, 0]))
    ratings = {name: Estimate(None, None, None, int(n[code])) for code, name in enumerate(models)}
    for group in _connected(len(models), [(first, second) for _, first, second in met]):
        wins = _wins(group, [each for each in met if each[1] in group], sums)
        values = np.array([_bradley_terry(each) for each in wins])
        low, high = interval_of(values[1:])
        for i, code in enumerate(group):
            value = float(values[0, i])
            ends = min(value, float(low[i])), max(value, float(high[i]))
            ratings[models[code]] = Estimate(value, *ends, int(n[code]))
    return ratings


def _connected(n: int, couples: list[tuple[int, int]]) -> list[list[int]]:
    """The groups of policies that are connected by votes."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not couples:
        return []
    rows, columns = zip(*couples, strict=True)
    label = connected_components(coo_array(([1] * len(couples), (rows, columns)), shape=(n, n)))[1]
    groups = [[code for code in range(n) if label[code] == each] for each in range(label.max() + 1)]
    return [group for group in groups if len(group) > 1]


def _wins(group: list[int], met: list[tuple[int, int, int]], sums: Array) -> Array:
    """(1 + resamples, policies, policies): how often one beat the other, with the virtual ties."""
    import numpy as np

    wins = np.zeros((sums.shape[2], len(group), len(group)))
    for k, first, second in met:
        i, j = group.index(first), group.index(second)
        wins[:, i, j] = sums[0, k] + VIRTUAL_TIES / 2
        wins[:, j, i] = np.maximum(0.0, sums[1, k] - sums[0, k]) + VIRTUAL_TIES / 2
    return wins


def _bradley_terry(wins: Array) -> Array:
    """Ratings from a matrix of wins (row beat column)."""
    import choix
    import numpy as np

    strengths = choix.ilsr_pairwise_dense(wins, max_iter=10_000, tol=1e-7)
    return (strengths - strengths.mean()) * SCALE / np.log(10)


def _sign_tests(
    models: list[str], pairs: list[tuple[int, int]], pair: Array, score: Array, prompt: Array
) -> list[dict[str, Any]]:
    """For each pair, on how many prompts the first policy leads, and the two-sided binomial p of that."""
    import numpy as np
    from scipy.stats import binomtest

    tests = []
    for k, (first, second) in enumerate(pairs):
        if first == second:
            continue
        mine = pair == k
        votes = np.bincount(prompt[mine])
        lead = np.sign(np.bincount(prompt[mine], score[mine] - 0.5))
        for_first, for_second = int((lead > 0).sum()), int((lead < 0).sum())
        n = for_first + for_second
        tests.append(
            {
                "a": models[first],
                "b": models[second],
                "prompts_for_a": for_first,
                "prompts_for_b": for_second,
                "prompts_even": int((votes > 0).sum()) - n,
                "p": float(binomtest(for_first, n).pvalue) if n else None,
            }
        )
    return tests
