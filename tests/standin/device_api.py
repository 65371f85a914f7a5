"""ZeroGPU's scheduler, as far as the package `spaces` speaks with it: gives the GPU while there is quota."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from tests.standin.answering import JsonHandler, serving


class Scheduler:
    def __init__(self) -> None:
        self.quota = 10_000  # seconds left
        self.asked: list[int] = []  # seconds of every call
        self.released: list[bool] = []  # whether it failed
        self.url = ""


@contextmanager
def serve() -> Iterator[Scheduler]:
    scheduler = Scheduler()

    class Handler(JsonHandler):
        def do_POST(self) -> None:
            address = urlsplit(self.path)
            given = {name: values[0] for name, values in parse_qs(address.query).items()}
            if address.path == "/schedule":
                self._schedule(int(given.get("durationSeconds", 60)))
                return
            if address.path == "/release":
                scheduler.released.append(given["fail"] == "true")
            self._answer(200, {})

        def _schedule(self, seconds: int) -> None:
            scheduler.asked.append(seconds)
            if seconds > scheduler.quota:
                self._answer(429, {"left": scheduler.quota, "wait": 3600})
                return
            scheduler.quota -= seconds
            lent = {"idle": False, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "t"}
            self._answer(200, lent)

    with serving(Handler) as scheduler.url:
        yield scheduler
