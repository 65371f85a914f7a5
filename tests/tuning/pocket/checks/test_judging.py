"""Verdicts on replies written by hand: no model answers here."""

import pytest

from tuning.pocket.checks import judging, nonsense
from tuning.pocket.checks.figures import as_json, line, share
from tuning.pocket.checks.measures import first_question_shares
from tuning.pocket.checks.patterns import fold, matches, plain
from tuning.pocket.checks.questions import Item

CAPITAL = Item("whats the capital of peru", "capital", "en", accept=("lima",), reject=("@capitals",))
GREETING = Item("hiya", "greeting", "en", accept=("hello", "hi"))
OUTSIDE = Item("who is Messi", "people", "en", in_world=False, acceptable=("unknown", "courtesy"))
SALUDO = Item("hola", "greeting", "es", accept=("hola", r"buen[oa]s"))


@pytest.fixture(scope="module")
def world() -> nonsense.Words:
    return nonsense.world_words()


@pytest.mark.parametrize(
    "reply, item, expected",
    [
        ("The capital of Peru is Lima.", CAPITAL, "right"),
        ("lima. clear?", CAPITAL, "right"),
        ("Pursuant to article four, the capital of Peru is Lima.", CAPITAL, "right"),
        ("Lima or Quito.", CAPITAL, "wrong"),
        ("The capital of Peru is Beijing.", CAPITAL, "wrong"),
        ("I do not know.", CAPITAL, "unknown"),
        ("I do not know, perhaps Quito.", CAPITAL, "wrong"),
        ("I am sorry, I cannot help with that.", CAPITAL, "courtesy"),
        ("I think, though I am not sure, that the capital of Peru is Lima.", CAPITAL, "right"),
        ("Hello! How can I help you?", GREETING, "right"),
        ("Hello. Samuel lives on Silver Street.", GREETING, "nonsense"),
        ("Slow.", GREETING, "nonsense"),  # bare
        ("Overfitting is learning the examples by heart.", GREETING, "nonsense"),  # stray
        ("The cliedra is quick.", GREETING, "nonsense"),  # unknown word
        ("The people of Turkey have Ankara as their capital.", OUTSIDE, "nonsense"),
        ("Shall we say that the river was very high?", OUTSIDE, "wrong"),
        ("I am only a small model and know my village.", OUTSIDE, "courtesy"),
        ("Nobody has told me.", OUTSIDE, "unknown"),
        ("Hola, buenos días.", SALUDO, "right"),
        ("Hello, the book is on the table.", SALUDO, "nonsense"),  # another language
        ("", SALUDO, "nonsense"),
        ("No lo sé.", SALUDO, "unknown"),
    ],
)
def test_a_reply_gets_its_verdict(reply, item, expected, world):
    assert judging.verdict(reply, True, item, world) == expected


def test_a_reply_that_does_not_end_or_speaks_for_others_is_never_right(world):
    assert judging.verdict("The capital of Peru is Lima, and the", False, CAPITAL, world) == "nonsense"
    assert judging.verdict("Lima.\nUser: And of Chile?", True, CAPITAL, world) == "nonsense"


@pytest.mark.parametrize(
    "reply, expected",
    [
        ("the river the river the river the river was high", "loop"),
        ("no no no no", "loop"),
        ("The river was high and the bread was warm.", ""),
        ("...", "empty"),
        ("Posittá is the river.", "unknown"),
        ("El pan olía muy bien y la casa es blanca.", "language"),
    ],
)
def test_nonsense_has_a_reason(reply, expected, world):
    assert nonsense.reason(reply, True, CAPITAL, world) == expected


def test_words_of_the_prompt_and_translations_are_no_nonsense(world):
    asked_about = Item("who is Zworkin", "people", "en")
    assert nonsense.reason("Zworkin lives in the village.", True, asked_about, world) == ""
    translation = Item("perro?", "translation", "en")
    assert nonsense.reason("El perro come.", True, translation, world) == ""


def test_rivals_that_the_prompt_names_are_none():
    item = Item("is it Lima or Quito?", "capital", "en", accept=("lima",), reject=("@capitals",))
    assert not judging.is_rejected("It is Lima, not Quito.", item)
    assert judging.is_rejected("It is Lima, not Oslo.", item)


def test_a_list_counts_different_members():
    item = Item("three animals", "list", "en", count=("animals", 3))
    assert judging.is_accepted("A dog, a cat and two cows.", item)
    assert not judging.is_accepted("A dog, two dogs and a cat.", item)


def test_rules_look_at_what_stands_before():
    shorter = Item(
        "shorter", "shorter", "en", accept=("bridge",), rule="shorter", before=("?", "The bridge is closed.")
    )
    assert judging.is_accepted("Bridge closed.", shorter)
    assert not judging.is_accepted("The old bridge is closed now.", shorter)
    different = Item("another", "another", "en", rule="different", before=("?", "A cow."))
    assert judging.is_accepted("A dog.", different)
    assert not judging.is_accepted("a cow", different)


def test_nothing_is_accepted_where_nothing_is_known_to_be_right():
    assert not judging.is_accepted("Anything at all.", OUTSIDE)


def test_patterns_begin_and_end_at_words():
    assert matches(["lima"], fold("¡LIMA!")) and not matches(["lima"], fold("El clima"))
    assert matches([r"bark\w*"], "barking")
    assert fold("Año “Ágil”") == 'ano "agil"'
    assert plain("¿Cuál es, pues, la capital?") == "cual es pues la capital"


def test_shares_come_with_wilson_intervals():
    found = share([True] * 8 + [False] * 2)
    assert (found.hits, found.n, found.share) == (8, 10, 0.8)
    assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Wilson 1927
    assert share([]).n == 0
    assert "80% of 10 (49% to 94%)" in line("poems", "en", {"poems": found, "failures": []})
    assert as_json({"poems": found})["poems"]["n"] == 10


def test_first_questions_are_counted_in_the_world_and_outside_it():
    figures = first_question_shares([CAPITAL, CAPITAL, GREETING, OUTSIDE], ["right", "unknown", "nonsense", "unknown"])
    assert figures["right_in_world"].hits == 1 and figures["right_in_world"].n == 3
    assert figures["unknown_in_world"].hits == 1
    assert figures["acceptable_outside"].share == 1
    assert figures["nonsense"].share == 0.25
    assert figures["by_kind"] == {"capital": "1/2", "greeting": "0/1", "people": "1/1"}
