"""The queue with real processes: turns, cancelling, stop, kills on either side, two programs on one queue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from common.errors import Conflict
from tests import ROOT
from tuning.config.training import SFTConfig
from tuning.data import loading
from tuning.executors.local import LocalExecutor
from tuning.runs.queue import Queue
from tuning.runs.run_store import Run, RunStore

LONG = {"epochs": 100}  # some 1,400 steps: long enough to be killed in


class Recording:
    """An executor that only notes whose turn it was."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def warm(self) -> None: ...

    def run(self, run: Run) -> None:
        with run.lock():
            run.move("starting", ("queued",))
            self.ran.append(run.name)
            run.move("done")

    def close(self) -> None: ...


def wait_for(what, seconds: float = 90, why: str = "") -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"waited {seconds} s {why}"
        time.sleep(0.02)


@pytest.fixture
def store(tmp_path) -> RunStore:
    return RunStore(tmp_path)


@pytest.fixture
def submit(tiny_model, sums):
    def make(queue: Queue, name: str = "", **settings) -> Run:
        config = SFTConfig.from_settings({"source_model": str(tiny_model), "learning_rate": 0.005, **settings})
        return queue.submit("sft", config, loading.from_python(sums), name)

    return make


@pytest.fixture
def local(store, tiny_model) -> Iterator[Queue]:
    """A queue that really trains; whatever still works at the end is ended."""
    queue = Queue(store, LocalExecutor(store.home, str(tiny_model)))
    yield queue
    queue.close()
    for pid in workers(store.home):
        os.kill(pid, signal.SIGKILL)


