"""Files of votes that unpack to more than they are, go on without end, or are nested deep."""

import gzip
import json

import pytest

from common.errors import AfinaError
from labeling.exchange import read_votes, reader

VOTE = {
    "prompt": "Why?",
    "completion_a": "x",
    "completion_b": "y",
    "model_a": "a",
    "model_b": "b",
    "winner": "model_a",
}


def key_of(call):
    with pytest.raises(AfinaError) as caught:
        call()
    assert "{" not in caught.value.words("en") and "{" not in caught.value.words("es")
    return caught.value.key


def test_a_packed_file_of_votes_is_unpacked_within_bounds(tmp_path, monkeypatch):
    path = tmp_path / "votes.jsonl.gz"
    path.write_bytes(gzip.compress((json.dumps(VOTE) + "\n").encode() * 20_000))
    assert key_of(lambda: reader.judged(path, 2)) == "data.too_large"
    assert key_of(lambda: reader.gold(path, 2)) == "data.too_large"
    assert len(reader.judged(path, 5)[0]) == 1
    monkeypatch.setattr(reader, "MOST_JUDGED", 1000)
    assert key_of(lambda: reader.judged(path, 5)) == "data.many_rows"
    assert key_of(lambda: reader.gold(path, 5)) == "data.many_rows"
    assert len(read_votes.votes(path, 1)[0]) == 20_000  # a report keeps numbers alone


def test_blank_lines_without_end_are_not_read(tmp_path, monkeypatch):
    path = tmp_path / "blank.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n" * 6_000_000))
    monkeypatch.setattr(read_votes, "_MOST_LINES", 1_000_000)
    for call in (lambda: reader.judged(path, 200), lambda: read_votes.votes(path, 1)):
        assert key_of(call) == "data.many_lines"


def test_lists_without_end_are_not_made(tmp_path):
    path = tmp_path / "lists.json"
    path.write_text("[" + "[]," * 6_000_000 + "[]]")
    assert key_of(lambda: reader.judged(path, 200)) == "data.many_values"
    path.write_text('{"a": [' + "[]," * 6_000_000 + "[]]}")
    assert key_of(lambda: reader.judged(path, 200)) == "data.many_values"
    _, problems = read_votes.votes(written(tmp_path, "line.jsonl", path.read_text(), json.dumps(VOTE)), 1)
    assert [each.key for each in problems] == ["data.many_values_row"]


def test_deep_rows_are_left_out_and_problems_counted(tmp_path):
    deep = json.dumps(VOTE)[:-1] + ', "metadata": {"a": ' + "[" * 70 + "]" * 70 + "}}"
    path = written(tmp_path, "deep.jsonl", deep, json.dumps(VOTE), *["7"] * 3000)
    found, problems = reader.judged(path)
    assert len(found) == 1 and problems.n == 3001 and len(problems.first) == 1000
    assert problems[0].key == "data.deep" and problems[0].params["row"] == 1
    path = written(tmp_path, "deep.json", f"[{deep},{json.dumps(VOTE)}]")
    assert reader.judged(path)[1][0].key == "data.deep"


def written(folder, name, *lines):
    path = folder / name
    path.write_text("\n".join(lines))
    return path
