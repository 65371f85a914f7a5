"""Changes to the web server that Gradio has started (uvicorn), one function each.

`launch` starts it and takes none of its options. `tests/ui/edge/test_uvicorn_patches.py` and
`tests/ui/server/test_connections.py` fail when uvicorn reads its configuration otherwise.
"""

from __future__ import annotations

import asyncio
from typing import Any

# Of silence: a phone asks every few seconds, and a proxy before us keeps a connection for a minute.
KEPT_SECONDS = 75
PATIENCE = 20.0  # seconds for a request's head, and for a body of which too little comes
LEAST = 1_000  # bytes a second of a body that takes longer
MOST_HEAD = 64 * 1024  # bytes of a request's first line and headers
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


def keep_connections(server: Any) -> None:
    """Lets `server` (uvicorn, started) hold silent connections longer than the pause between two votes.

    After uvicorn's own five seconds (0.54) nearly every vote would need a connection of its own, and one that comes
    just then is cut off. It reads `timeout_keep_alive` for each connection anew.

    Can go when `launch` takes `timeout_keep_alive`.
    """
    server.config.timeout_keep_alive = KEPT_SECONDS


def bound_requests(server: Any, patience: float = PATIENCE, least: float = LEAST) -> None:
    """Closes connections of `server` (uvicorn, started) that send half a request, or a request without end.

    Uvicorn (0.30 to 0.54) bounds neither how long the head of a request may take nor how large it may be, and never
    gives up on a body that stops coming: of 400 such requests all were open after 40 s, now none
    (`benchmarks/edge.py`, attack `half`). For connections that it accepts from now on, of its httptools protocol alone.

    Can go when uvicorn has such bounds.
    """
    kind = server.config.http_protocol_class
    if hasattr(kind, "on_headers_complete"):  # httptools; h11 has bounds of its own for a head
        server.config.http_protocol_class = _bounded(kind, patience, least)


def _bounded(kind: type[Any], patience: float, least: float) -> type[Any]:
    class Bounded(kind):
        """A connection whose requests have to come within `patience`, or at `least` bytes a second."""

        _reading = False  # from the first byte of a request, or from the start, to its last
        _head = 0  # bytes of the head that is being read
        _body = 0  # bytes of the body since the last look
        _next_look: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._begin()

        def connection_lost(self, exc: Exception | None) -> None:
            self._end()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if not self._reading:
                self._begin()
            self._head += len(data)
            super().data_received(data)
            if self._reading and self._head > MOST_HEAD:
                self.transport.write(_TOO_LARGE)
                self.transport.close()

        def on_headers_complete(self) -> None:
            self._head = -(2**62)  # what comes now is the body
            super().on_headers_complete()

        def on_body(self, body: bytes) -> None:
            self._body += len(body)
            super().on_body(body)

        def on_message_complete(self) -> None:
            super().on_message_complete()
            self._end()

        def _begin(self) -> None:
            self._end()
            self._reading, self._head, self._body = True, 0, 0
            self._next_look = self.loop.call_later(patience, self._look)

        def _end(self) -> None:
            self._reading = False
            if self._next_look is not None:
                self._next_look.cancel()
                self._next_look = None

        def _look(self) -> None:
            slow_server = self.flow is not None and self.flow.read_paused
            enough, self._body = self._body >= least * patience, 0
            if slow_server or enough:
                self._next_look = self.loop.call_later(patience, self._look)
            elif self.transport is not None and not self.transport.is_closing():
                self.transport.close()

    return Bounded
