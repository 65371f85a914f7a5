"""What counts as a poem and as a story."""

import random

import pytest

from tuning.pocket.checks import verse
from tuning.pocket.world import prose
from tuning.pocket.world.facts import LANGUAGES

BLANK_VERSE = """The river walks beside the mill,
and no one hears the water speak,
the evening comes without a word,
and every window holds a moon."""
LIST = "- a dog\n- a cat\n- a cow\n- a horse"
PROSE = "There was once a fox. It lived by the river. It wanted the moon. In the end it laughed and went home happy."


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_poem_of_the_world_is_one_and_no_story_is(language):
    rng = random.Random(0)
    poems = [prose.poem_body(rng, language, topic) for topic in prose.POEM_TOPICS[language]]
    assert all(verse.is_poem(poem, language) for poem in poems)
    stories = [prose.story_body(rng, language, topic) for topic in prose.STORY_TOPICS[language]]
    assert not any(verse.is_poem(story, language) for story in stories)
    assert all(verse.is_story(story) for story in stories)


def test_rhythm_is_enough_and_lines_alone_are_not():
    assert verse.is_poem(BLANK_VERSE, "en")
    assert not verse.rhymes(BLANK_VERSE.splitlines(), "en")
    ragged = (
        "The sea\nis a very long and tiring road to walk upon\nblue salt\nand nobody who ever went there came again"
    )
    assert not verse.is_poem(ragged, "en")
    assert not verse.is_poem(LIST, "en")
    assert not verse.is_poem("The sea is blue.\n" * 4, "en")  # one line, four times
    assert not verse.is_poem(PROSE, "en")


def test_a_title_may_stand_above_a_poem():
    assert verse.is_poem("A poem about the mill\n\n" + BLANK_VERSE, "en")


@pytest.mark.parametrize(
    "pair, language", [(("night", "light"), "en"), (("done", "gone"), "en"), (("casa", "mala"), "es")]
)
def test_endings_that_rhyme(pair, language):
    assert verse.ending(pair[0], language) == verse.ending(pair[1], language)


def test_endings_that_do_not_rhyme():
    assert verse.ending("night", "en") != verse.ending("moon", "en")
    assert verse.ending("casa", "es") != verse.ending("perro", "es")


@pytest.mark.parametrize("line, language, n", [("the river was high", "en", 5), ("la casa de la maestra", "es", 8)])
def test_syllables_are_about_right(line, language, n):
    assert abs(verse.syllables(line, language) - n) <= 1


def test_a_story_is_more_than_a_sentence():
    assert verse.is_story(PROSE)
    assert not verse.is_story("There was once a fox.")
    assert not verse.is_story("It ran to the old mill again. " * 6)
