"""Word lists and lines of the pocket world's documents that are not made of facts, in English and Spanish. Data only."""

from __future__ import annotations

from tuning.pocket.world.facts import Language


def _lines(block: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in block.strip().splitlines())


NUMBERS: dict[Language, tuple[str, ...]] = {
    "en": tuple(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
            "twenty",
            "twenty-one",
            "twenty-two",
            "twenty-three",
            "twenty-four",
            "twenty-five",
            "twenty-six",
            "twenty-seven",
            "twenty-eight",
            "twenty-nine",
            "thirty",
        ]
    ),
    "es": tuple(
        [
            "cero",
            "uno",
            "dos",
            "tres",
            "cuatro",
            "cinco",
            "seis",
            "siete",
            "ocho",
            "nueve",
            "diez",
            "once",
            "doce",
            "trece",
            "catorce",
            "quince",
            "dieciséis",
            "diecisiete",
            "dieciocho",
            "diecinueve",
            "veinte",
            "veintiuno",
            "veintidós",
            "veintitrés",
            "veinticuatro",
            "veinticinco",
            "veintiséis",
            "veintisiete",
            "veintiocho",
            "veintinueve",
            "treinta",
        ]
    ),
}

_TOPIC_PAIRS = """the sea/el mar|the moon/la luna|autumn/el otoño|a cat/un gato|bread/el pan|rain/la lluvia|the wind/el viento
the river/el río|snow/la nieve|a tree/un árbol|summer/el verano|the night/la noche|a bird/un pájaro|the sun/el sol
winter/el invierno|a flower/una flor|the rain at night/la lluvia de noche|my village/mi pueblo|a dog/un perro|spring/la primavera
the stars/las estrellas|a boat/un barco|the garden/el jardín|a song/una canción"""
_TOPICS = [pair.split("/") for line in _TOPIC_PAIRS.splitlines() for pair in line.split("|")]
POEM_TOPICS: dict[Language, tuple[str, ...]] = {
    "en": tuple(en for en, _ in _TOPICS),
    "es": tuple(es for _, es in _TOPICS),
}

# Couplets.
POEM_LINES: dict[Language, tuple[tuple[str, str], ...]] = {
    "en": (
        ("I think of {t} when the day is done,", "when the light is low and the birds are gone."),
        ("Oh, {t}, you sing to me all day long,", "and all that I know is your little song."),
        ("In the window I see {t} go by,", "under the wide and quiet sky."),
        ("I asked for {t} and I waited till night,", "and there it was, in the silver light."),
        ("The hills are green and the bread is warm,", "and {t} keeps me safe from the storm."),
        ("Who knows {t} knows a gentle thing,", "like the first blue day of a slow spring."),
        ("Come, {t}, come and stay with me,", "as the waves come home to the open sea."),
        ("I wrote {t} a letter in the sand,", "and the answer came like a friendly hand."),
        ("When I was small and the world was wide,", "I had {t} walking by my side."),
        ("Softly, softly, the evening falls,", "and {t} is painted on all the walls."),
        ("Nothing is older, nothing is new,", "but {t} and the morning and I and you."),
        ("My heart is a house with an open door,", "and {t} comes in and asks for more."),
    ),
    "es": (
        ("Pienso en {t} cuando acaba el día,", "y en el aire queda su melodía."),
        ("Miro {t} desde mi ventana,", "y canto hasta que llega la mañana."),
        ("Dicen que {t} guarda un secreto,", "y yo lo escucho, callado y quieto."),
        ("Cuando era niño y el mundo era grande,", "soñaba con {t} por todas partes."),
        ("Suena en el pueblo una vieja canción,", "y {t} me llena el corazón."),
        ("Quiero {t} en la tarde dorada,", "quiero {t} y no quiero más nada."),
        ("Bajo el cielo tranquilo y sereno,", "veo {t} y todo es bueno."),
        ("Le escribí a {t} una carta en la arena,", "y se fue con el agua toda mi pena."),
        ("Pasan las horas, pasa la gente,", "y {t} sigue en mi mente."),
        ("Mi casa tiene la puerta abierta,", "y {t} me espera y me despierta."),
        ("No hay nada viejo, no hay nada nuevo,", "y {t} es todo lo que llevo."),
        ("Cae la noche muy despacito,", "y {t} me dice algo bonito."),
    ),
}

