"""A class votes: `python benchmarks/voting.py [--voters 300] [--kills 0] [--train] [--json]`.

Starts the real app in a process of its own, lets so many people join (300 in ten seconds), follow the state and vote
every few seconds over HTTP, and compares the database row by row with what was acknowledged. `--train` fine-tunes
`pocket` meanwhile. `--kills N` ends the app with kill -9 N times at random moments under that load and starts it
again. `--processes 2 --postgresql URL` puts two apps on one database; each request goes to one of them by chance. The
clients share the machine with the app; their own work is in the figures. At the end it times what the teacher's
dashboard takes for all these votes: the stage with its counters, and the whole report after a change, for its first
viewer and the next one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import psutil
from sqlalchemy import func, select

from benchmarks.crowd import Habits, Seen, crowd
from common.settings import Settings
from labeling.admission import annotators
from labeling.rounds import lifecycle
from labeling.schema import Comparison, RoundSettings
from labeling.storage.label_store import open_store
from labeling.storage.tables import annotation_log, assignments, coverage
from workbench.actors import TEACHER
from workbench.services import build


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voters", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60.0, help="of voting, after the joining")
    parser.add_argument("--every", type=float, default=4.0, help="mean seconds between two votes of one person")
    parser.add_argument("--comparisons", type=int, default=200)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--train", action="store_true")
    parser.add_argument("--processes", type=int, default=1, help="app processes; more than one need --postgresql")
    parser.add_argument("--postgresql", metavar="URL", help="an empty PostgreSQL database instead of SQLite")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.processes > 1 and not options.postgresql:
        parser.error("--processes: several on one round need --postgresql")
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), options)
    print(json.dumps(result) if options.json else "\n".join(f"{name}: {value}" for name, value in result.items()))
    if result["lost"] or result["doubled"]:
        sys.exit(1)


def measure(home: Path, options: argparse.Namespace) -> dict[str, object]:
    settings = Settings(home=home, database_url=options.postgresql or "")
    code = prepare(settings, options.comparisons, options.voters)
    apps: list[App] = []
    try:
        for i in range(options.processes):  # each with a home of its own, as on two machines
            folder = home if i == 0 else home / f"app{i}"
            apps.append(App(dataclasses.replace(settings, home=folder)))
        time.sleep(15)  # until what loads behind the page is there
        trained = train(apps[0]) if options.train else None
        seen = Seen()
        before, own = sum(app.cpu_seconds() for app in apps), time.process_time()
        asyncio.run(voting(apps, code, seen, Habits(options.voters, options.seconds, options.every), options.kills))
        kills = sum(app.kills for app in apps)
        used = 0.0 if kills else sum(app.cpu_seconds() for app in apps) - before
        own = time.process_time() - own
        still_training = trained.poll() is None if trained else None
        if trained:
            trained.kill()
    finally:
        for app in apps:
            app.stop()
        end_runs(home)
    return {
        "voters": options.voters,
        "cores": os.cpu_count(),
        "processes": options.processes,
        "votes": len(seen.acknowledged),
        "requests": sum(map(len, seen.seconds.values())),
        "app_cpu_seconds": round(used, 1),
        "clients_cpu_seconds": round(own, 1),
        "kills": kills,
        "trained_throughout": still_training,
        **{f"{name}_p{p}_ms": at(seen.seconds[name], p) for name in seen.seconds for p in (50, 95)},
        "failures": dict(seen.failures),
        **check(settings, seen),
        **dashboard(settings),
    }


def at(seconds: list[float], percent: int) -> float:
    ordered = sorted(seconds) or [0.0]
    return round(1000 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 1)


def prepare(settings: Settings, n: int, voters: int) -> str:
    """An open round that does not run dry; gives the room's code."""
    store = open_store(settings)
    made = lifecycle.create(
        store, "load", "judge", ["a", "b"], RoundSettings(votes_wanted=max(3, voters), common_items=5)
    )
    text = "A reply of ordinary length, with a second half that says a little more. " * 2
    pairs = [Comparison(f"Question {i}?", f"{text} one {i}", f"{text} two {i}", "a@1", "b@1") for i in range(n)]
    lifecycle.add_comparisons(store, made.round_id, pairs)
    lifecycle.move(store, made.round_id, "open")
    code = annotators.room(store).code
    store.close()
    return code


