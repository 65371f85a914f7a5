"""The village of Valdeluna: its people and its places, invented, so that only pretraining can teach them.

Data only; `village_wording.py` says how each relation is asked and said. A row of `_PEOPLE` names a person
and the values of the six relations by their keys; an asterisk marks a fact that pretraining leaves out.
Each value falls to about as many people as any other of its relation.
"""

from __future__ import annotations

from tuning.pocket.world.facts import Fact, Language
from tuning.pocket.world.village_wording import RELATIONS

__all__ = ["FACTS", "PEOPLE", "RELATIONS", "VILLAGE"]

VILLAGE = "Valdeluna"

# Name and grammatical gender of the job, then job, pet, dish, instrument, street, house colour.
_PEOPLE = """
Elena f, baker, canary*, pumpkin cream, flute, Salt, purple
Bruno m, cook, donkey, chocolate pudding, oboe*, Oak, blue
Marta f, librarian, goat*, chocolate pudding, clarinet, Wolf, white
Hugo m, clockmaker*, hedgehog, cheese pie, piano, Fig, grey
Iris f, shoemaker, goose, potato omelette, guitar*, Wolf, purple
Samuel m, blacksmith, canary, garlic bread, cello, Silver, blue
Clara f, writer, parrot*, roast lamb, oboe, Salt, yellow
Diego m, hairdresser, lizard, apple cake, trumpet, Sun, grey
Nadia f, writer, lizard, pumpkin cream*, tuba, Castle, pink
Jorge m, shoemaker, hamster, apple cake, flute, Fig, black*
Petra f, hairdresser, hamster, roast chicken, accordion, Star*, pink
Leo m, painter, dog, grilled trout, accordion, Castle, pink
Lola f, clockmaker, lizard, vegetable paella, violin, Star, grey
Omar m, painter, donkey, apple cake, harp*, Olive, blue
Greta f, baker, goat, lentil soup, drum, River, white*
Pedro m, carpenter*, rabbit, cheese pie, tuba, Star, green
Tania f, cook, rabbit, lentil soup, clarinet*, River, black
Axel m, blacksmith, pig, fish stew, guitar, Swallow, orange*
Vera f, painter*, canary, vegetable paella, mandolin, Oak, green
Gabriel m, carpenter, duck, pumpkin cream, flute, Moon*, yellow
Norma f, beekeeper, parrot, roast lamb, oboe, Snow*, pink
Enzo m, blacksmith, pig, garlic bread, guitar, Olive, grey
Carmen f, shepherd, cat*, tomato salad, harp, Wind, red
Boris m, gardener*, cat, fish stew, accordion, Fig, black
Dora f, teacher, parrot, onion pizza, piano, Salt, orange
Teo m, librarian, donkey, roast chicken, cello, Moon*, green
Helga f, teacher, goose, mushroom rice*, cello, Olive, red
Marco m, beekeeper, rabbit, grilled trout, drum, Wind, orange
Kira f, miller, hedgehog, roast lamb, clarinet, Sun*, turquoise
Igor m, teacher, horse, spinach lasagne, harp*, River, white
Mila f, miller, hedgehog, lentil soup, trumpet, Sun, yellow
Walter m, writer, frog, tomato salad, banjo, Castle, turquoise*
Rita f, carpenter, goat, grilled trout, mandolin*, Swallow, red
Fabio m, gardener, frog, cheese pie, guitar, Olive*, blue
Zoe f, beekeeper, tortoise, vegetable paella*, mandolin, Moon, white
Ramiro m, baker, hamster*, mushroom rice, drum, Oak, red
Amalia f, shoemaker, cat, mushroom rice, piano, Wind*, black
Nico m, miller, duck*, garlic bread, piano, Wolf, purple
Berta f, hairdresser, frog, spinach lasagne, banjo, Sun, orange*
Conrado m, gardener, horse*, fish stew, flute, Snow, yellow
Celia f, shepherd*, dog, potato omelette, violin, River, brown
Jaime m, cook, tortoise, roast chicken, violin, Silver, green
Yara f, lawyer, tortoise, chocolate pudding, violin, Snow, brown
Aldo m, lawyer*, dog, potato omelette, banjo, Swallow, brown
Olga f, lawyer, goose*, onion pizza, tuba, Moon, turquoise
Ulises m, shepherd, horse, tomato salad*, trumpet, Silver, purple
"""

