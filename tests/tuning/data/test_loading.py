"""Every format becomes the same rows; what is wrong is said with row, column and remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.errors import AfinaError, messages
from common.languages import LANGUAGES
from tests import ROOT
from tuning.data.examples import Row, read_rows, write_rows
from tuning.data.loading import from_python, load, shipped

SHARED = ROOT.parent / "shared" / "data"
Q, A = "What is the capital of France?", "Paris."
PAIR = [("user", Q), ("assistant", A)]


def said(row: Row) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in row.messages]


SAME = {
    "alpaca": {"instruction": Q, "input": "", "output": A},
    "dolly": {"instruction": Q, "context": "", "response": A, "category": "qa"},
    "flan": {"inputs": Q, "targets": A},
    "prompt_completion": {"prompt": Q, "completion": A},
    "messages": {"messages": [{"role": "user", "content": Q}, {"role": "assistant", "content": A}]},
    "sharegpt": {"conversations": [{"from": "human", "value": Q}, {"from": "gpt", "value": A}]},
    "vertex": {"contents": [{"role": "user", "parts": [{"text": Q}]}, {"role": "model", "parts": [{"text": A}]}]},
    "tags": {"text": f"<instruction>{Q}</instruction> <response>{A}</response>"},
    "preferences": {"prompt": Q, "chosen": A, "rejected": "Rome."},
    "rated": {"prompt": Q, "completion": A, "label": True},
    "self_instruct": {"instruction": Q, "instances": [{"input": "", "output": A}]},
}


@pytest.mark.parametrize("format", SAME)
def test_each_format_is_recognised_by_its_columns(format):
    loaded = from_python([SAME[format], SAME[format]])
    assert loaded.format == format
    assert [said(row) for row in loaded.rows] == [PAIR, PAIR]
    assert [row.number for row in loaded.rows] == [1, 2]


def test_the_same_rows_have_the_same_fingerprint_in_every_format():
    assert len({from_python([record]).fingerprint for record in SAME.values()}) == 1
    assert from_python([{"prompt": Q, "completion": "Rome."}]).fingerprint != from_python([SAME["flan"]]).fingerprint


def test_the_input_is_part_of_the_question():
    loaded = from_python([{"instruction": "Translate.", "input": "perro", "output": "dog"}])
    assert said(loaded.rows[0]) == [("user", "Translate.\nperro"), ("assistant", "dog")]


def test_several_turns_a_system_message_and_history_are_kept():
    turns = [{"role": role, "content": text} for role, text in [("system", "Be kind."), *PAIR, *PAIR]]
    assert said(from_python([{"messages": turns}]).rows[0]) == [("system", "Be kind."), *PAIR, *PAIR]
    alpaca = {"instruction": Q, "output": A, "system": "Be kind.", "history": [["Hi", "Hello"]]}
    before = [("user", "Hi"), ("assistant", "Hello")]
    assert said(from_python([alpaca]).rows[0]) == [("system", "Be kind."), *before, *PAIR]


def test_turns_after_the_last_reply_are_dropped_and_neighbours_joined():
    turns = [("user", "Hi."), ("user", Q), ("assistant", A), ("user", "Thanks")]
    record = {"messages": [{"role": role, "content": text} for role, text in turns]}
    assert said(from_python([record]).rows[0]) == [("user", f"Hi.\n\n{Q}"), ("assistant", A)]


def test_preference_data_teaches_its_chosen_replies():
    hh = {"chosen": f"\n\nHuman: {Q}\n\nAssistant: {A}", "rejected": f"\n\nHuman: {Q}\n\nAssistant: Rome."}
    turns = [{"role": "user", "content": Q}, {"role": "assistant", "content": A}]
    for record in (
        hh,
        {
            "conversations": [{"from": "human", "value": Q}],
            "chosen": {"from": "gpt", "value": A},
            "rejected": {},
        },
        {"chosen": turns, "rejected": turns},
        {"prompt": turns[:1], "chosen": turns[1:], "rejected": turns[1:]},
    ):
        loaded = from_python([record])
        assert (loaded.format, said(loaded.rows[0])) == ("preferences", PAIR)


def test_replies_rated_bad_are_not_learned():
    loaded = from_python([SAME["rated"], {**SAME["rated"], "label": False}])
    assert len(loaded.rows) == 1 and loaded.skipped[0].key == "data.rated_bad"


def test_unknown_columns_ask_for_a_mapping_and_take_one(tmp_path):
    path = tmp_path / "quiz.csv"
    path.write_text(f"Pregunta;Respuesta;Nota\n{Q};{A};7\n", encoding="utf-8")
    loaded = load(path)
    assert loaded.needs_mapping and not loaded.rows
    assert loaded.columns == ("Pregunta", "Respuesta", "Nota")
    assert loaded.first_records[0]["Respuesta"] == A
    mapped = load(path, mapping={"prompt": "Pregunta", "response": "Respuesta", "context": ""})
    assert said(mapped.rows[0]) == PAIR and not mapped.needs_mapping


@pytest.mark.parametrize(
    ("mapping", "key"),
    [
        ({"prompt": "q"}, "data.mapping_incomplete"),
        ({"prompt": "q", "response": "zz"}, "data.mapping_column"),
        ({"question": "q"}, "data.mapping_part"),
    ],
)
def test_a_mapping_that_cannot_work_is_refused(tmp_path, mapping, key):
    path = tmp_path / "a.jsonl"
    path.write_text('{"q": "1", "a": "2"}\n')
    with pytest.raises(AfinaError) as caught:
        load(path, mapping=mapping)
    assert caught.value.key == key


BAD = [
    ({"instruction": Q, "output": ""}, "data.empty_field", "output"),
    ({"instruction": "  ", "output": A}, "data.empty_field", "instruction"),
    ({"instruction": Q, "output": None}, "data.empty_field", "output"),
    ({"instruction": Q}, "data.missing_field", "output"),
    ({"messages": [{"role": "user", "content": Q}]}, "data.no_assistant", "messages"),
    ({"messages": [{"role": "wizard", "content": Q}]}, "data.role", "messages"),
    ({"messages": "hello"}, "data.not_messages", "messages"),
    ({"messages": [{"role": "user", "content": ""}]}, "data.empty_turn", "messages"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image", "url": "x"}]}]},
        "data.not_text",
        "messages",
    ),
    ({"text": f"<instruction>{Q}</instruction> {A}"}, "data.tags", "text"),
]


@pytest.mark.parametrize(("bad", "key", "column"), BAD)
def test_a_bad_row_is_skipped_and_named(bad, key, column):
    good = next(record for record in SAME.values() if set(bad) <= set(record))
    loaded = from_python([good, {**bad}, good])
    assert len(loaded.rows) == 2 and loaded.n_skipped == 1
    problem = loaded.skipped[0]
    assert (problem.key, problem.params["row"], problem.params["column"]) == (key, 2, column)
    for language in LANGUAGES:
        text = problem.words(language)
        assert "2" in text and column in text if key != "data.tags" else "2" in text


def test_no_usable_row_is_an_error_with_the_first_cause():
    with pytest.raises(AfinaError, match=r"Row 1, column “output”: empty") as caught:
        from_python([{"instruction": Q, "output": ""}] * 3)
    assert caught.value.params["n"] == 3
    assert "Fila 1, columna «output»" in caught.value.words("es")


def test_broken_surrogates_do_not_stop_a_run(tmp_path):
    record = json.loads('{"prompt": "\\ud83d\\ude00 hi", "completion": "half \\ud83d"}')
    row = from_python([record]).rows[0]
    write_rows(tmp_path / "rows.jsonl", [row])
    assert read_rows(tmp_path / "rows.jsonl", Row) == [row]


def test_frozen_rows_come_back_unchanged(tmp_path):
    turns = ({"role": "user", "content": "¿Qué?\u2028"}, {"role": "assistant", "content": "Sí\n"})
    rows = [Row(messages=turns, number=3), Row(text="Solo texto", number=9)]
    write_rows(tmp_path / "data" / "train.jsonl", rows)
    assert read_rows(tmp_path / "data" / "train.jsonl", Row) == rows


def test_what_does_not_exist_is_said(tmp_path):
    with pytest.raises(AfinaError) as caught:
        load(tmp_path / "nothing.json")
    assert caught.value.key == "data.not_found" and "nothing.json" in str(caught.value)
    with pytest.raises(AfinaError, match="is a folder"):
        load(tmp_path)


def test_shipped_sets_load_by_name():
    for name in shipped():
        loaded = load(name)
        assert loaded.name == name and loaded.rows and not loaded.n_skipped


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_problem_has_words_in_both_languages(language):
    import re

    source = "".join(path.read_text() for path in Path("tuning/data").glob("*.py"))
    keys = set(re.findall(r'"(data\.[a-z_.]+)"', source))
    assert keys and keys <= messages(language).keys()


REAL = {
    "alpaca_en/alpaca_en_demo.json": ("alpaca", 999, 0),
    "preferences_en/dpo_en_demo.json": ("preferences", 300, 0),
    "preferences_en/kto_en_demo.json": ("rated", 150, 150),
    "hh_harmless/test.jsonl.gz": ("preferences", 2309, 3),
    "movie_polarity/movie_polarity.csv": ("text", 10662, 0),
    "self_instruct_tasks/user_oriented_instructions.jsonl": ("self_instruct", 252, 0),
}


@pytest.mark.real_data
@pytest.mark.parametrize("file", REAL)
def test_real_files(file):
    if not (SHARED / file).exists():
        pytest.skip("no ../shared/data")
    loaded = load(SHARED / file)
    assert (loaded.format, len(loaded.rows), loaded.n_skipped) == REAL[file]
