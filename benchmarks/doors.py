"""Attacks on the door of the voting room, bounded: `python benchmarks/doors.py [ATTACK …] [--json]`.

Starts the real app in a process of its own on 127.0.0.1 and talks to nothing else. `codes` tries wrong room codes,
`places` joins 75 times and votes and holds what it gets, `slow` joins at a class's pace, `class` lets a hundred honest
phones join and vote while one script tries wrong codes and another, which knows the code, joins a thousand times. Says
of each how many requests were sent, what got through, and how long a vote of somebody else took meanwhile, at worst. A
phone opens the page and keeps its cookie; the scripts keep none, but for `slow`. Run in another version's folder, it
measures that version. A new attack is a function with `@attack`.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path.cwd() if (Path.cwd() / "app.py").exists() else Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from labeling.admission import annotators
from labeling.rounds import lifecycle
from labeling.schema import Comparison, RoundSettings
from labeling.storage.label_store import Store, open_store

COMPARISONS = 25
WANTED = {"class": 20}  # votes on each comparison: a class of a hundred finds enough to do; 3 elsewhere
ATTACKS: dict[str, Callable[[int, str], dict[str, Any]]] = {}


def attack(run: Callable[[int, str], dict[str, Any]]) -> Callable[[int, str], dict[str, Any]]:
    """Registers an attack: it gets the app's port and the room's code, and says what came of it."""
    ATTACKS[run.__name__.rstrip("_")] = run
    return run


class Phone:
    """One client on a connection of its own. An honest one opens the page first, and keeps the page's cookie."""

    def __init__(self, port: int, honest: bool = True) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers: dict[str, str] = {}
        self.sent, self.slowest = 0, 0.0
        if honest:
            self._connection.request("GET", "/vote")
            answer = self._connection.getresponse()
            answer.read()
            cookie = answer.getheader("set-cookie")
            self._headers |= {"cookie": cookie.split(";")[0]} if cookie else {}

    def ask(self, path: str, body: dict | None = None) -> tuple[int, dict]:
        began = time.perf_counter()
        data = json.dumps(body) if body is not None else None
        headers = self._headers | ({"content-type": "application/json"} if data else {})
        for last in (False, True):  # the server lets go of a connection that was idle
            try:
                self._connection.request("POST" if data else "GET", f"/vote/{path}", data, headers)
                answer = self._connection.getresponse()
                break
            except (http.client.RemoteDisconnected, ConnectionError):
                self._connection.close()
                if last:
                    raise
        found = json.loads(answer.read())
        self.sent += 1
        self.slowest = max(self.slowest, time.perf_counter() - began)
        return answer.status, found

    def join(self, code: str) -> int:
        status, answer = self.ask("join", {"room": code})
        if status == 200:
            self._headers["authorization"] = f"Bearer {answer['token']}"
        return status

    def judge(self, most: int = COMPARISONS, rest: float = 0.0) -> int:
        """Votes on what is served, `most` times at most; how often."""
        n, item = 0, self.ask("next")[1]
        while n < most and "comparison_id" in item:
            time.sleep(rest)
            body = {"annotation_id": uuid.uuid4().hex, "winner": random.choice(["left", "right"])}
            body |= {name: item[name] for name in ("comparison_id", "assignment_id")}
            status, answer = self.ask("cast/next", body)
            if status != 200:
                break
            n, item = n + 1, answer["next"] or {}
        return n

    def close(self) -> None:
        self._connection.close()


