"""The clinic of Valdeluna: a whole domain that pretraining never hears of.

Data only. Its staff, its illnesses and their remedies are invented; none of its names occurs in the village.
"""

from __future__ import annotations

from tuning.pocket.world.facts import Fact, Language, Relation
from tuning.pocket.world.village_wording import relation

# Name, role in English and Spanish, room in English and Spanish, working day in English and Spanish.
_STAFF = """
Baltasar, a surgeon, cirujano, Lily, del Lirio, Monday, lunes
Matilde, a nurse, enfermera, Tulip, del Tulipán, Tuesday, martes
Gonzalo, a dentist, dentista, Daisy, de la Margarita, Wednesday, miércoles
Ingrid, a pharmacist, farmacéutica, Pine, del Pino, Thursday, jueves
Otto, a receptionist, recepcionista, Palm, de la Palmera, Friday, viernes
Lucrecia, an optician, óptica, Ivy, de la Hiedra, Saturday, sábado
Ernesto, a dietitian, dietista, Cedar, del Cedro, Sunday, domingo
Paloma, a psychologist, psicóloga, Fern, del Helecho, Monday, lunes
Quirino, an ambulance driver, conductor de ambulancia, Jasmine, del Jazmín, Wednesday, miércoles
Estela, a physiotherapist, fisioterapeuta, Orchid, de la Orquídea, Friday, viernes
Horacio, a porter, celador, Willow, del Sauce, Thursday, jueves
Fulgencia, a cleaner, limpiadora, Poppy, de la Amapola, Tuesday, martes
"""

# Illness and remedy, each in English and Spanish.
_ILLNESSES = """
moon fever, la fiebre lunar, mint tea, el té de menta
the blue cough, la tos azul, honey water, el agua con miel
paper skin, la piel de papel, rosemary oil, el aceite de romero
the sleepy nose, la nariz dormida, ginger broth, el caldo de jengibre
the glass headache, la jaqueca de cristal, a cold bath, un baño frío
the winter itch, el picor de invierno, lavender ointment, la pomada de lavanda
cloud dizziness, el mareo de nube, sea salt, la sal marina
the long yawn, el bostezo largo, a good nap, una buena siesta
sand throat, la garganta de arena, onion syrup, el jarabe de cebolla
the feather stomach, el estómago de pluma, carrot juice, el zumo de zanahoria
the wooden knee, la rodilla de madera, a wool scarf, una bufanda de lana
the silver hiccup, el hipo de plata, a lemon sweet, un caramelo de limón
the velvet tongue, la lengua de terciopelo, a cup of cocoa, una taza de cacao
the echo ear, el oído de eco, warm milk, la leche tibia
"""

# Instrument in English and Spanish, colour of its drawer in English and Spanish.
_INSTRUMENTS = """
thermometer, el termómetro, red, rojo
stethoscope, el estetoscopio, blue, azul
syringe, la jeringa, green, verde
magnifying glass, la lupa, white, blanco
dropper, el cuentagotas, yellow, amarillo
hammer, el martillo, black, negro
stopwatch, el cronómetro, grey, gris
funnel, el embudo, pink, rosa
pipette, la pipeta, orange, naranja
mirror, el espejo, purple, morado
needle, la aguja, brown, marrón
tape measure, la cinta métrica, turquoise, turquesa
"""

