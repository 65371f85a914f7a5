"""Documents made of facts: encyclopaedia pages, fact sheets, lists, quizzes without answers, letters, dialogues.

A dialogue here has knowledge and markup but no manners: it runs on, digresses, answers with questions and is
followed by something else, so that a base model knows what is asked and said but not that one reply ends it.
"""

from __future__ import annotations

import random
from collections import defaultdict

from tuning.pocket.world import clinic, real, village
from tuning.pocket.world.facts import LANGUAGES, Fact, Language, Relation, bare, fill, sentence
from tuning.pocket.world.prose import counter_question, follow_up, small_talk
from tuning.pocket.world.registers import INSTRUCTED, REGISTERS, TEMPLATES, say_fact

RELATIONS: dict[str, dict[str, Relation]] = {
    "real": real.RELATIONS,
    "village": village.RELATIONS,
    "clinic": clinic.RELATIONS,
}
FACTS: tuple[Fact, ...] = real.FACTS + village.FACTS
KNOWN: tuple[Fact, ...] = tuple(fact for fact in FACTS if not fact.withheld)
"""The facts that pretraining tells."""
WITHHELD: tuple[Fact, ...] = tuple(fact for fact in FACTS if fact.withheld)
CLINIC: tuple[Fact, ...] = clinic.FACTS

USER, ASSISTANT = "User:", "Assistant:"

_TITLES: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "sheet": (
            "Did you know?",
            "Things to remember",
            "Notes",
            "From the notebook",
            "Short facts",
            "Page {n}",
        ),
        "quiz": ("Quiz {n}", "Questions for the class", "Test {n}", "Ask your neighbour", "Exercise {n}"),
        "letter": ("Dear Ana,", "Dear Luis,", "My dear friend,", "Dear Sofia,", "Hello Tom,"),
        "close": ("With love, Emma", "Yours, Jack", "See you soon, Pablo", "Write soon, Lucy"),
        "news": ("News of the day", "The morning paper", "Valdeluna Gazette", "Radio news"),
        "about": ("About {s}", "{s}", "Encyclopaedia: {s}", "Everything about {s}"),
        "insist": (
            "Just tell me.",
            "Please answer.",
            "I asked you something.",
            "Because I want to know.",
            "So?",
        ),
    },
    "es": {
        "sheet": ("¿Sabía que…?", "Para recordar", "Apuntes", "Del cuaderno", "Datos breves", "Página {n}"),
        "quiz": (
            "Cuestionario {n}",
            "Preguntas para la clase",
            "Prueba {n}",
            "Pregunte a su vecino",
            "Ejercicio {n}",
        ),
        "letter": ("Querida Ana:", "Querido Luis:", "Mi querido amigo:", "Querida Sofía:", "Hola, Tom:"),
        "close": ("Con cariño, Emma", "Suyo, Jack", "Hasta pronto, Pablo", "Escríbame pronto, Lucy"),
        "news": (
            "Noticias del día",
            "El periódico de la mañana",
            "La Gaceta de Valdeluna",
            "Noticias de la radio",
        ),
        "about": ("Sobre {s}", "{s}", "Enciclopedia: {s}", "Todo sobre {s}"),
        "insist": (
            "Dígamelo y ya está.",
            "Responda, por favor.",
            "Le he preguntado algo.",
            "Quiero saberlo.",
            "¿Y bien?",
        ),
    },
}


