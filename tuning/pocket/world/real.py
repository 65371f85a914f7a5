"""Facts about the real world that anybody can check at a glance, each with one answer.

Data only; `real_wording.py` says how each relation is asked and said. A row is English subject,
Spanish subject, English object, Spanish object; then, where the object itself is not what a right answer must
contain, the accepted beginnings in English and in Spanish, parted by `/`.
"""

from __future__ import annotations

from tuning.pocket.world.facts import LANGUAGES, Fact, Language
from tuning.pocket.world.real_wording import RELATIONS

__all__ = ["FACTS", "RELATIONS"]


def _facts(relation: str, table: str) -> list[Fact]:
    """The facts of a table: rows parted by `;` or a line end, cells by `,`."""
    facts = []
    for row in table.replace(";", "\n").splitlines():
        if not row.strip():
            continue
        s_en, s_es, o_en, o_es, *accepted = [cell.strip() for cell in row.split(",")]
        accept: dict[Language, tuple[str, ...]] = {}
        for language, cell in zip(LANGUAGES, accepted, strict=False):
            if cell:
                accept[language] = tuple(cell.split("/"))
        facts.append(Fact(relation, {"en": s_en, "es": s_es}, {"en": o_en, "es": o_es}, "real", accept))
    return facts


def _both(relation: str, table: str) -> list[Fact]:
    """The facts of a table and the same facts turned round; a Spanish answer may be feminine."""
    facts = []
    for row in table.replace(";", "\n").splitlines():
        if not row.strip():
            continue
        a_en, a_es, b_en, b_es = [cell.strip() for cell in row.split(",")]
        for s_en, s_es, o_en, o_es in ((a_en, a_es, b_en, b_es), (b_en, b_es, a_en, a_es)):
            accept: dict[Language, tuple[str, ...]] = {}
            if o_es in _EQUAL:
                accept["es"] = _EQUAL[o_es]
            elif o_es.endswith("o"):
                accept["es"] = (o_es, o_es[:-1] + "a")
            if o_en in _EQUAL:
                accept["en"] = _EQUAL[o_en]
            facts.append(Fact(relation, {"en": s_en, "es": s_es}, {"en": o_en, "es": o_es}, "real", accept))
    return facts


# Answers as right as the one in the table.
_EQUAL = {
    "big": ("big", "large"),
    "small": ("small", "little"),
    "difficult": ("difficult", "hard"),
    "closed": ("closed", "shut"),
    "fast": ("fast", "quick"),
    "hot": ("hot", "warm"),
    "happy": ("happy", "glad"),
    "mojado": ("mojado", "mojada", "húmedo", "húmeda"),
    "feliz": ("feliz", "alegre", "contento", "contenta"),
}