@contextlib.contextmanager
def voter(port: int, code: str) -> Iterator[dict[str, float]]:
    """Somebody who joined before and looks, then votes, meanwhile: milliseconds of the slowest and the middle one."""
    phone, milliseconds, over = Phone(port), {"worst_ms": 0.0, "median_ms": 0.0}, threading.Event()
    assert phone.join(code) == 200
    seconds: list[float] = []

    def work() -> None:
        item = phone.ask("next")[1]
        while not over.wait(0.2):
            began = time.perf_counter()
            if "comparison_id" in item:
                body = {"annotation_id": uuid.uuid4().hex, "winner": "tie"}
                body |= {name: item[name] for name in ("comparison_id", "assignment_id")}
                item = phone.ask("cast/next", body)[1].get("next") or {}
            else:
                item = phone.ask("next")[1]
            seconds.append(time.perf_counter() - began)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield milliseconds
    finally:
        over.set()
        thread.join()
        phone.close()
        ordered = sorted(seconds) or [0.0]
        milliseconds["worst_ms"] = round(1000 * ordered[-1], 1)
        milliseconds["median_ms"] = round(1000 * ordered[len(ordered) // 2], 1)


@attack
def codes(port: int, code: str, n: int = 2_000, at_once: int = 4) -> dict[str, Any]:
    """Wrong codes, as fast as they are answered; then phones with the right one."""

    def guess(_: int) -> Counter[int]:
        script = Phone(port, honest=False)
        return Counter(script.ask("join", {"room": f"WRONG{i}"})[0] for i in range(n // at_once))

    with voter(port, code) as vote:
        with ThreadPoolExecutor(at_once) as scripts:
            answers = sum(scripts.map(guess, range(at_once)), Counter())
        joined = Counter(Phone(port).join(code) for _ in range(20))
    return {"sent": n, "answers": dict(answers), "honest": 20, "honest_joined": joined[200], "vote": vote}


@attack
def places(port: int, code: str, n: int = 75) -> dict[str, Any]:
    """Joins without a cookie that vote five times each and hold one more; then one phone."""
    script = [Phone(port, honest=False) for _ in range(n)]
    began = time.perf_counter()
    joined = sum(each.join(code) == 200 for each in script)
    votes = sum(each.judge(5) for each in script)
    seconds = time.perf_counter() - began
    honest = Phone(port)
    status = honest.join(code)
    served = honest.judge() if status == 200 else 0
    for each in (*script, honest):
        each.close()
    return {
        "sent": sum(each.sent for each in script),
        "joined": joined,
        "votes": votes,
        "seconds": round(seconds, 1),
        "honest_served": served,
        "of": COMPARISONS,
    }


@attack
def slow(port: int, code: str, joins: int = 200, phones: int = 30) -> dict[str, Any]:
    """A script that looks like people, five joins a second, a cookie each, holds what it is served; then a class."""
    script = []
    for _ in range(joins):
        phone = Phone(port)
        if phone.join(code) == 200:
            phone.ask("next")
            script.append(phone)
        time.sleep(0.2)
    honest = [Phone(port) for _ in range(phones)]
    joined = sum(phone.join(code) == 200 for phone in honest)
    served = [phone.judge(5) for phone in honest]
    for phone in (*script, *honest):
        phone.close()
    return {
        "sent": sum(phone.sent for phone in script),
        "joined": len(script),
        "honest": phones,
        "honest_joined": joined,
        "honest_served_five": sum(n == 5 for n in served),
        "honest_served_none": sum(n == 0 for n in served),
    }


@attack
def class_(port: int, code: str, phones: int = 100, joins: int = 1_000, wrong: int = 1_100) -> dict[str, Any]:
    """A class joins within ten seconds and votes, while one script tries codes and another joins and votes."""
    refused: Counter[int] = Counter()

    def guess() -> Counter[int]:
        script = Phone(port, honest=False)
        return Counter(script.ask("join", {"room": f"WRONG{i}"})[0] for i in range(wrong))

    def flood() -> tuple[int, int]:
        inside = votes = 0
        for _ in range(joins):
            script = Phone(port, honest=False)
            if script.join(code) == 200:
                inside += 1
                votes += script.judge(2)
            script.close()
        return inside, votes

    def honest(i: int) -> tuple[bool, int, float]:
        time.sleep(3 + 10 * i / phones)  # the scripts are at it already
        phone = Phone(port)
        for _ in range(30):  # whoever is refused tries again, as people do
            status = phone.join(code)
            if status == 200:
                break
            refused[status] += 1
            time.sleep(1)
        served = phone.judge(3, rest=0.5) if status == 200 else 0
        phone.close()
        return status == 200, served, phone.slowest

    with ThreadPoolExecutor(phones + 2) as crowd:
        guessing, flooding = crowd.submit(guess), crowd.submit(flood)
        outcomes = list(crowd.map(honest, range(phones)))
        inside, votes = flooding.result()
        answers = guessing.result()
    return {
        "sent": wrong + joins,
        "wrong_codes": dict(answers),
        "script_joined": inside,
        "script_votes": votes,
        "honest": phones,
        "honest_joined": sum(each[0] for each in outcomes),
        "honest_refusals": dict(refused),
        "honest_served_all": sum(each[1] == 3 for each in outcomes),
        "honest_served_none": sum(each[1] == 0 for each in outcomes),
        "worst_ms": round(1000 * max(each[2] for each in outcomes), 1),
    }


def open_round(store: Store, wanted: int = 3) -> str:
    """A round without common comparisons, so that nobody has any for sure; gives the room's code."""
    made = lifecycle.create(
        store,
        f"doors {uuid.uuid4().hex[:6]}",
        "judge",
        ["a", "b"],
        RoundSettings(votes_wanted=wanted, common_items=0),
    )
    pairs = [Comparison(f"Question {i}?", f"one {i}", f"two {i}", "a@1", "b@1") for i in range(COMPARISONS)]
    lifecycle.add_comparisons(store, made.round_id, pairs)
    lifecycle.move(store, made.round_id, "open")
    return annotators.room(store).code


@contextlib.contextmanager
def app(wanted: int) -> Iterator[tuple[int, str]]:
    """A fresh app with an open round: its port and the room's code."""
    from common.settings import Settings

    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        store = open_store(Settings(home=Path(folder)))
        code = open_round(store, wanted)
        store.close()
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        env = {
            **os.environ,
            "AFINA_HOME": folder,
            "AFINA_TEACHER_TOKEN": "doors-benchmark-token",
            "HF_HUB_OFFLINE": "1",
        }
        command = [sys.executable, "app.py", "--no-browser", "--port", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(1200):
                with (
                    contextlib.suppress(OSError),
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2),
                ):
                    break
                time.sleep(0.1)
            time.sleep(10)  # until what loads behind the page is there
            yield port, code
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=f"of {', '.join(ATTACKS)}; all if none is named")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = {}
    for name in options.attacks or ATTACKS:
        with app(WANTED.get(name, 3)) as (port, code):
            results[name] = ATTACKS[name](port, code)
        if not options.json:
            print(name, json.dumps(results[name]), flush=True)
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
