"""Data that a language lacks are English, and the page says so."""

import pytest

from tuning.data import prompts
from tuning.evaluation import few_shot, red_team
from tuning.pocket.world.shipped import shipped_language
from ui.components import shipped_data
from workbench.alignment import constitution
from workbench.voting.simulated_preferences import named


@pytest.mark.parametrize(("language", "expected"), [("en", "en"), ("es", "es"), ("ca", "en"), ("", "en")])
def test_data_are_in_the_reader_s_language_or_english(language, expected):
    assert shipped_language(language) == expected
    assert next(name for _, name in shipped_data.prompt_sets(language)) == f"prompts.{expected}"
    assert red_team.attacks(language) == red_team.attacks(expected)
    assert few_shot.questions(language, 3) == few_shot.questions(expected, 3)
    assert named("polite", language)("Hello?", "arr") in (0.0, 1.0)
    assert prompts.load(f"sums.{shipped_language(language)}").rows


def test_the_page_says_that_data_are_english():
    assert shipped_data.remark("es") == "" and shipped_data.info("en") == {}
    assert "English" in shipped_data.remark("ca")
    assert shipped_data.info("ca") == {"info": shipped_data.remark("ca")}


def test_principles_of_a_language_without_any_are_the_english_ones(tmp_path):
    assert constitution.read(tmp_path, "ca") == constitution.read(tmp_path, "en") != constitution.read(tmp_path, "es")
