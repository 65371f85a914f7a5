"""A class votes: `python benchmarks/voting.py [--voters 300] [--kills 0] [--train] [--json]`.

Starts the real app in a process of its own, lets so many people join (300 in ten seconds), follow the state and vote
every few seconds over HTTP, and compares the database row by row with what was acknowledged. `--train` fine-tunes
`pocket` meanwhile. `--kills N` ends the app with kill -9 N times at random moments under that load and starts it
again. The clients share the machine with the app; their own work is in the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import psutil

from labeling import people, rounds
from labeling.schema import Comparison, RoundSettings
from labeling.store import connect


@dataclass
class Seen:
    """What the clients saw."""

    seconds: dict[str, list[float]] = field(
        default_factory=lambda: {"join": [], "state": [], "next": [], "cast": []}
    )
    acknowledged: dict[str, tuple[str, str]] = field(default_factory=dict)  # annotation -> comparison, winner
    failures: Counter[str] = field(default_factory=Counter)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voters", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60.0, help="of voting, after the joining")
    parser.add_argument(
        "--every", type=float, default=4.0, help="mean seconds between two votes of one person"
    )
    parser.add_argument("--comparisons", type=int, default=200)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options)
    print(
        json.dumps(result)
        if options.json
        else "\n".join(f"{name}: {value}" for name, value in result.items())
    )
    if result["lost"] or result["doubled"]:
        sys.exit(1)


def measure(home: Path, options: argparse.Namespace) -> dict[str, object]:
    code = prepare(home, options.comparisons, options.voters)
    app = App(home)
    try:
        trained = train(app) if options.train else None
        seen = Seen()
        before, own = app.cpu_seconds(), time.process_time()
        asyncio.run(crowd(app, code, seen, options))
        used = 0.0 if app.kills else app.cpu_seconds() - before
        own = time.process_time() - own
        still_training = trained.poll() is None if trained else None
        if trained:
            trained.kill()
    finally:
        app.stop()
        end_runs(home)
    return {
        "voters": options.voters,
        "cores": os.cpu_count(),
        "votes": len(seen.acknowledged),
        "requests": sum(map(len, seen.seconds.values())),
        "app_cpu_seconds": round(used, 1),
        "clients_cpu_seconds": round(own, 1),
        "kills": app.kills,
        "trained_throughout": still_training,
        **{f"{name}_p{p}_ms": at(seen.seconds[name], p) for name in seen.seconds for p in (50, 95)},
        "failures": dict(seen.failures),
        **check(home, seen),
    }


def at(seconds: list[float], percent: int) -> float:
    ordered = sorted(seconds) or [0.0]
    return round(1000 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 1)


def prepare(home: Path, n: int, voters: int) -> str:
    """An open round that does not run dry; gives the room's code."""
    store = connect(home / "labels.db")
    made = rounds.create(
        store, "load", "judge", ["a", "b"], RoundSettings(votes_wanted=max(3, voters), common_items=5)
    )
    text = "A reply of ordinary length, with a second half that says a little more. " * 2
    pairs = [
        Comparison(f"Question {i}?", f"{text} one {i}", f"{text} two {i}", "a@1", "b@1") for i in range(n)
    ]
    rounds.add_comparisons(store, made.round_id, pairs)
    rounds.move(store, made.round_id, "open")
    code = people.room(store).code
    store.close()
    return code


