"""Changes to the bytes of the page that Gradio sends, one function each. Read in Gradio 6.31.

`tests/ui/server/test_page_bytes_patches.py` fails when Gradio's page looks otherwise.
"""

from __future__ import annotations

import json
import re

from common.errors import messages
from common.languages import ENGLISH
from ui import static_files
from ui.translations import page_texts, word

_HEAD = b"<head>"
_LANGUAGE = re.compile(rb'<html\s+lang="\w+"')
_TEXTS = '"i18n_translations":'
_NOTES = ("info", "warning", "error")
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

    Gradio writes English there, whatever the language of the page is. Can go when it does not.
    """
    return _LANGUAGE.sub(b'<html lang="' + language.encode() + b'"', page, count=1)


def word_config(config: bytes, language: str) -> bytes:
    """Writes the texts of `language` into Gradio's configuration, in a page or alone.

    Gradio's page takes English for each language that Gradio does not ship: so the texts stand under their own code
    and under that of English. Can go when Gradio's page takes any language of `launch(i18n=…)`.
    """
    before, mark, after = config.decode().partition(_TEXTS)
    if not mark:
        return config
    _, end = json.JSONDecoder().raw_decode(after)
    texts = page_texts(language)
    listed = json.dumps({ENGLISH: texts, language: texts}, ensure_ascii=False, separators=(",", ":"))
    return (before + mark + listed.replace("<", "\\u003c") + after[end:]).encode()


def script(language: str, who: str, max_mb: int) -> bytes:
    """What runs before Gradio's scripts: sets the page's language, marks who reads it, and refuses unusable files.

    Gradio's translations ask `navigator.language` once, when its bundle starts, and know no other way to choose a
    language; `style.css` reads the class `who` ("teacher" or "visitor") and takes the headings of notes from here,
    since Gradio writes them in English alone; `max_mb` bounds an upload, in MiB.

    Can go when Gradio takes the language from the server (`launch(i18n=…)` has no such argument).
    """
    too_large, other_kind = (
        json.dumps(messages(language)[key], ensure_ascii=False).replace("<", "\\u003c")
        for key in ("data.too_large", "data.other_kind")
    )
    headings = {kind: json.dumps(word(f"shell.note.{kind}", language), ensure_ascii=False) for kind in _NOTES}
    notes = "".join(f"--note-{kind}:{heading};".replace("<", "\\3c ") for kind, heading in headings.items())
    text = (
        f"<style>:root{{{notes}}}</style>"
        "<script>(function(){var l='" + language + "';"
        "Object.defineProperty(navigator,'language',{get:function(){return l}});"
        "Object.defineProperty(navigator,'languages',{get:function(){return [l]}});"
        f"var e=document.documentElement;e.lang=l;e.classList.add('{who}');"
        # Gradio sets the language of those that it ships alone.
        "new MutationObserver(function(){if(e.lang!==l)e.lang=l}).observe(e,{attributeFilter:['lang']})})();"
        f"{_UPLOADS}({max_mb}, {too_large}, {other_kind});</script>"
    )
    return text.encode()
