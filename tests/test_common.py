"""Errors in words, settings from the environment, the one split, whole files."""

import io
import json
import logging
import os
import pickle
import re
import subprocess
import sys
import threading
import warnings
from contextlib import contextmanager

import pytest

from common import languages, logs
from common.errors import AfinaError, NotAllowed, messages
from common.files import read_json, write_json, write_text
from common.languages import ENGLISH, LANGUAGES
from common.settings import Settings
from common.split import prompt_key, split
from common.wording import unsigned
from tests import ROOT


def test_both_languages_word_the_same_errors_with_the_same_slots():
    english, spanish = messages("en"), messages("es")
    assert english.keys() == spanish.keys()
    for key in english:
        slots = [set(re.findall(r"{(\w+)[^}]*}", text[key])) for text in (english, spanish)]
        assert slots[0] == slots[1], key


def test_an_error_shows_its_value_and_survives_a_pickle():
    error = NotAllowed("settings.port", value=99999)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is NotAllowed
    assert again.words("es") == error.words("es")
    assert "99999" in str(error)
    assert error.status == 403


def test_long_values_are_cut_and_missing_ones_do_not_break_the_message():
    assert len(AfinaError("settings.port", value="x" * 5000).words("en")) < 600
    assert "{value}" in AfinaError("settings.port").words("en")


@pytest.mark.parametrize("env", [{"AFINA_PORT": "no"}, {"AFINA_PORT": "70000"}, {"AFINA_OPEN_CHAT": "maybe"}])
def test_settings_that_cannot_be_read_are_named(env):
    with pytest.raises(AfinaError) as caught:
        Settings.from_env(env)
    assert next(iter(env.values())) in caught.value.words("en")


def test_settings_come_from_the_environment(tmp_path):
    settings = Settings.from_env({"AFINA_HOME": str(tmp_path), "AFINA_PORT": "8000", "AFINA_OPEN_CHAT": "off"})
    assert (settings.home, settings.port, settings.open_chat) == (tmp_path, 8000, False)


def test_the_split_holds_out_a_fifth_and_never_changes():
    sides = [split(f"Question {number}?") for number in range(5000)]
    assert 0.17 < sides.count("heldout") / len(sides) < 0.23
    assert [split(text) for text in ("What is the capital of Peru?", "¿De qué color es la nieve?", "a", "b", "c")] == [
        "heldout",
        "heldout",
        "train",
        "train",
        "heldout",
    ]


def test_a_prompt_and_its_conversation_are_on_the_same_side():
    for number in range(200):
        text = f"Question {number}?"
        talk = [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": f"  question\n{number}? "},
            {"role": "assistant", "content": "Why?"},
            {"role": "user", "content": "Because."},
        ]
        assert prompt_key(text) == prompt_key(talk)
        assert split(text) == split(talk)


def test_files_are_whole_or_not_there(tmp_path):
    path = tmp_path / "deep" / "value.json"
    write_json(path, {"a": "ñ"})
    assert read_json(path) == {"a": "ñ"}
    with pytest.raises(TypeError):
        write_text(path, None)  # type: ignore[arg-type]
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": "ñ"}
    assert [each.name for each in path.parent.iterdir()] == ["value.json"]


def test_every_folder_of_texts_is_a_language():
    folders = {path.name for path in (ROOT / "ui" / "locales").iterdir()}
    assert LANGUAGES[0] == ENGLISH and set(LANGUAGES) == folders
    assert len({languages.name(code) for code in LANGUAGES}) == len(LANGUAGES)


@pytest.mark.parametrize(
    ("tag", "language"), [("es-MX", "es"), ("ES", "es"), ("en_GB.UTF-8", "en"), ("ca", None), ("", None)]
)
def test_a_tag_asks_for_the_nearest_language(tag, language):
    assert languages.of_tag(tag) == language


def test_a_folder_of_languages_adds_one(tmp_path):
    """In a process of its own: languages are found when Python starts."""
    texts = tmp_path / "ui" / "locales" / "ca" / "mine.json"
    texts.parent.mkdir(parents=True)
    texts.write_text('{"language.name": "Català", "shell.tab.train": "Entrenar-lo"}', encoding="utf-8")
    code = (
        "from common.languages import LANGUAGES, name, texts_of\n"
        "texts = texts_of('ui', 'ca')\n"
        "print(LANGUAGES, name('ca'), texts['shell.tab.train'], texts['shell.tab.chat'])"
    )
    env = {**os.environ, "AFINA_LANGUAGES": str(tmp_path)}
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "('en', 'ca', 'es') Català Entrenar-lo Chat"
    Settings(home=tmp_path, languages=str(tmp_path))


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"a": 1}'])
def test_a_folder_of_languages_that_cannot_be_read_is_refused_at_the_start(tmp_path, broken):
    if broken:
        path = tmp_path / "ui" / "locales" / "ca" / "broken.json"
        path.parent.mkdir(parents=True)
        path.write_text(broken, encoding="utf-8")
    with pytest.raises(AfinaError) as refused:
        Settings(home=tmp_path, languages=str(tmp_path))
    assert refused.value.key == "settings.languages"
    assert not broken or "broken.json" in str(refused.value)


