"""Bounds that hold before JSON is parsed, in time that grows with its size alone."""

import contextlib
import json
import time

import pytest

from common.errors import AfinaError
from ui.edge.json_bounds import MOST_CONTAINERS, MOST_DEPTH, MOST_DIGITS, require_bounds

TALK = [
    {"role": role, "content": [{"type": "text", "text": 'He said: "[[{{" \\ and left.'}], "metadata": None}
    for _ in range(100)
    for role in ("user", "assistant")
]


def test_four_long_conversations_pass():
    require_bounds(json.dumps({"data": [TALK] * 4, "fn_index": 1, "session_hash": "x"}).encode())


def test_brackets_and_digits_inside_texts_are_text():
    body = json.dumps({"text": "[" * 20_000 + '\\"' + "{" * 20_000 + "9" * 5_000, "x": 1.5}).encode()
    require_bounds(body)


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b"[" * (MOST_DEPTH + 1) + b"]" * (MOST_DEPTH + 1), "limit.json_depth"),
        (b"[" + b"{}," * (MOST_CONTAINERS + 1) + b"{}]", "limit.json"),
        (b"[" + b"1," * 100_000 + b"1]", "limit.json"),
        (b'["' + b'","' * 100_000 + b'"]', "limit.json"),
        (b'{"a": ' + b"7" * (MOST_DIGITS + 1) + b"}", "limit.json_digits"),
        (b'{"a": 1.' + b"7" * 5_000 + b"}", "limit.json_digits"),
        (b'{"a": "x" ' + b"[" * 100_000, "limit.json"),
    ],
)
def test_too_much_is_refused_by_name(body, key):
    with pytest.raises(AfinaError) as refused:
        require_bounds(body)
    assert refused.value.key == key


@pytest.mark.parametrize("unit", [b'\\"', b"\\", b'"', b'"a', b'\\\\"', b'{"', b"x"])
def test_time_grows_with_the_size_alone(unit):
    def seconds(size: int) -> float:
        body = b'"' + unit * (size // len(unit)) + b"\\"
        best = float("inf")
        for _ in range(3):
            began = time.perf_counter()
            with contextlib.suppress(AfinaError):
                require_bounds(body)
            best = min(best, time.perf_counter() - began)
        return best

    assert seconds(160_000) < 40 * seconds(10_000) + 0.02  # a square would be 256 times