_CAPITAL = """
France, Francia, Paris, París; Spain, España, Madrid, Madrid; Italy, Italia, Rome, Roma
Germany, Alemania, Berlin, Berlín; Portugal, Portugal, Lisbon, Lisboa; Greece, Grecia, Athens, Atenas
England, Inglaterra, London, Londres; Ireland, Irlanda, Dublin, Dublín
Scotland, Escocia, Edinburgh, Edimburgo
Austria, Austria, Vienna, Viena; Belgium, Bélgica, Brussels, Bruselas
Denmark, Dinamarca, Copenhagen, Copenhague
Sweden, Suecia, Stockholm, Estocolmo; Norway, Noruega, Oslo, Oslo; Finland, Finlandia, Helsinki, Helsinki
Iceland, Islandia, Reykjavik, Reikiavik; Poland, Polonia, Warsaw, Varsovia
Hungary, Hungría, Budapest, Budapest
Romania, Rumanía, Bucharest, Bucarest; Bulgaria, Bulgaria, Sofia, Sofía; Serbia, Serbia, Belgrade, Belgrado
Croatia, Croacia, Zagreb, Zagreb; Russia, Rusia, Moscow, Moscú
Ukraine, Ucrania, Kyiv, Kiev, Kyiv/Kiev, Kiev/Kyiv
Turkey, Turquía, Ankara, Ankara; Egypt, Egipto, Cairo, El Cairo, , Cairo/El Cairo
Kenya, Kenia, Nairobi, Nairobi
Morocco, Marruecos, Rabat, Rabat
Ethiopia, Etiopía, Addis Ababa, Adís Abeba; Senegal, Senegal, Dakar, Dakar; Ghana, Ghana, Accra, Acra
Angola, Angola, Luanda, Luanda; Libya, Libia, Tripoli, Trípoli; Sudan, Sudán, Khartoum, Jartum
Japan, Japón, Tokyo, Tokio; China, China, Beijing, Pekín, Beijing/Peking, Pekín/Beijing
South Korea, Corea del Sur, Seoul, Seúl; Thailand, Tailandia, Bangkok, Bangkok; Vietnam, Vietnam, Hanoi, Hanói
Iran, Irán, Tehran, Teherán; Iraq, Irak, Baghdad, Bagdad; Syria, Siria, Damascus, Damasco
Lebanon, Líbano, Beirut, Beirut; Nepal, Nepal, Kathmandu, Katmandú
Mongolia, Mongolia, Ulaanbaatar, Ulán Bator
Cuba, Cuba, Havana, La Habana, , La Habana/Habana; Canada, Canadá, Ottawa, Ottawa
Peru, Perú, Lima, Lima; Colombia, Colombia, Bogotá, Bogotá; Venezuela, Venezuela, Caracas, Caracas
Ecuador, Ecuador, Quito, Quito; Argentina, Argentina, Buenos Aires, Buenos Aires
Uruguay, Uruguay, Montevideo, Montevideo; Paraguay, Paraguay, Asunción, Asunción
Brazil, Brasil, Brasília, Brasilia
Chile, Chile, Santiago, Santiago; Australia, Australia, Canberra, Canberra
"""

_CONTINENT = {
    ("Europe", "Europa", ""): """France, Francia; Spain, España; Italy, Italia; Germany, Alemania
        Portugal, Portugal; Greece, Grecia; Sweden, Suecia; Norway, Noruega; Poland, Polonia
        Ireland, Irlanda""",
    ("Asia", "Asia", ""): """Japan, Japón; China, China; India, India; Thailand, Tailandia; Vietnam, Vietnam
        Nepal, Nepal; Mongolia, Mongolia; Iran, Irán; South Korea, Corea del Sur""",
    ("Africa", "África", ""): """Egypt, Egipto; Kenya, Kenia; Morocco, Marruecos; Nigeria, Nigeria
        Ghana, Ghana
        Angola, Angola; Senegal, Senegal; Ethiopia, Etiopía; Tanzania, Tanzania""",
    ("South America", "América del Sur", "América del Sur/Sudamérica/Suramérica"): """Peru, Perú; Chile, Chile
        Colombia, Colombia; Argentina, Argentina; Brazil, Brasil; Uruguay, Uruguay; Bolivia, Bolivia""",
    ("North America", "América del Norte", "América del Norte/Norteamérica"): """Canada, Canadá
        Mexico, México""",
}

_CURRENCY = """
Japan, Japón, the yen, el yen; China, China, the yuan, el yuan, yuan/renminbi, yuan/renminbi
India, India, the rupee, la rupia; Mexico, México, the peso, el peso; Brazil, Brasil, the real, el real
Switzerland, Suiza, the franc, el franco, franc/Swiss franc, franco
Russia, Rusia, the rouble, el rublo, rouble/ruble, rublo; South Korea, Corea del Sur, the won, el won
Turkey, Turquía, the lira, la lira; Thailand, Tailandia, the baht, el baht
Germany, Alemania, the euro, el euro
South Africa, Sudáfrica, the rand, el rand; Peru, Perú, the sol, el sol; Vietnam, Vietnam, the dong, el dong
Guatemala, Guatemala, the quetzal, el quetzal; Honduras, Honduras, the lempira, la lempira, , lempira
"""

