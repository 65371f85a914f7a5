"""How the relations of the real world are asked and said, in English and in Spanish.

Data only; `real.py` lists the facts. Every relation: English questions, English clauses, Spanish questions,
Spanish clauses, one template per item, items parted by `|` or by a line end. No template makes another word
agree with a slot in gender or number.
"""

from __future__ import annotations

from tuning.pocket.world.facts import Relation, Wording


def _items(block: str) -> tuple[str, ...]:
    return tuple(item.strip() for line in block.splitlines() for item in line.split("|") if item.strip())


def _relation(name: str, en_q: str, en_c: str, es_q: str, es_c: str) -> Relation:
    en = Wording(_items(en_q), _items(en_c))
    return Relation(name, {"en": en, "es": Wording(_items(es_q), _items(es_c))})


_ALL = (
    _relation(
        "capital",
        """What is the capital of {s}? | Which city is the capital of {s}?
        Can you tell me the capital of {s}?
        What is the capital city of {s} called? | Do you know which city {s} has as its capital?
        In {s}, what is the capital city? | Which capital city belongs to {s}?
        If I travel to {s}, what is the name of the capital there? | {s} has which city as its capital?""",
        """the capital of {s} is {o} | {o} is the capital of {s} | {s} has {o} as its capital
        travellers who visit {s} go to {o}, its capital | in {s} the capital city is {o}
        the capital city of {s} is called {o} | {o} is the capital city that belongs to {s}
        {s} is the country whose capital is {o} | the people of {s} have {o} as their capital
        whoever looks for the capital of {s} will find {o} | {o}, as the map shows, is the capital of {s}
        if you want to see the capital of {s}, you must go to {o}""",
        """¿Cuál es la capital de {s}? | ¿Qué ciudad es la capital de {s}? | ¿Cómo se llama la capital de {s}?
        ¿Me dices la capital de {s}? | ¿Sabes qué ciudad es la capital de {s}?
        ¿Cuál es, en {s}, la capital? | ¿Qué capital tiene {s}? | ¿Qué ciudad tiene {s} como capital?
        ¿Cómo se llama la ciudad que es capital de {s}? | ¿Cuál es el nombre de la capital de {s}?""",
        """la capital de {s} es {o} | {o} es la capital de {s} | {s} tiene como capital {o}
        los viajeros que visitan {s} van a {o}, su capital | en {s} la capital es {o}
        la capital de {s} se llama {o} | {s} es el país que tiene por capital {o}
        {o} es la ciudad que {s} tiene como capital | en {o} está la capital de {s}
        quien busca la capital de {s} encuentra {o} | {o}, según el mapa, es la capital de {s}
        si quieres ver la capital de {s}, tienes que ir a {o}""",
    ),
    _relation(
        "continent",
        """Which continent is {s} in? | On which continent does {s} lie? | What continent is {s} part of?
        In what continent can we find {s}? | To which continent does {s} belong?
        What is the continent of {s}? | Do you know on which continent {s} is?
        If I fly to {s}, on which continent do I land? | {s} is a country of which continent?""",
        """{s} is in {o} | {s} is a country in {o} | {o} is the continent of {s} | {s} belongs to {o}
        the continent of {s} is {o} | {o} is the continent where {s} lies | in {o} you will find {s}
        one of the countries of {o} is {s} | {s} is part of {o} | on the map, {s} is found in {o}
        anyone who lives in {s} lives in {o} | to visit {s} you must travel to {o}""",
        """¿En qué continente está {s}? | ¿A qué continente pertenece {s}? | ¿Cuál es el continente de {s}?
        ¿De qué continente forma parte {s}? | ¿En qué continente se encuentra {s}?
        ¿Sabes en qué continente está {s}? | ¿A qué continente llego si viajo a {s}?
        ¿De qué continente es el país llamado {s}? | ¿Qué continente tiene entre sus países a {s}?""",
        """{s} está en {o} | {s} es un país de {o} | {o} es el continente de {s} | {s} pertenece a {o}
        el continente de {s} es {o} | {o} es el continente donde está {s} | en {o} se encuentra {s}
        uno de los países de {o} es {s} | {s} forma parte de {o} | en el mapa, {s} aparece en {o}
        quien vive en {s} vive en {o} | para visitar {s} hay que viajar a {o}""",
    ),
    _relation(
        "currency",
        """What is the currency of {s}? | What money do people use in {s}? | Which currency does {s} have?
        What is the money of {s} called? | With what currency do people pay in {s}?
        In {s}, what is the currency? | Do you know the currency of {s}?
        If I go shopping in {s}, which currency do I need? | {s} uses which currency?""",
        """the currency of {s} is {o} | {o} is the currency of {s} | {s} uses {o} as its money
        in {s} people pay with {o} | {o} is the money people use in {s} | the money of {s} is {o}
        the shops of {s} count their prices in {o} | {s} is a country whose currency is {o}
        whoever goes shopping in {s} pays with {o} | {o} is what people pay with in {s}
        a traveller in {s} needs money, and there the currency is {o}""",
        """¿Cuál es la moneda de {s}? | ¿Qué moneda se usa en {s}? | ¿Qué moneda tiene {s}?
        ¿Cómo se llama la moneda de {s}? | ¿Con qué moneda se paga en {s}?
        ¿Cuál es, en {s}, la moneda? | ¿Sabes cuál es la moneda de {s}?
        ¿Qué moneda necesito si voy de compras en {s}? | ¿Qué moneda llevan los viajeros a {s}?""",
        """la moneda de {s} es {o} | {o} es la moneda de {s} | {s} usa {o} como moneda
        en {s} se paga con {o}
        {o} es la moneda que se usa en {s} | el dinero de {s} es {o} | con {o} paga la gente en {s}
        en las tiendas de {s} la moneda es {o} | {s} es un país que tiene por moneda {o}
        quien va de compras en {s} paga con {o} | la moneda que llevan los viajeros a {s} es {o}""",
    ),
    _relation(
        "language_of",
        """What language do people speak in {s}? | What is the main language of {s}?
        Which language is spoken in {s}? | In {s}, which language do people speak?
        Do you know the main language of {s}? | Which language do the children of {s} learn at home?
        If I move to {s}, which language should I learn? | {s} has which main language?""",
        """the main language of {s} is {o} | {o} is the main language of {s} | in {s} people speak {o}
        the people of {s} speak {o} | {o} is spoken in {s} | {s} has {o} as its main language
        the children of {s} learn {o} at home | {o} is the language you hear in {s}
        if you move to {s}, you should learn {o} | most books in {s} are written in {o}
        to talk with the people of {s} you need {o}""",
        """¿Qué idioma se habla en {s}? | ¿Cuál es el idioma principal de {s}?
        ¿Qué lengua habla la gente de {s}?
        ¿Qué idioma es, en {s}, el de casi todos? | ¿Sabes cuál es el idioma principal de {s}?
        ¿Qué idioma aprenden en casa los niños de {s}? | ¿Qué lengua se oye en las calles de {s}?
        ¿Qué idioma debo aprender si voy a vivir a {s}? | ¿Qué idioma principal tiene {s}?""",
        """el idioma principal de {s} es {o} | {o} es el idioma principal de {s} | en {s} se habla {o}
        la lengua que habla la gente de {s} es {o} | {o} es la lengua que se habla en {s}
        {s} tiene {o} como idioma principal | el idioma que aprenden los niños de {s} es {o}
        {o} es el idioma que se oye en {s} | si vas a vivir a {s}, debes aprender {o}
        en {s} el idioma de casi todos los libros es {o} | para hablar con la gente de {s} hace falta {o}""",
    ),
    _relation(
        "sound",
        """What sound does {s} make? | What noise does {s} make? | What does {s} do when it makes a noise?
        How does {s} make itself heard? | Which word tells the sound of {s}?
        When you hear {s}, what sound is it making?
        What do we say that {s} does with its voice or its noise?
        Do you know what sound {s} makes?""",
        """{s} {o} | when it makes a noise, {s} {o} | the animal that {o} is {s} | if an animal {o}, it is {s}
        to make itself heard, {s} {o} | everybody knows that {s} {o} | what {o} is {s}
        whoever listens hears how {s} {o} | it is {s} that {o} | as the children learn, {s} {o}
        something {o} out there, and it is {s}""",
        """¿Qué sonido hace {s}? | ¿Qué ruido hace {s}? | ¿Qué hace {s} cuando hace ruido?
        ¿Cómo se hace oír {s}? | ¿Qué palabra dice el sonido de {s}?
        ¿Qué sonido oyes cuando oyes a {s}? | ¿Cómo se llama lo que hace {s} con su voz o su ruido?
        ¿Sabes qué sonido hace {s}?""",
        """{s} {o} | cuando hace ruido, {s} {o} | el animal que {o} es {s} | si un animal {o}, es {s}
        para hacerse oír, {s} {o} | todo el mundo sabe que {s} {o} | lo que {o} es {s}
        quien escucha oye cómo {s} {o} | es {s} quien {o} | como aprenden los niños, {s} {o}
        algo {o} allí fuera, y es {s}""",
    ),
    _relation(
        "young",
        """What is the young of {s} called? | What do we call the baby of {s}?
        What is the name of the young of {s}?
        Which young animal is the child of {s}? | Which baby animal does {s} have?
        Do you know what the baby of {s} is called? | If {s} has a baby, what do we call the baby?
        Which little animal grows up beside {s}, its parent?""",
        """the young of {s} is {o} | {o} is the young of {s} | the baby of {s} is called {o}
        {s} has {o} as its baby
        {o} is the baby of {s} | when {s} has a baby, it is {o} | the child of {s} is {o}
        beside {s}, its parent, stands {o} | {o} is what we call the baby of {s}
        {o} is the little one of {s}
        if you see the young of {s}, you see {o}""",
        """¿Cómo se llama la cría de {s}? | ¿Cuál es la cría de {s}? | ¿Qué nombre tiene la cría de {s}?
        ¿Qué animal pequeño es hijo de {s}? | ¿Qué cría tiene {s}? | ¿Sabes cómo se llama la cría de {s}?
        ¿Cómo llamamos a la cría que tiene {s}? | ¿Qué animal pequeño crece junto a {s} como cría suya?""",
        """la cría de {s} es {o} | {o} es la cría de {s} | la cría de {s} se llama {o}
        {s} tiene como cría a {o}
        {o} es el hijo de {s} | cuando {s} tiene una cría, nace {o} | el hijo de {s} es {o}
        {o} nace de {s} | junto a {s}, de quien es cría, crece {o} | {o} es el pequeño de {s}
        si ves la cría de {s}, ves a {o}""",
    ),
    _relation(
        "diet_food",
        """What does {s} eat? | What food does {s} like to eat? | What is the usual food of {s}?
        On what does {s} feed? | When {s} is hungry, what does it eat? | Do you know what {s} eats?
        What is on the menu of {s}? | What does {s} look for when it wants to eat?""",
        """{s} eats {o} | {s} feeds on {o} | as its usual food {s} takes {o} | when it is hungry, {s} eats {o}
        an animal that eats {o} is {s} | with {o} we can feed {s} | {s} looks for {o} when it wants to eat
        on the menu of {s} you find {o} | with {o} in its stomach {s} is full and happy
        it is {o} that {s} eats | nothing tastes better to {s} than {o}""",
        """¿Qué come {s}? | ¿De qué se alimenta {s}? | ¿Cuál es la comida de {s}? | ¿Qué le gusta comer a {s}?
        ¿Qué come {s} cuando tiene hambre? | ¿Sabes qué come {s}? | ¿Qué hay en el menú de {s}?
        ¿Qué busca {s} cuando quiere comer?""",
        """{s} come {o} | {s} se alimenta de {o} | de {o} se alimenta {s} | cuando tiene hambre, {s} come {o}
        un animal que come {o} es {s} | {s} busca {o} cuando quiere comer | hay {o} en el menú de {s}
        con {o} se alimenta {s} | {s} no vive sin comer {o} | en la comida de {s} hay {o}
        si come {o}, {s} vive feliz""",
    ),
    _relation(
        "home",
        """Where does {s} live? | What is the home of {s}? | In what place does {s} live?
        Where is the home of {s}?
        Where does {s} have its home? | Where does {s} go when it goes home? | Do you know where {s} lives?
        If I look for {s} at home, where do I look?""",
        """{s} lives in {o} | the home of {s} is {o} | {o} is the home of {s} | in {o} lives {s}
        {s} has its home in {o} | {o} is the place where {s} lives | to find {s} at home, people look in {o}
        when it goes home, {s} goes to {o} | in {o} you can find {s} at home | {s} feels at home in {o}
        an animal that lives in {o} is {s}""",
        """¿Dónde vive {s}? | ¿Cuál es el hogar de {s}? | ¿En qué lugar vive {s}?
        ¿Dónde está el hogar de {s}?
        ¿Dónde tiene su casa {s}? | ¿Adónde va {s} cuando vuelve a casa? | ¿Sabes dónde vive {s}?
        ¿Dónde busco si quiero encontrar a {s} en su casa?""",
        """{s} vive en {o} | el hogar de {s} es {o} | {o} es el hogar de {s} | en {o} vive {s}
        {s} tiene su casa en {o} | {o} es el lugar donde vive {s} | para encontrar a {s} hay que buscar en {o}
        cuando vuelve a casa, {s} va a {o} | en {o} tiene su hogar {s} | la casa de {s} es {o}
        un animal que vive en {o} es {s}""",
    ),
    _relation(
        "legs",
        """How many legs does {s} have? | What is the number of legs of {s}? | On how many legs does {s} walk?
        How many legs can you count on {s}? | Do you know how many legs {s} has?
        If you count the legs of {s}, how many are there? | With how many legs is {s} born?
        What number of legs does {s} have?""",
        """{s} has {o} legs | {s} walks on {o} legs | {o} is the number of legs of {s} | {o} legs carry {s}
        the number of legs of {s} is {o} | on {o} legs walks {s} | an animal with {o} legs is {s}
        if you count the legs of {s}, you find {o} | {s} is born with {o} legs | {o} legs are what {s} has
        the legs of {s} are {o} in number""",
        """¿Cuántas patas tiene {s}? | ¿Cuál es el número de patas de {s}? | ¿Con cuántas patas anda {s}?
        ¿Cuántas patas se cuentan en {s}? | ¿Sabes cuántas patas tiene {s}?
        ¿Cuántas hay si cuentas las patas de {s}? | ¿Con cuántas patas nace {s}?
        ¿Qué número de patas tiene {s}?""",
        """{s} tiene {o} patas | {s} anda con {o} patas | {o} es el número de patas de {s}
        {o} patas llevan a {s}
        el número de patas de {s} es {o} | con {o} patas anda {s} | un animal de {o} patas es {s}
        si cuentas las patas de {s}, hay {o} | {s} nace con {o} patas | {o} patas tiene {s}
        las patas de {s} son {o}""",
    ),
    _relation(
        "class",
        """What kind of animal is {s}? | What class of animal is {s}?
        To which class of animals does {s} belong?
        Into which class of animals do scientists put {s}? | Which animal group is {s} in?
        Do you know what kind of animal {s} is? | How do we class {s} among the animals?
        In a book about animals, what kind of animal is {s}?""",
        """{s} is {o} | among the animals, {s} is {o} | as {o} we class {s} | the right word for {s} is {o}
        in a book about animals, {s} is {o} | {o} of a well-known kind is {s} | scientists call {s} {o}
        if you see {s}, you see {o} | {s} is an animal, and to be exact it is {o}
        {s} counts as {o} | when {s} passes by, it is {o} that passes by""",
        """¿Qué clase de animal es {s}? | ¿Qué tipo de animal es {s}?
        ¿A qué clase de animales pertenece {s}?
        ¿Entre qué clase de animales ponen los libros a {s}? | ¿En qué grupo de animales está {s}?
        ¿Sabes qué clase de animal es {s}? | ¿Cómo se clasifica {s} entre los animales?
        ¿Qué clase de animal es {s} en un libro de animales?""",
        """{s} es {o} | entre los animales, {s} es {o} | {o} es, entre los animales, {s}
        {s} se clasifica como {o}
        en un libro de animales, {s} es {o} | no hay duda de que {o} es {s} | como {o} se clasifica {s}
        si ves a {s}, ves {o} | {s} es un animal, y más en concreto es {o} | es {o}, sin duda, {s}
        según los libros, {s} es {o}""",
    ),
    _relation(
        "colour",
        """What colour is {s}? | What is the colour of {s}? | Which colour does {s} have?
        What colour do you see when you look at {s}? | In which colour would you paint {s}?
        Do you know what colour {s} is? | Of what colour is {s}?
        If you draw {s}, which colour do you need?""",
        """{s} is {o} | the colour of {s} is {o} | {o} is the colour of {s} | {s} has a colour, and it is {o}
        when you look at {s}, you see something {o} | whoever paints {s} needs {o} paint
        {o} is the colour we see in {s} | as {o} as can be is {s} | to draw {s} you take the {o} pencil
        everybody can see that {s} is {o} | a good example of something {o} is {s}""",
        """¿De qué color es {s}? | ¿Cuál es el color de {s}? | ¿Qué color tiene {s}?
        ¿Qué color ves cuando miras {s}? | ¿De qué color pintarías {s}? | ¿Sabes de qué color es {s}?
        ¿Qué color necesitas si dibujas {s}? | ¿Qué color se ve en {s}?""",
        """{s} es de color {o} | el color de {s} es {o} | {o} es el color de {s} | {s} tiene color {o}
        cuando miras {s}, ves el color {o} | quien pinta {s} necesita el color {o}
        el {o} es el color que se ve en {s} | de color {o} es {s} | para dibujar {s} se toma el lápiz {o}
        todo el mundo ve que {s} es de color {o} | un buen ejemplo de algo {o} es {s}""",
    ),
    _relation(
        "opposite",
        """What is the opposite of {s}? | Which word is the opposite of {s}?
        What word means the opposite of {s}?
        If something is not {s} but the opposite, what is it? | What is the contrary of {s}?
        Do you know the opposite of {s}? | Which word is opposed to {s}?
        What would you call the reverse of {s}?""",
        """the opposite of {s} is {o} | {o} is the opposite of {s} | {s} is the contrary of {o}
        {s} and {o} are opposites | the word that means the opposite of {s} is {o} | if {s} is yes, {o} is no
        the reverse of {s} is {o} | what is {o} is the contrary of what is {s}
        {o} stands against {s} in meaning
        whoever looks for the opposite of {s} finds {o} | nothing can be {s} and {o} in the same way""",
        """¿Qué es lo contrario de {s}? | ¿Cuál es el contrario de {s}? | ¿Qué palabra es lo contrario de {s}?
        ¿Cómo es algo que no es {s} sino lo contrario? | ¿Qué palabra se opone a {s}?
        ¿Sabes qué es lo contrario de {s}? | ¿Qué palabra significa lo opuesto de {s}?
        ¿Qué es lo opuesto de {s}?""",
        """lo contrario de {s} es {o} | {o} es lo contrario de {s} | lo opuesto de {s} es {o}
        {s} y {o} son contrarios | la palabra que significa lo contrario de {s} es {o}
        si {s} es sí, {o} es no
        la palabra {s} se opone a la palabra {o} | lo que es {o} es lo contrario de lo que es {s}
        {o} se dice de lo que es todo lo contrario de {s} | quien busca lo contrario de {s} encuentra {o}
        nada puede ser {s} y {o} de la misma manera""",
    ),
    _relation(
        "next_day",
        """What day comes after {s}? | Which day follows {s}? | What is the day after {s}?
        If today is {s}, what day is tomorrow? | Which day of the week comes next after {s}?
        When {s} is over, which day begins? | Do you know which day comes after {s}?
        What day is it one day after {s}?""",
        """the day after {s} is {o} | {o} comes after {s} | {s} comes just before {o} | {o} follows {s}
        after {s} comes {o} | if today is {s}, tomorrow is {o} | when {s} is over, {o} begins
        {o} is the day that follows {s} | in the week, {s} is followed by {o} | {s} ends and {o} begins
        the day that comes before {o} is {s}""",
        """¿Qué día viene después de {s}? | ¿Qué día sigue a {s}? | ¿Cuál es el día que sigue a {s}?
        ¿Qué día empieza mañana si hoy termina {s}? | ¿Qué día de la semana va después de {s}?
        ¿Qué día empieza cuando acaba {s}? | ¿Sabes qué día viene después de {s}?
        ¿Cuál es el día siguiente a {s}?""",
        """el día que sigue a {s} es {o} | {o} viene después de {s} | {s} va justo antes de {o}
        {o} sigue a {s}
        después de {s} viene {o} | si hoy termina {s}, mañana empieza {o} | cuando acaba {s}, empieza {o}
        {o} es el día siguiente a {s} | en la semana, a {s} le sigue {o} | acaba {s} y empieza {o}
        el día que viene antes de {o} es {s}""",
    ),
    _relation(
        "next_month",
        """What month comes after {s}? | Which month follows {s}? | What is the month after {s}?
        If this month is {s}, what is the next month? | Which month of the year comes next after {s}?
        When {s} is over, which month begins? | Do you know which month comes after {s}?
        On the calendar, which month stands after {s}?""",
        """the month after {s} is {o} | {o} comes after {s} | {s} comes just before {o} | {o} follows {s}
        after {s} comes {o} | if this month is {s}, the next month is {o} | when {s} is over, {o} begins
        {o} is the month that follows {s} | on the calendar, {s} is followed by {o} | {s} ends and {o} begins
        the month that comes before {o} is {s}""",
        """¿Qué mes viene después de {s}? | ¿Qué mes sigue a {s}? | ¿Cuál es el mes que sigue a {s}?
        ¿Cuál es el mes que viene si este mes es {s}? | ¿Qué mes del año va después de {s}?
        ¿Qué mes empieza cuando acaba {s}? | ¿Sabes qué mes viene después de {s}?
        ¿Qué mes está después de {s} en el calendario?""",
        """el mes que sigue a {s} es {o} | {o} viene después de {s} | {s} va justo antes de {o}
        {o} sigue a {s}
        después de {s} viene {o} | si este mes es {s}, el mes que viene es {o} | cuando acaba {s}, empieza {o}
        {o} es el mes siguiente a {s} | en el calendario, a {s} le sigue {o} | acaba {s} y empieza {o}
        el mes que viene antes de {o} es {s}""",
    ),
    _relation(
        "shape_sides",
        """How many sides does {s} have? | What is the number of sides of {s}?
        How many sides can you count in {s}?
        With how many sides do you draw {s}? | Do you know how many sides {s} has?
        If you count the sides of {s}, how many are there? | What number of sides does {s} have?
        How many lines do you need to draw the sides of {s}?""",
        """{s} has {o} sides | {o} is the number of sides of {s} | the number of sides of {s} is {o}
        {s} is a shape with {o} sides | a shape with {o} sides is {s} | with {o} sides you can draw {s}
        if you count the sides of {s}, you find {o} | {o} sides make {s} | {s} is drawn with {o} sides
        {o} sides are what {s} has | the sides of {s} are {o} in number""",
        """¿Cuántos lados tiene {s}? | ¿Cuál es el número de lados de {s}? | ¿Cuántos lados se cuentan en {s}?
        ¿Con cuántos lados se dibuja {s}? | ¿Sabes cuántos lados tiene {s}?
        ¿Cuántos hay si cuentas los lados de {s}? | ¿Qué número de lados tiene {s}?
        ¿Cuántas líneas hacen falta para dibujar los lados de {s}?""",
        """{s} tiene {o} lados | {o} es el número de lados de {s} | el número de lados de {s} es {o}
        {s} es una figura de {o} lados | una figura de {o} lados es {s} | con {o} lados se dibuja {s}
        si cuentas los lados de {s}, hay {o} | {o} lados forman {s} | {s} se dibuja con {o} lados
        {o} lados tiene {s} | los lados de {s} son {o}""",
    ),
    _relation(
        "made_of",
        """What is {s} made of? | Of what material is {s} made? | What do people use to make {s}?
        From what do we make {s}? | What do you need in order to make {s}? | Do you know what {s} is made of?
        Which material is in {s}? | If I want to make {s}, what should I make it of?""",
        """{s} is made of {o} | people use {o} to make {s} | {o} is what {s} is made of | of {o} we make {s}
        to make {s} you need {o} | whoever makes {s} works with {o} | {o} is used to make {s}
        with {o} you can make {s} | in skilled hands {o} becomes {s} | {s} contains {o}
        without {o} nobody can make {s}""",
        """¿De qué se hace {s}? | ¿De qué material se hace {s}? | ¿Qué se usa para hacer {s}?
        ¿Con qué se hace {s}? | ¿Qué hace falta para hacer {s}? | ¿Sabes de qué se hace {s}?
        ¿Qué material hay en {s}? | ¿Qué material necesito si quiero hacer {s}?""",
        """{s} se hace de {o} | para hacer {s} se usa {o} | con {o} se hace {s} | de {o} se hace {s}
        para hacer {s} hace falta {o} | quien hace {s} trabaja con {o} | se usa {o} para hacer {s}
        el material con que se hace {s} es {o} | en {s} hay {o} | {s} se fabrica con {o}
        sin {o} nadie puede hacer {s}""",
    ),
    _relation(
        "used_for",
        """What is {s} used for? | What do people use {s} for? | What can you do with {s}?
        Why would somebody need {s}? | What is {s} good for? | Do you know what {s} is for?
        For what task do we take {s}? | If I have {s} in my hand, what can I use it for?""",
        """{s} is used {o} | people use {s} {o} | {o} you need {s} | if you want {o}, you need {s}
        in order {o}, people take {s} | {s} is made {o} | the purpose of {s} is {o} | with {s} it is easy {o}
        whoever wants {o} looks for {s} | {o} is what {s} is for | {s} helps us {o}""",
        """¿Para qué sirve {s}? | ¿Para qué se usa {s}? | ¿Qué se puede hacer con {s}?
        ¿Para qué necesita alguien {s}? | ¿Qué utilidad tiene {s}? | ¿Sabes para qué sirve {s}?
        ¿Para qué tarea se toma {s}? | ¿Para qué me sirve tener {s} en la mano?""",
        """{s} sirve para {o} | para {o} se usa {s} | se usa {s} para {o} | si quieres {o}, necesitas {s}
        con {s} se puede {o} | {s} se fabrica para {o} | la utilidad de {s} es {o} | con {s} es fácil {o}
        quien quiere {o} busca {s} | {o} es para lo que sirve {s} | {s} nos ayuda a {o}""",
    ),
)

RELATIONS: dict[str, Relation] = {relation.name: relation for relation in _ALL}