def test_a_word_goes_with_its_number():
    from common.wording import fill

    text = "{n} {n:row is|rows are} left, {share:.1f} %"
    assert fill(text, {"n": 1, "share": 2}) == "1 row is left, 2.0 %"
    assert fill(text, {"n": 0, "share": 2}) == "0 rows are left, 2.0 %"
    with pytest.raises(KeyError):
        fill("{missing}", {})
    assert "1 row " in AfinaError("label.skipped", n=1, first="x").words("en")
    assert "fila" in AfinaError("label.skipped", n=2, first="x").words("es")


def test_the_documentation_lists_the_settings_as_they_are():
    from common.settings import table

    assert table() in (ROOT / "docs" / "hosting.md").read_text(encoding="utf-8")


@contextmanager
def as_json():
    """What this process logs as JSON, line by line, when it is asked for."""
    root = logging.getLogger()
    kept, level, stderr, broke = root.handlers[:], root.level, sys.stderr, threading.excepthook
    out = io.StringIO()
    try:
        logs.as_json(out)
        yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]
    finally:
        logging.captureWarnings(False)
        logging.raiseExceptions = True
        sys.stderr, threading.excepthook = stderr, broke
        root.handlers[:] = kept
        root.setLevel(level)


def test_logs_are_lines_of_json_with_the_ids_that_are_told():
    with as_json() as told:
        logging.getLogger("tuning.runs.queue").warning("run %s", "a1", extra={"run_id": "a1"})
        try:
            try:
                raise KeyError("what somebody wrote")
            except KeyError as problem:
                raise ValueError("their words") from problem
        except ValueError:
            logging.getLogger("x").exception("broken\nline")
        first, second = told()
    assert (first["level"], first["run_id"], first["message"]) == ("warning", "a1", "run a1")
    assert second["exception"].endswith("ValueError") and "test_common.py" in second["exception"]
    assert "KeyError" in second["exception"] and "run_id" not in second
    assert second["exception"].count("their words") == 1  # the line of code, not what came of it


def test_what_is_printed_past_the_logs_is_json_too():
    with as_json() as told:
        print("half", end="", file=sys.stderr)
        print(" a line\rand a bar", file=sys.stderr)
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("soon gone", stacklevel=1)
        library = logging.getLogger("a.library")
        library.addHandler(logging.StreamHandler())
        library.propagate = False
        library.warning("its own way")
        logs.adopt("a.library")
        library.warning("ours")
        broken = threading.Thread(target=lambda: {}["what somebody wrote"], name="t")
        broken.start()
        broken.join()
        lines = told()
    assert [line["message"] for line in lines[:2]] == ["half a line", "and a bar"]
    assert "soon gone" in lines[2]["message"]
    assert [(line["logger"], line["message"]) for line in lines[3:5]] == [
        ("stderr", "its own way"),
        ("a.library", "ours"),
    ]
    assert lines[5]["message"] == "thread t" and lines[5]["exception"].endswith("KeyError")


def test_what_a_request_holds_begins_no_line_of_its_own():
    """Neither in a message nor in the words of an exception, and no sign that steers a terminal is left."""
    fake = "x\n\n  Teacher / docente:   http://evil/enter\r\x1b[2J\x9b1m\u2028\u202e"
    root = logging.getLogger()
    kept, level, out = root.handlers[:], root.level, io.StringIO()
    try:
        logs.as_lines(out)
        logging.getLogger("x").warning("no file %s", fake)
        try:
            try:
                raise KeyError(fake)
            except KeyError as problem:
                raise ValueError(fake) from problem
        except ValueError:
            logging.getLogger("x").exception("broken %s", fake)
    finally:
        root.handlers[:] = kept
        root.setLevel(level)
    told = out.getvalue()
    assert "WARNING x: no file x\\n\\n  Teacher" in told and "ValueError: x\\n" in told
    assert not [line for line in told.splitlines() if line.startswith("  Teacher")]
    assert not set(told) & set("\r\x1b\x9b\u2028\u202e")


def test_an_address_loses_its_signature():
    told = "500 for url 'https://a.b/lfs/x?X-Amz-Signature=abc&y=1' (https://c.d/e?f) https://g.h/i"
    assert unsigned(told) == "500 for url 'https://a.b/lfs/x' (https://c.d/e) https://g.h/i"


def test_a_space_listens_for_its_proxy():
    assert Settings.from_env({"SPACE_ID": "a/b"}).host == "0.0.0.0"
    assert Settings.from_env({"SPACE_ID": "a/b", "AFINA_HOST": "127.0.0.1"}).host == "127.0.0.1"
    assert Settings.from_env({}).host == "127.0.0.1"
