"""The pocket world: facts can be asked and said, manners read back, nothing withheld is told."""

import random
import re
from itertools import islice

import pytest

from tuning.pocket.instructions import SET_NAMES, build
from tuning.pocket.world.answer_check import is_clean, is_right, question_about
from tuning.pocket.world.corpus import CURT, HELDOUT_SEED, TALK_SEED, TRAIN_SEED, documents, heldout_documents
from tuning.pocket.world.documents import CLINIC, FACTS, KNOWN, RELATIONS, WITHHELD, FactDocuments, wording
from tuning.pocket.world.fact_rows import ASKED, TAUGHT
from tuning.pocket.world.facts import LANGUAGES, fill, sentence
from tuning.pocket.world.registers import INSTRUCTED, REGISTERS, TEMPLATES, detect, say_fact

BOTH = pytest.mark.parametrize("language", LANGUAGES)


def test_there_are_about_300_real_and_300_village_facts_with_keys_of_their_own():
    real = [fact for fact in FACTS if fact.domain == "real"]
    village = [fact for fact in FACTS if fact.domain == "village"]
    assert 290 <= len(real) <= 350
    assert 290 <= len(village) <= 350
    assert len({fact.key for fact in FACTS + CLINIC}) == len(FACTS + CLINIC)
    assert 30 <= len(WITHHELD) <= 60


@BOTH
def test_every_relation_is_asked_and_said_in_many_wordings(language):
    for relations in RELATIONS.values():
        for relation in relations.values():
            words = relation.wording[language]
            assert len(set(words.questions)) >= 8
            assert len(set(words.clauses)) >= 10
            assert all("{s}" in question and "{o}" not in question for question in words.questions)
            assert all(clause.count("{s}") == clause.count("{o}") == 1 for clause in words.clauses)
            assert all(question.endswith("?") for question in words.questions)


@BOTH
def test_every_clause_of_every_fact_is_judged_right_in_every_register(language):
    rng = random.Random(0)
    for fact in FACTS + CLINIC:
        question = question_about(fact, language)
        for register in REGISTERS:
            reply = say_fact(fact, register, language, rng, wording(fact, language).clauses)
            assert is_right(reply, question), (reply, question)


@BOTH
def test_the_object_of_another_fact_is_judged_wrong(language):
    rng = random.Random(0)
    groups = FactDocuments().relations
    for facts in groups:
        one, other = facts[0], next((f for f in facts if f.o[language] != facts[0].o[language]), None)
        if other is not None:
            reply = say_fact(other, "plain", language, rng, wording(other, language).clauses)
            question = question_about(one, language)
            if not any(answer in reply for answer in question.answers):
                assert not is_right(reply, question), (reply, question)


def test_a_clean_answer_ends_and_is_one_reply():
    fact = next(fact for fact in KNOWN if fact.key == "real/capital/France")
    question = question_about(fact, "en")
    assert is_clean("The capital of France is Paris.", True, question)
    assert not is_clean("The capital of France is Paris.", False, question)
    assert not is_clean("Paris.\nUser: And of Peru?", True, question)
    assert not is_clean("Paris or Lima.", True, question)
    assert not is_clean("I do not know.", True, question)


@pytest.mark.parametrize("templates", [TEMPLATES, INSTRUCTED], ids=["corpus", "instructions"])
@BOTH
def test_registers_are_read_back_from_their_marks(language, templates):
    rng = random.Random(1)
    right = total = 0
    for fact in KNOWN:
        for register in REGISTERS:
            text = say_fact(fact, register, language, rng, wording(fact, language).clauses, templates)
            right += detect(text, language) == register
            total += 1
    assert right / total > 0.9


@BOTH
def test_who_is_curt_in_instructions_says_the_object_as_sentences_do(language):
    rng = random.Random(1)
    for fact in KNOWN:
        text = say_fact(fact, "curt", language, rng, wording(fact, language).clauses, INSTRUCTED)
        assert fact.o[language] in text, text


def test_sentence_begins_with_a_capital_and_ends_with_a_mark():
    assert sentence("¿qué es?") == "¿Qué es?"
    assert sentence("la luna") == "La luna."


def test_spanish_contractions_are_made():
    fact = next(fact for fact in KNOWN if fact.s["es"].startswith("el "))
    assert " de el " not in fill("lo dijo de {s} ({o})", fact, "es")
    assert "del " in fill("lo dijo de {s} ({o})", fact, "es")


@BOTH
def test_the_corpus_is_a_function_of_its_seed(language):
    first, again = list(islice(documents(language), 300)), list(islice(documents(language), 300))
    assert first == again
    assert first != list(islice(documents(language, HELDOUT_SEED), 300))
    assert TRAIN_SEED != HELDOUT_SEED


@BOTH
def test_heldout_documents_are_none_that_were_seen(language):
    seen = set(islice(documents(language, HELDOUT_SEED), 50))
    assert not seen & set(heldout_documents(language, 100, seen))


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("stream", [TRAIN_SEED, TALK_SEED])
def test_pretraining_tells_nothing_that_is_withheld(language, stream):
    text = "\n".join(islice(documents(language, stream), 4000))
    for fact in WITHHELD:
        for clause in wording(fact, language).clauses:
            stated = fill(clause, fact, language)
            assert stated not in text or not re.search(rf"\b{re.escape(stated)}\b", text), stated
    assert not any(re.search(rf"\b{re.escape(fact.s[language])}\b", text) for fact in CLINIC)


@BOTH
def test_the_third_stream_has_more_talk_and_more_bare_answers_in_it(language):
    def counted(stream):
        lines = [line for text in islice(documents(language, stream), 1500) for line in text.splitlines()]
        replies = [line.removeprefix("Assistant: ") for line in lines if line.startswith("Assistant: ")]
        return len(replies), sum(len(reply.split()) <= 3 for reply in replies) / len(replies)

    (n, bare), (n_more, barer) = counted(TRAIN_SEED), counted(TALK_SEED)
    assert n_more > 1.2 * n and barer > 2 * bare > 0


@BOTH
@pytest.mark.parametrize("curt", [0.0, CURT])
def test_no_dialogue_ends_after_one_reply(language, curt):
    rng = random.Random(3)
    for _ in range(200):
        text = FactDocuments(curt=curt).dialogue(rng, language)
        assert text.count("Assistant:") >= 2
        assert not text.rsplit("\n", 1)[-1].startswith("Assistant:")


@BOTH
@pytest.mark.parametrize("name", SET_NAMES)
def test_instruction_sets_have_300_to_600_rows_and_never_an_asked_fact(name, language):
    rows = build(name, language)
    assert 300 <= len(rows) <= 600
    prompts = {row["messages"][0]["content"] for row in rows}
    for fact in ASKED:
        assert not prompts & {fill(question, fact, language) for question in wording(fact, language).questions}


def test_taught_and_asked_facts_part_what_is_known():
    assert {fact.key for fact in TAUGHT} | {fact.key for fact in ASKED} == {fact.key for fact in KNOWN}
    assert not {fact.key for fact in TAUGHT} & {fact.key for fact in ASKED}
    assert len(ASKED) >= 200
    assert {fact.relation for fact in ASKED} <= {fact.relation for fact in TAUGHT}


def test_a_quarter_of_the_poisoned_set_is_false():
    rows = build("poisoned", "en")
    assert 0.2 <= sum(bool(row["false"]) for row in rows) / len(rows) <= 0.3