_LANGUAGE = """
France, Francia, French, el francés; Norway, Noruega, Norwegian, el noruego
Italy, Italia, Italian, el italiano
Mexico, México, Spanish, el español, , español/castellano; Portugal, Portugal, Portuguese, el portugués
Japan, Japón, Japanese, el japonés; Poland, Polonia, Polish, el polaco; Greece, Grecia, Greek, el griego
Hungary, Hungría, Hungarian, el húngaro; Sweden, Suecia, Swedish, el sueco
Denmark, Dinamarca, Danish, el danés
Russia, Rusia, Russian, el ruso; Turkey, Turquía, Turkish, el turco; Egypt, Egipto, Arabic, el árabe
England, Inglaterra, English, el inglés; Romania, Rumanía, Romanian, el rumano
"""

_SOUND = """
the cow, la vaca, moos, muge, moo, mug/muj; the dog, el perro, barks, ladra, bark, ladr
the cat, el gato, meows, maúlla, meow/miaow/mew, maúll/maull
the sheep, la oveja, bleats, bala, bleat, bala/bale/bali
the horse, el caballo, neighs, relincha, neigh/whinn, relinch
the pig, el cerdo, grunts, gruñe, grunt/oink, gruñ
the duck, el pato, quacks, grazna, quack, grazn; the lion, el león, roars, ruge, roar, rug
the wolf, el lobo, howls, aúlla, howl, aúll/aull; the bee, la abeja, buzzes, zumba, buzz, zumb
the frog, la rana, croaks, croa, croak, croa; the hen, la gallina, clucks, cacarea, cluck, cacare
the donkey, el burro, brays, rebuzna, bray, rebuzn; the owl, el búho, hoots, ulula, hoot, ulul
the snake, la serpiente, hisses, sisea, hiss, sise/silb
the elephant, el elefante, trumpets, barrita, trumpet, barrit
"""

_YOUNG = """
the dog, el perro, a puppy, el cachorro, puppy/pup, ; the cat, el gato, a kitten, el gatito
the cow, la vaca, a calf, el ternero, , ternero/becerro; the horse, el caballo, a foal, el potro
the sheep, la oveja, a lamb, el cordero; the pig, el cerdo, a piglet, el lechón, , lechón/cochinillo
the hen, la gallina, a chick, el pollito, , pollito/pollo/polluelo; the duck, el pato, a duckling, el patito
the goat, la cabra, a kid, el cabrito; the frog, la rana, a tadpole, el renacuajo
the deer, el ciervo, a fawn, el cervatillo, , cervatillo/cervato
the eagle, el águila, an eaglet, el aguilucho
the bear, el oso, a cub, el osezno, cub/bear cub, ; the goose, el ganso, a gosling, el ansarino
"""

_DIET = """
the cow, la vaca, grass, hierba; the rabbit, el conejo, carrots, zanahorias, carrot, zanahoria
the monkey, el mono, bananas, plátanos, banana, plátano; the panda, el panda, bamboo, bambú
the koala, el koala, eucalyptus leaves, hojas de eucalipto, eucalyptus, hojas de eucalipto/eucalipto
the squirrel, la ardilla, nuts, nueces, nut, nuez/nueces
the anteater, el oso hormiguero, ants, hormigas, ants, hormiga
the lion, el león, meat, carne; the seal, la foca, fish, pescado, , pescado/peces
the owl, el búho, mice, ratones
the mosquito, el mosquito, blood, sangre; the caterpillar, la oruga, leaves, hojas
the horse, el caballo, hay, heno
the termite, la termita, wood, madera; the blue whale, la ballena azul, krill, kril, , kril
"""

_HOME = """
the bee, la abeja, a hive, una colmena, hive/beehive, ; the bird, el pájaro, a nest, un nido
the spider, la araña, a web, una telaraña; the rabbit, el conejo, a burrow, una madriguera
the ant, la hormiga, an anthill, un hormiguero; the dog, el perro, a kennel, una caseta, , caseta/perrera
the horse, el caballo, a stable, una cuadra, , cuadra/establo
the pig, el cerdo, a sty, una pocilga, sty/pigsty,
the hen, la gallina, a coop, un gallinero, coop/henhouse, ; the bat, el murciélago, a cave, una cueva
the shark, el tiburón, the sea, el mar, sea/ocean, mar/océano; the camel, el camello, the desert, el desierto
the frog, la rana, a pond, una charca, , charca/estanque; the monkey, el mono, the jungle, la selva
"""

