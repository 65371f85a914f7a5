"""How the votes came about: each annotator's habits, each comparison's difficulty, the pull of place and
length.

Shows; never decides. Who is excluded, and why, is a person's choice. Knows nothing of who wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common import hashing
from labeling.statistics.agreement import repeated
from labeling.statistics.bootstrap import LEVEL, Measure
from labeling.statistics.vote_table import BOTH_BAD, TIE, UNKNOWN, A, B, Votes

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray

FAST_MS = 1500  # a vote given sooner than two replies can be read


def position(votes: Votes) -> Measure:
    """The share of decided votes that went to the left reply; ½ where place does not matter."""
    import numpy as np

    left = (votes.winner == np.where(votes.swapped == 1, B, A)).astype(np.float64)
    return Measure(left, (votes.winner <= B) & (votes.swapped != UNKNOWN))


def length(votes: Votes) -> Measure:
    """The share of decided votes that went to the longer reply; replies of equal length are left out."""
    import numpy as np

    a, b = votes.length_a[votes.item], votes.length_b[votes.item]
    longer = (votes.winner == np.where(a > b, A, B)).astype(np.float64)
    return Measure(longer, (votes.winner <= B) & (a != b) & (a != UNKNOWN) & (b != UNKNOWN))


def annotators(every: Votes) -> list[dict[str, Any]]:
    """One entry per annotator, of first judgements alone; None where there is nothing to say.

    Every share comes with its interval (`…_interval`): Jeffreys', for few votes (Brown, Cai and DasGupta 2001).
    """
    import numpy as np

    first = every.only((every.phase == 0) & (every.repeat == 0) & (every.annotator != UNKNOWN))
    votes = first.counted()
    n = len(every.annotators)

    def count(of: Votes, chosen: Array) -> Array:
        return np.bincount(of.annotator[chosen], minlength=n)

    decided = (votes.winner <= B) & (votes.swapped != UNKNOWN)
    left = decided & (votes.winner == np.where(votes.swapped == 1, B, A))
    timed = votes.milliseconds != UNKNOWN
    gold = first.gold[first.item]
    comparable, agrees = _with_the_others(votes)
    total = count(votes, np.ones(len(votes), dtype=bool))
    parts = {
        "left_share": (count(votes, left), count(votes, decided)),
        "tie_share": (count(votes, votes.winner == TIE), total),
        "both_bad_share": (count(votes, votes.winner == BOTH_BAD), total),
        "fast_share": (count(votes, timed & (votes.milliseconds < FAST_MS)), count(votes, timed)),
        "gold_accuracy": (count(first, gold == first.winner), count(first, gold != UNKNOWN)),
        "agreement_with_others": (count(votes, agrees), count(votes, comparable)),
        "self_consistency": repeated(every),
    }
    columns: dict[str, list[Any]] = {name: _shares(*part) for name, part in parts.items()}
    columns |= {f"{name}_interval": _intervals(*part) for name, part in parts.items()}
    columns["gold_n"] = parts["gold_accuracy"][1].tolist()
    columns["median_ms"] = _medians(votes.annotator[timed], votes.milliseconds[timed], n)
    return [
        {"annotator_id": name, "n": int(total[i])} | {key: column[i] for key, column in columns.items()}
        for i, name in enumerate(every.annotators)
    ]


def items(votes: Votes, most: int | None = None) -> list[dict[str, Any]]:
    """One entry per comparison with its votes, entropy (bits) and how often it was skipped or reported.

    Most contested first; `most` cuts the list.
    """
    import numpy as np

    counts = np.bincount(votes.item * 4 + votes.winner, minlength=len(votes.items) * 4).reshape(-1, 4)
    n = counts.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = counts / n[:, None]
        entropy = -np.where(p > 0, p * np.log2(p), 0.0).sum(axis=1) + 0.0
    skips = votes.skips if votes.skips is not None else np.zeros(len(n), dtype=np.int64)
    flags = votes.flags if votes.flags is not None else np.zeros(len(n), dtype=np.int64)
    touched = np.flatnonzero((n + skips + flags > 0) & (votes.gold == UNKNOWN))
    order = touched[np.lexsort((-n[touched], -np.nan_to_num(entropy[touched])))][:most]
    return [
        {
            "comparison_id": _name(votes.items[i]),
            "prompt": votes.prompts[votes.prompt[i]],
            "n": int(n[i]),
            "model_a": int(counts[i, 0]),
            "model_b": int(counts[i, 1]),
            "tie": int(counts[i, 2]),
            "both_bad": int(counts[i, 3]),
            "entropy": float(entropy[i]) if n[i] else None,
            "skips": int(skips[i]),
            "flags": int(flags[i]),
        }
        for i in order.tolist()
    ]


def _name(key: str | tuple) -> str:
    return key if isinstance(key, str) else hashing.of_json(list(key))[:16]


def _with_the_others(votes: Votes) -> tuple[Array, Array]:
    """For each vote: whether the others have one most frequent answer, and whether the vote is it."""
    import numpy as np

    counts = np.bincount(votes.item * 4 + votes.winner, minlength=len(votes.items) * 4).reshape(-1, 4)
    others = counts[votes.item]
    others[np.arange(len(votes)), votes.winner] -= 1
    top = others.max(axis=1, initial=0)
    clear = (top > 0) & ((others == top[:, None]).sum(axis=1) == 1)
    return clear, clear & (others.argmax(axis=1) == votes.winner) if len(votes) else clear


def _shares(part: Array, whole: Array) -> list[float | None]:
    return [float(some / every) if every else None for some, every in zip(part.tolist(), whole.tolist(), strict=True)]


def _intervals(part: Array, whole: Array) -> list[list[float] | None]:
    """The middle 95 % of Beta(part + ½, whole - part + ½), with 0 and 1 as ends where nothing or all was so."""
    import numpy as np
    from scipy.stats import beta

    edge = (1 - LEVEL) / 2
    low, high = beta.ppf([[edge], [1 - edge]], part + 0.5, whole - part + 0.5)
    ends = np.stack([np.where(part == 0, 0.0, low), np.where(part == whole, 1.0, high)], axis=1)
    return [pair if n else None for pair, n in zip(ends.tolist(), whole.tolist(), strict=True)]


def _medians(group: Array, values: Array, n: int) -> list[float | None]:
    """The median of `values` in each of n groups, None for an empty one."""
    import numpy as np

    order = np.lexsort((values, group))
    ends = np.searchsorted(group[order], np.arange(n + 1))
    ordered = values[order]
    return [
        None if low == high else float((ordered[(low + high - 1) // 2] + ordered[(low + high) // 2]) / 2)
        for low, high in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
    ]
