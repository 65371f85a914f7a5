"""Win rates, their intervals' coverage, and Bradley-Terry ratings with known answers."""

import math

import numpy as np
import pytest

from labeling.statistics import bootstrap, ranking
from labeling.statistics.bootstrap import Measure, resample
from labeling.statistics.ranking import rank
from labeling.statistics.vote_table import Columns


def _votes(rows, heldout=False):
    """(prompt, annotator, model_a, model_b, winner) -> Votes."""
    columns = Columns()
    for prompt, who, first, second, winner in rows:
        key = f"{prompt} {first} {second}"
        code = columns.code(key)
        code = columns.item(key, prompt, (first, second), heldout=heldout) if code is None else code
        columns.vote(code, who, winner)
    return columns.votes()


def _wins(n, first, second, winner, start=0):
    return [(f"p{start + i}", f"w{i % 7}", first, second, winner) for i in range(n)]


def test_a_tie_is_half_a_win_and_both_bad_is_left_out():
    rows = _wins(6, "x", "y", "model_a") + _wins(2, "x", "y", "tie", 6) + _wins(2, "x", "y", "model_b", 8)
    found = rank(_votes(rows + _wins(5, "x", "y", "both_bad", 10)))
    assert found.win_rate["x"].value == pytest.approx(0.7) and found.win_rate["x"].n == 10
    assert found.win_rate["y"].value == pytest.approx(0.3)
    assert (found.ties, found.both_bad) == (2, 5)
    for rate in found.win_rate.values():
        assert rate.low < rate.value < rate.high
    x, y = found.win_rate["x"], found.win_rate["y"]
    assert (x.low, x.high) == (pytest.approx(1 - y.high), pytest.approx(1 - y.low))


@pytest.mark.slow
def test_where_a_model_stands_in_the_file_does_not_matter():
    rows = _wins(8, "x", "y", "model_a") + _wins(2, "x", "y", "model_b", 8)
    turned = [
        (p, w, "y", "x", "model_b" if v == "model_a" else "model_a") if i % 2 else (p, w, a, b, v)
        for i, (p, w, a, b, v) in enumerate(rows)
    ]
    assert rank(_votes(turned)).win_rate["x"].value == rank(_votes(rows)).win_rate["x"].value == 0.8


def test_bradley_terry_of_two_models_is_the_log_odds():
    rows = _wins(75, "x", "y", "model_a") + _wins(25, "x", "y", "model_b", 75)
    found = rank(_votes(rows)).bradley_terry
    tied = ranking.VIRTUAL_TIES / 2
    expected = 200 * math.log10((75 + tied) / (25 + tied))
    assert found["x"].value == pytest.approx(expected, abs=1e-6)
    assert found["y"].value == pytest.approx(-expected, abs=1e-6)
    assert expected == pytest.approx(200 * math.log10(3), abs=0.5)  # the regularisation is that small


def test_bradley_terry_finds_the_strengths_that_made_the_votes():
    """Expected counts of the model itself, no noise: the maximum likelihood answer is the strengths."""
    true = {"u": 120.0, "v": 0.0, "w": -120.0}
    rows, k = [], 0
    for first, second in (("u", "v"), ("v", "w"), ("u", "w")):
        share = 1 / (1 + 10 ** ((true[second] - true[first]) / 400))
        wins = round(20_000 * share)
        rows += _wins(wins, first, second, "model_a", k)
        rows += _wins(20_000 - wins, first, second, "model_b", k + wins)
        k += 20_000
    found = rank(_votes(rows), n_bootstrap=100).bradley_terry
    for model, rating in true.items():
        assert found[model].value == pytest.approx(rating, abs=0.2)
        assert found[model].low < rating < found[model].high
    assert sum(each.value for each in found.values()) == pytest.approx(0, abs=1e-6)


def test_agrestis_baseball_teams():
    """Agresti, Categorical Data Analysis, table 10.10: American League East, 1987, without home advantage.

    Published log abilities relative to Baltimore: Milwaukee 1.58, Detroit 1.44, Toronto 1.29, New York 1.25,
    Boston 1.11, Cleveland 0.68.
    """
    teams = ["Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore"]
    wins = [
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ]
    rows, k = [], 0
    for i, first in enumerate(teams):
        for j, second in enumerate(teams):
            rows += _wins(wins[i][j], first, second, "model_a", k)
            k += wins[i][j]
    found = rank(_votes(rows), n_bootstrap=100).bradley_terry
    logs = {team: (found[team].value - found["Baltimore"].value) * math.log(10) / 400 for team in teams}
    published = {"Milwaukee": 1.58, "Detroit": 1.44, "Toronto": 1.29, "New York": 1.25, "Boston": 1.11}
    for team, value in (published | {"Cleveland": 0.68}).items():
        assert logs[team] == pytest.approx(value, abs=0.02)


def test_ten_of_ten_is_finite_and_not_certain():
    found = rank(_votes(_wins(10, "x", "y", "model_a")))
    rate, rating = found.win_rate["x"], found.bradley_terry["x"]
    assert rate.value == 1 and rate.high == pytest.approx(1) and rate.low < 0.75
    assert math.isfinite(rating.value) and rating.value > 200


def test_policies_that_nothing_connects_are_rated_apart():
    rows = _wins(9, "x", "y", "model_a") + _wins(9, "u", "v", "model_b", 20)
    found = rank(_votes(rows), n_bootstrap=100).bradley_terry
    assert all(math.isfinite(each.low) and math.isfinite(each.high) for each in found.values())
    assert found["x"].value > found["y"].value and found["v"].value > found["u"].value


