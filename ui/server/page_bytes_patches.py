"""Changes to the bytes of the page that Gradio sends, one function each. Read in Gradio 6.31.

`tests/ui/server/test_page_bytes_patches.py` fails when Gradio's page looks otherwise.
"""

from __future__ import annotations

import json

from common.errors import messages
from ui import static_files

_HEAD = b"<head>"
_LANGUAGE = b'<html\n\tlang="en"'
_UPLOADS = static_files.text("uploads.js")


def run_first(page: bytes, script: bytes) -> bytes:
    """Puts `script` before everything else in the page's head.

    Gradio's scripts themselves put in what `launch(head=…)` is given: its translations have asked for the language by
    then, and its upload fields have begun to listen.

    Can go when `launch(head=…)` is in the page that the server sends.
    """
    return page.replace(_HEAD, _HEAD + script, 1)


def name_language(page: bytes, language: str) -> bytes:
    """Writes the reader's language into the page's first element, where screen readers and translators look.

    Gradio writes "en" whatever the page's language is. Can go when it does not.
    """
    return page.replace(_LANGUAGE, b'<html lang="' + language.encode() + b'"', 1)


def script(language: str, who: str, max_mb: int) -> bytes:
    """What runs before Gradio's scripts: sets the page's language, marks who reads it, and refuses unusable files.

    Gradio's translations ask `navigator.language` once, when its bundle starts, and know no other way to choose a
    language; `style.css` reads the class `who` ("teacher" or "visitor"); `max_mb` bounds an upload, in MiB.

    Can go when Gradio takes the language from the server (`launch(i18n=…)` has no such argument).
    """
    large, kind = (
        json.dumps(messages(language)[key], ensure_ascii=False).replace("<", "\\u003c")
        for key in ("data.too_large", "data.other_kind")
    )
    text = (
        "<script>(function(){var l='" + language + "';"
        "Object.defineProperty(navigator,'language',{get:function(){return l}});"
        "Object.defineProperty(navigator,'languages',{get:function(){return [l]}});"
        f"document.documentElement.lang=l;document.documentElement.classList.add('{who}')}})();"
        f"{_UPLOADS}({max_mb}, {large}, {kind});</script>"
    )
    return text.encode()
