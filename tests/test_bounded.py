"""Files that would take the machine's memory or time are refused while they are read, and problems are counted."""

import gzip
import json

import pytest

from common import bounded
from common.bounded import MOST_PROBLEMS, Bounds, Problems
from common.errors import AfinaError


def key_of(call):
    with pytest.raises(AfinaError) as caught:
        call()
    assert "{" not in caught.value.words("en") and "{" not in caught.value.words("es")
    return caught.value.key


def test_problems_are_counted_and_the_first_kept():
    problems = Problems()
    for row in range(MOST_PROBLEMS + 500):
        problems.add(AfinaError("data.deep", row=row, most=64))
    problems.note("data.deep", row=-1, most=64)
    assert problems.n == len(problems) == MOST_PROBLEMS + 501 and len(problems.first) == MOST_PROBLEMS
    assert problems[0].params["row"] == 0 and problems.example is problems[0]
    more = Problems()
    more.extend(problems)
    more.extend(problems)
    assert more.n == 2 * problems.n and len(more.first) == MOST_PROBLEMS
    assert not Problems() and Problems().example == "-"


def test_a_problem_keeps_no_row_alive():
    try:
        raise AfinaError("data.deep", row=1, most=64)
    except AfinaError as problem:
        problems = Problems()
        problems.add(problem)
    assert problems[0].__traceback__ is None


def test_a_packed_file_ends_at_its_bounds(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"x" * 3_000_000))
    assert key_of(lambda: bounded.content(path, Bounds(2))) == "data.too_large"
    assert len(bounded.content(path, Bounds(3))) == 3_000_000
    path.write_bytes(gzip.compress(b"\n" * 1001))
    assert key_of(lambda: bounded.content(path, Bounds(2, lines=1000))) == "data.many_lines"
    assert len(bounded.content(path, Bounds(2, lines=1001))) == 1001
    path.write_bytes(gzip.compress(b"[]," * 1001))
    assert key_of(lambda: bounded.content(path, Bounds(2, values=2001))) == "data.many_values"
    assert bounded.content(path, Bounds(2, values=2002))


def test_no_more_is_unpacked_than_is_read(tmp_path):
    path = tmp_path / "a.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(300):
            file.write((b"x" * 999 + b"\n") * 1_000)
    with bounded.opened(path, Bounds(10, lines=None)) as file, pytest.raises(AfinaError):
        unpacked = 0
        for line in file:
            unpacked += len(line)
    assert unpacked <= 10_000_000


@pytest.mark.parametrize("cut", [5, 20, -4])
def test_a_broken_packed_file_is_told(tmp_path, cut):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"some text")[:cut])
    assert key_of(lambda: bounded.content(path, Bounds(2))) == "data.gzip"


def test_what_is_no_file_is_told(tmp_path):
    assert key_of(lambda: bounded.content(tmp_path, Bounds(2))) == "data.not_a_file"
    assert key_of(lambda: bounded.lines_of(tmp_path / "none", 2)) == "data.not_a_file"


def test_lines_of_a_text(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeff one\n\n  two \r\n".encode())
    assert bounded.lines_of(path, 1) == ["one", "two"]
    path.write_bytes(b"\xff\xfeo")
    assert key_of(lambda: bounded.lines_of(path, 1)) == "data.not_utf8"


def test_depth_is_found_without_recursion():
    value: object = "x"
    for _ in range(100_000):
        value = [value]
    assert bounded.is_deep(value)
    assert not bounded.is_deep({"messages": [{"role": "user", "content": "x"}]})
    nested = json.loads("[" * 64 + "]" * 64)
    assert not bounded.is_deep(nested) and bounded.is_deep([nested])
    while value != "x":  # the interpreter would free it by recursion
        value = value[0]  # type: ignore[index]
