"""The written principles by which a machine judges, criticises and revises: editable, one text for each language.

Constitutional AI: Bai et al. 2022. The default is the project's own, short enough for a small model's context.
"""

from __future__ import annotations

from pathlib import Path

from common import files
from common.languages import known, texts_of


def read(home: Path, language: str) -> str:
    """The principles in `language`: as they were last saved, else the default. Raises: BrokenFile."""
    path = _path(home, language)
    if not path.is_file():
        return texts_of("workbench", language)["constitution"]
    with files.readable(path):
        return path.read_text(encoding="utf-8").strip()


def save(home: Path, language: str, text: str) -> None:
    """Keeps the principles; an empty text brings the default back."""
    if text.strip():
        files.write_text(_path(home, language), text.strip() + "\n")
    else:
        _path(home, language).unlink(missing_ok=True)


def _path(home: Path, language: str) -> Path:
    return home / f"constitution.{known(language)}.md"