class App:
    """The app in a process of its own, to be killed and started again on the same port."""

    def __init__(self, home: Path) -> None:
        self.home, self.kills = home, 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()
        time.sleep(15)  # until what loads behind the page is there

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        env = {
            **os.environ,
            "AFINA_HOME": str(self.home),
            "AFINA_TEACHER_TOKEN": "bench",
            "HF_HUB_OFFLINE": "1",
        }
        command = [sys.executable, "app.py", "--no-browser", "--port", str(self.port)]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=quiet, stderr=quiet)
        self.wait()

    def wait(self) -> None:
        for _ in range(600):
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"{self.url}/healthz", timeout=1) as answer,
            ):
                if answer.status == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError("the app does not answer")

    def cpu_seconds(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    def kill(self) -> None:
        self.kills += 1
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.start()

    def stop(self) -> None:
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()


def train(app: App) -> subprocess.Popen:
    """A run of `pocket` that lasts longer than the voting."""
    command = [
        sys.executable,
        "-m",
        "tuning",
        "sft",
        "--source-model",
        "pocket",
        "--train-dataset",
        "mixed.en",
    ]
    command += ["--name", "load", "--set", "epochs=100"]
    env = {**os.environ, "AFINA_HOME": str(app.home), "HF_HUB_OFFLINE": "1"}
    quiet = subprocess.DEVNULL
    started = subprocess.Popen(command, cwd=ROOT, env=env, stdout=quiet, stderr=quiet)
    time.sleep(8)
    return started


def end_runs(home: Path) -> None:
    """Runs outlive whoever started them: their processes are found by their folder."""
    for process in psutil.process_iter(["cmdline"]):
        if str(home) in (process.info["cmdline"] or []):
            process.kill()


async def crowd(app: App, code: str, seen: Seen, options: argparse.Namespace) -> None:
    joining = 10 * max(1, options.voters / 300)  # 300 in ten seconds
    end = time.monotonic() + joining + options.seconds
    everybody = [person(app.port, code, seen, options, joining, end) for _ in range(options.voters)]
    killing = asyncio.create_task(kills(app, options.kills, options.seconds))
    await asyncio.gather(*everybody)
    await killing


async def kills(app: App, n: int, seconds: float) -> None:
    for _ in range(n):
        await asyncio.sleep(random.uniform(0.3, 1.7) * seconds / max(1, n))
        await asyncio.to_thread(app.kill)


async def person(
    port: int, code: str, seen: Seen, options: argparse.Namespace, joining: float, end: float
) -> None:
    line = Line(port, seen)
    await asyncio.sleep(random.uniform(0, joining))
    while not line.token and time.monotonic() < end:
        answer = await line.ask("join", {"room": code, "language": "en"})
        line.token = answer["token"] if answer else ""
    following = asyncio.create_task(follow(Line(port, seen, line.token), end))
    item = None
    while time.monotonic() < end:
        item = item or await line.ask("next")
        if item is None:
            continue
        if item.get("done"):
            break
        await asyncio.sleep(random.uniform(0.5, 1.5) * options.every)
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
    """One kept connection, as a browser has it; plain sockets, so that the clients cost less than the app."""

    def __init__(self, port: int, seen: Seen, token: str = "") -> None:
        self.port, self.seen, self.token = port, seen, token
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, name: str, body: dict | None = None) -> dict | None:
        """The answer's JSON; None where there was none, after a little rest."""
        began = time.perf_counter()
        try:
            status, answer = await asyncio.wait_for(self._send(name, body), 30)
            self.seen.seconds[name.split("/")[0]].append(time.perf_counter() - began)
            if status == 200:
                return json.loads(answer)
            self.seen.failures[f"{name} {status}"] += 1
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.seen.failures[f"{name} {type(error).__name__}"] += 1
            self._streams = None
        await asyncio.sleep(0.5)
        return None

    async def _send(self, name: str, body: dict | None) -> tuple[int, bytes]:
        if self._streams is None or self._streams[0].at_eof():  # the server lets go of what is idle
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        sent = json.dumps(body).encode() if body is not None else b""
        head = f"{'POST' if body is not None else 'GET'} /vote/{name} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        head += f"Authorization: Bearer {self.token}\r\nContent-Length: {len(sent)}\r\n\r\n"
        writer.write(head.encode() + sent)
        await writer.drain()
        answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(answer.split("content-length:", 1)[1].split("\r\n", 1)[0])
        return int(answer.split(" ", 2)[1]), await reader.readexactly(length)


def check(home: Path, seen: Seen) -> dict[str, int]:
    """Row by row: is every acknowledged vote there, as it was cast, and once?"""
    database = sqlite3.connect(home / "labels.db")
    query = (
        "SELECT a.annotation_id, a.comparison_id, a.winner, a.position_swapped, s.current FROM annotations a "
        "JOIN assignments s ON s.assignment_id = a.assignment_id WHERE a.action = 'vote'"
    )
    stored = Counter()
    found: dict[str, tuple[str, str]] = {}
    for annotation, comparison, winner, swapped, _ in database.execute(query):
        stored[annotation] += 1
        sides = {"model_a": "right" if swapped else "left", "model_b": "left" if swapped else "right"}
        found[annotation] = (comparison, sides.get(winner, winner))
    counted = database.execute("SELECT SUM(votes) FROM coverage WHERE phase = 'blind'").fetchone()[0]
    places = database.execute("SELECT COUNT(*) FROM assignments WHERE action = 'vote'").fetchone()[0]
    return {
        "stored": sum(stored.values()),
        "lost": sum(found.get(each) != said for each, said in seen.acknowledged.items()),
        "doubled": sum(n > 1 for n in stored.values()) + abs(counted - places),
    }


if __name__ == "__main__":
    main()
