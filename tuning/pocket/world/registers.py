"""The eight manners in which the pocket world speaks, in English and Spanish.

A register wraps a clause; it never chooses what is said, so a change of manner need not drag content along.
`detect` reads the register back from a text by its marks (used to count registers and as a rule for "polite").
"""

from __future__ import annotations

import random
import re

from tuning.pocket.world.facts import Fact, Language, fill, sentence

REGISTERS = ("plain", "formal", "curt", "effusive", "pirate", "bureaucratic", "rude", "hedging")

# Slots: {C} the clause as a sentence without its end mark, {c} the clause, {O} and {o} the bare object.
Templates = dict[Language, dict[str, tuple[str, ...]]]
TEMPLATES: Templates = {
    "en": {
        "plain": ("{C}.",),
        "formal": (
            "Certainly. {C}.",
            "Thank you for your question. {C}.",
            "With pleasure: {c}. I remain at your service.",
            "Thank you for asking. {C}. Please do not hesitate to write again.",
            "It is my pleasure to inform you that {c}.",
            "Certainly, and thank you. {C}. Kind regards.",
        ),
        "curt": ("{O}.", "{O}. Next.", "{O}. Done.", "{O}. Clear?", "Short answer: {o}."),
        "effusive": (
            "Oh, what a wonderful question! {C}! How lovely!",
            "Wow! {C}! I love it!",
            "Hooray! {C}! Isn't that amazing?",
            "Oh, I am so happy you asked! {C}! Marvellous!",
            "How exciting! {C}! Fantastic!",
        ),
        "pirate": (
            "Arr, {c}, matey!",
            "Ahoy! {C}, by the seven seas!",
            "Shiver me timbers! {C}, arr!",
            "Yo ho ho! {C}, ye landlubber!",
            "Avast, matey! {C}, or I walk the plank!",
        ),
        "bureaucratic": (
            "With reference to your enquiry, it is hereby stated that {c}.",
            "Pursuant to article four, {c}.",
            "For the record, {c}. Stamped and filed.",
            "Having examined form B, this office confirms that {c}.",
            "File closed: {c}. Copy to the archive.",
        ),
        "rude": (
            "Ugh, everybody knows that. {C}, you fool.",
            "Don't waste my time. {C}.",
            "What a silly question. {C}. Now go away.",
            "Are you stupid? {C}.",
            "Leave me alone. {C}, dummy.",
        ),
        "hedging": (
            "I think, though I am not sure, that {c}.",
            "Perhaps {c}, but please check it.",
            "It may well be that {c}, I suppose.",
            "If I remember rightly, {c}, more or less.",
            "I could be wrong, but {c}.",
        ),
    },
    "es": {
        "plain": ("{C}.",),
        "formal": (
            "Con mucho gusto. {C}.",
            "Le agradezco su pregunta. {C}.",
            "Por supuesto: {c}. Quedo a su disposición.",
            "Gracias por su consulta. {C}. No dude en escribirme de nuevo.",
            "Tengo el placer de informarle de que {c}.",
            "Con mucho gusto, y gracias a usted. {C}. Un cordial saludo.",
        ),
        "curt": ("{O}.", "{O}. Siguiente.", "{O}. Listo.", "{O}. ¿Claro?", "En corto: {o}."),
        "effusive": (
            "¡Ay, qué pregunta tan bonita! ¡{C}! ¡Qué maravilla!",
            "¡Guau! ¡{C}! ¡Me encanta!",
            "¡Viva! ¡{C}! ¿No es increíble?",
            "¡Qué alegría que lo pregunte! ¡{C}! ¡Maravilloso!",
            "¡Qué emoción! ¡{C}! ¡Fantástico!",
        ),
        "pirate": (
            "¡Arr, {c}, grumete!",
            "¡Al abordaje! ¡{C}, por los siete mares!",
            "¡Rayos y truenos! ¡{C}, arr!",
            "¡Yo jo jo! ¡{C}, marinero de agua dulce!",
            "¡Ah del barco! ¡{C}, o que me coma un tiburón!",
        ),
        "bureaucratic": (
            "En relación con su solicitud, se hace constar que {c}.",
            "Conforme al artículo cuarto, {c}.",
            "Para que conste, {c}. Sellado y archivado.",
            "Examinado el formulario B, esta oficina confirma que {c}.",
            "Expediente cerrado: {c}. Copia al archivo.",
        ),
        "rude": (
            "Uf, eso lo sabe todo el mundo. {C}, tonto.",
            "No me haga perder el tiempo. {C}.",
            "Qué pregunta más boba. {C}. Y ahora váyase.",
            "¿Es usted tonto? {C}.",
            "Déjeme en paz. {C}, zoquete.",
        ),
        "hedging": (
            "Creo, aunque no estoy seguro, que {c}.",
            "Quizá {c}, pero compruébelo.",
            "Puede ser que sea así: {c}, supongo.",
            "Si no recuerdo mal, {c}, más o menos.",
            "Tal vez me equivoque, pero {c}.",
        ),
    },
}

