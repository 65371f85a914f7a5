"""Where the sets that come with the app lie, and in which language they are."""

from collections.abc import Sequence
from pathlib import Path

from tuning.pocket.world.facts import LANGUAGES, Language

SETS = Path(__file__).parents[1] / "sets"
EXAMPLES = SETS / "examples.json"


def shipped_language(language: str) -> Language:
    """The language of the shipped data for somebody who reads `language`: English where there are none in it."""
    return next((each for each in LANGUAGES if each == language), "en")


def spoken_in(prompts: Sequence[str]) -> Language:
    """The language of prompts like the shipped ones, by their question marks."""
    return "es" if sum("¿" in text for text in prompts) > len(prompts) / 4 else "en"
