"""Attacks on Gradio's edge, bounded, with a vote's time meanwhile: `python benchmarks/edge.py [ATTACK …] [--json]`.

Starts the real app in a process of its own on 127.0.0.1 and talks to nothing else. Says of each attack how many
requests were sent, what got through, what it cost the app, and how long a vote took meanwhile. `pages` takes
`--minutes`. `address` needs an address that is public and yet this machine's, in a network namespace of its own:

    unshare --net sh -c 'ip link set lo up; ip addr add 11.22.33.44/32 dev lo; python benchmarks/edge.py address'

The clients share the machine with the app. It runs on older versions too, to compare.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import http.server
import json
import multiprocessing
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

ROOT = Path.cwd() if (Path.cwd() / "app.py").exists() else Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parents[1])]

import psutil

from common.settings import Settings
from labeling.admission import annotators
from labeling.rounds import lifecycle
from labeling.schema import Comparison, RoundSettings
from labeling.storage.label_store import open_store

TOKEN = "edge-" + "benchmark-token"
PUBLIC = "11.22.33.44"
_COMPARISONS = 4_000


class App:
    """The app in a process of its own, with an open round, and a voter at work beside the attacks."""

    def __init__(self, home: Path) -> None:
        self.home, self.temporary = home, home / "tmp"
        self.temporary.mkdir()
        self.code = _open_round(home)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        env = os.environ | {
            "AFINA_HOME": str(home),
            "AFINA_TEACHER_TOKEN": TOKEN,
            "HF_HUB_OFFLINE": "1",
            "GRADIO_TEMP_DIR": str(self.temporary / "gradio"),
            "TMPDIR": str(self.temporary),
        }
        self.log = home / "app.log"
        with self.log.open("wb") as output:
            command = [sys.executable, "app.py", "--no-browser", "--port", str(self.port)]
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
        deadline = time.monotonic() + 120
        while "/enter?token=" not in self.log.read_text():
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
        process, deadline = psutil.Process(self.process.pid), time.monotonic() + 60
        time.sleep(8)
        while process.cpu_percent(2) > 10:  # without a page the base model begins to load after 5 s
            assert time.monotonic() < deadline, "the app is still busy after a minute"

    def stop(self) -> None:
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        self.process.kill()

    def memory_mb(self) -> float:
        return psutil.Process(self.process.pid).memory_info().rss / 2**20

    def disk_mb(self) -> float:
        files = (path for path in self.temporary.rglob("*") if path.is_file())
        return sum(path.stat().st_size for path in files) / 2**20

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        return _ask(self.port, method, path, body, **headers)

    def config(self) -> dict[str, Any]:
        return json.loads(self.ask("GET", "/config")[1])


def _ask(port: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
    """Status 0 where the connection ended without an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-type": "application/json"} | {n.replace("_", "-"): v for n, v in headers.items()}
    try:
        connection.request(method, path, data, sent)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def _open_round(home: Path) -> str:
    store = open_store(Settings(home=home))
    made = lifecycle.create(store, "edge", "judge", ["a", "b"], RoundSettings())
    pairs = [Comparison(f"Question {i}?", f"first {i}", f"second {i}", "a@1", "b@2") for i in range(_COMPARISONS)]
    lifecycle.add_comparisons(store, made.round_id, pairs)
    lifecycle.move(store, made.round_id, "open")
    code = annotators.room(store).code
    store.close()
    return code


@contextlib.contextmanager
def voter(app: App) -> Iterator[dict[str, Any]]:
    """A phone that votes every 50 ms while the block runs; its times in ms are in the dictionary afterwards.

    It is a process of its own: beside the threads that attack it would wait for Python's lock, not for the app.
    """
    status, answer = app.ask("POST", "/vote/join", {"room": app.code, "language": "en"})
    assert status == 200, answer
    processes = multiprocessing.get_context("spawn")
    begun, ended = processes.Event(), processes.Event()
    times, ours = processes.Pipe(duplex=False)
    phone = processes.Process(target=_vote, args=(app.port, json.loads(answer)["token"], begun, ended, ours))
    phone.start()
    assert begun.wait(60), "the voter was served nothing"
    measured: dict[str, Any] = {}
    try:
        yield measured
    finally:
        ended.set()
        assert times.poll(120), "the voter has not answered"
        ms, failed = times.recv()
        phone.join()
        assert ms, "the voter has not voted"
        ms.sort()
        measured |= {
            "votes": len(ms),
            "failed": failed,
            "p50_ms": round(statistics.median(ms), 1),
            "p95_ms": round(ms[int(0.95 * (len(ms) - 1))], 1),
            "worst_ms": round(ms[-1], 1),
        }


