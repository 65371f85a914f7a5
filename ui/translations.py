"""Texts of the page in English and Spanish.

`t` is for what Gradio translates in the browser (labels, titles, placeholders, Markdown); `word` for strings made
in Python. Both read `ui/locales/<language>/*.json`; `word` also knows the errors and notes of `common/locales`.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import gradio as gr

from common.errors import LANGUAGES, messages
from common.wording import fill

_LOCALES = Path(__file__).parent / "locales"


@cache
def texts(language: str) -> dict[str, str]:
    """key -> text of the page in `language`."""
    merged: dict[str, str] = {}
    for path in sorted((_LOCALES / language).glob("*.json")):
        merged.update(json.loads(path.read_text(encoding="utf-8")))
    return merged


@cache
def catalogue() -> gr.I18n:
    """What `launch(i18n=…)` takes."""
    return gr.I18n(**{language: texts(language) for language in LANGUAGES})


def t(key: str):
    """A text that the browser puts into the reader's language. Raises: KeyError for a key without English text."""
    if key not in texts("en"):
        raise KeyError(f"no text {key!r} in ui/locales/en")
    return catalogue()(key)


def word(key: str, language: str, **params: object) -> str:
    """A text in `language`, its slots filled. Raises: KeyError for an unknown key."""
    for code in (language, "en"):
        for source in (texts(code) if code in LANGUAGES else {}, messages(code)):
            if key in source:
                return fill(source[key], params) if params else source[key]
    raise KeyError(key)