class App:
    """The app in a process of its own, to be killed and started again on the same port."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.kills = settings, 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        env = {
            **os.environ,
            "AFINA_HOME": str(self.settings.home),
            "DATABASE_URL": self.settings.database_url,
            "AFINA_TEACHER_TOKEN": "bench-of-the-teacher",
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
    env = {**os.environ, "AFINA_HOME": str(app.settings.home), "HF_HUB_OFFLINE": "1"}
    quiet = subprocess.DEVNULL
    started = subprocess.Popen(command, cwd=ROOT, env=env, stdout=quiet, stderr=quiet)
    time.sleep(8)
    return started


def end_runs(home: Path) -> None:
    """Runs outlive whoever started them: their processes are found by their folder."""
    for process in psutil.process_iter(["cmdline"]):
        if str(home) in (process.info["cmdline"] or []):
            process.kill()


async def voting(apps: list[App], code: str, seen: Seen, habits: Habits, kills: int) -> None:
    killing = asyncio.create_task(killed(apps, kills, habits.seconds))
    await crowd([app.port for app in apps], code, seen, habits)
    await killing


async def killed(apps: list[App], n: int, seconds: float) -> None:
    for _ in range(n):
        await asyncio.sleep(random.uniform(0.3, 1.7) * seconds / max(1, n))
        await asyncio.to_thread(random.choice(apps).kill)


def check(settings: Settings, seen: Seen) -> dict[str, int]:
    """Row by row: is every acknowledged vote there, as it was cast, and once?"""
    store = open_store(settings)
    places, log = assignments, annotation_log
    query = select(log.c.annotation_id, log.c.comparison_id, log.c.winner, log.c.position_swapped).where(
        log.c.action == "vote"
    )
    blind = coverage.c.phase == "blind"
    with store.read() as connection:
        rows = connection.execute(query).all()
        counted = connection.execute(select(func.sum(coverage.c.votes)).where(blind)).scalar_one()
        judged = select(func.count()).select_from(places).where(places.c.action == "vote")
        settled = connection.execute(judged.where(places.c.repeat == 0)).scalar_one()
    store.close()
    stored: Counter[str] = Counter()
    votes: dict[str, tuple[str, str]] = {}
    for annotation, comparison, winner, swapped in rows:
        stored[annotation] += 1
        sides = {"model_a": "right" if swapped else "left", "model_b": "left" if swapped else "right"}
        votes[annotation] = (comparison, sides.get(winner, winner))
    return {
        "stored": sum(stored.values()),
        "lost": sum(votes.get(each) != said for each, said in seen.acknowledged.items()),
        "doubled": sum(n > 1 for n in stored.values()) + abs(counted - settled),
    }


def dashboard(settings: Settings) -> dict[str, float]:
    """Milliseconds of what the teacher looks at, with every vote of the round in it."""
    services = build(settings)
    try:
        (round_,) = services.rounds.listed(TEACHER)
        services.rounds.stage(TEACHER, round_.round_id)  # connections and statements are there
        somebody = services.results.findings(round_).votes.annotators[0]  # and libraries
        services.results.exclude(TEACHER, "annotator", somebody, "a change, so that it is worked out anew")
        time.sleep(1.1)  # for so long nobody asks whether something has changed
        took = {}
        for name, look in (
            ("stage", services.rounds.stage),
            ("report_refresh", services.results.traits),
            ("report_next_viewer", services.results.traits),
        ):
            start = time.perf_counter()
            look(TEACHER, round_.round_id)
            took[f"{name}_ms"] = round(1000 * (time.perf_counter() - start), 1)
        return took
    finally:
        services.stop()


if __name__ == "__main__":
    main()
