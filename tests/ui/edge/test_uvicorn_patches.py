"""Half a request, an endless head, a body that stops: each ends, and whoever is slow but honest is served."""

from __future__ import annotations

import socket
import threading
import time

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ui.edge.uvicorn_patches import bound_requests


async def _length(request: Request) -> Response:
    await request.body()
    return Response("yes")


async def _late(_: Request) -> Response:
    import asyncio

    await asyncio.sleep(0.8)
    return Response("late")


@pytest.fixture
def port():
    app = Starlette(
        routes=[Route("/", _length, methods=["GET", "POST"]), Route("/late", _late, methods=["GET", "POST"])]
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_keep_alive=60))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    bound_requests(server, patience=0.4, least=100)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


def _ended(port: int, *pieces: bytes, pause: float = 0.0) -> tuple[bytes, float]:
    """All that comes back until the server closes (at most 3 s), and how long that took."""
    began, found = time.monotonic(), b""
    with socket.create_connection(("127.0.0.1", port), timeout=3) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
                time.sleep(pause)
            while piece := line.recv(4096):
                found += piece
        except (TimeoutError, ConnectionError):
            pass
    return found, time.monotonic() - began


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nhost: x\r\nx-y: z",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n123",
    ],
)
def test_half_a_request_is_given_up(port, begun):
    _, seconds = _ended(port, *([begun] if begun else []))
    assert 0.3 < seconds < 1.5


def test_a_head_that_comes_byte_by_byte_gets_no_more_time(port):
    _, seconds = _ended(port, *([b"G", b"E", b"T", b" "] * 3), pause=0.1)
    assert seconds < 2


def test_an_endless_head_is_refused(port):
    found, seconds = _ended(port, b"GET / HTTP/1.1\r\n", *[b"x-more: " + b"y" * 8000 + b"\r\n"] * 20)
    assert seconds < 2
    assert found == b"" or b"431" in found  # the answer may be lost where more is still being sent
    found, _ = _ended(port, b"GET /" + b"a" * 70_000)
    assert b"431" in found


def test_who_is_slow_but_goes_on_is_served(port):
    head = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 250\r\n\r\n"
    found, _ = _ended(port, head, *[b"x" * 50] * 5, pause=0.25)
    assert b"200 OK" in found


def test_a_body_that_drips_is_given_up(port):
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 250\r\n\r\n"
    found, seconds = _ended(port, head, *[b"x"] * 10, pause=0.2)
    assert b"200 OK" not in found and seconds < 2.5


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /late HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"POST /late HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n12",
    ],
)
def test_an_answer_that_takes_long_is_not_cut_off(port, request_):
    assert b"late" in _ended(port, request_)[0]


def test_a_connection_that_rests_between_two_requests_is_kept(port):
    with socket.create_connection(("127.0.0.1", port), timeout=3) as line:
        for _ in range(2):
            line.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            assert b"200 OK" in line.recv(4096)
            time.sleep(0.8)
