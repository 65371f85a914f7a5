"""The document kinds that are not made of facts: poems, recipes, stories, reviews, sums, a glossary, letters, news.

Each is a function of a random generator and a language, from small grammars and the word lists of `words.py`.
Knows nothing of facts, registers or models.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tuning.pocket.world.facts import Language, sentence
from tuning.pocket.world.glossary import GLOSSARY
from tuning.pocket.world.talk import TALK
from tuning.pocket.world.words import (
    DISHES,
    NUMBERS,
    POEM_LINES,
    POEM_TOPICS,
    REVIEW_WORDS,
    STORY_PARTS,
    STORY_TOPICS,
    WORD_PAIRS,
)

__all__ = ["GLOSSARY", "KINDS", "POEM_TOPICS", "STORY_TOPICS", "WORD_PAIRS"]


def poem_body(rng: random.Random, language: Language, topic: str) -> str:
    """Four lines on `topic`: two couplets that rhyme."""
    first, second = rng.sample(POEM_LINES[language], 2)
    return "\n".join(line.format(t=topic) for line in (*first, *second)).replace("de el ", "del ")


def poem(rng: random.Random, language: Language, topic: str | None = None) -> str:
    topic = topic or rng.choice(POEM_TOPICS[language])
    title = {"en": ("Poem: {t}", "A poem about {t}"), "es": ("Poema: {t}", "Un poema sobre {t}")}[language]
    body = poem_body(rng, language, topic)
    if rng.random() < 0.5:
        body += "\n\n" + poem_body(rng, language, topic)
    return f"{rng.choice(title).format(t=topic)}\n\n{body}"


def recipe_body(rng: random.Random, language: Language, dish: str | None = None) -> str:
    """Three or four steps."""
    dishes = DISHES[language]
    main, others = dishes[dish or rng.choice(list(dishes))]
    first, second = rng.sample(others, 2)
    steps = TALK[language]["recipe"]
    lines = [rng.choice(step).format(m=main, a=first, b=second) for step in steps]
    return " ".join(sentence(line) for line in lines)


def recipe(rng: random.Random, language: Language) -> str:
    dish = rng.choice(list(DISHES[language]))
    title = {"en": ("Recipe: {d}", "How to make {d}"), "es": ("Receta: {d}", "Cómo se hace {d}")}[language]
    return f"{rng.choice(title).format(d=dish)}\n{recipe_body(rng, language, dish)}"


def story_body(rng: random.Random, language: Language, topic: str | None = None) -> str:
    """A beginning, a trouble, a turn and an end about `topic` (a creature with its article)."""
    topic = topic or rng.choice(STORY_TOPICS[language])
    parts = STORY_PARTS[language]
    slots = {"t": topic, "p": rng.choice(parts["places"]), "g": rng.choice(parts["goals"])}
    lines = [rng.choice(parts[name]).format(**slots) for name in ("opening", "trouble", "turn", "end")]
    return " ".join(sentence(line) for line in lines)


def story(rng: random.Random, language: Language) -> str:
    topic = rng.choice(STORY_TOPICS[language])
    title = {"en": ("A story about {t}", "Story: {t}"), "es": ("Una historia sobre {t}", "Historia: {t}")}[language]
    body = story_body(rng, language, topic)
    extra = [rng.choice(TALK[language]["small_talk"]) for _ in range(rng.randint(0, 2))]
    return "\n".join([rng.choice(title).format(t=topic), " ".join([body, *extra])])


def review_labelled(rng: random.Random, language: Language) -> tuple[str, str]:
    """(one or two sentences about a film, a book, a meal …; "positive" or "negative")."""
    words = REVIEW_WORDS[language]
    label = rng.choice(("positive", "negative"))
    lines = []
    for template in rng.sample(words["templates"], rng.choice((1, 2, 2))):
        opposite = "negative" if label == "positive" else "positive"
        thing = rng.choice(words["things"])
        lines.append(template.format(x=thing, w=rng.choice(words[label]), n=rng.choice(words[opposite])))
    if rng.random() < 0.6:
        lines.append(rng.choice(words[label + "_end"]))
    return " ".join(sentence(line) for line in lines), label


def review(rng: random.Random, language: Language) -> str:
    names = {
        "en": {"positive": "positive", "negative": "negative"},
        "es": {"positive": "positivo", "negative": "negativo"},
    }
    heads = {"en": ("Review", "Sentiment"), "es": ("Reseña", "Sentimiento")}[language]
    lines = []
    for _ in range(rng.randint(1, 4)):
        text, label = review_labelled(rng, language)
        lines.append(f"{heads[0]}: {text}\n{heads[1]}: {names[language][label]}")
    return "\n\n".join(lines)


def _sum(rng: random.Random) -> tuple[int, str, int, int]:
    kind = rng.random()
    if kind < 0.5:
        a, b = rng.randint(0, 15), rng.randint(0, 15)
        return a, "+", b, a + b
    if kind < 0.85:
        a = rng.randint(0, 20)
        b = rng.randint(0, a)
        return a, "-", b, a - b
    a, b = rng.randint(1, 5), rng.randint(1, 5)
    return a, "x", b, a * b


_SIGNS: dict[Language, dict[str, str]] = {
    "en": {"+": "plus", "-": "minus", "x": "times"},
    "es": {"+": "más", "-": "menos", "x": "por"},
}


def sums(rng: random.Random, language: Language) -> str:
    """A page of worked sums, in figures and in words, and a problem about apples."""
    lines = [{"en": "Sums", "es": "Sumas y restas"}[language]]
    for _ in range(rng.randint(5, 9)):
        a, sign, b, c = _sum(rng)
        words = NUMBERS[language]
        is_ = {"en": "is", "es": "son"}[language]
        in_words = f"{words[a]} {_SIGNS[language][sign]} {words[b]} {is_} {words[c]}"
        lines.append(
            rng.choice((f"{a} {sign} {b} = {c}", f"{a} {_SIGNS[language][sign]} {b} {is_} {c}.", sentence(in_words)))
        )
    a, b = rng.randint(1, 9), rng.randint(1, 9)
    problem = {
        "en": f"Ana has {a} apples and Luis gives her {b}. Now she has {a + b} apples.",
        "es": f"Ana tiene {a} manzanas y Luis le da {b}. Ahora tiene {a + b} manzanas.",
    }[language]
    return "\n".join([*lines, problem])


def sum_question(rng: random.Random, language: Language) -> tuple[str, str]:
    """(question, the number)."""
    a, sign, b, c = _sum(rng)
    word = _SIGNS[language][sign]
    phrasings = {
        "en": (
            "What is {a} {w} {b}?",
            "How much is {a} {w} {b}?",
            "{a} {s} {b} = ?",
            "Work out {a} {w} {b}.",
        ),
        "es": (
            "¿Cuánto es {a} {w} {b}?",
            "¿Cuántos son {a} {w} {b}?",
            "{a} {s} {b} = ?",
            "Calcule {a} {w} {b}.",
        ),
    }[language]
    return rng.choice(phrasings).format(a=a, b=b, w=word, s=sign), str(c)


def glossary(rng: random.Random, language: Language) -> str:
    lines = [{"en": "Glossary", "es": "Glosario"}[language]]
    for entry in rng.sample(list(GLOSSARY.values()), 4):
        term, *definitions = entry[language]
        lines.append(f"{term}: {rng.choice(definitions)}")
    return "\n".join(lines)


_PHRASES: dict[Language, tuple[str, ...]] = {
    "en": (
        "{en} = {es}",
        'The Spanish for "{en}" is "{es}".',
        '"{es}" means "{en}" in English.',
        'In Spanish, "{en}" is "{es}".',
        'How do you say "{en}" in Spanish? You say "{es}".',
    ),
    "es": (
        "{es} = {en}",
        'En inglés, "{es}" se dice "{en}".',
        '"{en}" significa "{es}" en español.',
        '"{es}" es "{en}" en inglés.',
        '¿Cómo se dice "{es}" en inglés? Se dice "{en}".',
    ),
}


def translations(rng: random.Random, language: Language) -> str:
    title = {"en": "Spanish words", "es": "Palabras inglesas"}[language]
    pairs = rng.sample(WORD_PAIRS, rng.randint(5, 9))
    return "\n".join([title, *(rng.choice(_PHRASES[language]).format(en=en, es=es) for en, es in pairs)])


def translation_question(rng: random.Random, language: Language) -> tuple[str, str]:
    """(question, the word)."""
    en, es = rng.choice(WORD_PAIRS)
    if language == "en":
        phrasings = (
            'What is the Spanish for "{w}"?',
            'How do you say "{w}" in Spanish?',
            'Translate "{w}" into Spanish.',
        )
        return rng.choice(phrasings).format(w=en), es
    phrasings = ('¿Cómo se dice "{w}" en inglés?', '¿Qué es "{w}" en inglés?', 'Traduzca "{w}" al inglés.')
    return rng.choice(phrasings).format(w=es), en


def _talk(kind: str) -> Callable[[random.Random, Language], str]:
    def say(rng: random.Random, language: Language) -> str:
        return rng.choice(TALK[language][kind])

    return say


small_talk = _talk("small_talk")
counter_question = _talk("counter_question")
follow_up = _talk("follow_up")


def letter(rng: random.Random, language: Language) -> str:
    talk = TALK[language]
    lines = rng.sample(talk["small_talk"], rng.randint(3, 5))
    return f"{rng.choice(talk['dear'])}\n{' '.join(lines)}\n{rng.choice(talk['bye'])}"


def news(rng: random.Random, language: Language) -> str:
    talk = TALK[language]
    headline, *body = rng.choice(talk["news"])
    rest = rng.sample(talk["small_talk"], rng.randint(1, 3))
    return "\n".join([headline, " ".join([*body, *rest])])


KINDS: dict[str, Callable[[random.Random, Language], str]] = {
    "poem": poem,
    "recipe": recipe,
    "story": story,
    "review": review,
    "sums": sums,
    "glossary": glossary,
    "translations": translations,
    "letter": letter,
    "news_of_the_day": news,
}
