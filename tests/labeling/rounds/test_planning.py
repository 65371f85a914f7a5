import math

import pytest

from common.errors import AfinaError
from common.split import split
from labeling.rounds import planning
from labeling.rounds.planning import Assumptions


def test_a_plan_by_hand():
    """30 people, 5 minutes at 25 s: 12 votes each; 5 on common items, 7 x 30 / 3 = 70 others."""
    plan = planning.plan(30, 5)
    assert (plan.votes_each, plan.comparisons, plan.votes) == (12, 75, 360)
    within = 0.25 - 0.25**2 - 0.1**2
    assert plan.half_width == pytest.approx(1.959964 * math.sqrt(0.0625 / 75 + 0.01 / 30 + within / 360))


def test_more_of_anything_narrows_the_interval():
    widths = [planning.plan(*given).half_width for given in ((5, 5), (30, 5), (30, 20))]
    assert widths == sorted(widths, reverse=True) and widths[0] > widths[2]


def test_votes_alone_are_the_binomial():
    given = Assumptions(prompt_sd=0, annotator_sd=0)
    assert planning.half_width(20, 10, 100, given) == pytest.approx(1.959964 * 0.05)


def test_impossible_plans():
    for given in ((0, 5), (5, -1), (5, 0.1), (5, math.nan)):
        with pytest.raises(AfinaError):
            planning.plan(*given)
    assert planning.plan(1, 1).votes_wanted == 1


def test_exactly_so_many_prompts_from_each_side():
    prompts = [f"Question {i}?" for i in range(100)]
    drawn = planning.draw([*prompts, *prompts], 20, 8)
    assert len(drawn) == 28 and len({str(prompt) for prompt, _ in drawn}) == 28
    assert sum(side == "heldout" for _, side in drawn) == 8
    assert all(split(prompt) == side for prompt, side in drawn)
    assert drawn == planning.draw(prompts, 20, 8) != planning.draw(prompts, 20, 8, seed=1)
    with pytest.raises(AfinaError) as caught:
        planning.draw(prompts, 0, 99)
    assert caught.value.key == "plan.too_few"


def test_forecast():
    assert planning.forecast([100, 110, 120], 6, now=120) == pytest.approx(40)
    assert planning.forecast([], 6, now=120) is None
    assert planning.forecast([1.0], 0, now=120) == 0
    assert planning.forecast([0, 1], 5, now=1000) is None  # nobody has voted for a while
