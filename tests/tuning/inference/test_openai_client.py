"""The client of a chat server: how much of an answer it reads, and where its key goes."""

from __future__ import annotations

import gzip
import tracemalloc

import pytest

from common.errors import AfinaError
from tests.standin.answering import JsonHandler, serving
from tuning.inference.openai_client import Server

PIECE = b" " * 2**20
PACKED = gzip.compress(PIECE * 60)


def answering(answer, seen=None):
    class Handler(JsonHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            if seen is not None:
                seen.append(self.headers.get("authorization"))
            answer(self)

        do_GET = do_POST

    return serving(Handler)


def endless(handler: JsonHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.end_headers()
    for _ in range(60):
        handler.wfile.write(PIECE)


def bomb(handler: JsonHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-encoding", "gzip")
    handler.send_header("content-length", str(len(PACKED)))
    handler.end_headers()
    handler.wfile.write(PACKED)


@pytest.mark.parametrize(
    "ask",
    [
        lambda server: server.models(),
        lambda server: server.load_adapter("a", "/a"),
        lambda server: server.unload_adapter("a"),
        lambda server: list(server.stream("completions", {"model": "m"})),
    ],
)
@pytest.mark.parametrize("answer", [endless, bomb])
def test_an_answer_is_read_up_to_four_megabytes(ask, answer):
    with answering(answer) as url:
        tracemalloc.start()
        with pytest.raises(AfinaError) as caught:
            ask(Server(url))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert caught.value.key in ("served.large", "served.no_protocol", "served.broken_off")
    assert peak < 24 * 2**20


def test_a_redirect_takes_the_key_nowhere():
    stolen: list[str | None] = []
    with answering(lambda handler: handler._answer(200, {"data": []}), stolen) as thief:

        def away(handler: JsonHandler) -> None:
            handler.send_response(307)
            handler.send_header("location", f"{thief}/v1/models")
            handler.send_header("content-length", "0")
            handler.end_headers()

        with answering(away) as url:
            server = Server(url, "sk-chat")
            for ask in (
                server.models,
                lambda: server.load_adapter("a", "/a"),
                lambda: list(server.stream("completions", {"model": "m"})),
            ):
                with pytest.raises(AfinaError) as caught:
                    ask()
                assert caught.value.key == "served.no_protocol"
    assert stolen == []


def test_lines_are_the_same_however_they_arrive():
    events = b'data: {"a": "\xc3\xb1"}\r\n\r\ndata: {"a": 2}\n\ndata: [DONE]'

    def dripping(handler: JsonHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.end_headers()
        for i in range(len(events)):
            handler.wfile.write(events[i : i + 1])
            handler.wfile.flush()

    with answering(dripping) as url:
        assert list(Server(url).stream("completions", {"model": "m"})) == [{"a": "ñ"}, {"a": 2}]


def test_an_event_nested_deep_is_answered_in_words():
    def deep(handler: JsonHandler) -> None:
        handler._send(200, "text/event-stream", b"data: " + b"[" * 200_000 + b"\n")

    with answering(deep) as url, pytest.raises(AfinaError) as caught:
        list(Server(url).stream("completions", {"model": "m"}))
    assert caught.value.key == "served.broken_off"
