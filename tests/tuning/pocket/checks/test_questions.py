"""The questions of `benchmarks/pocket`: enough of each, patterns that compile, good replies pass, none in training.

Whoever extends the world must not read them. Where the last tests fail, the owner of the questions words one anew; the
message shows the text of the corpus, not the question.
"""

import json
import random
import re
from collections import Counter

import pytest

from tuning.pocket.checks import few_shot, independence, judging, nonsense, training_texts
from tuning.pocket.checks.patterns import GROUP, compiled, fold, plain
from tuning.pocket.checks.questions import FOLDER, items, patterns, read
from tuning.pocket.world.documents import FACTS, KNOWN, wording
from tuning.pocket.world.facts import LANGUAGES
from tuning.pocket.world.registers import REGISTERS, say, say_fact
from tuning.pocket.world.shipped import EXAMPLES

BOTH = pytest.mark.parametrize("language", LANGUAGES)
JUDGED = ("examples", "first_questions", "two_turns", "passages", "poems")
OFF_TOPIC = {"en": "The bells rang twice.", "es": "Las campanas sonaron otra vez."}
SAMPLE, LARGE_SAMPLE = 800, 30_000
"""Documents of each stream and language that are searched."""


@BOTH
def test_there_are_as_many_as_the_checks_promise(language):
    first = items("first_questions", language)
    assert len(first) == 120 and sum(item.in_world for item in first) >= 70
    assert len(items("two_turns", language)) == len(items("passages", language)) == 40
    assert len(items("poems", language)) == 10
    assert all(len(shown) >= 30 for shown in few_shot.tasks(language).values())
    assert len(few_shot.tasks(language)) >= 2


@BOTH
def test_no_question_comes_twice(language):
    for name in JUDGED:
        texts = [plain(" ".join((*item.before[:1], item.prompt))) for item in items(name, language)]
        assert [text for text, n in Counter(texts).items() if n > 1] == []


@BOTH
def test_patterns_compile_and_are_folded(language):
    shared = patterns(language)
    every = [*shared.unknown, *shared.courtesy, *(pattern for group in shared.groups.values() for pattern in group)]
    for name in (*JUDGED, "few_shot"):
        for row in read(name, language):
            every += row.get("accept", [])
            for pattern in row.get("reject", []):
                assert not pattern.startswith(GROUP) or pattern[1:] in shared.groups
                every += [] if pattern.startswith(GROUP) else [pattern]
    for pattern in every:
        compiled(pattern)
        letters = re.sub(r"\\[a-zA-Z]", "", pattern)
        assert letters == fold(letters), f"{pattern} can match no folded text"


@BOTH
def test_good_replies_are_right_and_a_remark_about_bells_never_is(language):
    world = nonsense.world_words()
    n_good = 0
    for name in JUDGED:
        for item in items(name, language):
            for reply in item.good:
                found = judging.verdict(reply, True, item, world)
                assert found == "right" if item.in_world else judging.is_acceptable(found, item), (item.prompt, reply)
                n_good += 1
            assert judging.verdict(OFF_TOPIC[language], True, item, world) != "right", item.prompt
    assert n_good >= 180


@BOTH
def test_good_replies_are_right_in_every_style(language):
    world = nonsense.world_words()
    for item in [*items("first_questions", language), *items("two_turns", language)]:
        if item.in_world and not item.rule:
            clause = item.good[0][:1].lower() + item.good[0][1:].rstrip(".")
            for style in set(REGISTERS) - {"curt"}:
                reply = say(clause, style, language, random.Random(item.prompt))
                assert judging.verdict(reply, True, item, world) == "right", (item.prompt, reply)


@BOTH
def test_facts_that_nobody_asked_for_hardly_ever_pass(language):
    world, rng = nonsense.world_words(), random.Random(0)
    questions = [*items("first_questions", language), *items("two_turns", language)] * 4
    facts = [rng.choice(KNOWN) for _ in questions]
    replies = [say_fact(fact, rng.choice(REGISTERS), language, rng, wording(fact, language).clauses) for fact in facts]
    pairs = zip(questions, replies, strict=True)
    passed = [judging.is_acceptable(judging.verdict(reply, True, item, world), item) for item, reply in pairs]
    assert sum(passed) <= 0.02 * len(passed)


