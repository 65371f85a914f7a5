"""Which policy is better, and how sure that is: win rates and Bradley-Terry ratings with intervals.

Votes on one prompt, and votes of one annotator, resemble each other; so the interval comes from a two-way
bootstrap: every resample draws prompts and, independently, annotators with replacement and weights a vote by
how often both were drawn (the pigeonhole bootstrap of Owen 2007, which errs on the wide side). Knows nothing
of files.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labeling.votes import BOTH_BAD, TIE, UNKNOWN, A, Votes

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray

N_BOOTSTRAP = 1000
N_BOOTSTRAP_LARGE = 400  # above LARGE cells; the interval's ends then shake a little more
LARGE = 200_000
LEVEL = 0.95
VIRTUAL_TIES = 0.1  # added between every two policies that met: keeps a rating finite after 10 of 10
SCALE = 400.0
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
class Ranking:
    """Everything that one pass of resampling gives."""

    models: list[str]
    win_rate: dict[str, Estimate]
    bradley_terry: dict[str, Estimate]
    sign_test: list[dict[str, Any]]  # one per pair of policies
    n_prompts: int
    n_annotators: int
    both_bad: int
    ties: int
    n_bootstrap: int


def rank(votes: Votes, n_bootstrap: int | None = None, seed: int = 0) -> Ranking:
    """Ranks the policies by `votes`; a tie is half a win, "both bad" is left out and counted."""
    import numpy as np

    drawn = _Drawn.of(votes, n_bootstrap, seed)
    decided = drawn.votes
    return Ranking(
        models=votes.models,
        win_rate=_win_rates(drawn),
        bradley_terry=_ratings(drawn),
        sign_test=_sign_tests(drawn),
        n_prompts=len(np.unique(decided.prompt[decided.item])),
        n_annotators=len(np.unique(decided.annotator[decided.annotator != UNKNOWN])),
        both_bad=int((votes.winner == BOTH_BAD).sum()),
        ties=int((votes.winner == TIE).sum()),
        n_bootstrap=drawn.sums.shape[2],
    )


def win_rates(votes: Votes, n_bootstrap: int | None = None, seed: int = 0) -> dict[str, Estimate]:
    """The win rates alone."""
    return _win_rates(_Drawn.of(votes, n_bootstrap, seed))


@dataclass(frozen=True)
class _Drawn:
    """Decided votes summed per pair of policies, as observed and in every resample."""

    votes: Votes
    pairs: list[tuple[int, int]]
    pair: Array  # (N,) each vote's pair
    score: Array  # (N,) for the pair's first policy
    observed: Array  # (2, pairs): score, votes
    sums: Array  # (2, pairs, resamples)

    @classmethod
    def of(cls, votes: Votes, n_bootstrap: int | None, seed: int) -> _Drawn:
        import numpy as np

        decided = votes.only(votes.winner != BOTH_BAD)
        pairs, pair, score = _pairs(decided)
        n = len(pairs)
        observed = np.array([np.bincount(pair, score, n), np.bincount(pair, minlength=n)])
        prompt = decided.prompt[decided.item]
        sums, _ = resample(prompt, decided.annotator, pair, score, n, n_bootstrap, seed)
        return cls(decided, pairs, pair, score, observed, sums)


def share(votes: Votes, score: Array, keep: Array, n_bootstrap: int | None = None, seed: int = 0) -> Estimate:
    """The mean of `score` (0, ½ or 1 per vote) over the votes in `keep`, with its two-way interval."""
    import numpy as np

    chosen, values = votes.only(keep), score[keep].astype(np.float64)
    if not len(chosen):
        return Estimate(None, None, None, 0)
    same = np.zeros(len(chosen), dtype=np.int64)
    prompt = chosen.prompt[chosen.item]
    draws, _ = resample(prompt, chosen.annotator, same, values, 1, n_bootstrap, seed)
    return _estimate(float(values.mean()), draws[0, 0], draws[1, 0], len(values), _clusters(chosen))


def resample(
    prompt: Array,
    annotator: Array,
    group: Array,
    score: Array,
    n_groups: int,
    n_bootstrap: int | None = None,
    seed: int = 0,
) -> tuple[Array, int]:
    """Two-way bootstrap sums: (2, n_groups, n_bootstrap), the weighted score and the weight of each group.

    Votes of one (group, prompt, annotator) are summed first; an unknown annotator has weight 1.
    """
    import numpy as np
    from scipy import sparse

    prompt = np.unique(prompt, return_inverse=True)[1] if len(prompt) else prompt
    people, annotator = (
        np.unique(annotator, return_inverse=True) if len(annotator) else (annotator, annotator)
    )
    n_prompts, n_people = int(prompt.max(initial=-1)) + 1, len(people)
    nameless = len(people) > 0 and bool(people[0] == UNKNOWN)
    shape = (n_groups * n_prompts, n_people)
    # duplicates of a cell are summed when the matrix is compressed: rows are (group, prompt)
    cells = (group * n_prompts + prompt, annotator)
    scores = sparse.csr_array(sparse.coo_array((score.astype(np.float64), cells), shape=shape))
    counts = sparse.csr_array(sparse.coo_array((np.ones(len(score)), cells), shape=shape))
    n = n_bootstrap or (N_BOOTSTRAP if counts.nnz <= LARGE else N_BOOTSTRAP_LARGE)
    used = np.flatnonzero(np.diff(counts.indptr))
    scores, counts = scores[used].astype(np.float32), counts[used].astype(np.float32)
    group_of, prompt_of = used // max(n_prompts, 1), used % max(n_prompts, 1)
    random = np.random.default_rng(seed)
    sums = np.zeros((2, n_groups, n))
    into = sparse.csr_array(
        (np.ones(len(used)), (group_of, np.arange(len(used)))), shape=(n_groups, len(used))
    )
    for start in range(0, n if len(score) else 0, _BLOCK):
        size = min(_BLOCK, n - start)
        people_weight = _weights(random, n_people, size, fixed=nameless)
        prompt_weight = _weights(random, n_prompts, size)[prompt_of]
        for k, matrix in enumerate((scores, counts)):
            sums[k, :, start : start + size] = into @ ((matrix @ people_weight) * prompt_weight)
    return sums, n


def _weights(random: Any, n: int, size: int, fixed: bool = False) -> Array:
    """(n, size): how often each of n was drawn in n draws; with `fixed` the first always once."""
    import numpy as np

    first = int(fixed)
    drawn = n - first
    weights = np.ones((n, size), dtype=np.float32)
    for column in range(size if drawn > 1 else 0):
        weights[first:, column] = np.bincount(random.integers(0, drawn, drawn), minlength=drawn)
    return weights


def _pairs(votes: Votes) -> tuple[list[tuple[int, int]], Array, Array]:
    """The pairs of policies that met, each vote's pair, and its score for the pair's first policy."""
    import numpy as np

    a, b = votes.model_a[votes.item], votes.model_b[votes.item]
    first, second = np.minimum(a, b), np.maximum(a, b)
    code, pair = np.unique(first * len(votes.models) + second, return_inverse=True)
    score = np.where(votes.winner == TIE, 0.5, (votes.winner == A).astype(np.float64))
    score = np.where(a <= b, score, 1 - score)
    return [divmod(int(each), len(votes.models)) for each in code], pair, score


def _clusters(votes: Votes) -> int:
    """How many independent things were seen: prompts or annotators, whichever are fewer (but not one)."""
    import numpy as np

    sizes = (
        len(np.unique(votes.prompt[votes.item])),
        len(np.unique(votes.annotator[votes.annotator != UNKNOWN])),
    )
    return min((size for size in sizes if size > 1), default=0)


def _win_rates(drawn: _Drawn) -> dict[str, Estimate]:
    import numpy as np

    rates, clusters = {}, _clusters(drawn.votes)
    for code, name in enumerate(drawn.votes.models):
        total, resampled = np.zeros(2), np.zeros((2, drawn.sums.shape[2]))
        for k, (first, second) in enumerate(drawn.pairs):
            if first == second or code not in (first, second):
                continue
            for sums, part in ((total, drawn.observed[:, k]), (resampled, drawn.sums[:, k])):
                sums[0] += part[0] if code == first else part[1] - part[0]
                sums[1] += part[1]
        value = float(total[0] / total[1]) if total[1] else None
        rates[name] = _estimate(value, resampled[0], resampled[1], int(total[1]), clusters)
    return rates


def _estimate(value: float | None, score: Array, weight: Array, n: int, clusters: int) -> Estimate:
    """The interval: the middle 95 % of the resamples.

    Where all votes agree, resampling would claim certainty: there Wilson's interval on the clusters stands.
    """
    import numpy as np

    if value is None:
        return Estimate(None, None, None, 0)
    if clusters == 0:
        return Estimate(value, None, None, n)  # one prompt and one annotator: nothing to resample
    if value in (0.0, 1.0):
        from scipy.stats import binomtest

        interval = binomtest(round(value * clusters), clusters).proportion_ci(LEVEL, method="wilson")
        return Estimate(value, float(interval.low), float(interval.high), n)
    means = score[weight > 0] / weight[weight > 0]
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high), n)


def _ratings(drawn: _Drawn) -> dict[str, Estimate]:
    """Bradley-Terry ratings by maximum likelihood (choix), 400 log10 scale, mean 0, a tie half a win each."""
    import numpy as np

    models, pairs, observed = drawn.votes.models, drawn.pairs, drawn.observed
    met = sorted({code for first, second in pairs if first != second for code in (first, second)})
    n = dict.fromkeys(range(len(models)), 0)
    for k, (first, second) in enumerate(pairs):
        if first != second:
            n[first] += int(observed[1, k])
            n[second] += int(observed[1, k])
    nothing = {name: Estimate(None, None, None, n[code]) for code, name in enumerate(models)}
    if len(met) < 2:
        return nothing
    values = _bradley_terry(pairs, met, observed)
    resamples = [_bradley_terry(pairs, met, drawn.sums[:, :, i]) for i in range(drawn.sums.shape[2])]
    low, high = np.quantile(resamples, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    found = {
        models[code]: Estimate(float(values[i]), float(low[i]), float(high[i]), n[code])
        for i, code in enumerate(met)
    }
    return nothing | found


def _bradley_terry(pairs: list, met: list[int], sums: Array) -> Array:
    """Ratings of the policies in `met` from each pair's (score, weight)."""
    import choix
    import numpy as np

    place = {code: i for i, code in enumerate(met)}
    wins = np.zeros((len(met), len(met)))
    for k, (first, second) in enumerate(pairs):
        if first != second:
            i, j = place[first], place[second]
            wins[i, j] += sums[0, k] + VIRTUAL_TIES / 2
            wins[j, i] += sums[1, k] - sums[0, k] + VIRTUAL_TIES / 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        strengths = choix.ilsr_pairwise_dense(wins, max_iter=1000, alpha=1e-12)
    return (strengths - strengths.mean()) * SCALE / np.log(10)


def _sign_tests(drawn: _Drawn) -> list[dict[str, Any]]:
    """For each pair, on how many prompts the first policy leads, and the two-sided binomial p of that."""
    import numpy as np
    from scipy.stats import binomtest

    models, prompt, score = drawn.votes.models, drawn.votes.prompt[drawn.votes.item], drawn.score
    tests = []
    for k, (first, second) in enumerate(drawn.pairs):
        if first == second:
            continue
        mine = drawn.pair == k
        codes, index = np.unique(prompt[mine], return_inverse=True)
        lead = np.sign(np.bincount(index, score[mine] - 0.5, len(codes)))
        for_first, for_second = int((lead > 0).sum()), int((lead < 0).sum())
        n = for_first + for_second
        tests.append(
            {
                "a": models[first],
                "b": models[second],
                "prompts_for_a": for_first,
                "prompts_for_b": for_second,
                "prompts_even": len(codes) - n,
                "p": float(binomtest(for_first, n).pvalue) if n else None,
            }
        )
    return tests
