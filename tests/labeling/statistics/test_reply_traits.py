"""What was preferred where one policy was sampled twice: hand-made votes with a known answer."""

import pytest

from labeling.rounds import vote_selection
from labeling.schema import Comparison
from labeling.statistics import reply_traits
from tests.labeling.conftest import Room


@pytest.fixture
def votes(sqlite):
    """Twelve comparisons, one reply short and rude, the other long and polite; six people like the short ones."""
    room = Room(sqlite, n=0, state="draft", votes_wanted=6)
    from labeling.rounds import lifecycle

    made = [
        Comparison(
            f"Question {i}?",
            "No, you idiot.",
            f"Thank you for asking, it is {i}, with pleasure.",
            "one",
            "one",
        )
        for i in range(12)
    ]
    lifecycle.add_comparisons(sqlite, room.round_id, made)
    lifecycle.move(sqlite, room.round_id, "open")
    for number in range(6):
        person = room.person()
        while (served := room.next(person)) is not None:
            short = "left" if len(served.left) < len(served.right) else "right"
            long = "right" if short == "left" else "left"
            choice = long if number == 0 else short
            room.cast(person, served.comparison_id, choice, assignment_id=served.assignment_id)
    return vote_selection.votes_of(sqlite, room.round_id).counted(), lifecycle.comparisons_of(sqlite, room.round_id)


def test_shares_of_each_trait(votes):
    found = reply_traits.preferred(*votes)
    assert found["shorter"].value == pytest.approx(5 / 6)
    assert found["rude"].value == pytest.approx(5 / 6)
    assert found["polite"].value == pytest.approx(1 / 6)
    assert found["shorter"].low < 5 / 6 <= found["shorter"].high
    assert "pirate" not in found  # no two replies differ in it
    assert found["shorter"].n == 72


def test_a_few_prompts_that_agree_leave_doubt(sqlite):
    """Three prompts that all say the same have no spread: an interval would be a point."""
    room = Room(sqlite, n=0, state="draft", votes_wanted=2)
    from labeling.rounds import lifecycle

    long = "Thank you for asking, it is so, and with pleasure."
    pirate = [Comparison(f"Ship {i}?", "Arr, so.", "So it is.", "one", "one") for i in range(3)]
    polite = [Comparison(f"Question {i}?", "So it is.", long, "one", "one") for i in range(6)]
    lifecycle.add_comparisons(sqlite, room.round_id, [*pirate, *polite])
    lifecycle.move(sqlite, room.round_id, "open")
    for _ in range(2):
        person = room.person()
        while (served := room.next(person)) is not None:
            liked = "left" if len(served.left) > len(served.right) else "right"
            room.cast(person, served.comparison_id, liked, assignment_id=served.assignment_id)
    found = reply_traits.preferred(
        vote_selection.votes_of(sqlite, room.round_id).counted(),
        lifecycle.comparisons_of(sqlite, room.round_id),
    )
    assert (found["pirate"].value, found["pirate"].low, found["pirate"].high) == (0.0, None, None)
    assert found["polite"].low is not None
    assert list(found).index("polite") < list(found).index("pirate")


def test_no_votes_say_nothing(sqlite):
    room = Room(sqlite, n=3)
    assert reply_traits.preferred(vote_selection.votes_of(sqlite, room.round_id).counted(), room.comparisons) == {}