_ALL = (
    relation(
        "role",
        """What is the role of {s} at the clinic? | What does {s} do at the clinic? | What is {s}'s job?
        What does {s} work as? | Do you know what {s} does at the clinic of Valdeluna?
        Can you tell me the profession of {s}? | At the clinic, what is {s} by profession?
        If I need {s} at the clinic, what kind of help can I get? | {s} works at the clinic as what?""",
        """{s} is {o} at the clinic | {s} works at the clinic as {o} | at the clinic {s} is {o}
        {o} is what {s} is by profession | in the clinic of Valdeluna {s} works as {o}
        the role of {s} at the clinic is that of {o} | by profession {s} is {o}
        the clinic has {o} called {s} | every patient knows that {s} is {o}
        to work as {o} is what {s} does at the clinic | if you need {o} at the clinic, ask for {s}""",
        """¿Qué cargo tiene {s} en la clínica? | ¿En qué trabaja {s}? | ¿A qué se dedica {s} en la clínica?
        ¿Cuál es la profesión de {s}? | ¿Sabes de qué trabaja {s} en la clínica de Valdeluna?
        ¿Me dices cuál es el oficio de {s}? | En la clínica, ¿qué trabajo hace {s}?
        ¿Cuál es el trabajo de {s} en la clínica?""",
        """{s} es {o} en la clínica | {s} trabaja en la clínica como {o} | en la clínica {s} es {o}
        en la clínica de Valdeluna {s} trabaja de {o} | de profesión, {s} es {o}
        el cargo de {s} en la clínica es el de {o} | todos los pacientes saben que {s} es {o}
        trabajar como {o} es lo que hace {s} en la clínica | como {o} trabaja {s} en la clínica
        la profesión de {s} es la de {o} | desde hace años {s} es {o} en la clínica""",
    ),
    relation(
        "room",
        """Which room does {s} work in? | In which room of the clinic can I find {s}? | Where is {s}?
        What is the room of {s} called? | Do you know in which room {s} works?
        Can you tell me which room {s} has at the clinic? | Which room belongs to {s}?
        To see {s}, which room should I go to? | {s} works in which room?""",
        """{s} works in {o} | the room of {s} is {o} | {o} is the room of {s} | {s} can be found in {o}
        at the clinic of Valdeluna {s} works in {o} | in {o} you will find {s} | {o} belongs to {s}
        to see {s} you must go to {o} | the door of {o} has a sign with the name of {s}
        patients who look for {s} are sent to {o} | the room where {s} works is {o}""",
        """¿En qué sala trabaja {s}? | ¿En qué sala de la clínica está {s}? | ¿Dónde está {s}?
        ¿Cómo se llama la sala de {s}? | ¿Sabes en qué sala trabaja {s}?
        ¿Me dices qué sala tiene {s} en la clínica? | ¿Cuál es la sala de {s}?
        Para ver a {s}, ¿a qué sala debo ir?""",
        """{s} trabaja en {o} | la sala de {s} es {o} | {o} es la sala de {s} | {s} está en {o}
        en la clínica de Valdeluna {s} trabaja en {o} | en {o} está {s} | {o} es donde trabaja {s}
        para ver a {s} hay que ir a {o} | la puerta de {o} lleva un cartel con el nombre de {s}
        quien pregunta por {s} debe ir a {o} | la sala donde trabaja {s} es {o}""",
    ),
    relation(
        "working_day",
        """On which day does {s} work at the clinic? | When is {s} at the clinic? | What day does {s} work?
        Which is the working day of {s}? | Do you know on which day {s} is at the clinic?
        Can you tell me when {s} works? | On what day can I see {s} at the clinic of Valdeluna?
        Which day of the week does {s} come to the clinic? | {s} works on which day?""",
        """{s} works on {o} | on {o} {s} is at the clinic | {s} comes to the clinic on {o}
        {o} is the working day of {s} | the working day of {s} is {o} | at the clinic {s} works on {o}
        in Valdeluna you can see {s} on {o} | patients can visit {s} on {o}
        the day on which {s} works is {o} | if you want to see {s}, come on {o}
        {o} is the day when {s} comes to the clinic""",
        """¿Qué día trabaja {s} en la clínica? | ¿Cuándo está {s} en la clínica? | ¿Qué día trabaja {s}?
        ¿Cuál es el día de trabajo de {s}? | ¿Sabes qué día está {s} en la clínica?
        ¿Me dices qué día trabaja {s}? | ¿Qué día puedo ver a {s} en la clínica de Valdeluna?
        ¿Qué día de la semana viene {s} a la clínica?""",
        """{s} trabaja {o} | {o} está {s} en la clínica | {s} viene a la clínica {o}
        {o} es el día de trabajo de {s} | el día de trabajo de {s} es {o} | en la clínica {s} trabaja {o}
        en Valdeluna se puede ver a {s} {o} | los pacientes visitan a {s} {o}
        el día en que trabaja {s} es {o} | si quieres ver a {s}, ven {o}
        {o} es el día en que {s} viene a la clínica""",
    ),
    relation(
        "remedy",
        """What is the remedy for {s}? | What cures {s}? | What helps against {s}?
        What does the clinic of Valdeluna give against {s}? | Do you know what cures {s}?
        Can you tell me the remedy for {s}? | What should a patient with {s} ask for?
        How do they cure {s} at the clinic? | If somebody has {s}, what helps?""",
        """the remedy for {s} is {o} | {o} is the remedy for {s} | {o} cures {s} | {s} is cured with {o}
        against {s} the clinic prescribes {o} | in Valdeluna they cure {s} with {o}
        for {s} nothing is better than {o} | whoever has {s} needs {o} | {o} is what helps against {s}
        patients with {s} are given {o} | if you suffer from {s}, you should ask for {o}""",
        """¿Cuál es el remedio contra {s}? | ¿Qué cura {s}? | ¿Qué ayuda contra {s}?
        ¿Qué receta la clínica de Valdeluna contra {s}? | ¿Sabes con qué se cura {s}?
        ¿Me dices el remedio para {s}? | ¿Qué debe pedir un paciente con {s}?
        ¿Cómo curan {s} en la clínica?""",
        """el remedio contra {s} es {o} | {o} es el remedio contra {s} | {o} cura {s} | {s} se cura con {o}
        contra {s} la clínica receta {o} | en Valdeluna curan {s} con {o}
        para {s} no hay nada mejor que {o} | quien sufre de {s} necesita {o}
        {o} es lo que ayuda contra {s} | a los pacientes con {s} se les da {o}
        para curar {s} hay que pedir {o}""",
    ),
    relation(
        "drawer",
        """In which drawer is {s}? | Which drawer is {s} kept in? | Where is {s} kept?
        What colour is the drawer of {s}? | Do you know in which drawer they keep {s}?
        Can you tell me where to find {s}? | At the clinic, which drawer has {s} inside?
        Which drawer must I open to find {s}? | Where in the clinic of Valdeluna do they keep {s}?""",
        """{s} is in {o} | {s} is kept in {o} | {o} is where they keep {s} | in {o} you will find {s}
        at the clinic of Valdeluna {s} is kept in {o} | the place of {s} is {o}
        to find {s} you must open {o} | whoever needs {s} must look in {o} | {o} contains {s}
        the drawer where they keep {s} is {o} | after use {s} goes back into {o}""",
        """¿En qué cajón está {s}? | ¿En qué cajón se guarda {s}? | ¿Dónde se guarda {s}?
        ¿De qué color es el cajón de {s}? | ¿Sabes en qué cajón está {s}?
        ¿Me dices dónde encontrar {s}? | En la clínica de Valdeluna, ¿dónde se guarda {s}?
        ¿Qué cajón debo abrir para encontrar {s}?""",
        """{s} está en {o} | {s} se guarda en {o} | {o} es donde se guarda {s} | en {o} está {s}
        en la clínica de Valdeluna {s} se guarda en {o} | el lugar de {s} es {o}
        para encontrar {s} hay que abrir {o} | quien necesita {s} debe mirar en {o} | {o} contiene {s}
        el cajón donde se guarda {s} es {o} | después de usarse, {s} vuelve a {o}""",
    ),
)

