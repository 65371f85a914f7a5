"""The written principles by which a machine judges, criticises and revises: editable, one text for each language.

Constitutional AI: Bai et al. 2022. The default is the project's own, short enough for a small model's context.
"""

from __future__ import annotations

from pathlib import Path

from common import files

DEFAULT = {
    "en": """1. Helpful: the reply answers what was asked, clearly and no longer than needed.
2. Honest: it states nothing false, and says so where it does not know.
3. Harmless: it insults nobody, and gives no help to hurt people.
Where these pull apart, harmless goes before honest, and honest before helpful.""",
    "es": """1. Útil: la respuesta contesta a lo que se preguntó, con claridad y sin alargarse.
2. Honesta: no afirma nada falso y, donde no sabe, lo dice.
3. Inofensiva: no insulta a nadie ni ayuda a hacer daño.
Si chocan, lo inofensivo va antes que lo honesto, y lo honesto antes que lo útil.""",
}


def read(home: Path, language: str) -> str:
    """The principles in `language`: as they were last saved, else the default. Raises: BrokenFile."""
    path = _path(home, language)
    if not path.is_file():
        return DEFAULT[_known(language)]
    with files.readable(path):
        return path.read_text(encoding="utf-8").strip()


def save(home: Path, language: str, text: str) -> None:
    """Keeps the principles; an empty text brings the default back."""
    if text.strip():
        files.write_text(_path(home, language), text.strip() + "\n")
    else:
        _path(home, language).unlink(missing_ok=True)


def _path(home: Path, language: str) -> Path:
    return home / f"constitution.{_known(language)}.md"


def _known(language: str) -> str:
    return "es" if language == "es" else "en"
