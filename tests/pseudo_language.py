"""A made-up language: every text of the English files in letters that no English text has."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests import ROOT

CODE = "xx"
# Slots (of {n:row|rows} its name), tags, code, links.
_KEPT = re.compile(r"{\w+:(?=[^{}]*\|)|{[^{}|]*}|<[^<>]*>|&\w+;|`[^`]*`|\]\([^)]*\)|https?://\S+")
_LETTERS = re.compile(r"[A-Za-z]")


def write(folder: Path) -> None:
    """Writes the language into `folder`, laid out as AFINA_LANGUAGES wants it; it has no data of its own."""
    for part in ("common", "ui"):
        into = folder / part / "locales" / CODE
        into.mkdir(parents=True)
        for path in sorted((ROOT / part / "locales" / "en").glob("*.json")):
            texts = {key: transformed(text) for key, text in json.loads(path.read_text(encoding="utf-8")).items()}
            (into / path.name).write_text(json.dumps(texts, ensure_ascii=False), encoding="utf-8")


def transformed(text: str) -> str:
    """`text` with each letter in its full width, its slots and tags as they were: "{n} rows" is "{n} ｒｏｗｓ"."""
    done, end = "", 0
    for kept in _KEPT.finditer(text):
        done += _wide(text[end : kept.start()]) + kept.group()
        end = kept.end()
    return done + _wide(text[end:])


def _wide(text: str) -> str:
    return _LETTERS.sub(lambda letter: chr(ord(letter.group()) + 0xFEE0), text)