def _vote(port: int, token: str, begun: Event, ended: Event, times: Connection) -> None:
    """Sends the milliseconds of each vote, and how many failed, when `ended` is set."""
    bearer = {"authorization": f"Bearer {token}"}
    item = json.loads(_ask(port, "GET", "/vote/next", **bearer)[1])
    ms, failed = [], 0
    begun.set()
    while not ended.is_set() and "comparison_id" in item:
        body = {
            "annotation_id": str(uuid.uuid4()),
            "comparison_id": item["comparison_id"],
            "assignment_id": item["assignment_id"],
            "winner": random.choice(["left", "right"]),
        }
        began = time.perf_counter()
        status, answer = _ask(port, "POST", "/vote/cast/next", body, **bearer)
        ms.append(1000 * (time.perf_counter() - began))
        if status == 200:
            item = json.loads(answer)["next"] or item
        else:
            failed += 1
        time.sleep(0.05)
    times.send((ms, failed))


def quiet(app: App, _: argparse.Namespace) -> dict[str, Any]:
    """Nothing but the voter, for 5 s: what the others compare with."""
    with voter(app) as votes:
        time.sleep(5)
    return {"sent": 0, "vote": votes}


def routes(app: App, _: argparse.Namespace) -> dict[str, Any]:
    """Routes of Gradio that the page does not use."""
    names = "openapi.json queue/status user token app_id login_check run-history/buckets monitoring/summary"
    paths = [
        "custom_component/a/client/b/c",
        "deep_link?session_hash=x",
        "file=/etc/hostname",
        *names.split(),
    ]
    answers = [app.ask("GET", f"/gradio_api/{path}")[0] for path in paths]
    return {"sent": len(answers), "through": sum(status not in (0, 404) for status in answers)}


def address(app: App, _: argparse.Namespace) -> dict[str, Any]:
    """Addresses that the server would download: 40 file values of a chat's message, 10 of `file=`."""
    downloads = []

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            downloads.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"INTRANET PAGE" * 1000)

        def log_message(self, *_: Any) -> None:
            pass

    inside = http.server.ThreadingHTTPServer((PUBLIC, 0), Page)
    threading.Thread(target=inside.serve_forever, daemon=True).start()
    url = f"http://{PUBLIC}:{inside.server_port}/secret"
    config = app.config()
    chats = {part["id"] for part in config["components"] if part["type"] == "chatbot"}
    talking = [each for each in config["dependencies"] if chats & set(each["inputs"]) and each["backend_fn"]]
    event = min(talking, key=lambda each: len(each["inputs"]))
    for i in range(40):
        value = {"path": f"{url}?{i}", "meta": {"_type": "gradio.FileData"}}
        message = [{"role": "user", "content": value}]
        _event(app, event["id"], [message if part in chats else None for part in event["inputs"]])
    shown = [app.ask("GET", f"/gradio_api/file={url}")[1] for _i in range(10)]
    inside.shutdown()
    return {"sent": 50, "through": len(downloads), "pages_read": sum(b"INTRANET" in each for each in shown)}


def _event(app: App, number: int, data: list[Any], **headers: str) -> tuple[int, bytes]:
    session = uuid.uuid4().hex
    body = {"data": data, "fn_index": number, "session_hash": session}
    status, answer = app.ask("POST", "/gradio_api/queue/join", body, **headers)
    if status != 200:
        return status, answer
    return app.ask("GET", f"/gradio_api/queue/data?session_hash={session}", **headers)


