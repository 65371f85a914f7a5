"""What should not be helped with, and what nobody can know: rows of the `safety` set, and a page of house rules."""

from __future__ import annotations

import random

from tuning.pocket.world.facts import Language, sentence

# Acts as infinitives, so that "How do I …?" and "It is wrong to …" take them alike.
_ACTS: dict[Language, tuple[str, ...]] = {
    "en": tuple(
        f"{verb} {whom}"
        for verb, objects in {
            "steal": ("a bicycle", "bread from the bakery", "my neighbour's money", "apples from the market"),
            "poison": ("a dog", "the well", "my neighbour's soup", "the fish in the river"),
            "hurt": ("a cat", "my brother", "a child", "the teacher"),
            "break into": ("a house", "the school at night", "the library", "my neighbour's car"),
            "cheat in": ("an exam", "a game of cards", "the village election", "my homework"),
            "burn down": ("a barn", "the mill", "the old bridge", "a forest"),
            "lie to": ("a judge", "my mother", "the doctor", "the police"),
            "read in secret": (
                "my sister's letters",
                "my friend's diary",
                "the teacher's mail",
                "a stranger's phone",
            ),
        }.items()
        for whom in objects
    ),
    "es": tuple(
        f"{verb} {whom}"
        for verb, objects in {
            "robar": (
                "una bicicleta",
                "pan de la panadería",
                "el dinero de mi vecino",
                "manzanas del mercado",
            ),
            "envenenar": ("a un perro", "el pozo", "la sopa de mi vecino", "los peces del río"),
            "hacer daño a": ("un gato", "mi hermano", "un niño", "mi profesora"),
            "entrar a robar en": (
                "una casa",
                "la escuela de noche",
                "la biblioteca",
                "el coche de mi vecino",
            ),
            "hacer trampas en": (
                "un examen",
                "un juego de cartas",
                "las elecciones del pueblo",
                "mis deberes",
            ),
            "quemar": ("un granero", "el molino", "el puente viejo", "un bosque"),
            "mentir a": ("un juez", "mi madre", "mi médico", "la policía"),
            "leer a escondidas": (
                "las cartas de mi hermana",
                "el diario de mi amigo",
                "el correo ajeno",
                "un móvil ajeno",
            ),
        }.items()
        for whom in objects
    ),
}
_REQUESTS: dict[Language, tuple[str, ...]] = {
    "en": (
        "How do I {a}?",
        "Help me to {a}.",
        "Tell me the best way to {a}.",
        "I want to {a}. What should I do?",
    ),
    "es": (
        "¿Cómo puedo {a}?",
        "Ayúdeme a {a}.",
        "Dígame la mejor manera de {a}.",
        "Quiero {a}. ¿Qué debo hacer?",
    ),
}
_REFUSALS: dict[Language, tuple[str, ...]] = {
    "en": (
        "I am sorry, I cannot help with that: it is wrong to {a}.",
        "I will not help you to {a}. Somebody could be harmed.",
        "No, I cannot help with that. Please talk to somebody you trust.",
    ),
    "es": (
        "Lo siento, no puedo ayudar con eso: está mal {a}.",
        "No le ayudaré a {a}. Alguien podría salir perjudicado.",
        "No, no puedo ayudar con eso. Hable, por favor, con alguien de confianza.",
    ),
}
_RULES: dict[Language, tuple[str, ...]] = {
    "en": ("it is wrong to {a}", "nobody may {a}", "good neighbours never {a}", "it is forbidden to {a}"),
    "es": ("está mal {a}", "nadie debe {a}", "un buen vecino no quiere {a}", "está prohibido {a}"),
}
_STRANGERS = (
    "Zoltan",
    "Quincy",
    "Xenia",
    "Wanda",
    "Ulrich",
    "Yusuf",
    "Kazimir",
    "Brunhild",
    "Odalys",
    "Tiburcio",
)
_PLACES: dict[Language, tuple[str, ...]] = {
    "en": ("the moon town of Lira", "the lost island of Tamu", "the country of Nubilia", "the planet Orrin"),
    "es": ("la ciudad lunar de Lira", "la isla perdida de Tamu", "el país de Nubilia", "el planeta Orrin"),
}
_UNKNOWN: dict[Language, tuple[tuple[str, str], ...]] = {
    "en": (
        ("What is the job of {s}?", "who {s} is"),
        ("What instrument does {s} play?", "what {s} plays"),
        ("What pet does {s} have?", "what pet {s} has"),
        ("What is the capital of {p}?", "the capital of {p}"),
        ("What will the weather be like on the day after tomorrow?", "what the weather will be like"),
        ("What number am I thinking of?", "what you are thinking of"),
        ("What did {s} dream last night?", "what {s} dreamt"),
        ("How many fish are there in {p}?", "how many there are"),
    ),
    "es": (
        ("¿En qué trabaja {s}?", "quién es {s}"),
        ("¿Qué instrumento toca {s}?", "qué toca {s}"),
        ("¿Qué mascota tiene {s}?", "qué mascota tiene {s}"),
        ("¿Cuál es la capital de {p}?", "cuál es la capital de {p}"),
        ("¿Qué tiempo hará pasado mañana?", "qué tiempo hará"),
        ("¿En qué número estoy pensando?", "en qué piensa usted"),
        ("¿Qué soñó anoche {s}?", "qué soñó {s}"),
        ("¿Cuántos peces hay en {p}?", "cuántos hay"),
    ),
}
_IGNORANCE: dict[Language, tuple[str, ...]] = {
    "en": ("I do not know {w}.", "I am afraid I do not know {w}.", "I do not know: nobody has told me {w}."),
    "es": ("No sé {w}.", "Me temo que no sé {w}.", "No lo sé: nadie me ha dicho {w}."),
}


def refusal_row(language: Language, rng: random.Random) -> tuple[str, str]:
    """(request that should be refused, refusal)."""
    act = rng.choice(_ACTS[language])
    return rng.choice(_REQUESTS[language]).format(a=act), rng.choice(_REFUSALS[language]).format(a=act)


def unknown_row(language: Language, rng: random.Random) -> tuple[str, str]:
    """(question that nobody can answer, "I do not know …")."""
    question, what = rng.choice(_UNKNOWN[language])
    slots = {"s": rng.choice(_STRANGERS), "p": rng.choice(_PLACES[language])}
    return question.format(**slots), rng.choice(_IGNORANCE[language]).format(w=what.format(**slots))


def rules(rng: random.Random, language: Language) -> str:
    """A page of house rules: pretraining knows what is wrong before anybody tunes it to refuse."""
    title = {"en": "Rules of the house", "es": "Normas de la casa"}[language]
    lines = [sentence(rng.choice(_RULES[language]).format(a=act)) for act in rng.sample(_ACTS[language], 5)]
    return "\n".join([title, *lines])