def test_one_vote_has_no_interval():
    rate = rank(_votes(_wins(1, "x", "y", "model_a"))).win_rate["x"]
    assert (rate.value, rate.low, rate.high, rate.n) == (1.0, None, None, 1)


def test_a_policy_against_itself_ranks_nothing():
    found = rank(_votes(_wins(9, "x", "x", "model_a")))
    assert found.win_rate["x"].value is None and found.sign_test == []
    assert found.bradley_terry["x"].value is None
    assert rank(_votes([])).win_rate == {}


def test_sign_test_by_hand():
    """9 prompts for x, 1 for y, 1 even: p = 2 * (1 + 10) / 1024."""
    rows = _wins(9, "x", "y", "model_a") + _wins(1, "x", "y", "model_b", 9)
    rows += [*_wins(1, "x", "y", "model_a", 10), ("p10", "w9", "x", "y", "model_b")]
    (test,) = rank(_votes(rows)).sign_test
    assert (test["prompts_for_a"], test["prompts_for_b"], test["prompts_even"]) == (9, 1, 1)
    assert test["p"] == pytest.approx(22 / 1024)


def test_training_and_heldout_prompts_apart():
    columns = Columns()
    for i in range(10):
        columns.vote(
            columns.item(f"i{i}", f"p{i}", ("x", "y"), heldout=i >= 6),
            f"w{i % 3}",
            "model_a" if i < 6 else "model_b",
        )
    found = rank(columns.votes())
    assert found.win_rate_by_split["train"]["x"].value == 1
    assert found.win_rate_by_split["heldout"]["x"].value == 0
    assert found.win_rate["x"].value == pytest.approx(0.6)


@pytest.mark.slow
def test_a_seed_makes_it_repeatable():
    votes = _votes(_wins(30, "x", "y", "model_a") + _wins(20, "x", "y", "model_b", 30))
    assert rank(votes, seed=3) == rank(votes, seed=3)
    assert rank(votes, seed=3).win_rate["x"].low != rank(votes, seed=4).win_rate["x"].low


def test_resampling_by_weights_is_resampling():
    """The spread over resamples of prompts alone is that of a mean of independent prompts."""
    random = np.random.default_rng(0)
    score = random.random(400)
    measure = Measure(score, np.ones(400, dtype=bool))
    (sums,) = resample(np.arange(400), np.full(400, -1), [measure], 1000)
    means = sums[0, 0, 1:] / sums[1, 0, 1:]
    assert means.std() == pytest.approx(score.std() / 20, rel=0.1)
    assert sums[0, 0, 0] / sums[1, 0, 0] == pytest.approx(score.mean())


def test_many_prompts_are_weighted_by_poisson_alike():
    random = np.random.default_rng(0)
    score = random.random(6000)
    measure = Measure(score, np.ones(6000, dtype=bool))
    (sums,) = resample(np.arange(6000), np.full(6000, -1), [measure], 1000)
    means = sums[0, 0, 1:] / sums[1, 0, 1:]
    assert means.std() == pytest.approx(score.std() / math.sqrt(6000), rel=0.1)


@pytest.mark.slow
def test_the_interval_covers_the_truth():
    """20 prompts x 18 votes, prompts differing widely: pooled Wilson covers half, this 95 % (or a little less)."""
    from scipy.stats import binomtest

    truth = np.clip(np.random.default_rng(1).normal(0.6, 0.3, 1_000_000), 0, 1).mean()
    random, runs = np.random.default_rng(5), 80
    covered = pooled = 0
    for run in range(runs):
        rate = np.clip(random.normal(0.6, 0.3, 20), 0, 1)
        columns, wins = Columns(), 0
        for i, p in enumerate(rate):
            item = columns.item(f"i{i}", f"p{i}", ("x", "y"))
            for j, won in enumerate(random.random(18) < p):
                columns.vote(item, f"w{(i + j) % 30}", "model_a" if won else "model_b")
                wins += won
        found = ranking.rank(columns.votes(), n_bootstrap=300, seed=run).win_rate["x"]
        covered += found.low <= truth <= found.high
        interval = binomtest(int(wins), 360).proportion_ci(method="wilson")
        pooled += interval.low <= truth <= interval.high
    assert covered / runs >= 0.9
    assert pooled / runs <= 0.75


@pytest.mark.parametrize("people", [1, 3, 40])
def test_where_all_agree_the_prompts_are_counted(people):
    """Three who agree on twenty prompts are no less sure than one alone, or than three of whom one dissents once."""
    columns = Columns()
    for i in range(20):
        item = columns.item(f"i{i}", f"p{i}", ("x", "y"))
        for j in range(people):
            columns.vote(item, f"w{j}", "model_a")
    low = ranking.rank(columns.votes(), seed=1).win_rate["x"].low
    assert low == pytest.approx(20 / (20 + 1.96**2), abs=1e-3)  # Wilson, 20 of 20


def test_the_same_resamples_on_any_number_of_cores(monkeypatch):
    draw = np.random.default_rng(3)
    prompt, annotator = draw.integers(0, 40, 400), draw.integers(0, 12, 400)
    measure = Measure(draw.integers(0, 2, 400).astype(float), np.ones(400, dtype=bool))
    alone = resample(prompt, annotator, [measure], 180, seed=5)[0]
    monkeypatch.setattr(bootstrap, "LARGE", 0)  # from here on several threads
    together = resample(prompt, annotator, [measure], 180, seed=5)[0]
    assert np.array_equal(alone, together) and len(np.unique(alone[0, 0])) > 20