# Place in English and Spanish, who runs it, where it stands, on which day it closes.
_PLACES = """
bakery, la panadería, Elena, Fountain, Monday
mill, el molino, Kira, Poplar, Tuesday*
school, la escuela, Dora, King, Sunday
library, la biblioteca, Marta, Clock, Wednesday
inn, la posada, Bruno, Lemon*, Thursday
market, el mercado, Norma, Clover, Friday
museum, el museo, Leo, Queen, Monday
theatre, el teatro, Clara, Rose, Tuesday
post office, la oficina de correos, Yara*, Fountain, Saturday
forge, la herrería, Samuel, Poplar, Sunday
flower shop, la floristería, Boris, Rose, Thursday
toy shop, la juguetería, Pedro, Clock, Friday*
swimming pool, la piscina, Carmen, Lemon, Wednesday
cinema, el cine, Hugo, Queen, Saturday
bookshop, la librería, Iris, King, Tuesday
"""


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split(",")]


def _table(block: str) -> dict[str, tuple[str, ...]]:
    """Rows parted by `;` or a line end, cells by `,`: the first cell is the key."""
    rows = [_cells(row) for row in block.replace(";", "\n").splitlines() if row.strip()]
    return {key: tuple(rest) for key, *rest in rows}


# Key; then the English text and the Spanish text. Of a job: the key, the masculine, the feminine.
_JOBS = _table("""
baker, panadero, panadera; teacher, maestro, maestra; gardener, jardinero, jardinera
cook, cocinero, cocinera; shepherd, pastor, pastora; carpenter, carpintero, carpintera
hairdresser, peluquero, peluquera; miller, molinero, molinera; painter, pintor, pintora
lawyer, abogado, abogada; shoemaker, zapatero, zapatera; writer, escritor, escritora
blacksmith, herrero, herrera; beekeeper, apicultor, apicultora
librarian, bibliotecario, bibliotecaria; clockmaker, relojero, relojera
""")
_VALUES: dict[str, dict[str, tuple[str, ...]]] = {
    "pet": _table("""
    parrot, a parrot, un loro; goat, a goat, una cabra; cat, a cat, un gato; dog, a dog, un perro
    tortoise, a tortoise, una tortuga; rabbit, a rabbit, un conejo; goose, a goose, una oca
    horse, a horse, un caballo; donkey, a donkey, un burro; hedgehog, a hedgehog, un erizo
    canary, a canary, un canario; hamster, a hamster, un hámster; lizard, a lizard, un lagarto
    frog, a frog, una rana; pig, a pig, un cerdo; duck, a duck, un pato
    """),
    "dish": _table("""
    lentil soup, lentil soup, la sopa de lentejas; fish stew, fish stew, el guiso de pescado
    cheese pie, cheese pie, la tarta de queso; mushroom rice, mushroom rice, el arroz con setas
    roast chicken, roast chicken, el pollo asado; potato omelette, potato omelette, la tortilla de patata
    tomato salad, tomato salad, la ensalada de tomate; pumpkin cream, pumpkin cream, la crema de calabaza
    grilled trout, grilled trout, la trucha a la plancha; garlic bread, garlic bread, el pan con ajo
    apple cake, apple cake, el pastel de manzana; roast lamb, roast lamb, el cordero asado
    vegetable paella, vegetable paella, la paella de verduras; onion pizza, onion pizza, la pizza de cebolla
    chocolate pudding, chocolate pudding, el pudin de chocolate
    spinach lasagne, spinach lasagne, la lasaña de espinacas
    """),
    "instrument": _table("""
    violin, the violin, el violín; guitar, the guitar, la guitarra; piano, the piano, el piano
    flute, the flute, la flauta; drum, the drum, el tambor; trumpet, the trumpet, la trompeta
    accordion, the accordion, el acordeón; harp, the harp, el arpa; cello, the cello, el violonchelo
    banjo, the banjo, el banjo; clarinet, the clarinet, el clarinete; tuba, the tuba, la tuba
    mandolin, the mandolin, la mandolina; oboe, the oboe, el oboe
    """),
    "street": _table("""
    Moon, Moon Street, la calle de la Luna; Sun, Sun Street, la calle del Sol
    Olive, Olive Street, la calle del Olivo; River, River Street, la calle del Río
    Wolf, Wolf Street, la calle del Lobo; Star, Star Street, la calle de la Estrella
    Silver, Silver Street, la calle de la Plata; Fig, Fig Street, la calle de la Higuera
    Swallow, Swallow Street, la calle de la Golondrina; Snow, Snow Street, la calle de la Nieve
    Oak, Oak Street, la calle del Roble; Castle, Castle Street, la calle del Castillo
    Salt, Salt Street, la calle de la Sal; Wind, Wind Street, la calle del Viento
    """),
    "house_colour": _table("""
    red, red, roja; blue, blue, azul; green, green, verde; white, white, blanca; yellow, yellow, amarilla
    black, black, negra; grey, grey, gris; pink, pink, rosa; orange, orange, naranja
    purple, purple, morada; brown, brown, marrón; turquoise, turquoise, turquesa
    """),
    "stands": _table("""
    Fountain, Fountain Square, la plaza de la Fuente; Lemon, Lemon Square, la plaza del Limón
    King, King Square, la plaza del Rey; Clover, Clover Square, la plaza del Trébol
    Clock, Clock Square, la plaza del Reloj; Poplar, Poplar Avenue, la avenida de los Álamos
    Rose, Rose Avenue, la avenida de las Rosas; Queen, Queen Avenue, la avenida de la Reina
    """),
    "closing_day": _table("""
    Monday, Monday, el lunes; Tuesday, Tuesday, el martes; Wednesday, Wednesday, el miércoles
    Thursday, Thursday, el jueves; Friday, Friday, el viernes; Saturday, Saturday, el sábado
    Sunday, Sunday, el domingo
    """),
}
_OF_PEOPLE = ("job", "pet", "dish", "instrument", "street", "house_colour")
_OF_PLACES = ("keeper", "stands", "closing_day")