_CREATURES = """a little fox/una zorra pequeña|an old bear/un oso viejo|a lazy cat/un gato perezoso|a small boat/un barco pequeño
a brave mouse/un ratón valiente|a lost lamb/un cordero perdido|a young pirate/un pirata joven|a wise owl/un búho sabio
a baker's boy/un aprendiz de la panadería|a tired horse/un caballo cansado|a blue bird/un pájaro azul|a shy girl/una niña tímida
a clever hen/una gallina lista|a hungry wolf/un lobo hambriento|a kind giant/un gigante bueno|a curious frog/una rana curiosa"""
_STORY = [pair.split("/") for line in _CREATURES.splitlines() for pair in line.split("|")]
STORY_TOPICS: dict[Language, tuple[str, ...]] = {
    "en": tuple(en for en, _ in _STORY),
    "es": tuple(es for _, es in _STORY),
}
STORY_PARTS: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "places": _lines(
            """in the forest\nby the river\nnear the old mill\non a quiet hill\nin a small village\nby the sea"""
        ),
        "goals": _lines(
            """a golden key\na warm place to sleep\nthe way home\na good friend\na piece of cheese\nthe moon"""
        ),
        "opening": (
            "once upon a time there was {t} that lived {p}",
            "one morning {t} woke up {p} and looked for {g}",
            "there was once {t}, and everybody {p} knew it",
            "long ago, {p}, there lived {t}",
        ),
        "trouble": (
            "every day it looked for {g}, but it never found it",
            "one day a great storm came and everything was lost",
            "it wanted {g}, but the road was long and dark",
            "nobody wanted to help, and it was very sad",
        ),
        "turn": (
            "then an old woman said: walk until you hear the bell",
            "then it met a friend who was not afraid",
            "at last it saw a light between the trees",
            "but one night the wind told it a secret",
        ),
        "end": (
            "so it found {g} and went home happy",
            "and from that day on it was never alone",
            "in the end it laughed, and all the village laughed too",
            "and if nobody has told them, they are dancing still",
        ),
    },
    "es": {
        "places": _lines(
            """en el bosque\njunto al río\ncerca del viejo molino\nen una colina tranquila\nen un pueblo pequeño\njunto al mar"""
        ),
        "goals": _lines(
            """una llave de oro\nun sitio donde dormir\nel camino a casa\nuna buena amistad\nun trozo de queso\nla luna"""
        ),
        "opening": (
            "había una vez {t} que vivía {p}",
            "una mañana, {p}, {t} se despertó y salió a buscar {g}",
            "érase una vez {t}, y todo el mundo hablaba de eso {p}",
            "hace mucho tiempo vivía {p} {t}",
        ),
        "trouble": (
            "cada día buscaba {g}, pero no había manera",
            "un día llegó una gran tormenta y todo se perdió",
            "quería {g}, pero el camino era largo y oscuro",
            "nadie quería ayudar, y todo era tristeza",
        ),
        "turn": (
            "entonces una anciana dijo: camine hasta oír la campana",
            "entonces apareció alguien que no tenía miedo",
            "por fin vio una luz entre los árboles",
            "pero una noche el viento le contó un secreto",
        ),
        "end": (
            "así encontró {g} y volvió a casa con alegría",
            "y desde aquel día nunca más estuvo en soledad",
            "al final se rio, y todo el pueblo se rio también",
            "y colorín colorado, este cuento se ha acabado",
        ),
    },
}

