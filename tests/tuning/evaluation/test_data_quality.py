"""Leaks by row, odd characters, measures of replies."""

from __future__ import annotations

import pytest

from tuning.data import general_text
from tuning.data.examples import Labelled, Row
from tuning.evaluation import data_quality, text_metrics


def labelled(*texts: str) -> list[Labelled]:
    return [Labelled(text, "x", number) for number, text in enumerate(texts, 1)]


def test_near_duplicates_are_found_by_row_and_others_are_not():
    train = labelled("the cat sat on the warm mat in the kitchen all day", "a wholly different sentence about ships")
    held = [
        Labelled("The cat sat on the warm mat, in the kitchen all day!", "x", 7),
        Labelled("the cat sat on the warm mat in the kitchen all night", "x", 8),
        Labelled("a dog ran through the cold garden without a sound", "x", 9),
    ]
    leaks = data_quality.near_duplicates(train, held)
    assert [(leak.heldout_row, leak.train_row) for leak in leaks] == [(7, 1), (8, 1)]
    assert leaks[0].similarity == 1 and 0.7 <= leaks[1].similarity < 1


def test_a_word_more_in_a_short_row_is_a_leak_and_another_question_is_none():
    train = labelled("What is 3 plus 3, added slowly with a pencil on paper? It is 6.")
    held = labelled(
        "What is 3 plus 3, added slowly with a pencil on paper? Now? It is 6.",
        "What is 4 plus 4, added slowly with a pencil on paper? It is 8.",
    )
    assert [leak.heldout_row for leak in data_quality.near_duplicates(train, held)] == [1]


@pytest.mark.parametrize(
    ("text", "what"),
    [("caf\ufffd bueno", "replacement"), ("cafÃ© bueno", "mojibake"), ("a\x00b", "control"), (" … ", "empty")],
)
def test_odd_rows_are_named(text, what):
    found = data_quality.oddity(3, text)
    assert found is not None and (found.row, found.what) == (3, what)


def test_good_spanish_is_not_odd():
    assert data_quality.oddity(1, "¿Cuánto mide el ñandú? — «Mucho»\n") is None


def test_the_report_counts_duplicates_and_labels():
    rows = [Labelled(f"text number {n % 15}", "a" if n % 3 else "b", n + 1) for n in range(30)]
    report = data_quality.look(rows)
    assert report.n_duplicates == 15 and report.labels == {"a": 20, "b": 10}
    assert report.n_train + report.n_heldout == 30 and not report.n_odd
    assert data_quality.look([Row(text="abc def ghi", number=1)]).labels == {}


def test_measures_of_replies():
    assert text_metrics.token_f1("The red fox", "the fox ran") == pytest.approx(2 / 3)
    assert text_metrics.token_f1("", "") == 1 and text_metrics.token_f1("a", "b") == 0
    found = text_metrics.of_replies(["El niño come", "no"], ["El  niño come", "sí"])
    assert found["exact_match"] == found["token_f1"] == found["rouge1"] == found["rouge_l"] == 0.5


@pytest.mark.parametrize("is_pocket", [True, False])
def test_what_probes_is_never_rehearsed(is_pocket):
    probe = {row.text for row in general_text.probe(is_pocket)}
    assert len(probe) >= 8
    assert not probe & {row.text for row in general_text.rehearsal(is_pocket, 60)}
    assert len(general_text.rehearsal(is_pocket, 5)) == 5
