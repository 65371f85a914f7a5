"""A class at its phones, as `benchmarks/voting.py` has it: joins, follows the teacher, votes every few seconds.

Plain sockets kept open, so that the clients cost less than the app; they note what was acknowledged. Know nothing of
the database.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Seen:
    """What the clients saw."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {"join": [], "state": [], "next": [], "cast": []})
    acknowledged: dict[str, tuple[str, str]] = field(default_factory=dict)  # annotation -> comparison, winner
    failures: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Habits:
    """How a class votes."""

    voters: int
    seconds: float  # of voting, after the joining
    every: float  # mean seconds between two votes of one person

    @property
    def joining(self) -> float:
        """Seconds within which everybody joins: 300 people in ten."""
        return 10 * max(1, self.voters / 300)


async def crowd(ports: Sequence[int], code: str, seen: Seen, habits: Habits) -> None:
    """Votes until the time is over, each request at one of `ports` by chance, as a load balancer would send it."""
    end = time.monotonic() + habits.joining + habits.seconds
    await asyncio.gather(*[person(ports, code, seen, habits, end) for _ in range(habits.voters)])


async def person(ports: Sequence[int], code: str, seen: Seen, habits: Habits, end: float) -> None:
    line = Line(ports, seen)
    await asyncio.sleep(random.uniform(0, habits.joining))
    while not line.token and time.monotonic() < end:
        answer = await line.ask("join", {"room": code, "language": "en"})
        line.token = answer["token"] if answer else ""
    following = asyncio.create_task(follow(Line(ports, seen, line.token), end))
    item = None
    while time.monotonic() < end:
        item = item or await line.ask("next")
        if item is None:
            continue
        if item.get("done"):
            break
        await asyncio.sleep(random.uniform(0.5, 1.5) * habits.every)
        item = await vote(line, item)
    await following


async def vote(line: Line, item: dict) -> dict | None:
    """Sends one vote until it is acknowledged, as the page does. Returns what comes with the answer: the next one."""
    winner = random.choice(["left", "right", "tie", "both_bad"])
    body = {"annotation_id": str(uuid.uuid4()), "winner": winner}
    body |= {name: item[name] for name in ("comparison_id", "assignment_id")}
    for _ in range(200):
        answer = await line.ask("cast/next", body)
        if answer is not None:
            line.seen.acknowledged[uuid.UUID(body["annotation_id"]).hex] = (item["comparison_id"], winner)
            return answer["next"]
    return None


async def follow(line: Line, end: float) -> None:
    while time.monotonic() < end:
        state = await line.ask("state") or {}
        await asyncio.sleep(random.uniform(0.8, 1.2) * state.get("poll_ms", 2500) / 1000)


class Line:
    """One kept connection to each port, as a browser has it."""

    def __init__(self, ports: Sequence[int], seen: Seen, token: str = "") -> None:
        self.ports, self.seen, self.token = ports, seen, token
        self._streams: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}

    async def ask(self, name: str, body: dict | None = None) -> dict | None:
        """The answer's JSON; None where there was none, after a little rest."""
        began, port = time.perf_counter(), random.choice(self.ports)
        try:
            status, answer = await asyncio.wait_for(self._send(port, name, body), 30)
            self.seen.seconds[name.split("/")[0]].append(time.perf_counter() - began)
            if status == 200:
                return json.loads(answer)
            self.seen.failures[f"{name} {status}"] += 1
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.seen.failures[f"{name} {type(error).__name__}"] += 1
            self._streams.pop(port, None)
        await asyncio.sleep(0.5)
        return None

    async def _send(self, port: int, name: str, body: dict | None) -> tuple[int, bytes]:
        if port not in self._streams or self._streams[port][0].at_eof():  # the server lets go of what is idle
            self._streams[port] = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = self._streams[port]
        sent = json.dumps(body).encode() if body is not None else b""
        head = f"{'POST' if body is not None else 'GET'} /vote/{name} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        head += f"Authorization: Bearer {self.token}\r\nContent-Length: {len(sent)}\r\n\r\n"
        writer.write(head.encode() + sent)
        await writer.drain()
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(answer.split("content-length:", 1)[1].split("\r\n", 1)[0])
        return int(answer.split(" ", 2)[1]), await reader.readexactly(length)