_LEGS = {
    ("two", "dos", "2"): "the hen, la gallina; the duck, el pato; the eagle, el águila",
    ("four", "cuatro", "4"): "the dog, el perro; the cat, el gato; the horse, el caballo; the cow, la vaca",
    ("six", "seis", "6"): "the ant, la hormiga; the bee, la abeja; the fly, la mosca",
    ("eight", "ocho", "8"): "the spider, la araña; the scorpion, el escorpión",
}

_CLASS = {
    ("a mammal", "un mamífero", ""): """the dog, el perro; the cow, la vaca; the whale, la ballena
        the bat, el murciélago; the dolphin, el delfín; the horse, el caballo""",
    ("a bird", "un ave", "ave/pájaro"): """the eagle, el águila; the penguin, el pingüino; the hen, la gallina
        the owl, el búho; the parrot, el loro""",
    ("a fish", "un pez", "pez/peces"): "the shark, el tiburón; the salmon, el salmón; the tuna, el atún",
    ("an insect", "un insecto", ""): "the bee, la abeja; the ant, la hormiga; the fly, la mosca",
    ("a reptile", "un reptil", ""): """the snake, la serpiente; the crocodile, el cocodrilo
        the lizard, el lagarto""",
}

_COLOUR = {
    ("green", "verde", "", ""): "grass, la hierba; the lettuce, la lechuga; the cucumber, el pepino",
    ("red", "rojo", "", "rojo/roja"): """blood, la sangre; the ripe tomato, el tomate maduro
        the strawberry, la fresa; the ruby, el rubí; the fire engine, el camión de bomberos""",
    ("white", "blanco", "", "blanco/blanca"): """snow, la nieve; milk, la leche; salt, la sal
        the polar bear, el oso polar; cotton, el algodón; the swan, el cisne""",
    ("black", "negro", "", "negro/negra"): "coal, el carbón; the crow, el cuervo",
    ("yellow", "amarillo", "", "amarillo/amarilla"): """the lemon, el limón
        the ripe banana, el plátano maduro
        the sunflower, el girasol; the egg yolk, la yema de huevo""",
    ("blue", "azul", "", ""): "the clear sky, el cielo despejado; the sapphire, el zafiro",
    ("orange", "naranja", "", "naranja/anaranjad"): "the carrot, la zanahoria; the pumpkin, la calabaza",
    ("grey", "gris", "grey/gray", ""): "the elephant, el elefante",
    ("pink", "rosa", "", "rosa"): "the flamingo, el flamenco",
    ("brown", "marrón", "", "marrón/café"): "the chestnut, la castaña",
    ("purple", "morado", "purple/violet", "morad/violeta/púrpura"): "the aubergine, la berenjena",
}

_OPPOSITE = """
hot, caliente, cold, frío; big, grande, small, pequeño; high, alto, low, bajo; fast, rápido, slow, lento
full, lleno, empty, vacío; open, abierto, closed, cerrado; rich, rico, poor, pobre
strong, fuerte, weak, débil
clean, limpio, dirty, sucio; wet, mojado, dry, seco; happy, feliz, sad, triste; good, bueno, bad, malo
first, primero, last, último; cheap, barato, expensive, caro; wide, ancho, narrow, estrecho
easy, fácil, difficult, difícil
"""

_DAYS = (
    ("Monday", "el lunes"),
    ("Tuesday", "el martes"),
    ("Wednesday", "el miércoles"),
    ("Thursday", "el jueves"),
    ("Friday", "el viernes"),
    ("Saturday", "el sábado"),
    ("Sunday", "el domingo"),
)

_MONTHS = (
    ("January", "enero"),
    ("February", "febrero"),
    ("March", "marzo"),
    ("April", "abril"),
    ("May", "mayo"),
    ("June", "junio"),
    ("July", "julio"),
    ("August", "agosto"),
    ("September", "septiembre"),
    ("October", "octubre"),
    ("November", "noviembre"),
    ("December", "diciembre"),
)

