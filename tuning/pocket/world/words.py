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
