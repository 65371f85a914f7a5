"""The list in which a reader chooses the page's language: a cookie keeps it, and the page loads again."""

from __future__ import annotations

from html import escape

import gradio as gr

from common.languages import LANGUAGES, name
from ui.request import LANGUAGE_COOKIE
from ui.translations import word

_CHOOSE = """
const list = element.querySelector("select");
list.value = document.documentElement.lang;
list.onchange = () => {
  const site = location.protocol === "https:" ? "; SameSite=None; Secure; Partitioned" : "; SameSite=Lax";
  document.cookie = `%s=${list.value}; path=/; max-age=31536000${site}`;
  location.reload();
};
"""


def options() -> str:
    """HTML: the languages, each in its own words."""
    return "".join(f'<option value="{code}" lang="{code}">{escape(name(code))}</option>' for code in LANGUAGES)


def label() -> str:
    """ "Language" in all languages: for somebody who does not read the present one."""
    return escape(" · ".join(dict.fromkeys(word("language.label", code) for code in LANGUAGES)), quote=True)


def build() -> None:
    gr.HTML(
        f'<select aria-label="{label()}">{options()}</select>',
        elem_id="afina-language",
        padding=False,
        js_on_load=_CHOOSE % LANGUAGE_COOKIE,
    )
