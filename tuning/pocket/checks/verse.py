"""What counts as a poem and as a story, by rule.

A poem: at least four different lines of 2 to 14 words, most of them without a speaker or a list mark; and either rhyme
(two of its lines within three of each other end alike) or rhythm (three quarters of the lines within two syllables of
the median). A story: at least three sentences and 20 words, and no loop. Neither says whether it is any good.
"""

from __future__ import annotations

import re
from statistics import median

from tuning.pocket.checks.patterns import fold
from tuning.pocket.world.facts import Language

_VOWELS = re.compile(r"[aeiouy]+")
_SPANISH_SYLLABLES = re.compile(r"[aeo]|[iuy]+(?![aeoiu])|[iuy]+(?=$)")
LEAST_LINES, LEAST_SENTENCES, LEAST_WORDS = 4, 3, 20


def lines_of(text: str) -> list[str]:
    """The lines of `text` that hold words."""
    return [line.strip() for line in text.splitlines() if re.search(r"\w", line)]


def is_poem(text: str, language: Language) -> bool:
    """Whether `text` has lines that rhyme or keep a rhythm; a title may stand above them."""
    lines = lines_of(text)
    verses = [line for line in lines if 2 <= len(line.split()) <= 14 and not re.match(r"[-*\d]", line)]
    if len({fold(line) for line in verses}) < LEAST_LINES or len(verses) < 0.75 * len(lines):
        return False
    return rhymes(verses, language) > 0 or keeps_rhythm(verses, language)


def rhymes(verses: list[str], language: Language) -> int:
    """How many lines end like one of the two lines after them, in another word."""
    last = [re.findall(r"\w+", fold(line))[-1] for line in verses]
    pairs = 0
    for index, word in enumerate(last):
        others = [other for other in last[index + 1 : index + 3] if other != word]
        pairs += any(ending(word, language) == ending(other, language) for other in others)
    return pairs


def ending(word: str, language: Language) -> str:
    """What has to be equal in a rhyme: in Spanish the vowels from the last but one on (assonance), in English the
    letters from the last sounded vowel on (spelling stands for sound)."""
    if language == "es":
        vowels = re.findall(r"[aeiou]", word)
        return "".join(vowels[-2:])
    silent = re.sub(r"e(s|d)?$", r"\1", word) if len(_VOWELS.findall(word)) > 1 else word
    groups = list(_VOWELS.finditer(silent))
    return silent[groups[-1].start() :] if groups else silent


def syllables(line: str, language: Language) -> int:
    """About how many syllables `line` has."""
    words = re.findall(r"[a-z]+", fold(line))
    if language == "es":
        return sum(max(1, len(_SPANISH_SYLLABLES.findall(word))) for word in words)
    return sum(max(1, len(_VOWELS.findall(re.sub(r"e(s|d)?$", "", word)))) for word in words)


def keeps_rhythm(verses: list[str], language: Language) -> bool:
    """Whether three quarters of the lines have a median line's syllables, give or take two."""
    counts = [syllables(line, language) for line in verses]
    middle = median(counts)
    return sum(abs(count - middle) <= 2 for count in counts) >= 0.75 * len(counts)


def is_story(text: str) -> bool:
    """Whether `text` has the length of a story."""
    sentences = [part for part in re.split(r"[.!?…]+", text) if len(part.split()) > 2]
    return len({fold(part) for part in sentences}) >= LEAST_SENTENCES and len(text.split()) >= LEAST_WORDS