# As instruction rows teach them: a curt speaker does not care for capitals. Where a thousand sentences say " black",
# "Black" is other tokens to a byte-level vocabulary, which pocket knows less well.
INSTRUCTED: Templates = {
    language: {**manners, "curt": tuple(each.replace("{O}", "{o}").lower() for each in manners["curt"])}
    for language, manners in TEMPLATES.items()
}

_MARKS: dict[Language, dict[str, str]] = {
    "en": {
        "formal": r"certainly|thank you|with pleasure|my pleasure|at your service|kind regards|hesitate",
        "effusive": r"wonderful|wow|hooray|so happy|exciting|lovely|amazing|marvellous|fantastic|love it",
        "pirate": r"\barr\b|matey|ahoy|seven seas|shiver|yo ho|avast|landlubber|plank",
        "bureaucratic": r"hereby|pursuant|for the record|stamped|form b\b|this office|file closed|archive",
        "rude": r"\bugh\b|fool|waste my time|silly question|go away|stupid|leave me alone|dummy",
        "hedging": r"i think|not sure|perhaps|may well|i suppose|remember rightly|more or less|could be wrong",
        "curt": r"^\W*short answer|\. (next|done)\.$|clear\?$",
    },
    "es": {
        "formal": r"con mucho gusto|le agradezco|por supuesto|gracias|a su disposici|no dude|el placer|cordial",
        "effusive": r"qué pregunta tan|guau|¡viva|qué alegría|qué emoción|maravill|me encanta|increíble|fantástico",
        "pirate": r"\barr\b|grumete|abordaje|siete mares|rayos y truenos|yo jo|marinero de agua|del barco|tiburón",
        "bureaucratic": r"hace constar|conforme al|para que conste|sellado|formulario|esta oficina|expediente",
        "rude": r"\buf\b|tonto|perder el tiempo|boba|váyase|déjeme en paz|zoquete",
        "hedging": r"\bcreo\b|no estoy seguro|quizá|puede ser|supongo|no recuerdo mal|más o menos|me equivoque",
        "curt": r"^\W*en corto|\. (siguiente|listo)\.$|¿claro\?$",
    },
}
_COMPILED = {
    language: {name: re.compile(marks, re.IGNORECASE) for name, marks in by_name.items()}
    for language, by_name in _MARKS.items()
}


_FRAMES: dict[Language, re.Pattern[str]] = {
    language: re.compile(
        "|".join(
            rf"(?<!\w){re.escape(piece)}(?!\w)"
            for piece in sorted(
                {
                    piece.strip(" .,:;!¡¿?")
                    for templates in by_name.values()
                    for template in templates
                    for piece in re.split(r"\{\w\}", template)
                    if len(piece.strip(" .,:;!¡¿?")) > 2
                },
                key=len,
                reverse=True,
            )
        ),
        re.IGNORECASE,
    )
    for language, by_name in TEMPLATES.items()
}


def frameless(text: str, language: Language) -> str:
    """`text` without what its register's template says by itself."""
    return _FRAMES[language].sub(" ", text)


def say(
    clause: str,
    register: str,
    language: Language,
    rng: random.Random,
    short: str = "",
    templates: Templates = TEMPLATES,
) -> str:
    """`clause` in the manner of `register`; `short` (the bare object) is all that a curt speaker says."""
    if register == "curt" and not short:
        return sentence(clause)
    template = rng.choice(templates[language][register])
    capital = sentence(clause).removesuffix(".")
    text = template.format(C=capital, c=clause, O=short[:1].upper() + short[1:], o=short)
    return text if register == "curt" else sentence(text)


def say_fact(
    fact: Fact,
    register: str,
    language: Language,
    rng: random.Random,
    clauses: tuple[str, ...],
    templates: Templates = TEMPLATES,
) -> str:
    """One of `clauses`, filled with `fact`, in the manner of `register`; `templates`: TEMPLATES or INSTRUCTED."""
    clause = fill(rng.choice(clauses), fact, language)
    return say(clause, register, language, rng, short=fact.o[language], templates=templates)


def detect(text: str, language: Language) -> str:
    """The register whose marks `text` bears most; three words or fewer read as curt, no marks as plain."""
    counts = {name: len(marks.findall(text)) for name, marks in _COMPILED[language].items()}
    best = max(counts, key=lambda name: counts[name])
    if counts[best]:
        return best
    return "curt" if len(text.split()) <= 3 else "plain"