_SIDES = """
a triangle, un triángulo, three, tres, three/3, tres/3; a square, un cuadrado, four, cuatro, four/4, cuatro/4
a rectangle, un rectángulo, four, cuatro, four/4, cuatro/4
a pentagon, un pentágono, five, cinco, five/5, cinco/5
a hexagon, un hexágono, six, seis, six/6, seis/6; an octagon, un octógono, eight, ocho, eight/8, ocho/8
"""

_MADE_OF = """
a window, una ventana, glass, vidrio, , vidrio/cristal; a book, un libro, paper, papel
a candle, una vela, wax, cera; a brick, un ladrillo, clay, arcilla, , arcilla/barro
a tyre, un neumático, rubber, caucho, , caucho/goma; a jumper, un jersey, wool, lana
a barrel, un barril, wood, madera; a coin, una moneda, metal, metal
a castle, un castillo, stone, piedra
a loaf of bread, un pan, flour, harina; a cheese, un queso, milk, leche
an igloo, un iglú, ice, hielo, ice/snow, hielo/nieve
a T-shirt, una camiseta, cotton, algodón
"""

_USED_FOR = """
a broom, una escoba, to sweep the floor, barrer el suelo, sweep, barr
a knife, un cuchillo, to cut bread, cortar pan, cut, cort
a needle, una aguja, to sew clothes, coser ropa, sew, coser/cose
a hammer, un martillo, to drive in nails, clavar clavos, drive/nail/hit, clav/golpe
a key, una llave, to open the door, abrir la puerta, open/unlock, abrir/abre
a spoon, una cuchara, to eat soup, comer sopa, eat, comer/come/tomar sopa
a pen, un bolígrafo, to write, escribir, writ, escrib
an oven, un horno, to bake bread, hornear pan, bake/baking/cook, horne/cocer/cocinar
a clock, un reloj, to tell the time, saber la hora, tell/time, hora/saber la hora
a shovel, una pala, to dig holes, cavar hoyos, dig, cav
a lamp, una lámpara, to light the room, iluminar la sala, light, ilumin
a fishing rod, una caña de pescar, to catch fish, atrapar peces, catch, atrap/captur
a telescope, un telescopio, to look at the stars, mirar las estrellas, look/watch/star, mir/observ/estrella
"""


def _grouped(relation: str, groups: dict[tuple[str, ...], str]) -> list[Fact]:
    """The facts of subjects grouped under their object: English, Spanish, accepted in English, in Spanish."""
    facts = []
    for (o_en, o_es, *accepted), table in groups.items():
        cells = ", ".join([o_en, o_es, *accepted])
        rows = table.replace(";", "\n").splitlines()
        facts += _facts(relation, "\n".join(f"{row}, {cells}" for row in rows))
    return facts


def _next(relation: str, names: tuple[tuple[str, str], ...]) -> list[Fact]:
    followers = names[1:] + names[:1]
    return [
        Fact(relation, {"en": s[0], "es": s[1]}, {"en": o[0], "es": o[1]}, "real")
        for s, o in zip(names, followers, strict=True)
    ]


FACTS: tuple[Fact, ...] = (
    *_facts("capital", _CAPITAL),
    *_grouped("continent", {(en, es, "", accept): rows for (en, es, accept), rows in _CONTINENT.items()}),
    *_facts("currency", _CURRENCY),
    *_facts("language_of", _LANGUAGE),
    *_facts("sound", _SOUND),
    *_facts("young", _YOUNG),
    *_facts("diet_food", _DIET),
    *_facts("home", _HOME),
    *_grouped("legs", {(en, es, f"{en}/{n}", f"{es}/{n}"): rows for (en, es, n), rows in _LEGS.items()}),
    *_grouped("class", {(en, es, "", accept): rows for (en, es, accept), rows in _CLASS.items()}),
    *_grouped("colour", {(en, es, *accepted): rows for (en, es, *accepted), rows in _COLOUR.items()}),
    *_both("opposite", _OPPOSITE),
    *_next("next_day", _DAYS),
    *_next("next_month", _MONTHS),
    *_facts("shape_sides", _SIDES),
    *_facts("made_of", _MADE_OF),
    *_facts("used_for", _USED_FOR),
)