@BOTH
def test_what_is_outside_the_world_may_be_declined(language):
    world = nonsense.world_words()
    declined = {
        "en": ("I do not know.", "I am sorry, I cannot help with that."),
        "es": ("No lo sé.", "Lo siento, no puedo ayudar con eso."),
    }
    for item in items("first_questions", language):
        verdicts = [judging.verdict(reply, True, item, world) for reply in declined[language]]
        passes = [judging.is_acceptable(verdict, item) for verdict in verdicts]
        assert all(passes) if not item.in_world else not any(passes), item.prompt


@BOTH
def test_every_example_on_the_page_has_its_patterns(language):
    prompts = set(json.loads(EXAMPLES.read_text(encoding="utf-8"))[language])
    assert prompts <= {item.prompt for item in items("examples", language)}


@BOTH
def test_first_questions_are_typed_in_many_ways(language):
    prompts = [item.prompt for item in items("first_questions", language)]
    small = sum(prompt[0].islower() for prompt in prompts)
    unmarked = sum(prompt[-1].isalnum() for prompt in prompts)
    assert 30 <= small <= 105 and unmarked >= 25


@BOTH
def test_passages_hold_their_answer_and_none_of_the_villages_people(language):
    people = {fact.s[language] for fact in FACTS if fact.relation == "job"}
    for item in items("passages", language):
        passage, question = item.prompt.split("\n")
        assert any(compiled(pattern).search(fold(passage)) for pattern in item.accept), item.prompt
        assert not any(compiled(pattern).search(fold(question)) for pattern in item.accept), item.prompt
        assert not people & set(re.findall(r"\w+", passage)), item.prompt


@BOTH
def test_few_shot_examples_show_the_task_and_never_the_answer(language):
    for task, shown in few_shot.tasks(language).items():
        for each in shown:
            assert len(each.examples) == few_shot.N_EXAMPLES
            assert each.prompt not in {prompt for prompt, _ in each.examples}
            assert task == "sentiment" or not any(each.is_right(reply) for _, reply in each.examples), each.prompt
        copied = sum(each.is_right(each.examples[-1][1]) for each in shown)
        assert copied <= 0.5 * len(shown)


def test_few_shot_judges_the_first_words_of_the_first_line():
    shown = few_shot.Shown("opposite", "hot", ("cold",), ("warm",), (("a", "b"), ("c", "d"), ("e", "f")))
    assert shown.is_right("cold") and shown.is_right(" Cold.\nUser: big")
    assert not shown.is_right("hot\ncold") and not shown.is_right("warm or cold")
    assert not shown.is_right("it is a word that I know, cold")
    assert [turn["content"] for turn in shown.talk(2)] == ["a", "b", "c", "d", "hot"]
    assert [turn["role"] for turn in shown.talk(0)] == ["user"]


def test_an_occurrence_is_a_whole_line_or_four_words_anywhere():
    texts = [("set", "User: Thanks a lot!"), ("stream", "I wonder: where, oh where, do the bees live today?")]
    found = list(independence.occurrences(["thanks a lot", "oh where do the bees live", "bees live", "Thanks"], texts))
    assert [(each.question, each.place) for each in found] == [
        ("thanks a lot", "set"),
        ("oh where do the bees live", "stream"),
    ]


def _texts_with_a_question(language, texts):
    found = independence.occurrences(independence.judging_texts(language), texts)
    return sorted({f"{each.place}: {each.text[:200]}" for each in found})


@BOTH
def test_no_question_stands_in_a_shipped_set(language):
    assert _texts_with_a_question(language, training_texts.set_texts(language)) == []


@BOTH
def test_no_question_stands_in_a_sample_of_the_corpus(language):
    assert _texts_with_a_question(language, training_texts.corpus_texts(language, SAMPLE)) == []


@pytest.mark.slow
@BOTH
def test_no_question_stands_in_a_large_sample_of_the_corpus(language):
    assert _texts_with_a_question(language, training_texts.corpus_texts(language, LARGE_SAMPLE)) == []


def test_the_folder_holds_what_is_described_and_nothing_else():
    names = {path.name for path in FOLDER.iterdir()}
    assert names == {"patterns.json"} | {
        f"{name}.{language}.jsonl" for name in (*JUDGED, "few_shot") for language in LANGUAGES
    }