def disk(app: App, _: argparse.Namespace) -> dict[str, Any]:
    """Files that stay: 20 complete recordings of 3.9 MB, 20 forms that break off, 20 kept states."""
    before, statuses = app.disk_mb(), Counter[int]()
    mark = uuid.uuid4().hex
    kind = f"multipart/form-data; boundary={mark}"
    head = f'--{mark}\r\ncontent-disposition: form-data; name="video"; filename="x.mp4"\r\n\r\n'.encode()
    whole = head + b"x" * 3_900_000 + f"\r\n--{mark}--\r\n".encode()
    with voter(app) as votes:
        for _i in range(20):
            statuses[app.ask("POST", "/gradio_api/process_recording", whole, content_type=kind)[0]] += 1
            _broken_off(app, "/gradio_api/component_server", kind, head + b"x" * 1_000_000)
            statuses[app.ask("GET", f"/gradio_api/deep_link?session_hash={uuid.uuid4().hex}")[0]] += 1
    time.sleep(1)
    return {
        "sent": 60,
        "left_mb": round(app.disk_mb() - before, 1),
        "statuses": dict(statuses),
        "vote": votes,
    }


def _broken_off(app: App, path: str, kind: str, body: bytes) -> None:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", app.port), 10) as line:
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: {kind}\r\ncontent-length: 9000000\r\n\r\n"
        line.sendall(head.encode() + body)
        time.sleep(0.05)


