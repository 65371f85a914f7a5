"""Against published numbers: Krippendorff (2011), Cohen's kappa by hand, and scikit-like brute force."""

import random
from collections import Counter

import numpy as np
import pytest

from labeling.schema import WINNERS
from labeling.statistics import agreement
from labeling.statistics.agreement import alpha
from labeling.statistics.vote_table import Columns

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: four observers, twelve units
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
]


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_krippendorffs_four_observers(level, published):
    counts = np.zeros((12, 5), dtype=np.int64)
    for row in OBSERVERS:
        for unit, value in enumerate(row):
            if value is not None:
                counts[unit, value - 1] += 1
    assert alpha(counts, level) == pytest.approx(published, abs=5e-4)


def _votes(rows):
    """(item, annotator, winner[, strength]) -> Votes."""
    columns = Columns()
    for item, who, winner, *strength in rows:
        code = columns.code(item)
        code = columns.item(item, item, ("m", "n")) if code is None else code
        columns.vote(code, who, winner, strength=strength[0] if strength else None)
    return columns.votes()


def test_alpha_by_hand():
    """Two annotators, four items, one disagreement: a a a b | a a b b. o = [[4, 1], [1, 2]], n = 8.

    D_o = 2 / 8, D_e = 2 * 5 * 3 / (8 * 7): alpha = 1 - (2/8) / (30/56) = 8 / 15.
    """
    rows = [(f"i{k}", "x", f"model_{w}") for k, w in enumerate("aaab")]
    rows += [(f"i{k}", "y", f"model_{w}") for k, w in enumerate("aabb")]
    found = agreement.agreement(_votes(rows))
    assert found["krippendorff_alpha"] == pytest.approx(8 / 15)
    assert found["pairwise_agreement"] == 0.75
    assert (found["n_items"], found["n_annotators"]) == (4, 2)
    assert found["cohen_kappa"] == []  # they share four items, not five


def test_kappa_of_the_textbook():
    """50 proposals, two readers: 20 both yes, 5 yes/no, 10 no/yes, 15 both no: kappa = (0.7 - 0.5) / 0.5."""
    cells = [("a", "a")] * 20 + [("a", "b")] * 5 + [("b", "a")] * 10 + [("b", "b")] * 15
    rows = [(f"i{k}", who, f"model_{w[j]}") for k, w in enumerate(cells) for j, who in enumerate("xy")]
    assert agreement.kappas(_votes(rows)) == [{"a": "x", "b": "y", "n": 50, "kappa": pytest.approx(0.4)}]


def test_all_kappas_at_once_are_the_kappas_one_by_one():
    draw = random.Random(1)
    people = [f"p{i}" for i in range(7)]
    said = {
        (item, who): draw.choices(WINNERS, (5, 3, 2, 1))[0]
        for item in range(25)
        for who in people
        if draw.random() < 0.5
    }
    votes = _votes([(f"i{item}", who, winner) for (item, who), winner in said.items()])
    found = {(each["a"], each["b"]): (each["n"], each["kappa"]) for each in agreement.kappas(votes)}
    assert found
    for a in people:
        for b in people:
            if a == b:
                continue
            both = [(said[i, a], said[i, b]) for i in range(25) if (i, a) in said and (i, b) in said]
            if len(both) < 5:
                assert (a, b) not in found
                continue
            if (a, b) not in found:
                assert (b, a) in found
                continue
            n = len(both)
            mine, theirs = Counter(x for x, _ in both), Counter(y for _, y in both)
            chance = sum(mine[w] * theirs[w] for w in WINNERS) / n**2
            kappa = (sum(x == y for x, y in both) / n - chance) / (1 - chance)
            assert found[a, b] == (n, pytest.approx(kappa))


def test_where_nothing_can_be_said_nothing_is_said():
    alone = agreement.agreement(_votes([("i1", "x", "model_a"), ("i2", "x", "model_b")]))
    assert alone["krippendorff_alpha"] is None and alone["pairwise_agreement"] is None
    same = [(f"i{k}", who, "model_a") for k in range(6) for who in "xy"]
    found = agreement.agreement(_votes(same))
    assert found["krippendorff_alpha"] is None  # chance agreement is perfect too
    assert found["cohen_kappa"][0]["kappa"] is None and found["pairwise_agreement"] == 1.0
    assert agreement.agreement(_votes([]))["cohen_kappa"] == []


def test_strength_is_an_ordered_scale():
    near = [(f"i{k}", who, "model_b", 2 + (who == "y")) for k in range(4) for who in "xy"]
    far = [(f"i{k}", who, "model_b", 3 if who == "y" else -3) for k in range(4) for who in "xy"]
    spread = [
        ("j1", "x", "model_a", -3),
        ("j1", "y", "model_a", -3),
        ("j2", "x", "tie", 0),
        ("j2", "y", "tie", 0),
    ]
    values = [agreement.agreement(_votes(rows + spread)) for rows in (near, far)]
    assert values[0]["krippendorff_alpha_strength"] > values[1]["krippendorff_alpha_strength"]


def test_before_and_after_a_discussion():
    columns = Columns()
    item = columns.item("i", "p", ("m", "n"))
    other = columns.item("j", "q", ("m", "n"))
    for who, before, after in (("x", "model_a", "model_a"), ("y", "model_b", "model_a"), ("z", "tie", "tie")):
        columns.vote(item, who, before)
        columns.vote(item, who, after, phase="discussed")
    columns.vote(other, "x", "model_a")  # never discussed
    found = agreement.change(columns.votes())
    assert found["n_votes"] == 3 and found["changed"] == pytest.approx(1 / 3)
    assert found["before"]["pairwise_agreement"] == 0 and found["after"]["pairwise_agreement"] == pytest.approx(1 / 3)
    assert found["after"]["winners"] == {"model_a": 2, "model_b": 0, "tie": 1, "both_bad": 0}
    assert agreement.change(columns.votes().counted("blind")) is None
