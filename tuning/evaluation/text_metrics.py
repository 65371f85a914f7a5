"""How near a reply comes to the wanted one: exact match, token F1, ROUGE. Knows no model."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence


def of_replies(replies: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Means over all pairs, 0 to 1: `exact_match` (spaces aside), `token_f1`, `rouge1` and `rouge_l` (F measures).

    ROUGE (Lin 2004) by the library `rouge-score`, with words in any alphabet.
    """
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rougeL"], tokenizer=_Words())
    pairs = list(zip(replies, references, strict=True))
    rouge = [scorer.score(right, reply) for reply, right in pairs]
    return {
        "exact_match": _mean([float(reply.split() == right.split()) for reply, right in pairs]),
        "token_f1": _mean([token_f1(reply, right) for reply, right in pairs]),
        "rouge1": _mean([each["rouge1"].fmeasure for each in rouge]),
        "rouge_l": _mean([each["rougeL"].fmeasure for each in rouge]),
    }


def token_f1(reply: str, reference: str) -> float:
    """Harmonic mean of precision and recall over words, as multisets (Rajpurkar et al. 2016)."""
    said, right = Counter(words(reply)), Counter(words(reference))
    common = (said & right).total()
    if not common:
        return float(said == right)
    return 2 * common / (said.total() + right.total())


def words(text: str) -> list[str]:
    """Lower-case words without punctuation."""
    return re.findall(r"\w+", unicodedata.normalize("NFC", text).casefold())


class _Words:
    def tokenize(self, text: str) -> list[str]:
        return words(text)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / max(1, len(values))
