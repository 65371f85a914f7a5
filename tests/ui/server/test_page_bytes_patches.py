"""Gradio's page has the places at which we put something in, and has no way to be told the same."""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path

import gradio as gr
import pytest

from common.languages import LANGUAGES
from ui.server import page_bytes_patches
from ui.translations import word

PAGE = (Path(gr.__file__).parent / "templates" / "frontend" / "index.html").read_bytes()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_script_and_the_language_are_put_in_once(language):
    script = page_bytes_patches.script(language, "teacher", 7)
    page = page_bytes_patches.name_language(page_bytes_patches.run_first(PAGE, script), language)
    assert page.count(script) == 1 and page.index(b"<script") == page.index(script) + script.index(b"<script")
    assert page.count(b'<html lang="' + language.encode() + b'"') == 1
    assert len(page) == len(PAGE) + len(script) - 1  # a line and its tab became a blank


def test_gradio_itself_says_english_and_lets_nothing_run_first():
    assert re.findall(rb'<html\s+lang="(\w+)"', PAGE) == [b"en"]
    assert b"config.head" not in PAGE and b"config['head']" not in PAGE  # its scripts put `head` in
    assert "language" not in inspect.signature(gr.Blocks.launch).parameters
    asking = [path for path in Path(gr.__file__).parent.glob("templates/frontend/assets/*.js") if _asks(path)]
    assert asking


def _asks(path: Path) -> bool:
    return "navigator.language" in path.read_text(encoding="utf-8", errors="replace")


def test_the_texts_of_a_language_stand_under_its_code_and_under_english():
    config = b'{"i18n_translations":{"en":{"a":"A"}},"after":1}'
    words = json.loads(page_bytes_patches.word_config(config, "es"))
    assert words["after"] == 1 and words["i18n_translations"]["en"] == words["i18n_translations"]["es"]
    assert words["i18n_translations"]["es"]["shell.note.warning"] == word("shell.note.warning", "es")
    assert page_bytes_patches.word_config(b"<p>none</p>", "es") == b"<p>none</p>"