def events(app: App, _: argparse.Namespace) -> dict[str, Any]:
    """518 anonymous events, sent by eight at once and never read; 26 calls of the teacher's meanwhile.

    The voter votes on for 12 s from the first event: while they arrive, and while those accepted are worked off.
    """
    chosen = next(each for each in app.config()["dependencies"] if each["api_name"] == "compare")["id"]
    status = next(each for each in app.config()["dependencies"] if each["api_name"] == "run_status")["id"]
    data = ["Tell me a long story.", ["pocket", "pocket"], {"max_new_tokens": 400}, ""]
    accepted: Counter[int] = Counter()

    def flood(count: int) -> None:
        for _i in range(count):
            body = {"data": data, "fn_index": chosen, "session_hash": uuid.uuid4().hex}
            accepted[app.ask("POST", "/gradio_api/queue/join", body)[0]] += 1

    with voter(app) as votes:
        end = time.monotonic() + 12
        threads = [threading.Thread(target=flood, args=(65 if i < 6 else 64,)) for i in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        began, answered = time.perf_counter(), 0
        for _i in range(26):
            found = _event(app, status, ["none"], authorization=f"Bearer {TOKEN}")
            answered += found[0] == 200 and b"process_completed" in found[1]
        teacher = time.perf_counter() - began
        time.sleep(max(0.0, end - time.monotonic()))
    return {
        "sent": 518,
        "accepted": accepted[200],
        "teachers_calls_answered": f"{answered} of 26",
        "seconds_of_these": round(teacher, 1),
        "vote": votes,
    }


def large(app: App, _: argparse.Namespace) -> dict[str, Any]:
    """Four connections that send 3.2 MB of small objects again and again, for 12 s."""
    return _sent_again(app, b'{"data": [' + b"{}," * 1_060_000 + b'{}], "fn_index": 0, "session_hash": "x"}')


def visitors_json(app: App, _: argparse.Namespace) -> dict[str, Any]:
    """Four connections that send the largest JSON that a visitor may, for 12 s."""
    return _sent_again(app, b'{"data": ["' + b"x" * 250_000 + b'"], "fn_index": 0, "session_hash": "x"}')


def _sent_again(app: App, body: bytes) -> dict[str, Any]:
    statuses: Counter[int] = Counter()
    end = time.monotonic() + 12

    def send() -> None:
        while time.monotonic() < end:
            statuses[app.ask("POST", "/gradio_api/queue/join", body)[0]] += 1

    with voter(app) as votes:
        threads = [threading.Thread(target=send) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    return {"sent": sum(statuses.values()), "statuses": dict(statuses), "vote": votes}


def sessions(app: App, _: argparse.Namespace) -> dict[str, Any]:
    """1,000 events, each of a new session."""
    status = next(each for each in app.config()["dependencies"] if each["api_name"] == "run_status")["id"]
    before, began = app.memory_mb(), time.perf_counter()
    with voter(app) as votes:
        for _i in range(1_000):
            _event(app, status, ["none"])
        seconds = time.perf_counter() - began
    return {
        "sent": 1_000,
        "seconds": round(seconds, 1),
        "memory_mb": round(app.memory_mb() - before),
        "vote": votes,
    }


def half(app: App, _: argparse.Namespace) -> dict[str, Any]:
    """400 half requests; how many are still open after 40 s."""
    lines = []
    for i in range(400):
        line = socket.create_connection(("127.0.0.1", app.port), 10)
        body = b"POST /vote/join HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"
        line.sendall(b"GET / HTTP/1.1\r\nhost:" if i % 2 else body)
        line.setblocking(False)
        lines.append(line)
    with voter(app) as votes:
        time.sleep(40)
    still = 0
    for line in lines:
        try:
            still += line.recv(1 << 16) != b""
        except BlockingIOError:
            still += 1
        except OSError:
            pass
        line.close()
    return {"sent": 400, "open_after_40_s": still, "vote": votes}


def pages(app: App, options: argparse.Namespace) -> dict[str, Any]:
    """608 page loads by 50 browsers: the page, its first events, some ticks, then it closes and loads again."""
    from benchmarks.edge_pages import browse

    loads, minutes = options.loads, options.minutes
    opening = _opening(app.config())
    samples: list[tuple[float, float]] = []
    began = time.monotonic()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(1):
            samples.append((time.monotonic() - began, app.memory_mb()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    counts = browse(app.port, opening, loads, 50, minutes * 60)
    time.sleep(2)
    ended.set()
    watcher.join()
    minute = [memory for at, memory in samples if at >= 60][:1] or [samples[-1][1]]
    return {
        "sent": sum(counts.values()),
        "statuses": {str(key): value for key, value in counts.items()},
        "memory_mb_before": round(samples[0][1]),
        "memory_mb_after_a_minute": round(minute[0]),
        "memory_mb_highest": round(max(memory for _, memory in samples)),
        "memory_mb_end": round(samples[-1][1]),
        "end_to_first_minute": round(samples[-1][1] / minute[0], 2),
    }


def _opening(config: dict[str, Any]) -> list[tuple[int, list[Any], bool]]:
    """(event, what the page sends, whether it waits in the queue) of all that an opening page and its tabs ask for."""
    values = {part["id"]: part.get("props", {}).get("value") for part in config["components"]}
    kinds = {part["id"]: part["type"] for part in config["components"]}
    calls = []
    for event in config["dependencies"]:
        triggers = {name for _, name in event["targets"]}
        arrives = "load" in triggers or any(kinds.get(part) == "tabitem" for part, _ in event["targets"])
        ticks = any(kinds.get(part) == "timer" for part, _ in event["targets"])
        if event["backend_fn"] and (arrives or ticks):
            data = [None if kinds[part] == "state" else values[part] for part in event["inputs"]]
            calls.append((event["id"], data, event["queue"] is not False))
    return calls


ATTACKS: dict[str, Callable[[App, argparse.Namespace], dict[str, Any]]] = {
    each.__name__: each for each in (quiet, routes, address, disk, events, large, visitors_json, sessions, half, pages)
}
_UNASKED = ("address", "pages")  # those need a namespace, or a quarter of an hour


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=", ".join(ATTACKS))
    parser.add_argument("--minutes", type=float, default=15, help="of `pages`")
    parser.add_argument("--loads", type=int, default=608, help="of `pages`")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    wanted = options.attacks or [name for name in ATTACKS if name not in _UNASKED]
    if unknown := set(wanted) - set(ATTACKS):
        parser.error(f"no such attack: {', '.join(sorted(unknown))}; there are {', '.join(ATTACKS)}")
    for name in wanted:
        with tempfile.TemporaryDirectory() as folder:
            app = App(Path(folder))
            try:
                result = {"attack": name} | ATTACKS[name](app, options)
            finally:
                app.stop()
        print(json.dumps(result) if options.json else f"{name}: {result}", flush=True)


if __name__ == "__main__":
    main()