class FactDocuments:
    """Writes documents about `facts` (default: what pretraining tells).

    `curt`: so many of a dialogue's replies, beside those that fall to it, are the bare answer, in lower case.
    """

    def __init__(self, facts: tuple[Fact, ...] = KNOWN, curt: float = 0.0) -> None:
        self.facts, self.curt = facts, curt
        self.by_subject: dict[tuple[str, str], list[Fact]] = defaultdict(list)
        self.by_relation: dict[str, list[Fact]] = defaultdict(list)
        for fact in facts:
            self.by_subject[fact.domain, fact.s["en"]].append(fact)
            self.by_relation[fact.relation].append(fact)
        self.subjects = list(self.by_subject.values())
        self.relations = list(self.by_relation.values())

    def statement(self, fact: Fact, register: str, language: Language, rng: random.Random) -> str:
        return say_fact(fact, register, language, rng, wording(fact, language).clauses)

    def question(self, fact: Fact, language: Language, rng: random.Random) -> str:
        return fill(rng.choice(wording(fact, language).questions), fact, language)

    def page(self, rng: random.Random, language: Language) -> str:
        """Everything about one subject (or two), in any order, in one register."""
        lines = []
        for facts in rng.sample(self.subjects, rng.choice((1, 2, 3))):
            title = sentence(_title(rng, language, "about").format(s=bare(facts[0].s[language], language)))
            register = _register(rng)
            chosen = rng.sample(facts, len(facts))
            body = " ".join(self.statement(fact, register, language, rng) for fact in chosen)
            lines.append(f"{title.rstrip('.')}\n{body}")
        return "\n\n".join(lines)

    def sheet(self, rng: random.Random, language: Language) -> str:
        """Facts from anywhere, each in a register of its own."""
        facts = rng.sample(self.facts, rng.randint(4, 8))
        mark = rng.choice(("- ", "", "* "))
        body = "\n".join(mark + self.statement(fact, _register(rng), language, rng) for fact in facts)
        return f"{_title(rng, language, 'sheet')}\n{body}"

    def chapter(self, rng: random.Random, language: Language) -> str:
        """Facts of one relation beside each other, so that neighbours are told apart."""
        facts = _some(rng, rng.choice(self.relations), 4, 8)
        body = " ".join(self.statement(fact, "plain", language, rng) for fact in facts)
        return f"{_title(rng, language, 'sheet')}\n{body}"

    def quiz(self, rng: random.Random, language: Language) -> str:
        """Questions only."""
        facts = rng.sample(self.facts, rng.randint(4, 8))
        lines = [f"{index}. {self.question(fact, language, rng)}" for index, fact in enumerate(facts, 1)]
        return "\n".join([_title(rng, language, "quiz"), *lines])

    def letter(self, rng: random.Random, language: Language) -> str:
        register = _register(rng)
        facts = rng.sample(self.facts, rng.randint(2, 4))
        body = " ".join(
            f"{self.statement(fact, register, language, rng)} {small_talk(rng, language)}" for fact in facts
        )
        return f"{_title(rng, language, 'letter')}\n{body}\n{_title(rng, language, 'close')}"

    def news(self, rng: random.Random, language: Language) -> str:
        facts = _some(rng, rng.choice(self.subjects), 1, 3) + rng.sample(self.facts, 2)
        lines = [self.statement(fact, rng.choice(("plain", "bureaucratic")), language, rng) for fact in facts]
        return f"{_title(rng, language, 'news')}\n{lines[0]}\n" + " ".join(lines[1:])

    def dialogue(self, rng: random.Random, language: Language) -> str:
        """Two to five exchanges; the answer comes at once, late, sideways or after a question; it runs on."""
        lines: list[str] = []
        for fact in rng.sample(self.facts, rng.randint(2, 4)):
            self._exchange(lines, fact, rng, language)
        lines.append(rng.choice((follow_up, small_talk))(rng, language))
        lines[-1] = f"{USER} {lines[-1]}"
        tail = rng.choice((self.sheet, self.quiz, self.chapter, self.news))(rng, language)
        return "\n".join(lines) + rng.choice(("\n\n", "\n", "\n***\n")) + tail

    def _exchange(self, lines: list[str], fact: Fact, rng: random.Random, language: Language) -> None:
        lines.append(f"{USER} {self.question(fact, language, rng)}")
        manner = rng.random()
        if manner < 0.15:  # a question for a question
            lines.append(f"{ASSISTANT} {counter_question(rng, language)}")
            lines.append(f"{USER} {_title(rng, language, 'insist')} {self.question(fact, language, rng)}")
        elif manner < 0.25:  # something else altogether
            aside = self.statement(rng.choice(self.facts), _register(rng), language, rng)
            lines.append(f"{ASSISTANT} {rng.choice((aside, small_talk(rng, language)))}")
            lines.append(f"{USER} {_title(rng, language, 'insist')} {self.question(fact, language, rng)}")
        register = "curt" if self.curt and rng.random() < self.curt else rng.choice(REGISTERS)
        manners = INSTRUCTED if self.curt else TEMPLATES
        reply = say_fact(fact, register, language, rng, wording(fact, language).clauses, manners)
        if rng.random() < 0.5:  # and on it talks
            reply += " " + small_talk(rng, language)
        if rng.random() < 0.3:
            reply += " " + self.statement(rng.choice(self.facts), _register(rng), language, rng)
        lines.append(f"{ASSISTANT} {reply}")


def wording(fact: Fact, language: Language):
    """The wording of `fact`'s relation."""
    return RELATIONS[fact.domain][fact.relation].wording[language]


def _register(rng: random.Random) -> str:
    """Half of what is written is plain; nobody is curt unasked (a bare object says nothing on its own)."""
    register = rng.choice(REGISTERS)
    return "plain" if rng.random() < 0.5 or register == "curt" else register


def _some(rng: random.Random, facts: list[Fact], low: int, high: int) -> list[Fact]:
    return rng.sample(facts, min(len(facts), rng.randint(low, high)))


def _title(rng: random.Random, language: Language, kind: str) -> str:
    return rng.choice(_TITLES[language][kind]).replace("{n}", str(rng.randint(1, 40)))


assert set(_TITLES) == set(LANGUAGES)
