"""Every text exists in each language, with the same slots; every key that the code uses exists."""

import re

import pytest

from common.errors import messages
from common.languages import ENGLISH, LANGUAGES, own_texts
from labeling.exchange.exporter import FORMATS
from labeling.schema import CRITERIA, TRANSITIONS
from tests import ROOT
from tuning.classification.compare import ALL
from tuning.config import memory_math
from tuning.config.training import PRESETS, PROGRAMMED
from tuning.evaluation.red_team import KINDS
from tuning.experiments.recipes import RECIPES
from tuning.runs.status import ACTIVE, ENDED, WAITING
from ui.translations import PHONE, t, texts, word

UI = ROOT / "ui"
ROOTS = [ROOT / name for name in ("common", "tuning", "labeling", "workbench", "ui")]
OTHERS = LANGUAGES[1:]
# What the slot of a key in an f-string can be, where the values are listed in one place.
BUILT = {
    "classify.strategy.{}": ALL,
    "experiments.{}": RECIPES,
    "experiments.{}.info": RECIPES,
    "label.criterion.{}": CRITERIA,
    "numbers.method.{}": memory_math.METHODS,
    "redteam.kind.{}": KINDS,
    "roads.reward.{}": PROGRAMMED,
    "train.preset.{}": PRESETS,
    "train.state.{}": (*ACTIVE, *WAITING, *ENDED),
    "vote.files.format.{}": FORMATS,
    "vote.state.{}": TRANSITIONS,
}


def slots(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)[^}]*}", text))


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("part", ["common", "ui"])
def test_a_language_has_every_text_with_its_slots(part, language):
    english, own = own_texts(part, ENGLISH), own_texts(part, language)
    assert own.keys() == english.keys()
    for key in english:
        assert slots(own[key]) == slots(english[key]), key
        assert own[key]


@pytest.mark.parametrize("language", OTHERS)
def test_what_judges_are_asked_has_its_slots_where_it_is_translated(language):
    english, own = own_texts("workbench", ENGLISH), own_texts("workbench", language)
    assert {key: slots(text) for key, text in own.items()} == {key: slots(english[key]) for key in own}


@pytest.mark.parametrize("path", sorted(UI.rglob("*.py")), ids=lambda path: path.name)
def test_every_key_on_the_page_has_a_text(path):
    """Of a key in an f-string, some key that fits has one."""
    code = path.read_text(encoding="utf-8")
    known = texts(ENGLISH) | messages(ENGLISH)
    used = re.findall(r'\b(?:t|word)\("([\w.]+)"', code)
    built = re.findall(r'\b(?:t|word)\(f"([^"]+)"', code)
    patterns = [re.sub(r"\\{.*?\\}", r"[\\w.-]+", re.escape(key)) for key in built]
    missing = [key for key in used if key not in known]
    missing += [each for each in patterns if not any(re.fullmatch(each, key) for key in known)]
    assert not missing


@pytest.mark.parametrize("pattern", BUILT)
def test_every_key_that_an_f_string_builds_has_a_text(pattern):
    assert not [key for value in BUILT[pattern] if (key := pattern.format(value)) not in texts(ENGLISH)]


@pytest.mark.parametrize("root", ROOTS, ids=lambda path: path.name)
def test_every_error_raised_has_words(root):
    pattern = r'\b(?:AfinaError|NotAllowed|NotFound|Conflict)\(\s*"([\w.]+)"'
    for path in root.rglob("*.py"):
        for key in re.findall(pattern, path.read_text(encoding="utf-8")):
            assert key in messages(ENGLISH), f"{path}: {key}"


def test_the_page_is_sent_no_text_of_the_phone_alone():
    from ui.translations import page_texts

    assert page_texts(ENGLISH).keys() == {key for key in texts(ENGLISH) if not key.startswith(PHONE)}


def test_an_unknown_key_is_an_error_at_once():
    with pytest.raises(KeyError):
        t("no.such.key")
    with pytest.raises(KeyError):
        word("no.such.key", "es")


def test_words_fill_their_slots_in_the_language_asked_for():
    assert word("shell.tab.train", "es") == "Entrenar"
    assert "99" in word("settings.port", "es", value=99)


def test_no_code_names_a_language_but_where_data_are_written():
    """`common/languages.py` names English; `tuning/pocket/` writes data in the two languages of its model."""
    for path in (*(path for root in ROOTS for path in root.rglob("*.py")), *UI.rglob("*.js")):
        if ROOT / "tuning" / "pocket" in path.parents or path == ROOT / "common" / "languages.py":
            continue
        assert not re.search(r"""["'](?:en|es)["']""", path.read_text(encoding="utf-8")), path
