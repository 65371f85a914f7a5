"""What was preferred, where one policy was sampled twice: shorter? politer? surer?

A trait is counted in a reply by marks that anybody can check (a length, a list of words in English and Spanish), so
it is a rough measure and says so. Where two replies differ in a trait, the share of votes for the one with more of
it is worked out with the interval of `resampling`. Knows nothing of policies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from labeling.schema import Comparison
from labeling.statistics.bootstrap import Estimate, Measure, clusters, estimate, resample
from labeling.statistics.vote_table import TIE, A, B, Votes

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray

_WORDS: Mapping[str, str] = {
    "polite": r"please|thank(?:s| you)?|kindly|pleasure|welcome|sir|madam|por favor|gracias|con gusto|un placer"
    r"|encantad[oa]|le ruego|disculpe|usted|estimad[oa]",
    "excited": r"wow|hooray|marvellous|wonderful|amazing|so happy|love it|viva|qué alegría|maravillos[oa]|increíble"
    r"|genial|estupend[oa]",
    "hedging": r"perhaps|maybe|i think|probably|might|not (?:entirely )?sure|it seems|as far as i know|quizás?|tal vez"
    r"|creo|probablemente|puede que|no estoy segur[oa]|parece que|según recuerdo|si no me equivoco",
    "rude": r"stupid|idiot|obviously|duh|how dare|leave me alone|who cares|everybody knows|tont[oa]|idiota|obvio"
    r"|déjeme en paz|a quién le importa|qué pregunta|todo el mundo lo sabe",
    "pirate": r"arr+|ahoy|matey|aye|ye|yer|treasure|seven seas|marinero|grumete|abordaje|tesoro|siete mares"
    r"|por mil|barba",
}
_LEAST_PROMPTS = 5  # that an interval stands on
_PATTERNS = {name: re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) for name, words in _WORDS.items()}


def _shorter(text: str) -> int:
    return -len(text)


def _marks(name: str) -> Callable[[str], int]:
    pattern = _PATTERNS[name]
    return lambda text: len(pattern.findall(text))


TRAITS: Mapping[str, Callable[[str], int]] = {
    "shorter": _shorter,
    "asking": lambda text: text.count("?"),
    "exclaiming": lambda text: text.count("!"),
    **{name: _marks(name) for name in _PATTERNS},
}


def preferred(
    votes: Votes, comparisons: Sequence[Comparison], n_bootstrap: int | None = None, seed: int = 0
) -> dict[str, Estimate]:
    """For each trait in which replies differed: the share of votes for the reply with more of it, ties half.

    Surest first: ordered by how far the interval keeps from ½. "Both bad" does not count. On fewer than five prompts
    there is no interval: three that agree would seem to leave no doubt.
    """
    import numpy as np

    by_id = {each.comparison_id: each for each in comparisons}
    measures: dict[str, Measure] = {}
    for name, of in TRAITS.items():
        lead = np.zeros(len(votes.items))
        for code, item in enumerate(votes.items):
            each = by_id.get(str(item))
            if each is not None:
                lead[code] = np.sign(of(each.completion_a) - of(each.completion_b))
        side = lead[votes.item]  # 1: a has more of it, -1: b has
        wins = np.where(votes.winner == np.where(side > 0, A, B), 1.0, 0.0)
        keep = (side != 0) & (votes.winner <= TIE)
        if keep.any():
            measures[name] = Measure(np.where(votes.winner == TIE, 0.5, wins), keep)
    if not measures:
        return {}
    prompt = votes.prompt[votes.item]
    sums = resample(prompt, votes.annotator, list(measures.values()), n_bootstrap, seed)
    estimates: dict[str, Estimate] = {}
    for (name, measure), drawn in zip(measures.items(), sums, strict=True):
        effect = estimate(drawn[:, 0], clusters(prompt[measure.keep], votes.annotator[measure.keep]))
        few = np.unique(prompt[measure.keep]).size < _LEAST_PROMPTS
        estimates[name] = replace(effect, low=None, high=None) if few else effect
    return dict(sorted(estimates.items(), key=lambda pair: -_distance(pair[1])))


def _distance(of: Estimate) -> float:
    """How far the interval keeps from ½; without an interval, or across ½, below zero."""
    if of.value is None or of.low is None or of.high is None:
        return -1.0
    return max(of.low - 0.5, 0.5 - of.high)