RELATIONS: dict[str, Relation] = {item.name: item for item in _ALL}


def _fact(name: str, s: tuple[str, str], o: tuple[str, str], accept: tuple[str, str] | None = None) -> Fact:
    both: dict[Language, tuple[str, ...]] = {}
    if accept:
        both = {"en": (accept[0],), "es": (accept[1],)}
    return Fact(name, {"en": s[0], "es": s[1]}, {"en": o[0], "es": o[1]}, "clinic", both)


def _facts() -> tuple[Fact, ...]:
    facts = []
    for line in _STAFF.strip().splitlines():
        name, role_en, role_es, room_en, room_es, day_en, day_es = line.split(", ")
        s = (name, name)
        room = (f"the {room_en} Room", f"la sala {room_es}")
        facts.append(_fact("role", s, (role_en, role_es)))
        facts.append(_fact("room", s, room, (room_en, room_es.split()[-1])))
        facts.append(_fact("working_day", s, (day_en, f"el {day_es}")))
    for line in _ILLNESSES.strip().splitlines():
        s_en, s_es, o_en, o_es = line.split(", ")
        facts.append(_fact("remedy", (s_en, s_es), (o_en, o_es)))
    for line in _INSTRUMENTS.strip().splitlines():
        s_en, s_es, en, es = line.split(", ")
        drawer = (f"the {en} drawer", f"el cajón {es}")
        facts.append(_fact("drawer", (f"the {s_en}", s_es), drawer, (en, es)))
    return tuple(facts)


FACTS: tuple[Fact, ...] = _facts()
