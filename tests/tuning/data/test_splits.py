"""The one split, and what leaks through it."""

from __future__ import annotations

from common.split import split
from tuning.data.examples import Row
from tuning.data.splits import divide, duplicates, overlaps, repeated_prompts


def row(question, reply="Fine.", number=0):
    turns = ({"role": "user", "content": question}, {"role": "assistant", "content": reply})
    return Row(messages=turns, number=number)


ROWS = [row(f"Question {n}?", number=n) for n in range(1, 501)]


def test_sides_are_those_of_the_one_split():
    train, heldout = divide(ROWS)
    assert len(train) + len(heldout) == 500 and 60 < len(heldout) < 140
    assert all(split(r.prompt) == "heldout" for r in heldout) and all(split(r.prompt) == "train" for r in train)
    assert [r.number for r in train] == sorted(r.number for r in train)


def test_a_prompt_is_never_on_both_sides():
    twice = ROWS + [row(f"  QUESTION {n}? ", reply="Other.", number=1000 + n) for n in range(1, 501)]
    train, heldout = divide(twice)
    assert repeated_prompts(twice) == 500 and overlaps(train, heldout) == []
    assert len(train) % 2 == 0 and len(heldout) % 2 == 0


def test_a_tiny_set_may_fall_on_one_side_and_fractions_count():
    assert divide(ROWS[:1])[0] == [] or divide(ROWS[:1])[1] == []
    assert divide(ROWS, 0.0)[1] == [] and divide(ROWS, 1.0)[0] == []


def test_exact_duplicates_are_found():
    assert duplicates([*ROWS, ROWS[3], ROWS[3]]) == [ROWS[3], ROWS[3]]
    assert duplicates([row("a"), row("a", reply="Else.")]) == []


def test_overlap_by_prompt_and_by_a_long_reply():
    long = "A reply of at least eight words, so that nobody writes it twice."
    train = [row("a"), row("b", reply=long)]
    given_away = [row(" A "), row("c", reply=long.upper())]
    assert (
        overlaps(
            train,
            [*given_away, row("d"), row("e", reply="Quite another reply of more than eight words here.")],
        )
        == given_away
    )


def test_stock_phrases_are_no_overlap():
    sorry = "I am sorry, but I do not know anything about that."
    assert overlaps([row(f"q{n}", reply=sorry) for n in range(5)], [row("else", reply=sorry)]) == []


def test_plain_text_is_split_too():
    train, heldout = divide([Row(text=f"Story {n}.") for n in range(200)])
    assert train and heldout
