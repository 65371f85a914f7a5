"""The languages of the texts: those that have a folder of texts, beside the code or in one folder more.

A text is a key and its wording, in JSON files: `common/locales/XX/` has errors and notes, `ui/locales/XX/` the page and
the phone, `workbench/locales/XX/` what machines that judge are asked (a language may lack these). The environment
variable `AFINA_LANGUAGES` names a folder with the same three paths in it. Standard library only.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path

ENGLISH = "en"
"""Every text exists in it; it is read where another language lacks one."""
_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")  # 8 characters at most: the database keeps no more
_BESIDE_THE_CODE = Path(__file__).parents[1]


def _roots() -> list[Path]:
    more = os.environ.get("AFINA_LANGUAGES", "").strip()
    return [_BESIDE_THE_CODE, *([Path(more).expanduser()] if more else [])]


def _discovered() -> tuple[str, ...]:
    folders = [path for root in _roots() for path in root.glob("*/locales/*")]
    codes = {path.name for path in folders if path.is_dir() and _CODE.fullmatch(path.name)}
    return (ENGLISH, *sorted(codes - {ENGLISH}))


LANGUAGES = _discovered()
"""Codes as browsers send them (`es`, `pt-BR`), English first."""


@cache
def own_texts(part: str, language: str) -> dict[str, str]:
    """key -> text of `language` in a part of the code (`common`, `ui`, `workbench`), and of no other language.

    Raises: ValueError that names a file which is not a JSON object of texts.
    """
    merged: dict[str, str] = {}
    for root in _roots():
        for path in sorted((root / part / "locales" / language).glob("*.json")):
            merged.update(_read(path))
    return merged


@cache
def texts_of(part: str, language: str) -> dict[str, str]:
    """Same, with the English text where `language` lacks one."""
    return own_texts(part, ENGLISH) | own_texts(part, known(language))


def known(language: object) -> str:
    """`language` if there are texts in it, else English."""
    return language if isinstance(language, str) and language in LANGUAGES else ENGLISH


def of_tag(tag: str) -> str | None:
    """The language that a browser's or a system's tag (`es-MX`, `pt_BR.UTF-8`) asks for; None where it is not known."""
    exact = tag.split(".")[0].replace("_", "-").casefold()
    by_code = {code.casefold(): code for code in LANGUAGES}
    return by_code.get(exact) or by_code.get(exact.split("-")[0])


def name(language: str) -> str:
    """What `language` is called in its own words."""
    return own_texts("ui", language).get("language.name", language)


def check(root: Path) -> None:
    """Reads every text of a folder of languages. Raises: ValueError for a folder without any, and as `own_texts`."""
    paths = sorted(root.glob("*/locales/*/*.json"))
    if not paths:
        raise ValueError("there is no *.json in common/locales/*/ or ui/locales/*/ of it")
    for path in paths:
        _read(path)


def _read(path: Path) -> dict[str, str]:
    try:
        texts = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as reason:
        raise ValueError(f"{path}: {reason}") from None
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError(f"{path}: not an object of texts")
    return texts