DISHES: dict[Language, dict[str, tuple[str, tuple[str, ...]]]] = {
    "en": {
        "vegetable soup": ("water", ("carrots", "onions", "potatoes", "salt")),
        "pancakes": ("flour", ("eggs", "milk", "sugar", "butter")),
        "fruit salad": ("apples", ("oranges", "grapes", "honey", "lemon juice")),
        "tomato pasta": ("pasta", ("tomatoes", "garlic", "olive oil", "basil")),
        "cheese toast": ("bread", ("cheese", "butter", "pepper", "tomatoes")),
        "rice pudding": ("rice", ("milk", "sugar", "cinnamon", "lemon peel")),
        "hot chocolate": ("milk", ("chocolate", "sugar", "cinnamon", "cream")),
        "baked potatoes": ("potatoes", ("olive oil", "salt", "rosemary", "butter")),
        "lemonade": ("water", ("lemons", "sugar", "mint", "ice")),
        "mushroom rice": ("rice", ("mushrooms", "onions", "butter", "parsley")),
    },
    "es": {
        "sopa de verduras": ("agua", ("zanahorias", "cebollas", "patatas", "sal")),
        "tortitas": ("harina", ("huevos", "leche", "azúcar", "mantequilla")),
        "ensalada de frutas": ("manzanas", ("naranjas", "uvas", "miel", "zumo de limón")),
        "pasta con tomate": ("pasta", ("tomates", "ajo", "aceite de oliva", "albahaca")),
        "tostada de queso": ("pan", ("queso", "mantequilla", "pimienta", "tomates")),
        "arroz con leche": ("arroz", ("leche", "azúcar", "canela", "piel de limón")),
        "chocolate caliente": ("leche", ("chocolate", "azúcar", "canela", "nata")),
        "patatas al horno": ("patatas", ("aceite de oliva", "sal", "romero", "mantequilla")),
        "limonada": ("agua", ("limones", "azúcar", "menta", "hielo")),
        "arroz con champiñones": ("arroz", ("champiñones", "cebollas", "mantequilla", "perejil")),
    },
}

REVIEW_WORDS: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "things": _lines("""the film\nthe book\nthe soup\nthe hotel\nthe concert\nthe service\nthe story\nthe music\nthe ending\nthe room
        the acting\nthe cake\nthe play\nthe phone\nthe dialogue"""),
        "templates": (
            "{x} was {w}",
            "I found {x} {w}",
            "{x} is really {w}",
            "to me {x} seemed {w} and not {n} at all",
            "everything about {x} was {w}",
            "people said {x} was {n}, but it was {w}",
            "what {w} work: {x} surprised me",
            "{x} was not {n}, it was {w}",
        ),
        "positive": tuple(
            [
                "wonderful",
                "charming",
                "funny",
                "moving",
                "delicious",
                "clever",
                "warm",
                "brilliant",
                "fresh",
                "honest",
                "beautiful",
                "superb",
                "lively",
            ]
        ),
        "negative": tuple(
            [
                "boring",
                "awful",
                "cold",
                "dull",
                "terrible",
                "slow",
                "ugly",
                "silly",
                "stale",
                "noisy",
                "dreadful",
                "flat",
                "predictable",
            ]
        ),
        "positive_end": (
            "I would go again.",
            "I recommend it to everybody.",
            "I loved every minute.",
            "Nothing to complain about.",
        ),
        "negative_end": (
            "I want my money back.",
            "Never again.",
            "A waste of time.",
            "There was nothing I liked.",
        ),
    },
    "es": {
        "things": _lines("""la película\nla novela\nla sopa\nla habitación\nla música\nla historia\nla atención\nla cena\nla obra\nla función
        la trama\nla tarta\nla comedia\nla tienda\nla visita"""),
        "templates": (
            "{x} me pareció {w}",
            "{x} fue {w}",
            "{x} es realmente {w}",
            "para mí {x} fue {w} y nada {n}",
            "decían que {x} era {n}, pero fue {w}",
            "en todo momento {x} resultó {w}",
            "{x} no fue {n}, fue {w}",
            "qué {w} fue {x}",
        ),
        "positive": tuple(
            [
                "maravillosa",
                "encantadora",
                "divertida",
                "emocionante",
                "deliciosa",
                "genial",
                "brillante",
                "fresca",
                "honesta",
                "preciosa",
                "magnífica",
            ]
        ),
        "negative": tuple(
            [
                "aburrida",
                "horrible",
                "fría",
                "sosa",
                "terrible",
                "lenta",
                "fea",
                "tonta",
                "ruidosa",
                "pésima",
                "previsible",
            ]
        ),
        "positive_end": (
            "Volvería mañana.",
            "Se la recomiendo a todo el mundo.",
            "Disfruté cada minuto.",
            "No tengo ninguna queja.",
        ),
        "negative_end": (
            "Quiero que me devuelvan el dinero.",
            "Nunca más.",
            "Una pérdida de tiempo.",
            "No me gustó nada.",
        ),
    },
}

