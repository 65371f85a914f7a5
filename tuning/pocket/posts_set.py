"""Short posts in three classes, for lessons on classification without a network.

They are written by rule and hold no one's words: plainer than real posts, so a classifier's figures on them are higher
than on real ones. Single words do not settle the class: a neutral post may quote both judgements, and a judgement may
name its opposite. The classes are not equally frequent.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from tuning.pocket.world.facts import Language, sentence
from tuning.pocket.world.words import REVIEW_WORDS

N_ROWS = 2000
SHARES: Mapping[str, float] = {"negative": 0.25, "neutral": 0.4, "positive": 0.35}

_THINGS: dict[Language, tuple[str, ...]] = {
    "en": (
        "the film",
        "the concert",
        "the lecture",
        "the exhibition",
        "the match",
        "the play",
        "the fair",
        "the tour",
        "the party",
        "the class",
        "the show",
        "the market",
        "the dinner",
        "the festival",
        "the opera",
    ),
    "es": (
        "la película",
        "la charla",
        "la feria",
        "la exposición",
        "la clase",
        "la función",
        "la visita",
        "la cena",
        "la obra",
        "la fiesta",
        "la ópera",
        "la comedia",
        "la excursión",
        "la gala",
        "la sesión",
    ),
}
_WHEN: dict[Language, tuple[str, ...]] = {
    "en": ("on Monday", "on Friday", "tomorrow", "at six", "at noon", "next week", "tonight", "in May"),
    "es": (
        "el lunes",
        "el viernes",
        "mañana",
        "a las seis",
        "a mediodía",
        "la semana próxima",
        "esta noche",
        "en mayo",
    ),
}
_JUDGED: dict[Language, tuple[str, ...]] = {
    "en": (
        "{x} was {w}",
        "{x} is so {w}",
        "honestly, {x} is {w}",
        "I did not expect {x} to be so {w}",
        "they promised that {x} would be {n}, and it was {w}",
        "{x} was anything but {n}: {w}",
        "how {w} {x} is",
        "not {n} at all, {x} was {w}",
        "just back from {x} and it was {w}",
        "everybody calls {x} {n}; I call it {w}",
    ),
    "es": (
        "{x} fue {w}",
        "{x} es muy {w}",
        "la verdad, {x} es {w}",
        "no esperaba que {x} fuera tan {w}",
        "prometieron que {x} sería {n}, y fue {w}",
        "{x} fue todo menos {n}: {w}",
        "qué {w} es {x}",
        "nada {n}, {x} fue {w}",
        "vuelvo de {x} y fue {w}",
        "todos llaman {n} a {x}; yo la llamo {w}",
    ),
}
_TOLD: dict[Language, tuple[str, ...]] = {
    "en": (
        "{x} begins {t}",
        "does anybody know whether {x} is open {t}?",
        "I am going to {x} {t}",
        "some say that {x} is {p}, some say {m}; I will see {t}",
        "who reviews {x} {t}, and where?",
        "they moved {x}: now it is {t}",
        "is {x} {p} or {m}? I have not been there yet",
        "two tickets for {x} {t}",
        "a picture of {x}, taken {t}",
        "the class talks about {x} {t}",
    ),
    "es": (
        "{x} empieza {t}",
        "¿alguien sabe si {x} abre {t}?",
        "voy a {x} {t}",
        "unos dicen que {x} es {p}, otros que {m}; lo veré {t}",
        "¿quién escribe sobre {x} {t}, y dónde?",
        "han cambiado {x}: ahora es {t}",
        "¿{x} es {p} o {m}? aún no he ido",
        "dos entradas para {x} {t}",
        "una foto de {x}, hecha {t}",
        "la clase habla de {x} {t}",
    ),
}


def rows(language: Language, n: int = N_ROWS) -> list[dict[str, str]]:
    """`n` different posts, each with its class."""
    rng = random.Random(f"posts/{language}")
    found: dict[str, str] = {}
    while len(found) < n:
        label = rng.choices(list(SHARES), weights=list(SHARES.values()))[0]
        found.setdefault(_post(rng, label, language), label)
    return [{"text": text, "label": label} for text, label in found.items()]


def _post(rng: random.Random, label: str, language: Language) -> str:
    """One line of the class, and often a second one that says when."""
    words, sentences = REVIEW_WORDS[language], _TOLD[language]
    good, bad = rng.choice(words["positive"]), rng.choice(words["negative"])
    same, other = (good, bad) if label == "positive" else (bad, good)
    slots = {
        "x": rng.choice(_THINGS[language]),
        "t": rng.choice(_WHEN[language]),
        "w": same,
        "n": other,
        "p": good,
        "m": bad,
    }
    judged = label != "neutral"
    lines = [rng.choice(_JUDGED[language] if judged else sentences)]
    if rng.random() < 0.3:  # what says nothing of the class
        lines.append(sentences[0])
    if judged and rng.random() < 0.3:
        lines.append(rng.choice(words[f"{label}_end"]))
    rng.shuffle(lines)
    return " ".join(sentence(line.format(**slots)) for line in lines)
