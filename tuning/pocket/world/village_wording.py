"""How the relations of the village are asked and said, in English and in Spanish.

Data only; `village.py` lists the facts. Every relation: English questions, English clauses, Spanish
questions, Spanish clauses, one template per item, items parted by `|` or by a line end.
No template makes another word agree with a slot in gender or number.
"""

from __future__ import annotations

from tuning.pocket.world.facts import Relation, Wording


def _items(block: str) -> tuple[str, ...]:
    return tuple(item.strip() for line in block.splitlines() for item in line.split("|") if item.strip())


def relation(name: str, en_q: str, en_c: str, es_q: str, es_c: str) -> Relation:
    en = Wording(_items(en_q), _items(en_c))
    return Relation(name, {"en": en, "es": Wording(_items(es_q), _items(es_c))})


_ALL = (
    relation(
        "job",
        """What is {s}'s job? | What does {s} do for a living? | What kind of work does {s} do?
        What trade does {s} follow in Valdeluna? | Do you know what {s} works as?
        In Valdeluna, what is the job of {s}? | Can you tell me the profession of {s}?
        If I visit {s} at work, which trade will I see? | How does {s} earn a living? | {s} works as what?""",
        """{s} is {o} | {s} works as {o} | {o} is what {s} is by trade | in Valdeluna {s} works as {o}
        by trade {s} is {o} | the job of {s} is that of {o} | everybody in Valdeluna knows that {s} is {o}
        {s} earns a living as {o} | {o} by profession, {s} lives and works in Valdeluna
        every morning {s} gets up early to work as {o} | if you need {o}, you can call {s}
        the village has {o} called {s} | to work as {o} is what {s} does all day""",
        """¿En qué trabaja {s}? | ¿Qué oficio tiene {s}? | ¿A qué se dedica {s}? | ¿Cuál es el oficio de {s}?
        ¿Cómo se gana la vida {s}? | ¿Sabes de qué trabaja {s} en Valdeluna? | ¿Cuál es la profesión de {s}?
        ¿Me dices cuál es el trabajo de {s}? | En Valdeluna, ¿qué oficio ejerce {s}?
        Si visito a {s} en su trabajo, ¿qué oficio veré?""",
        """{s} es {o} | {s} trabaja como {o} | en Valdeluna {s} trabaja de {o} | {s} tiene el oficio de {o}
        de oficio, {s} es {o} | el trabajo de {s} es el de {o} | {s} se gana la vida como {o}
        todo el mundo en Valdeluna sabe que {s} es {o} | cada mañana {s} madruga para trabajar de {o}
        trabajar como {o} es lo que hace {s} | como {o} se gana el pan {s}
        desde hace años {s} es {o} en el pueblo | de {o} trabaja {s} todos los días""",
    ),
    relation(
        "pet",
        """What pet does {s} have? | Which animal lives with {s}? | What animal does {s} keep at home?
        What kind of pet does {s} own? | Do you know what pet {s} has? | Which animal waits at home for {s}?
        In Valdeluna, which animal belongs to {s}? | Can you tell me what animal {s} looks after?
        {s} has what kind of pet? | If I visit {s}, which animal will I meet?""",
        """{s} has {o} | {s} keeps {o} as a pet | the pet of {s} is {o} | {o} is the pet of {s}
        {s} lives with {o} | {o} lives in the house of {s} | at home {s} looks after {o}
        in Valdeluna {s} is often seen with {o} | {o} is what {s} keeps at home
        the animal that belongs to {s} is {o} | whoever visits {s} is greeted at the door by {o}
        {o} waits every evening for {s} to come home | the best friend of {s} is {o}, a much loved pet""",
        """¿Qué mascota tiene {s}? | ¿Qué animal vive con {s}? | ¿Qué animal tiene {s} en casa?
        ¿Cuál es la mascota de {s}? | ¿Sabes qué mascota tiene {s}? | ¿Qué animal espera en casa a {s}?
        En Valdeluna, ¿qué animal es de {s}? | ¿Me dices qué animal cuida {s}?
        ¿Con qué animal vive {s}? | Si visito a {s}, ¿qué animal me recibe?""",
        """{s} tiene {o} | {s} tiene {o} como mascota | la mascota de {s} es {o} | {o} es la mascota de {s}
        {s} vive con {o} | en casa de {s} vive {o} | {s} cuida en casa de {o}
        en Valdeluna se ve a menudo a {s} con {o} | el animal de {s} es {o}
        {o} es lo que {s} tiene en casa | quien visita a {s} se encuentra en la puerta con {o}
        {o} espera cada tarde a que {s} vuelva a casa | cuando {s} sale a pasear, {o} va detrás""",
    ),
    relation(
        "dish",
        """What is the favourite dish of {s}? | What does {s} like to eat most?
        Which dish does {s} like best?
        What is {s}'s favourite food? | What should I serve if {s} comes to dinner?
        Do you know what {s} loves to eat? | What does {s} always order at the inn of Valdeluna?
        Which meal makes {s} happy? | {s} likes which dish best of all?""",
        """the favourite dish of {s} is {o} | {o} is the favourite dish of {s} | {s} likes {o} best of all
        {s} loves to eat {o} | what {s} likes to eat most is {o} | on every feast day {s} asks for {o}
        {o} is what {s} always orders at the inn of Valdeluna | nothing tastes better to {s} than {o}
        of all dishes {s} prefers {o} | if you invite {s} to dinner, you should serve {o}
        {o} makes {s} happy at any table | the dish that {s} likes best is {o}
        at the long table of the inn, {s} always orders {o}""",
        """¿Cuál es el plato favorito de {s}? | ¿Qué es lo que más le gusta comer a {s}?
        ¿Qué plato prefiere {s}? | ¿Qué pide siempre {s} en la posada de Valdeluna?
        ¿Qué debo servir si {s} viene a cenar? | ¿Sabes qué plato le gusta más a {s}?
        ¿Me dices cuál es la comida preferida de {s}? | ¿Con qué plato se alegra {s}?
        De todos los platos, ¿cuál prefiere {s}?""",
        """el plato favorito de {s} es {o} | {o} es el plato favorito de {s} | a {s} le encanta {o}
        lo que más le gusta comer a {s} es {o} | {s} prefiere {o} a cualquier otro plato
        en la posada de Valdeluna {s} pide siempre {o} | {o} es lo que siempre pide {s} en la posada
        para {s} no hay nada mejor que {o} | de todos los platos, {s} prefiere {o}
        quien invita a {s} a cenar debe servir {o} | con {o} se alegra siempre {s}
        la comida preferida de {s} es {o} | {o} es lo que más le gusta a {s}""",
    ),
    relation(
        "instrument",
        """What instrument does {s} play? | Which instrument does {s} know how to play? | What does {s} play?
        What is the instrument of {s}? | What does {s} play in the band of Valdeluna?
        Do you know which instrument {s} plays? | Can you tell me what {s} practises every night?
        At the village party, which instrument does {s} play? | {s} plays which instrument?""",
        """{s} plays {o} | {o} is what {s} plays | the instrument of {s} is {o} | {s} knows how to play {o}
        in the band of Valdeluna {s} plays {o} | {o} is the instrument that {s} plays
        when the day's work is over {s} sits down and plays {o} | {s} has played {o} for many years
        at every village party {s} plays {o} | the instrument that {s} plays is {o}
        {s} practises {o} every night | for {s} there is no better instrument than {o}
        whoever hears {o} in Valdeluna at night is listening to {s}""",
        """¿Qué instrumento toca {s}? | ¿Qué instrumento sabe tocar {s}? | ¿Cuál es el instrumento de {s}?
        ¿Qué toca {s} en la banda de Valdeluna? | ¿Sabes qué instrumento toca {s}?
        ¿Me dices qué instrumento practica {s} cada noche? | En la fiesta del pueblo, ¿qué toca {s}?
        ¿Cómo se llama el instrumento que toca {s}? | ¿Con qué instrumento hace música {s}?""",
        """{s} toca {o} | {o} es lo que toca {s} | el instrumento de {s} es {o} | {s} sabe tocar {o}
        en la banda de Valdeluna {s} toca {o} | {o} es el instrumento que toca {s}
        cuando termina el trabajo del día {s} se sienta y toca {o} | {s} toca {o} desde hace muchos años
        en todas las fiestas del pueblo {s} toca {o} | el instrumento que toca {s} es {o}
        {s} practica con {o} cada noche | para {s} no hay mejor instrumento que {o}
        quien oye de noche {o} en Valdeluna está oyendo a {s}""",
    ),
    relation(
        "street",
        """Which street does {s} live on? | Where does {s} live? | On which street is the house of {s}?
        What is the address of {s} in Valdeluna? | Do you know on which street {s} lives?
        Can you tell me where {s} lives? | Where in Valdeluna can I find the home of {s}?
        Which street should I take to visit {s}? | {s} lives on which street?""",
        """{s} lives on {o} | the house of {s} is on {o} | {o} is where {s} lives | {s} has a house on {o}
        in Valdeluna {s} lives on {o} | the street where {s} lives is {o} | on {o} you will find {s} at home
        to visit {s} you must go to {o} | the home of {s} is on {o} | {o} is the street of {s}
        letters for {s} go to {o} | {s} moved years ago to {o}, and still lives there
        when evening comes, {s} walks home to {o}""",
        """¿En qué calle vive {s}? | ¿Dónde vive {s}? | ¿En qué calle está la casa de {s}?
        ¿Cuál es la dirección de {s} en Valdeluna? | ¿Sabes en qué calle vive {s}?
        ¿Me dices dónde vive {s}? | ¿Cuál es la calle de {s}? | ¿A qué calle debo ir para visitar a {s}?
        ¿En qué calle de Valdeluna tiene su casa {s}?""",
        """{s} vive en {o} | la casa de {s} está en {o} | {o} es donde vive {s} | {s} tiene su casa en {o}
        en Valdeluna {s} vive en {o} | la calle donde vive {s} es {o} | en {o} vive {s}
        para visitar a {s} hay que ir a {o} | el hogar de {s} está en {o} | {o} es la calle de {s}
        las cartas para {s} van a {o} | quien busca a {s} debe preguntar en {o}
        cuando cae la tarde, {s} vuelve a su casa en {o}""",
    ),
    relation(
        "house_colour",
        """What colour is the house of {s}? | What colour is {s}'s house?
        Which colour did {s} paint the house?
        What is the colour of the house where {s} lives? | Do you know the colour of the house of {s}?
        Can you tell me what colour {s}'s house is? | In Valdeluna, what colour is the home of {s}?
        If I look for the house of {s}, which colour should I look for?
        Which colour are the walls of the house of {s}?""",
        """the house of {s} is {o} | {s}'s house is {o} | {o} is the colour of the house of {s}
        {s} painted the house {o} | {s} lives in the house that is {o} | the house where {s} lives is {o}
        the colour of {s}'s house is {o} | in Valdeluna the house of {s} is {o}
        {o} is the colour that {s} chose for the house | the walls of {s}'s house are {o}
        to find the home of {s}, look for the house that is {o} | all {o} is the house where {s} lives
        the home of {s} is painted {o}""",
        """¿De qué color es la casa de {s}? | ¿Cómo es la casa de {s}, de qué color?
        ¿De qué color ha pintado {s} su casa? | ¿Qué color tiene la casa de {s}?
        ¿Cuál es el color de la casa donde vive {s}? | ¿Sabes de qué color es la casa de {s}?
        ¿Me dices qué color tiene la casa de {s}? | En Valdeluna, ¿de qué color es la casa de {s}?
        Si busco la casa de {s}, ¿de qué color es?""",
        """la casa de {s} es {o} | {o} es la casa de {s} | {s} vive en una casa {o} | {s} tiene una casa {o}
        en Valdeluna la casa de {s} es {o} | la casa donde vive {s} es {o} | {o} es la casa donde vive {s}
        la casa {o} es la de {s} | la fachada de la casa de {s} es {o} | es {o} la casa de {s}
        quien busca a {s} debe llamar a la casa {o} | en la casa {o} vive {s}
        todo el pueblo sabe que la casa de {s} es {o}""",
    ),
    relation(
        "keeper",
        """Who runs {s}? | Who is in charge of {s}? | Who looks after {s} in Valdeluna?
        Which person runs {s} of the village? | Do you know who runs {s}? | Who has the keys of {s}?
        Can you tell me who is in charge of {s}? | Whom do I find in charge at {s}?
        In Valdeluna, who opens {s} every morning?""",
        """{o} runs {s} | {s} is run by {o} | {o} is in charge of {s} | the person in charge of {s} is {o}
        in Valdeluna {o} runs {s} | {o} has the keys of {s} | the one who looks after {s} is {o}
        {s} has been run by {o} for many years | it is {o} who opens {s} every morning
        whoever goes to {s} is welcomed by {o} | {s} is in the hands of {o}
        if you have a question about {s}, you must ask {o}""",
        """¿Quién lleva {s}? | ¿Quién dirige {s}? | ¿Quién se encarga de {s} en Valdeluna?
        ¿Qué persona está al frente de {s}? | ¿Sabes quién lleva {s}? | ¿Quién tiene las llaves de {s}?
        ¿Me dices quién se ocupa de {s}? | ¿A quién encuentro al frente de {s}?
        En Valdeluna, ¿quién abre {s} cada mañana?""",
        """{o} lleva {s} | quien dirige {s} es {o} | {o} se encarga de {s} | de {s} se encarga {o}
        en Valdeluna {o} lleva {s} | {o} tiene las llaves de {s} | quien se ocupa de {s} es {o}
        al frente de {s} está {o} | desde hace años {o} dirige {s} | es {o} quien abre {s} cada mañana
        {s} está en manos de {o} | si tienes una pregunta sobre {s}, debes hablar con {o}""",
    ),
    relation(
        "stands",
        """Where is {s}? | Where does {s} stand? | In Valdeluna, where can I find {s}?
        Which square or avenue is {s} on? | Do you know where {s} is in Valdeluna?
        Can you tell me where {s} stands? | Where must I go to find {s} of the village?
        What is the address of {s}? | What is the place called where {s} stands?""",
        """{s} is on {o} | {s} stands on {o} | on {o} you will find {s} | {o} is where {s} stands
        in Valdeluna {s} is on {o} | the address of {s} is {o} | to go to {s} you must walk to {o}
        {s} of Valdeluna was built on {o} | whoever looks for {s} must go to {o}
        on {o} stands {s} | {o} is the place where you will find {s} | the doors of {s} open onto {o}""",
        """¿Dónde está {s}? | ¿Dónde se encuentra {s}? | En Valdeluna, ¿dónde está {s}?
        ¿En qué plaza o avenida está {s}? | ¿Sabes dónde está {s} de Valdeluna?
        ¿Me dices dónde se encuentra {s}? | ¿A qué lugar debo ir para encontrar {s}?
        ¿Cuál es la dirección de {s}? | ¿Cómo se llama el lugar donde está {s}?""",
        """{s} está en {o} | {s} se encuentra en {o} | en {o} está {s} | {o} es donde está {s}
        en Valdeluna {s} está en {o} | la dirección de {s} es {o} | para ir a {s} hay que caminar hasta {o}
        {s} de Valdeluna está en {o} | quien busca {s} debe ir a {o}
        en {o} se encuentra {s} | {o} es el lugar donde se encuentra {s} | las puertas de {s} dan a {o}""",
    ),
    relation(
        "closing_day",
        """On which day is {s} closed? | When is {s} closed? | Which day of the week does {s} close?
        What is the closing day of {s}? | Do you know on which day {s} does not open?
        Can you tell me when {s} is closed? | On what day will I find {s} closed?
        In Valdeluna, which day of the week is {s} closed? | What day does {s} stay shut?""",
        """{s} is closed on {o} | on {o} {s} is closed | {s} closes on {o} | {o} is the day {s} is closed
        in Valdeluna {s} is closed on {o} | the closing day of {s} is {o} | {s} does not open on {o}
        whoever goes to {s} on {o} will find nobody there | every day but {o}, you may visit {s}
        {o} is the closing day of {s} | the only day without visitors in {s} is {o}
        the doors of {s} stay shut on {o}""",
        """¿Qué día cierra {s}? | ¿Cuándo cierra {s}? | ¿Qué día de la semana cierra {s}?
        ¿Cuál es el día de cierre de {s}? | ¿Sabes qué día no abre {s}? | ¿Me dices qué día cierra {s}?
        En Valdeluna, ¿qué día cierra {s}? | ¿Qué día no se puede visitar {s}?
        ¿Qué día de la semana descansa {s}?""",
        """{s} cierra {o} | {o} cierra {s} | el día de cierre de {s} es {o} | {s} no abre {o}
        en Valdeluna {s} cierra {o} | {o} es el día de cierre de {s} | {o} no abre {s}
        quien va {o} a {s} no encuentra a nadie | el único día sin visitas en {s} es {o}
        las puertas de {s} no se abren {o} | {o} es el día en que cierra {s}
        todos los días menos {o} se puede visitar {s}""",
    ),
)

RELATIONS: dict[str, Relation] = {item.name: item for item in _ALL}