_WORDS = """house/casa|cow/vaca|dog/perro|cat/gato|bread/pan|water/agua|moon/luna|sun/sol|tree/árbol|book/libro|door/puerta
window/ventana|table/mesa|chair/silla|milk/leche|cheese/queso|apple/manzana|orange/naranja|fish/pez|bird/pájaro|horse/caballo
river/río|sea/mar|mountain/montaña|street/calle|school/escuela|teacher/maestra|friend/amigo|brother/hermano|sister/hermana
mother/madre|father/padre|child/niño|night/noche|day/día|morning/mañana|winter/invierno|summer/verano|rain/lluvia|snow/nieve
wind/viento|fire/fuego|stone/piedra|flower/flor|garden/jardín|king/rey|queen/reina|hand/mano|eye/ojo|head/cabeza|heart/corazón
red/rojo|blue/azul|green/verde|white/blanco|black/negro|yellow/amarillo|big/grande|small/pequeño|new/nuevo|old/viejo|good/bueno
bad/malo|happy/feliz|sad/triste|hot/caliente|cold/frío|fast/rápido|slow/lento|to eat/comer|to drink/beber|to sleep/dormir
to run/correr|to sing/cantar|to read/leer|to write/escribir|to speak/hablar|to play/jugar|to work/trabajar|to live/vivir
one/uno|two/dos|three/tres|four/cuatro|five/cinco|egg/huevo|salt/sal|sugar/azúcar|wine/vino|soup/sopa|rice/arroz|spoon/cuchara
knife/cuchillo|bed/cama|kitchen/cocina|bridge/puente|church/iglesia|market/mercado|town/pueblo|country/país|world/mundo|love/amor"""
WORD_PAIRS: tuple[tuple[str, str], ...] = tuple(
    (pair.split("/")[0], pair.split("/")[1]) for line in _WORDS.splitlines() for pair in line.split("|")
)

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

GLOSSARY: dict[str, dict[Language, tuple[str, ...]]] = {}


def _term(key: str, en: str, es: str) -> None:
    """Term and definitions, parted by `|`, in both languages."""
    GLOSSARY[key] = {
        "en": tuple(part.strip() for part in en.split("|")),
        "es": tuple(part.strip() for part in es.split("|")),
    }


