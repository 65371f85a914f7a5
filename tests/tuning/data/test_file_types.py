"""File types, and files that cannot be read: one clear message each."""

from __future__ import annotations

import gzip
import json

import pytest

from common import bounded
from common.errors import AfinaError
from tuning.data import loading
from tuning.data.file_types import read

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
        "<instruction>1</",
        "<instruction>3</",
    ]
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


# What is small on the disk and large in memory, and an ordinary slip in every row of a large file.


def refused(path, max_mb=50):
    with pytest.raises(AfinaError) as caught:
        read(path, max_mb)
    assert "{" not in caught.value.words("en") and "{" not in caught.value.words("es")
    return caught.value.key


def test_a_table_with_a_slip_in_every_row_keeps_the_first_thousand(tmp_path):
    records = read(file(tmp_path, "a.csv", "prompt,completion\n" + "one\n" * 50_000), 5)
    assert records.problems.n == 50_000 and len(records.problems.first) == 1000
    assert records.problems[0].params == {"row": 1, "found": 1, "expected": 2}
    with pytest.raises(AfinaError, match=r"Row 1 has 1 fields, the header has 2\. Put"):
        loading.load(tmp_path / "a.csv")


def test_rows_whose_columns_are_wrong_are_counted_too(tmp_path):
    good = '{"prompt": "x", "completion": "y"}\n'
    path = file(tmp_path, "a.jsonl", good + '{"prompt": "x", "completion": ""}\n' * 3000)
    loaded = loading.load(path)
    assert loaded.n_skipped == 3000 and len(loaded.skipped) == 100


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt", "a.json"])
def test_blank_lines_without_end_are_not_read(tmp_path, name):
    path = tmp_path / f"{name}.gz"
    path.write_bytes(packed(b"\n" * 40_000_000))
    assert refused(path) == "data.many_lines"


def test_a_file_of_too_many_rows_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(bounded.within_rows, "__defaults__", (1000,))
    assert refused(file(tmp_path, "a.jsonl", '{"a":1}\n' * 1001)) == "data.many_rows"
    assert refused(file(tmp_path, "a.csv", "a\n" + "1\n" * 1001)) == "data.many_rows"
    assert refused(file(tmp_path, "a.txt", "one\n\n" * 1001)) == "data.many_rows"
    assert refused(file(tmp_path, "a.json", json.dumps([{"a": 1}] * 1001))) == "data.many_rows"
    assert len(read(file(tmp_path, "b.csv", "a\n" + "1\n" * 1000), 5).rows) == 1000


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", "[" + "[]," * 6_000_000 + "[]]"),
        ("a.jsonl", '{"a": [' + "{}," * 6_000_000 + "{}]}"),
        ("a.csv", "a,b\n" + "," * 10_000_001),
    ],
)
def test_values_are_counted_before_they_are_made(tmp_path, name, content):
    assert refused(file(tmp_path, name, content)) == "data.many_values"


def test_deep_rows_are_left_out(tmp_path):
    deep = '{"a": ' + "[" * 70 + "]" * 70 + "}\n"
    records = read(file(tmp_path, "a.jsonl", deep + '{"a": 1}\n'), 5)
    assert [number for number, _ in records.rows] == [2] and records.problems[0].key == "data.deep"
    records = read(file(tmp_path, "a.jsonl", '{"a": 1}\n' + "[" * 900 + "]" * 900), 5)
    assert records.problems[0].key == "data.not_object"


def test_a_number_of_thousands_of_digits_is_told(tmp_path):
    records = read(file(tmp_path, "a.jsonl", '{"a": ' + "9" * 5000 + '}\n{"a": 1}\n'), 5)
    assert records.problems[0].key == "data.json_line" and "digits" in str(records.problems[0])
    assert refused(file(tmp_path, "a.json", '[{"a": ' + "9" * 5000 + "}]")) == "data.json"


@pytest.mark.parametrize("column", ["text", "list", "struct"])
def test_a_small_parquet_cannot_fill_the_memory(tmp_path, column):
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = "x" * 100_000  # is written once, however often it stands there
    value = {"text": text, "list": [text], "struct": [{"role": "user", "content": text}]}[column]
    pq.write_table(pa.table({"a": [value] * 2000}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 200_000
    assert refused(tmp_path / "a.parquet") == "data.too_large"
    assert len(read(tmp_path / "a.parquet", 250).rows) == 2000


def test_a_parquet_of_too_many_rows_or_values_is_refused_by_its_own_words(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"a": pa.array([1] * 1_000_001)}), tmp_path / "rows.parquet")
    assert refused(tmp_path / "rows.parquet") == "data.many_rows"
    many = pa.array([[1] * 1_000_001] * 10)
    pq.write_table(pa.table({"a": many}), tmp_path / "values.parquet")
    assert refused(tmp_path / "values.parquet", 500) == "data.many_values"
    fixed = pa.array([b"x" * 10_000] * 20_000, pa.binary(10_000))
    pq.write_table(pa.table({"a": fixed}), tmp_path / "fixed.parquet")
    assert refused(tmp_path / "fixed.parquet") == "data.too_large"