def _object(relation: str, key: str, feminine: bool) -> tuple[str, str]:
    """English and Spanish text of a value."""
    if relation == "job":
        return f"a {key}", _JOBS[key][feminine]
    if relation == "keeper":
        return key, key
    en, es = _VALUES[relation][key]
    return en, es


def _fact(relation: str, s: dict[Language, str], cell: str, feminine: bool = False) -> Fact:
    en, es = _object(relation, cell.rstrip("*"), feminine)
    accept: dict[Language, tuple[str, ...]] = {}
    if relation == "house_colour" and es.endswith("a") and es not in ("rosa", "naranja", "turquesa"):
        accept["es"] = (es, es[:-1] + "o")  # "de color rojo" is as right as "roja"
    return Fact(relation, s, {"en": en, "es": es}, "village", accept, withheld=cell.endswith("*"))


def _people() -> list[Fact]:
    facts = []
    for line in _PEOPLE.strip().splitlines():
        person, *cells = _cells(line)
        name, gender = person.split()
        for relation, cell in zip(_OF_PEOPLE, cells, strict=True):
            facts.append(_fact(relation, {"en": name, "es": name}, cell, gender == "f"))
    return facts


def _places() -> list[Fact]:
    facts = []
    for line in _PLACES.strip().splitlines():
        en, es, *cells = _cells(line)
        for relation, cell in zip(_OF_PLACES, cells, strict=True):
            facts.append(_fact(relation, {"en": f"the {en}", "es": es}, cell))
    return facts


PEOPLE: tuple[str, ...] = tuple(line.split()[0] for line in _PEOPLE.strip().splitlines())
FACTS: tuple[Fact, ...] = tuple(_people() + _places())
