"""Errors that pass, and numbers that are none, in words; everything else stays what it is."""

import errno
import json
import logging
import sqlite3

import gradio as gr
import orjson
import pytest

from common.errors import AfinaError
from common.unavailable import Unavailable, in_words, note, worded
from ui.request import shown

LONG = "7" * 5000


def raised(function) -> Exception:
    with pytest.raises(Exception) as caught:
        function()
    return caught.value


@pytest.mark.parametrize(
    ("error", "key"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/secret/place/x.json"), "unavailable.full"),
        (sqlite3.OperationalError("database or disk is full"), "unavailable.full"),
        (sqlite3.DatabaseError("database disk image is malformed"), "unavailable.damaged"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "unavailable.refused"),
        (sqlite3.OperationalError("database is locked"), "unavailable.database"),
        (PermissionError(errno.EACCES, "Permission denied", "/secret/place/x.json"), "unavailable.refused"),
        (RuntimeError("Error while serializing: I/O error: No space left on device"), "unavailable.full"),
        (raised(lambda: json.loads(f'{{"n": {LONG}}}')), "number.too_long"),
        (raised(lambda: int(LONG)), "number.too_long"),
        (raised(lambda: int(float("inf"))), "number.too_long"),
        (raised(lambda: int(float("nan"))), "number.too_long"),
    ],
    ids=str,
)
def test_it_is_worded_in_both_languages_without_a_path(error, key):
    found = in_words(error)
    assert found is not None and found.key == key
    assert found.words("en") != found.words("es") and "/secret" not in found.words("en") + found.words("es")
    assert found.status == (400 if key == "number.too_long" else 503)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("x"),
        ValueError("no"),
        FileNotFoundError(errno.ENOENT, "none", "x"),
        sqlite3.IntegrityError("UNIQUE constraint failed"),
        sqlite3.ProgrammingError("wrong"),
    ],
    ids=str,
)
def test_a_mistake_of_ours_is_not_covered_up(error):
    assert in_words(error) is None
    with pytest.raises(type(error)), worded():
        raise error


def test_what_led_to_an_error_decides():
    try:
        try:
            raise sqlite3.OperationalError("database or disk is full")
        except sqlite3.OperationalError:
            raise sqlite3.OperationalError("no such savepoint: piece")  # noqa: B904 (as a driver does)
    except sqlite3.OperationalError as error:
        assert in_words(error).key == "unavailable.full"


def test_a_crowd_that_fails_writes_one_line(caplog):
    with caplog.at_level(logging.WARNING):
        for _ in range(300):
            note(Unavailable("unavailable.full"), OSError(28, "x"))
    assert len([each for each in caplog.records if "unavailable.full" in each.message]) <= 1


@pytest.mark.parametrize("value", [LONG, "1e999", "nan"])
def test_a_form_says_what_is_wrong_with_a_number(value):
    number = value if value == LONG else float(value)
    with pytest.raises(gr.Error, match="digits"):
        shown(lambda request=None: int(number))()


def test_a_vote_with_such_a_number_is_refused():
    with pytest.raises(orjson.JSONDecodeError):  # the phones' reader, which words it as no JSON
        orjson.loads(f'{{"decision_time_ms": {LONG}}}')


def test_a_setting_with_such_a_number_is_named():
    from common.settings import Settings

    with pytest.raises(AfinaError) as caught:
        Settings.from_env({"AFINA_PORT": LONG})
    assert "AFINA_PORT" in caught.value.words("en") and len(caught.value.words("en")) < 500
