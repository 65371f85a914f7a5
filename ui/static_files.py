"""Style sheets and scripts of the page, as texts."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "static"


def text(name: str) -> str:
    """The text of `ui/static/<name>`, without blank space around it."""
    return (_FOLDER / name).read_text(encoding="utf-8").strip()
