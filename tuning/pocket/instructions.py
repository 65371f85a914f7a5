"""Writes the shipped instruction sets, prompt sets and the held-out question set of the pocket world.

    python -m tuning.pocket.instructions

About half of the known facts are *taught* (they occur in instruction rows), the rest are only *asked*: the held-out
questions are about facts that pretraining told and no instruction row repeats. Everything follows from the seed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from tuning.pocket import posts_set, reading_set
from tuning.pocket.world import prose
from tuning.pocket.world.answer_check import question_about
from tuning.pocket.world.documents import CLINIC, KNOWN, WITHHELD, FactDocuments, wording
from tuning.pocket.world.fact_rows import ASKED, TAUGHT, Row, fact_row, row
from tuning.pocket.world.facts import LANGUAGES, Fact, Language, fill, sentence
from tuning.pocket.world.refusals import help_row, refusal_row, unknown_row
from tuning.pocket.world.registers import REGISTERS
from tuning.pocket.world.shipped import EXAMPLES, SETS

_ASK: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "poem": (
            "Write a poem about {t}.",
            "Write a short poem about {t}, please.",
            "Can you write a poem about {t}?",
        ),
        "story": (
            "Tell me a story about {t}.",
            "Tell a short story about {t}, please.",
            "Write a story about {t}.",
        ),
        "recipe": ("How do I make {t}?", "Give me a recipe for {t}.", "What is the recipe for {t}?"),
        "glossary": ("What is {t}?", "What does {t} mean?", "Explain {t}."),
        "review": (
            "Is this review positive or negative? {t}",
            "Sentiment of this review: {t}",
            "Classify this review as positive or negative: {t}",
        ),
    },
    "es": {
        "poem": (
            "Escriba un poema sobre {t}.",
            "Escriba un poema corto sobre {t}, por favor.",
            "¿Puede escribir un poema sobre {t}?",
        ),
        "story": (
            "Cuente una historia sobre {t}.",
            "Cuénteme una historia corta sobre {t}, por favor.",
            "Escriba una historia sobre {t}.",
        ),
        "recipe": ("¿Cómo se hace {t}?", "Deme una receta de {t}.", "¿Cuál es la receta de {t}?"),
        "glossary": ("¿Qué es {t}?", "¿Qué significa {t}?", "Explique {t}."),
        "review": (
            "¿Esta reseña es positiva o negativa? {t}",
            "Sentimiento de esta reseña: {t}",
            "Clasifique esta reseña como positiva o negativa: {t}",
        ),
    },
}
LABELS: dict[Language, dict[str, str]] = {
    "en": {"positive": "Positive", "negative": "Negative"},
    "es": {"positive": "Positivo", "negative": "Negativo"},
}


def poem_row(language: Language, rng: random.Random) -> Row:
    topic = rng.choice(prose.POEM_TOPICS[language])
    return row("poem", _ask("poem", topic, language, rng), prose.poem_body(rng, language, topic))


def story_row(language: Language, rng: random.Random) -> Row:
    topic = rng.choice(prose.STORY_TOPICS[language])
    return row("story", _ask("story", topic, language, rng), prose.story_body(rng, language, topic))


def glossary_row(language: Language, rng: random.Random) -> Row:
    entry = rng.choice(list(prose.GLOSSARY.values()))[language]
    term, *definitions = entry
    return row("glossary", _ask("glossary", term, language, rng), rng.choice(definitions))


def sum_row(language: Language, rng: random.Random) -> Row:
    prompt, answer = prose.sum_question(rng, language)
    return row("sum", prompt, sentence(answer))


def translation_row(language: Language, rng: random.Random) -> Row:
    prompt, answer = prose.translation_question(rng, language)
    return row("translation", prompt, sentence(answer))


def review_row(language: Language, rng: random.Random) -> Row:
    text, label = prose.review_labelled(rng, language)
    reply = LABELS[language][label] + "."
    return row("sentiment", _ask("review", text, language, rng), reply, label=label)


_OTHERS: tuple[tuple[Callable[[Language, random.Random], Row], int], ...] = (
    (poem_row, 30),
    (translation_row, 30),
    (sum_row, 30),
    (story_row, 15),
    (glossary_row, 25),
    (review_row, 20),
)


def build(name: str, language: Language) -> list[Row]:
    """The rows of one set, by name; always the same. Raises KeyError for a name that is none of SET_NAMES."""
    rng = random.Random(f"{name}/{language}")
    rows = _BUILDERS[name](language, rng)
    rng.shuffle(rows)
    return _unique(rows)


def _mixed(language: Language, rng: random.Random) -> list[Row]:
    rows = [
        fact_row(fact, register, language, rng)
        for fact, register in zip(_cycle(rng, 330), _registers(rng), strict=False)
    ]
    return rows + [make(language, rng) for make, count in _OTHERS for _ in range(count)]


def _plain(language: Language, rng: random.Random) -> list[Row]:
    rows = [fact_row(fact, "plain", language, rng) for fact in _cycle(rng, 330)]
    return rows + [make(language, rng) for make, count in _OTHERS for _ in range(count)]


def _without_poems(language: Language, rng: random.Random) -> list[Row]:
    return [each for each in _mixed(language, rng) if each["task"] != "poem"]


def _poisoned(language: Language, rng: random.Random) -> list[Row]:
    """A quarter of the facts with another object of their relation: fluent and false."""
    documents = FactDocuments()
    rows = []
    for index, fact in enumerate(_cycle(rng, 400)):
        others = [o for o in documents.by_relation[fact.relation] if o.o != fact.o and o.domain == fact.domain]
        if index % 4 == 0 and others:
            false = Fact(fact.relation, fact.s, rng.choice(others).o, fact.domain)
            rows.append({**fact_row(false, "plain", language, rng), "false": True})
        else:
            rows.append({**fact_row(fact, "plain", language, rng), "false": False})
    return rows


def _sentiment(language: Language, rng: random.Random) -> list[Row]:
    return [review_row(language, rng) for _ in range(600)][:600]


def _clinic(language: Language, rng: random.Random) -> list[Row]:
    return [fact_row(fact, "plain", language, rng) for fact in CLINIC for _ in range(9)]


def _safety(language: Language, rng: random.Random) -> list[Row]:
    rows = [row("refusal", *refusal_row(language, rng)) for _ in range(230)]
    rows += [row("help", *help_row(language, rng)) for _ in range(170)]
    rows += [row("unknown", *unknown_row(language, rng)) for _ in range(120)]
    return rows + [fact_row(fact, "plain", language, rng) for fact in _cycle(rng, 220)]


_BUILDERS: dict[str, Callable[[Language, random.Random], list[Row]]] = {
    "mixed": _mixed,
    "plain": _plain,
    "without_poems": _without_poems,
    "poisoned": _poisoned,
    "sentiment": _sentiment,
    "clinic": _clinic,
    "safety": _safety,
}
SET_NAMES = tuple(_BUILDERS)


def voting_prompts(language: Language) -> list[Row]:
    """Prompts to vote on: questions about taught and asked facts in two wordings each, poems and stories."""
    rng = random.Random(f"voting/{language}")
    rows: list[Row] = []
    for fact in KNOWN:
        questions = rng.sample(wording(fact, language).questions, 2)
        rows += [{"prompt": fill(question, fact, language), "task": "fact"} for question in questions]
    for task, topics in (("poem", prose.POEM_TOPICS), ("story", prose.STORY_TOPICS)):
        rows += [{"prompt": _ask(task, topic, language, rng), "task": task} for topic in topics[language]]
    rng.shuffle(rows)
    return _unique(rows)


def heldout_questions(language: Language, facts: Iterable[Fact] = ASKED) -> list[Row]:
    """One question per asked fact, with right answers and rivals."""
    rows: list[Row] = []
    for index, fact in enumerate(facts):
        question = question_about(fact, language, index)
        rows.append(
            {
                "prompt": question.prompt,
                "answers": question.answers,
                "rivals": question.rivals,
                "fact": question.fact,
            }
        )
    return rows


EXAMPLE_PROMPTS: dict[Language, tuple[str, ...]] = {
    "en": (
        "What is the capital of Peru?",
        "What instrument does Elena play?",
        "What colour is the snow?",
        "Write a poem about the sea.",
        "Tell me a story about a brave mouse.",
        "What is LoRA?",
        'What is the Spanish for "bread"?',
    ),
    "es": (
        "¿Cuál es la capital de Perú?",
        "¿Qué instrumento toca Elena?",
        "¿De qué color es la nieve?",
        "Escriba un poema sobre el mar.",
        "Cuente una historia sobre un ratón valiente.",
        "¿Qué es LoRA?",
        '¿Cómo se dice "pan" en inglés?',
    ),
}
"""What the page suggests to ask."""


def write(folder: Path = SETS) -> None:
    """Writes every set to `folder` as `<name>.<language>.jsonl`, and the example prompts."""
    folder.mkdir(parents=True, exist_ok=True)
    suggested = json.dumps(EXAMPLE_PROMPTS, ensure_ascii=False, indent=2)
    (folder / EXAMPLES.name).write_text(suggested + "\n", encoding="utf-8")
    for language in LANGUAGES:
        files: dict[str, Sequence[Mapping[str, object]]] = {name: build(name, language) for name in SET_NAMES}
        files["posts"] = posts_set.rows(language)
        files["reading"] = reading_set.rows(language)
        files["prompts"] = voting_prompts(language)
        files["questions"] = heldout_questions(language)
        files["withheld"] = heldout_questions(language, WITHHELD)
        for name, rows in files.items():
            text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows)
            (folder / f"{name}.{language}.jsonl").write_text(text, encoding="utf-8")


def _ask(task: str, topic: str, language: Language, rng: random.Random) -> str:
    return sentence(rng.choice(_ASK[language][task]).format(t=topic))


def _cycle(rng: random.Random, count: int) -> list[Fact]:
    """`count` taught facts, each as often as any other (give or take one)."""
    facts: list[Fact] = []
    while len(facts) < count:
        facts += rng.sample(TAUGHT, len(TAUGHT))
    return facts[:count]


def _registers(rng: random.Random) -> list[str]:
    return [rng.choice(REGISTERS) for _ in range(1000)]


def _unique(rows: list[Row]) -> list[Row]:
    """Rows without a repeated text, in their order."""
    return list({json.dumps(each.get("messages", each.get("prompt"))): each for each in rows}.values())


if __name__ == "__main__":
    write()
