"""File types, and files that cannot be read: one clear message each."""

from __future__ import annotations

import gzip
import json

import pytest

from common.errors import AfinaError
from tuning.data.readers import read

ROWS = [
    {"prompt": "¿Qué?", "completion": "Sí, «eso»."},
    {"prompt": "a, b", "completion": 'say "hi"\nthen go'},
]
JSONL = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
CSV = '\ufeffprompt,completion\r\n¿Qué?,"Sí, «eso»."\r\n"a, b","say ""hi""\nthen go"\r\n'


def packed(data: bytes) -> bytes:
    """Gzipped without the hour: a test is named after its content, and two processes must agree on the name."""
    return gzip.compress(data, mtime=0)


def file(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps(ROWS)),
        ("wrapped.json", json.dumps({"data": ROWS})),
        ("lines.json", JSONL),
        ("a.jsonl", JSONL),
        ("array.jsonl", json.dumps(ROWS, indent=1)),
        ("a.csv", CSV),
        ("a.tsv", CSV.replace(",", "\t").replace("Sí\t", "Sí,").replace("a\t", "a,")),
        ("upper.CSV", CSV),
        ("a.jsonl.gz", packed(JSONL.encode())),
        ("a.csv.gz", packed(CSV.encode())),
        ("utf16.csv", CSV.lstrip("\ufeff").encode("utf-16")),
        ("no_ending", JSONL),
    ],
)
def test_every_kind_gives_the_same_records(tmp_path, name, content):
    records = read(file(tmp_path, name, content), 5)
    assert [record for _, record in records.rows] == ROWS
    assert records.columns == ("prompt", "completion") and not records.problems


def test_parquet(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    assert [record for _, record in read(tmp_path / "a.parquet", 5).rows] == ROWS


def test_text_is_cut_into_rows(tmp_path):
    pairs = [("1", "2"), ("3", "4")]
    tagged = "\n".join(f"<instruction>{a}</instruction>\n<response>{b}</response>" for a, b in pairs)
    assert [record["text"][:16] for _, record in read(file(tmp_path, "a.txt", tagged), 5).rows] == [
        "<instruction>1</", "<instruction>3</",
    ]  # fmt: skip
    for text in ("one\ntwo\n\nthree\n", "one\ntwo<|endoftext|>three"):
        assert [r["text"] for _, r in read(file(tmp_path, "b.txt", text), 5).rows] == ["one\ntwo", "three"]


BROKEN = [
    (
        "latin.csv",
        "prompt,completion\nhola,adiós\n".encode("latin-1"),
        "data.encoding",
        {"line": 2, "byte": "0xf3"},
    ),
    ("a.json", json.dumps(ROWS)[:-20], "data.json", {"row": 2}),
    ("b.json", '[{"a": 1},\n {"a": 2},\n {"a" 3}]', "data.json", {"row": 3, "line": 3}),
    ("nested.json", "[" * 100_000, "data.json", {"row": 1}),
    ("number.json", "42", "data.not_records", {"found": "int"}),
    ("empty.csv", "", "data.empty", {}),
    ("spaces.jsonl", " \n \n", "data.empty", {}),
    ("header.csv", "prompt,completion\n", "data.only_header", {"columns": "prompt, completion"}),
    ("image.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "data.binary", {}),
    ("sheet.csv", b"PK\x03\x04 something", "data.binary", {}),
    ("a.json.gz", packed(b"[]" * 1000)[:-30], "data.gzip", {}),
    ("a.parquet", b"PAR1 not really PAR1", "data.parquet", {}),
]


@pytest.mark.parametrize(("name", "content", "key", "params"), BROKEN)
def test_what_cannot_be_read_is_explained(tmp_path, name, content, key, params):
    with pytest.raises(AfinaError) as caught:
        read(file(tmp_path, name, content), 5)
    assert caught.value.key == key
    assert params.items() <= caught.value.params.items()
    assert "{" not in str(caught.value)


def test_broken_rows_do_not_spoil_the_others(tmp_path):
    text = JSONL + '{"prompt": "x"\n\n"just text"\n' + JSONL
    records = read(file(tmp_path, "a.jsonl", text), 5)
    assert [number for number, _ in records.rows] == [1, 2, 6, 7]
    assert [(p.key, p.params["row"]) for p in records.problems] == [
        ("data.json_line", 3),
        ("data.not_object", 5),
    ]


def test_csv_rows_of_another_length_and_open_quotes(tmp_path):
    records = read(file(tmp_path, "a.csv", "a,b\n1,2\n1,2,3\n4,5\n"), 5)
    assert [number for number, _ in records.rows] == [1, 3]
    assert records.problems[0].params == {"row": 2, "found": 3, "expected": 2}
    records = read(file(tmp_path, "b.csv", 'a,b\n1,2\n3,"4\n5,6\n'), 5)
    assert len(records.rows) == 1 and records.problems[0].params["row"] == 2
    loose = read(file(tmp_path, "c.csv", 'a,b\n1,"x" y\n3,4\n'), 5)
    assert [number for number, _ in loose.rows] == [1, 2]


def test_a_file_too_large_is_not_even_opened(tmp_path):
    path = tmp_path / "huge.jsonl"
    with open(path, "wb") as huge:
        huge.truncate(1_000_000_000)  # sparse: takes no disk
    with pytest.raises(AfinaError, match=r"huge.jsonl has 1000 MB; at most 200 MB"):
        read(path, 200)


def test_a_small_gzip_cannot_fill_the_memory(tmp_path):
    path = file(tmp_path, "bomb.jsonl.gz", gzip.compress(b" " * 3_000_000))
    with pytest.raises(AfinaError) as caught:
        read(path, 2)
    assert caught.value.key == "data.too_large"


def test_a_device_is_no_file(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(AfinaError) as caught:
        read(tmp_path / "pipe", 5)
    assert caught.value.key == "data.not_a_file"
