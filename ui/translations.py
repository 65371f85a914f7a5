"""Texts of the page in every language.

`t` is for what Gradio translates in the browser (labels, titles, placeholders, Markdown); `word` for strings made
in Python. Both read `ui/locales/<language>/*.json`; `word` also knows the errors and notes of `common/locales`.
"""

from __future__ import annotations

from functools import cache

import gradio as gr

from common.errors import messages
from common.languages import ENGLISH, texts_of
from common.wording import fill

PHONE = "phone."  # what the keys of the phone's texts begin with


def texts(language: str) -> dict[str, str]:
    """key -> text of the page and of the phone in `language`."""
    return texts_of("ui", language)


def page_texts(language: str) -> dict[str, str]:
    """Those that the page itself puts in: without the phone's."""
    return {key: text for key, text in texts(language).items() if not key.startswith(PHONE)}


@cache
def catalogue() -> gr.I18n:
    """What `launch(i18n=…)` takes: English, which `ui/server/start_page.py` replaces by the reader's language."""
    return gr.I18n(**{ENGLISH: page_texts(ENGLISH)})


def t(key: str):
    """A text that the browser puts into the reader's language. Raises: KeyError for a key without English text."""
    if key not in texts(ENGLISH):
        raise KeyError(f"no text {key!r} in ui/locales/{ENGLISH}")
    return catalogue()(key)


def word(key: str, language: str, **params: object) -> str:
    """A text in `language`, its slots filled. Raises: KeyError for an unknown key."""
    page = texts(language)
    text = page[key] if key in page else messages(language)[key]
    return fill(text, params) if params else text
