import pytest

from labeling.statistics import annotator_quality
from labeling.statistics.ranking import rank
from labeling.statistics.vote_table import Columns


def _columns(n=4):
    columns = Columns()
    for i in range(n):
        columns.item(f"i{i}", f"p{i}", ("x", "y"), (10, 10 * i))
    return columns


def test_position_and_length_by_hand():
    columns = _columns()
    columns.vote(0, "u", "model_a", swapped=0)  # left; a longer
    columns.vote(1, "u", "model_b", swapped=1)  # left; equally long
    columns.vote(2, "u", "model_a", swapped=1)  # right; b longer, a chosen
    columns.vote(3, "v", "model_b", swapped=1)  # left; b longer and chosen
    columns.vote(3, "u", "tie", swapped=1)
    votes = columns.votes()
    others = {"position": annotator_quality.position(votes), "length": annotator_quality.length(votes)}
    shares = rank(votes, others=others).shares
    assert (shares["position"].value, shares["position"].n) == (0.75, 4)
    assert (shares["length"].value, shares["length"].n) == (pytest.approx(2 / 3), 3)


def test_unknown_places_and_lengths_are_left_out():
    columns = Columns()
    columns.vote(columns.item("i", "p", ("x", "y")), "u", "model_a")
    votes = columns.votes()
    assert not annotator_quality.position(votes).keep.any() and not annotator_quality.length(votes).keep.any()


def test_an_annotators_habits_by_hand():
    columns = _columns()
    gold = columns.item("g", "pg", ("x", "y"), gold="model_a")
    for item, ms, winner in (
        (0, 500, "model_a"),
        (1, 3000, "tie"),
        (2, 9000, "both_bad"),
        (3, 4000, "model_b"),
    ):
        columns.vote(item, "u", winner, swapped=0, ms=ms)
    columns.vote(gold, "u", "model_b", swapped=0, ms=100)
    for who in "vw":
        columns.vote(0, who, "model_a", swapped=1)
        columns.vote(3, who, "model_a", swapped=1)
    columns.vote(0, "u", "model_b", swapped=1, repeat=1)
    votes = columns.votes()
    assert len(votes) == 10 and len(votes.counted()) == 8  # neither the gold item nor the repeat
    u, v, _ = annotator_quality.annotators(votes)
    assert u.pop("left_share_interval") == pytest.approx([0.0608, 0.9392], abs=1e-4)  # Beta(1.5, 1.5): 1 of 2
    assert u.pop("gold_accuracy_interval") == [0.0, pytest.approx(0.8533, abs=1e-4)]  # Beta(0.5, 1.5): 0 of 1
    assert {key for key in u if key.endswith("_interval")} == {
        f"{key}_interval"
        for key in ("tie_share", "both_bad_share", "fast_share", "agreement_with_others", "self_consistency")
    }
    assert {key: value for key, value in u.items() if not key.endswith("_interval")} == {
        "annotator_id": "u",
        "n": 4,
        "left_share": 0.5,
        "tie_share": 0.25,
        "both_bad_share": 0.25,
        "fast_share": 0.25,
        "gold_accuracy": 0.0,
        "gold_n": 1,
        "median_ms": 3500.0,
        "agreement_with_others": 0.5,
        "self_consistency": 0.0,
    }
    assert v["left_share"] == 0 and v["median_ms"] is None and v["gold_accuracy"] is None
    assert v["agreement_with_others"] == 1.0  # item 3: the others are split, so it says nothing


def test_contested_items_come_first():
    columns = _columns()
    for who in "uvw":
        columns.vote(0, who, "model_a")
    columns.vote(1, "u", "model_a")
    columns.vote(1, "v", "model_b")
    columns.skip(2)
    columns.flag(2)
    first, second, third = annotator_quality.items(columns.votes())
    assert (first["comparison_id"], first["entropy"]) == ("i1", 1.0)
    assert (second["comparison_id"], second["entropy"], second["n"]) == ("i0", 0.0, 3)
    assert (third["entropy"], third["skips"], third["flags"]) == (None, 1, 1)
    assert len(annotator_quality.items(columns.votes(), most=1)) == 1
