"""Every text exists in both languages, with the same slots; every key that the code uses exists."""

import re

import pytest

from common.errors import messages
from tests import ROOT
from ui.translations import t, texts, word

UI = ROOT / "ui"
ROOTS = [ROOT / name for name in ("common", "tuning", "labeling", "workbench", "ui")]


def test_both_languages_have_the_same_texts_and_slots():
    english, spanish = texts("en"), texts("es")
    assert english.keys() == spanish.keys()
    for key in english:
        slots = [set(re.findall(r"{(\w+)[^}]*}", text[key])) for text in (english, spanish)]
        assert slots[0] == slots[1], key
        assert spanish[key].strip()


@pytest.mark.parametrize("path", sorted(UI.rglob("*.py")), ids=lambda path: path.name)
def test_every_key_on_the_page_has_a_text(path):
    used = re.findall(r'\b(?:t|word)\("([\w.]+)"', path.read_text(encoding="utf-8"))
    missing = [key for key in used if key not in texts("en") and key not in messages("en")]
    assert not missing


@pytest.mark.parametrize("root", ROOTS, ids=lambda path: path.name)
def test_every_error_raised_has_words(root):
    pattern = r'\b(?:AfinaError|NotAllowed|NotFound|Conflict)\(\s*"([\w.]+)"'
    for path in root.rglob("*.py"):
        for key in re.findall(pattern, path.read_text(encoding="utf-8")):
            assert key in messages("en"), f"{path}: {key}"


def test_an_unknown_key_is_an_error_at_once():
    with pytest.raises(KeyError):
        t("no.such.key")
    with pytest.raises(KeyError):
        word("no.such.key", "es")


def test_words_fill_their_slots_in_the_language_asked_for():
    assert word("shell.tab.train", "es") == "Entrenar"
    assert "99" in word("settings.port", "es", value=99)
