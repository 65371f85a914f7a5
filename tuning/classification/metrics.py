"""What predictions are worth: accuracy, macro-F1, confusion, mistakes; and what is reached without a model.

Pure numbers; scikit-learn is imported where a baseline is fitted. Knows no model and no run's state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import records
from common.files import read_json
from tuning.data.examples import Labelled

FILE = "classification.json"
_MISTAKES = 20


@dataclass(frozen=True)
class Report:
    """Of held-out texts; shares 0 to 1. `confusion[i][j]`: texts of class i that were taken for class j."""

    labels: list[str]
    n: int
    accuracy: float
    macro_f1: float
    confusion: list[list[int]]
    mistakes: list[dict[str, Any]]  # the most confident first: row, text, label, said, probability
    majority: dict[str, float]  # accuracy, macro_f1
    bag_of_words: dict[str, float] | None  # TF-IDF and logistic regression; None: cannot be fitted
    counts: dict[str, int]  # class -> training texts


def report(
    train: Sequence[Labelled],
    heldout: Sequence[Labelled],
    labels: Sequence[str],
    probabilities: Sequence[Sequence[float]],
) -> Report:
    """`probabilities` (N, C) of `heldout`; both baselines are fitted on `train` and measured on `heldout`."""
    true = [labels.index(row.label) for row in heldout]
    said = [max(range(len(labels)), key=row.__getitem__) for row in probabilities]
    figures = scores(true, said, len(labels))
    confusion = [[0] * len(labels) for _ in labels]
    for right, taken in zip(true, said, strict=True):
        confusion[right][taken] += 1
    wrong: list[dict[str, Any]] = [
        {
            "row": row.number,
            "text": row.text,
            "label": row.label,
            "said": labels[taken],
            "probability": p[taken],
        }
        for row, taken, p in zip(heldout, said, probabilities, strict=True)
        if labels[taken] != row.label
    ]
    wrong.sort(key=lambda each: -float(each["probability"]))
    counts = Counter(row.label for row in train)
    return Report(
        labels=list(labels),
        n=len(heldout),
        **figures,
        confusion=confusion,
        mistakes=wrong[:_MISTAKES],
        majority=majority(train, true, labels),
        bag_of_words=bag_of_words(train, heldout, labels),
        counts={label: counts[label] for label in labels},
    )


def scores(true: Sequence[int], said: Sequence[int], n_classes: int) -> dict[str, float]:
    """Accuracy, and the mean F1 of the classes that occur in `true` or `said`."""
    hits = sum(a == b for a, b in zip(true, said, strict=True))
    f1 = []
    for each in range(n_classes):
        both = sum(a == each == b for a, b in zip(true, said, strict=True))
        total = sum(a == each for a in true) + sum(b == each for b in said)
        if total:
            f1.append(2 * both / total)
    return {"accuracy": hits / max(1, len(true)), "macro_f1": sum(f1) / max(1, len(f1))}


def majority(train: Sequence[Labelled], true: Sequence[int], labels: Sequence[str]) -> dict[str, float]:
    """Always the most frequent class of `train`."""
    most = Counter(row.label for row in train).most_common(1)[0][0]
    return scores(true, [labels.index(most)] * len(true), len(labels))


def bag_of_words(
    train: Sequence[Labelled], heldout: Sequence[Labelled], labels: Sequence[str]
) -> dict[str, float] | None:
    """Logistic regression on TF-IDF of words and pairs of words (scikit-learn, its defaults, C = 10)."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    if len({row.label for row in train}) < 2:
        return None
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    model = make_pipeline(vectors, LogisticRegression(C=10, max_iter=1000))
    try:
        model.fit([row.text for row in train], [row.label for row in train])
    except ValueError:  # texts without a single word
        return None
    said = [labels.index(str(label)) for label in model.predict([row.text for row in heldout])]
    return scores([labels.index(row.label) for row in heldout], said, len(labels))


def read(folder: Path) -> dict[str, Any] | None:
    """The report of the run in `folder`, None before there is one. Raises: BrokenFile."""
    path = folder / FILE
    if not path.is_file():
        return None
    values = read_json(path)
    records.check(Report, values, path)
    return values