def workers(home: Path) -> list[int]:
    """The worker processes of this home, by their command line."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "tuning.executors.local_worker" in line and str(home.resolve()) in line:
            found.append(process.pid)
    return found


def at_step(run: Run, step: int) -> None:
    wait_for(lambda: run.status().step >= step or run.status().ended, why=f"for step {step}")
    assert run.status().state == "running", (run.status().state, run.status().error)


def test_runs_take_turns_in_the_order_of_submission(store, submit):
    executor = Recording()
    queue = Queue(store, executor)
    for name in ("first", "second", "third"):
        submit(queue, name)
    assert [run.name for run in queue.waiting()] == ["first", "second", "third"]
    queue.cancel("second")
    queue.start()
    wait_for(lambda: len(executor.ran) == 2)
    queue.close()
    assert executor.ran == ["first", "third"]
    assert store.get("second").state == "cancelled"


def test_a_resumed_run_queues_up_behind_the_others(store, submit):
    queue = Queue(store, Recording())
    submit(queue, "first")
    submit(queue, "second")
    queue.cancel("first")
    queue.resume("first")
    assert [run.name for run in queue.waiting()] == ["second", "first"]


def test_what_cannot_be_done_in_a_state_is_refused(store, submit):
    queue = Queue(store, Recording())
    run = submit(queue, "x")
    with pytest.raises(Conflict):
        queue.resume("x")
    queue.stop("x")
    assert run.state == "cancelled"
    for act in (queue.stop, queue.cancel):
        with pytest.raises(Conflict):
            act("x")
    run.move("done")
    with pytest.raises(Conflict):
        queue.resume("x")


def test_only_one_of_two_queues_executes_and_the_other_takes_over(store, submit, tmp_path):
    one, two = Recording(), Recording()
    holder, other = Queue(store, one), Queue(RunStore(tmp_path), two)
    holder.start()
    submit(holder, "a")
    wait_for(lambda: one.ran == ["a"])
    other.start()
    submit(other, "b")
    wait_for(lambda: one.ran == ["a", "b"])
    holder.close()
    submit(other, "c")
    wait_for(lambda: two.ran == ["c"])
    other.close()
    assert one.ran == ["a", "b"]


def test_a_failing_executor_does_not_end_the_queue(store, submit):
    class Failing(Recording):
        def run(self, run: Run) -> None:
            if run.name == "bad":
                raise ValueError("broken")
            super().run(run)

    queue = Queue(store, executor := Failing())
    submit(queue, "bad")
    submit(queue, "good")
    queue.start()
    wait_for(lambda: executor.ran == ["good"])
    queue.close()
    bad = store.get("bad").status()
    assert bad.state == "failed" and "broken" in str(bad.error)


@pytest.mark.slow
def test_stop_saves_resume_goes_on_and_a_second_run_follows(local, submit):
    first, second = submit(local, "first", **LONG), submit(local, "second", epochs=1)
    local.start()
    at_step(first, 3)
    assert second.state == "queued" and [run.name for run in local.active()] == ["first"]
    local.stop("first")
    assert first.state in ("stopping", "stopped")
    wait_for(lambda: first.state == "stopped")
    assert first.has_adapter and first.download().is_file()
    stopped_at = first.status().step
    wait_for(lambda: second.state == "done")
    local.resume("first")
    wait_for(lambda: first.status().step > stopped_at and first.state == "running")
    assert min(event.step for event in first.events() if event.kind == "train" and event.time > second.queued_at)
    local.stop("first")
    wait_for(lambda: first.state == "stopped")


@pytest.mark.slow
def test_a_killed_worker_leaves_a_run_that_resumes_to_the_same_result(local, submit):
    settings = {"epochs": 12, "dropout": 0.1, "save_every": 5}
    whole, broken = submit(local, "whole", **settings), submit(local, "broken", **settings)
    local.start()
    at_step(broken, 13)
    (pid,) = [pid for pid in workers(local.store.home) if psutil.Process(pid).cpu_times().user > 0 and at_work(pid)]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: broken.state == "interrupted")
    wait_for(lambda: [e for e in broken.events() if e.kind == "error"])
    status = broken.status()
    assert status.resumable and status.error and status.error.key == "engine.killed" and "9" in str(status.error)
    local.resume("broken")
    wait_for(lambda: broken.state == "done")
    resumed = [event for event in broken.events() if event.kind == "start"][-1]
    assert resumed.step >= 10 and resumed.step % 5 == 0
    assert broken.status().series["loss"] == whole.status().series["loss"]
    weights = [run.adapter_dir / "adapter_model.safetensors" for run in (whole, broken)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def at_work(pid: int) -> bool:
    """Whether this worker holds a run (it has the run's lock open)."""
    return any(file.path.endswith("run.lock") for file in psutil.Process(pid).open_files())


APP = """
import sys, time
from pathlib import Path
from tuning.config.training import SFTConfig
from tuning.data import loading
from tuning.executors.local import LocalExecutor
from tuning.runs.queue import Queue
from tuning.runs.run_store import RunStore
home, model, name, epochs = Path(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
queue = Queue(RunStore(home), LocalExecutor(home, model))
rows = [{"prompt": f"What is {a} plus {b}?", "completion": f"It is {a + b}."} for a in range(8) for b in range(8)]
config = SFTConfig.from_settings({"source_model": model, "epochs": epochs, "learning_rate": 0.005})
run = queue.submit("sft", config, loading.from_python(rows), name)
queue.start()
while not run.status().ended:
    time.sleep(0.1)
print(run.state)
queue.close()
"""


def app(home: Path, model: Path, name: str, epochs: float) -> subprocess.Popen:
    command = [sys.executable, "-c", APP, str(home), str(model), name, str(epochs)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_killed_app_loses_nothing_its_run_goes_on_and_the_next_app_carries_on(local, store, tiny_model):
    first = app(store.home, tiny_model, "orphan", 40)
    wait_for(lambda: any(run.name == "orphan" for run in store))
    orphan = store.get("orphan")
    at_step(orphan, 2)
    first.send_signal(signal.SIGKILL)
    first.wait(timeout=10)
    before = orphan.status().step
    wait_for(lambda: orphan.status().step > before + 5, why="for the orphan to go on")
    second = app(store.home, tiny_model, "next", 1)  # a new app sees it at work, and waits for it
    wait_for(lambda: any(run.name == "next" for run in store))
    following = store.get("next")
    if orphan.state == "running":
        assert following.state == "queued"
    wait_for(lambda: following.state == "done")
    assert second.wait(timeout=30) == 0
    assert orphan.state == "done" and orphan.has_adapter
    began = next(event.time for event in following.events() if event.kind == "start")
    ended = next(event.time for event in orphan.events() if event.kind == "end")
    assert began > ended, "one run trains at a time"


@pytest.mark.slow
def test_two_programs_submit_to_one_queue(store, local, tiny_model):
    programs = [app(store.home, tiny_model, name, 2) for name in ("one", "two")]
    assert [program.wait(timeout=120) for program in programs] == [0, 0]
    spans = []
    for name in ("one", "two"):
        run = store.get(name)
        assert run.state == "done"
        times = [event.time for event in run.events() if event.kind in ("start", "end")]
        spans.append((times[0], times[-1]))
    spans.sort()
    assert spans[0][1] < spans[1][0], "one run trains at a time"


@pytest.mark.slow
def test_an_idle_worker_ends_with_its_app(store, tiny_model):
    script = (
        "import sys, time; from pathlib import Path; from tuning.executors.local import LocalExecutor\n"
        "executor = LocalExecutor(Path(sys.argv[1]), sys.argv[2]); executor.warm()\n"
        "print('up', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(store.home), str(tiny_model)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout and parent.stdout.readline() == "up\n"
    wait_for(lambda: len(workers(store.home)) == 1)
    parent.kill()
    parent.wait(timeout=10)
    wait_for(lambda: not workers(store.home), why="for the worker to end")
    parent.stdout.close()


def test_a_worker_that_cannot_start_fails_the_run_with_a_word(store, submit, monkeypatch):
    queue = Queue(store, LocalExecutor(store.home, "pocket"))
    run = submit(queue)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    queue.start()
    wait_for(lambda: run.state == "failed")
    queue.close()
    assert run.status().error and run.status().error.key == "engine.no_start"
