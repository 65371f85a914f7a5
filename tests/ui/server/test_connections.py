"""Connections that last: a real server, a real socket, a pause that is longer than the server's own patience."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
import time

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from ui.edge.uvicorn_patches import keep_connections
from ui.server.connections import allow_connections


@pytest.fixture
def server():
    app = Starlette(routes=[Route("/", lambda _: Response("yes"))])
    config = uvicorn.Config(app, port=0, log_level="error", timeout_keep_alive=0)
    made = uvicorn.Server(config)
    thread = threading.Thread(target=made.run)
    thread.start()
    while not made.started:
        time.sleep(0.01)
    yield made
    made.should_exit = True
    thread.join(10)


def _asked_twice(server: uvicorn.Server) -> bytes:
    """The second answer on one connection, after a pause."""
    port = server.servers[0].sockets[0].getsockname()[1]
    with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
        for pause in (0.3, 0):
            line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = line.recv(4096)
            time.sleep(pause)
        return answer


def test_a_silent_connection_is_kept(server):
    with contextlib.suppress(OSError):  # cut off: what happens without
        assert b"200 OK" not in _asked_twice(server)
    keep_connections(server)
    assert b"200 OK" in _asked_twice(server)


def test_the_limit_of_open_files_is_raised():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        allow_connections()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(65_536, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
