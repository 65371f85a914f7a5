"""What the report says before anybody trains."""

from __future__ import annotations

from itertools import pairwise

import pytest

from common.errors import messages
from tuning.data.loading import from_python
from tuning.data.report import histogram, inspect


def data(n=100, reply="Fine, thank you."):
    return from_python([{"prompt": f"Question {i}?", "completion": reply} for i in range(n)])


def keys(report):
    return [note.key for note in report.notes]


def test_counts_add_up(plain):
    report = inspect(data(), plain, 0)
    assert (report.n_rows, report.n_train + report.n_heldout, report.n_measured) == (100, 100, 100)
    assert sum(bar.n for bar in report.histogram) == 100
    assert report.tokens_median <= report.tokens_longest and 0 < report.trained_share < 1
    assert report.notes == () and report.n_truncated == report.n_nothing_trained == 0


def test_the_preview_shows_train_rows_as_they_are_trained(plain):
    report = inspect(data(), plain, 0, n_preview=2)
    assert len(report.preview) == 2
    for row in report.preview:
        assert "".join(text for text, trained in row if trained) == " Fine, thank you.<|end|>"


def test_cut_rows_and_rows_without_a_reply_left(plain):
    longest = inspect(data(), plain, 0).tokens_longest
    barely = inspect(data(), plain, longest - 1)
    assert 0 < barely.n_truncated <= 100 and barely.n_nothing_trained == 0 and keys(barely) == ["data.note.cut"]
    hopeless = inspect(data(), plain, 5)
    assert hopeless.n_nothing_trained == 100 and "data.note.lost" in keys(hopeless)


def test_notes_for_small_and_doubled_data(plain):
    assert "data.note.few" in keys(inspect(data(10), plain, 0))
    assert "data.note.no_heldout" in keys(inspect(data(100), plain, 0, fraction=0.0))
    assert "data.note.no_train" in keys(inspect(data(100), plain, 0, fraction=1.0))
    doubled = from_python([{"prompt": f"Question {i % 50}?", "completion": "Yes."} for i in range(100)])
    report = inspect(doubled, plain, 0)
    assert report.n_duplicates == 50 and "data.note.duplicates" in keys(report)


def test_a_large_set_is_measured_on_a_spread_of_rows(plain):
    report = inspect(data(5000), plain, 0)
    assert (report.n_rows, report.n_measured) == (5000, 2000)


@pytest.mark.parametrize("lengths", [[7], [1, 2, 3], list(range(10, 400)), [20] * 500 + [9000], [3, 100_000]])
def test_every_length_falls_in_exactly_one_of_few_bars(lengths):
    bars = histogram(lengths)
    assert 1 <= len(bars) <= 20 and sum(bar.n for bar in bars) == len(lengths)
    assert all(left.high + 1 == right.low for left, right in pairwise(bars))


def test_no_rows_no_bars():
    assert histogram([]) == ()


def test_notes_have_words(plain):
    for note in inspect(data(10), plain, 5, fraction=0.0).notes:
        assert note.key in messages("es") and "{" not in note.words("es")
