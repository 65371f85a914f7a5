"""What is said in passing in the pocket world: small talk, counter-questions, greetings, news, steps of a recipe.

Data only.
"""

from __future__ import annotations

from tuning.pocket.world.facts import Language


def _lines(block: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in block.strip().splitlines())


TALK: dict[Language, dict[str, tuple]] = {
    "en": {
        "recipe": (
            ("put the {m} in a big bowl", "take the {m} and wash your hands", "begin with the {m}"),
            ("add the {a} little by little", "then add the {a} and stir well", "mix it with the {a}"),
            ("add some {b} and wait ten minutes", "put the {b} on top", "finish with a little {b}"),
            ("serve it at once", "let it rest and serve it", "taste it and enjoy your meal"),
        ),
        "dear": ("Dear Ana,", "Dear Luis,", "Dear Sofia,", "Dear Tom,", "My dear Emma,", "Hello Jack,"),
        "bye": ("With love, Lucy", "Yours, Pablo", "See you soon, Ana", "Write soon, Tom", "A big hug, Jack"),
    },
    "es": {
        "recipe": (
            ("ponga {m} en un cuenco grande", "prepare {m} y lávese las manos", "empiece con {m}"),
            ("añada {a} poco a poco", "luego agregue {a} y remueva bien", "mézclelo con {a}"),
            ("eche un poco de {b} y espere diez minutos", "ponga encima {b}", "termine con un poco de {b}"),
            ("sírvalo enseguida", "déjelo reposar y sírvalo", "pruébelo y buen provecho"),
        ),
        "dear": (
            "Querida Ana:",
            "Querido Luis:",
            "Querida Sofía:",
            "Querido Tom:",
            "Mi querida Emma:",
            "Hola, Jack:",
        ),
        "bye": (
            "Con cariño, Lucy",
            "Suyo, Pablo",
            "Hasta pronto, Ana",
            "Escríbame pronto, Tom",
            "Un abrazo, Jack",
        ),
    },
}


def _combine(openings: str, rests: str) -> tuple[str, ...]:
    return tuple(f"{a} {b}" for a in _lines(openings) for b in _lines(rests))


TALK["en"]["small_talk"] = _combine(
    """By the way,\nThis morning\nI remember that\nAs I was saying,\nYesterday\nYou know,\nIn any case""",
    """the market was full of people.\nthe rain would not stop.\nmy neighbour lost an umbrella.\nthe bread smelled very good.
    the bells rang twice.\na dog followed me home.\nthe river was very high.\nthere was a concert in the square.
    somebody painted the door blue.\nthe train came late again.\nwe ran out of coffee.\nmy shoes got wet.""",
)
TALK["es"]["small_talk"] = _combine(
    """Por cierto,\nEsta mañana\nRecuerdo que\nComo le decía,\nAyer\nYa sabe,\nEn fin,""",
    """el mercado estaba lleno de gente.\nla lluvia no paraba.\nmi vecino perdió un paraguas.\nel pan olía muy bien.
    las campanas sonaron dos veces.\nun perro me siguió hasta casa.\nel río venía muy crecido.\nhubo un concierto en la plaza.
    alguien pintó la puerta de azul.\nel tren llegó otra vez tarde.\nse nos acabó el café.\nse me mojaron los zapatos.""",
)
TALK["en"]["counter_question"] = (
    *_combine(
        """Why\nAnd why""",
        """do you ask?\ndo you want to know that?\nshould I tell you?\ndo you ask me?\nis that important to you?\nnot ask the teacher?""",
    ),
    "Who wants to know?",
    "What do you think yourself?",
    "Have you looked in the book?",
    "What will you do with the answer?",
)
TALK["es"]["counter_question"] = (
    "¿Por qué lo pregunta?",
    "¿Y por qué quiere saberlo?",
    "¿Por qué me lo pregunta a mí?",
    "¿Quién quiere saberlo?",
    "¿Y usted qué cree?",
    "¿Lo ha buscado en el libro?",
    "¿Para qué quiere la respuesta?",
    "¿Por qué iba a decírselo?",
    "¿Le importa mucho?",
    "¿Por qué no se lo pregunta a la maestra?",
)
TALK["en"]["follow_up"] = _combine(
    """Thanks.\nAll right.\nReally?\nI see.\nFine.""",
    """And what about the weather?\nShall we talk about something else?\nTell me more.\nMy brother said so too.\nI am going to the market.""",
)
TALK["es"]["follow_up"] = _combine(
    """Gracias.\nDe acuerdo.\n¿De verdad?\nYa veo.\nBien.""",
    """¿Y qué tal el tiempo?\n¿Hablamos de otra cosa?\nCuénteme más.\nMi hermano también lo dijo.\nMe voy al mercado.""",
)
TALK["en"]["news"] = (
    ("Storm over the hills", "A strong storm crossed the hills last night.", "Nobody was hurt."),
    (
        "Market day a success",
        "Hundreds of people came to the market on Saturday.",
        "The cheese was sold out by noon.",
    ),
    ("Lost dog found", "A small brown dog was found near the bridge.", "Its owner cried with joy."),
    ("Festival in the square", "The summer festival begins on Friday.", "There will be music and dancing."),
    (
        "New bench in the park",
        "The town has put a new bench in the park.",
        "It is made of wood and painted green.",
    ),
    (
        "River rises again",
        "After three days of rain the river has risen again.",
        "The school stays closed today.",
    ),
    ("Best bread of the year", "A loaf of rye bread won the prize.", "The jury ate all of it."),
    ("Clock stops at four", "The clock of the tower stopped at four.", "It will be repaired on Monday."),
)
TALK["es"]["news"] = (
    ("Tormenta en las colinas", "Una fuerte tormenta cruzó anoche las colinas.", "No hubo heridos."),
    (
        "Éxito del mercado",
        "Cientos de personas fueron al mercado el sábado.",
        "El queso se agotó antes del mediodía.",
    ),
    (
        "Aparece un perro perdido",
        "Un perro pequeño y marrón apareció junto al puente.",
        "Su dueño lloró de alegría.",
    ),
    ("Fiesta en la plaza", "La fiesta de verano empieza el viernes.", "Habrá música y baile."),
    (
        "Un banco nuevo en el parque",
        "El pueblo ha puesto un banco nuevo en el parque.",
        "Es de madera y está pintado de verde.",
    ),
    ("Vuelve a crecer el río", "Tras tres días de lluvia ha vuelto a crecer el río.", "Hoy no hay clase."),
    ("El mejor pan del año", "Un pan de centeno ganó el premio.", "El jurado se lo comió todo."),
    (
        "El reloj se para a las cuatro",
        "El reloj de la torre se paró a las cuatro.",
        "Lo arreglarán el lunes.",
    ),
)