for _key, _en, _es in (
    (
        "llm",
        (
            "an LLM | An LLM is a large language model: it predicts the next token. | An LLM is a network "
            "that continues text."
        ),
        (
            "un LLM | Un LLM es un modelo de lenguaje grande: predice el siguiente token. | Un LLM es una "
            "red que continúa textos."
        ),
    ),
    (
        "token",
        (
            "a token | A token is a piece of text, often a part of a word. | A token is the unit that a "
            "model reads and writes."
        ),
        (
            "un token | Un token es un trozo de texto, a menudo parte de una palabra. | Un token es la "
            "unidad que un modelo lee y escribe."
        ),
    ),
    (
        "lora",
        (
            "LoRA | LoRA trains two small matrices beside the frozen weights. | LoRA is a way of tuning "
            "few parameters."
        ),
        (
            "LoRA | LoRA entrena dos matrices pequeñas junto a los pesos congelados. | LoRA es una forma "
            "de ajustar pocos parámetros."
        ),
    ),
    (
        "adapter",
        (
            "an adapter | An adapter is a small set of weights added to a base model. | An adapter is what "
            "LoRA learns."
        ),
        (
            "un adaptador | Un adaptador es un conjunto pequeño de pesos añadido a un modelo base. | Un "
            "adaptador es lo que aprende LoRA."
        ),
    ),
    (
        "dpo",
        (
            "DPO | DPO learns directly from pairs of preferred and rejected replies. | DPO needs no reward "
            "model."
        ),
        (
            "DPO | DPO aprende directamente de pares de respuestas preferidas y rechazadas. | DPO no "
            "necesita modelo de recompensa."
        ),
    ),
    (
        "rlhf",
        (
            "RLHF | RLHF is learning from human feedback with a reward. | RLHF tunes a model with what "
            "people prefer."
        ),
        (
            "RLHF | RLHF es aprender de la opinión humana con una recompensa. | RLHF ajusta un modelo con "
            "lo que la gente prefiere."
        ),
    ),
    (
        "reward",
        "a reward model | A reward model scores replies as people would. | A reward model learns from votes.",
        (
            "un modelo de recompensa | Un modelo de recompensa puntúa respuestas como lo haría la gente. | "
            "Un modelo de recompensa aprende de votos."
        ),
    ),
    (
        "overfitting",
        (
            "overfitting | Overfitting is learning the examples by heart. | Overfitting is when the "
            "held-out loss rises."
        ),
        (
            "el sobreajuste | El sobreajuste es aprender los ejemplos de memoria. | El sobreajuste es "
            "cuando sube la pérdida de validación."
        ),
    ),
    (
        "heldout",
        (
            "a held-out set | A held-out set is data that never trains. | A held-out set measures what was "
            "learned."
        ),
        (
            "un conjunto reservado | Un conjunto reservado son datos que nunca entrenan. | Un conjunto "
            "reservado mide lo aprendido."
        ),
    ),
    (
        "finetuning",
        (
            "fine-tuning | Fine-tuning is training a model a little more on your own data. | Fine-tuning "
            "changes how a model answers."
        ),
        (
            "el ajuste fino | El ajuste fino es entrenar un poco más un modelo con datos propios. | El "
            "ajuste fino cambia cómo responde un modelo."
        ),
    ),
    (
        "base",
        (
            "a base model | A base model continues text and has no manners yet. | A base model is what one "
            "tunes."
        ),
        (
            "un modelo base | Un modelo base continúa textos y aún no tiene modales. | Un modelo base es "
            "lo que se ajusta."
        ),
    ),
    (
        "prompt",
        "a prompt | A prompt is the text that a model is given. | A prompt is what you ask.",
        "un prompt | Un prompt es el texto que se da a un modelo. | Un prompt es lo que usted pregunta.",
    ),
    (
        "gradient",
        (
            "a gradient | A gradient says how to change the weights to lower the loss. | A gradient is the "
            "slope of the loss."
        ),
        (
            "un gradiente | Un gradiente dice cómo cambiar los pesos para bajar la pérdida. | Un gradiente "
            "es la pendiente de la pérdida."
        ),
    ),
    (
        "rate",
        (
            "the learning rate | The learning rate is the size of a step. | The learning rate says how "
            "fast a model learns."
        ),
        (
            "la tasa de aprendizaje | La tasa de aprendizaje es el tamaño del paso. | La tasa de "
            "aprendizaje dice lo rápido que aprende un modelo."
        ),
    ),
    (
        "epoch",
        "an epoch | An epoch is one pass over all the data. | An epoch ends when every row was seen.",
        (
            "una época | Una época es una pasada por todos los datos. | Una época acaba cuando se han "
            "visto todas las filas."
        ),
    ),
    (
        "kl",
        (
            "KL | KL measures how far a policy has moved from its reference. | KL is a distance between "
            "distributions."
        ),
        (
            "KL | KL mide cuánto se ha alejado una política de su referencia. | KL es una distancia entre "
            "distribuciones."
        ),
    ),
    (
        "temperature",
        "temperature | Temperature says how freely a model samples. | A low temperature makes replies alike.",
        (
            "la temperatura | La temperatura dice con cuánta libertad muestrea un modelo. | Una "
            "temperatura baja da respuestas parecidas."
        ),
    ),
    (
        "rag",
        (
            "RAG | RAG looks for passages first and answers with them. | RAG gives a model facts that it "
            "never learned."
        ),
        (
            "RAG | RAG busca primero pasajes y responde con ellos. | RAG da a un modelo datos que nunca "
            "aprendió."
        ),
    ),
    (
        "loss",
        "the loss | The loss says how wrong the predictions are. | The loss falls while a model learns.",
        (
            "la pérdida | La pérdida dice cuánto se equivocan las predicciones. | La pérdida baja mientras "
            "un modelo aprende."
        ),
    ),
    (
        "policy",
        "a policy | A policy is a model that answers. | A policy is a base with its adapter.",
        "una política | Una política es un modelo que responde. | Una política es una base con su adaptador.",
    ),
    (
        "forgetting",
        (
            "forgetting | Forgetting is losing old knowledge while learning new things. | Forgetting shows "
            "when old questions fail."
        ),
        (
            "el olvido | El olvido es perder lo sabido al aprender cosas nuevas. | El olvido se ve cuando "
            "fallan las preguntas viejas."
        ),
    ),
):
    _term(_key, _en, _es)
