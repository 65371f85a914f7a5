"""Runs as Hub jobs, against a stand-in whose jobs are real processes: followed, stopped, cancelled, failed."""

from __future__ import annotations

import time

import pytest

from tests.standin.hub import TOKEN
from tests.standin.jobs import JobsHub
from tuning.config.training import SFTConfig
from tuning.data import loading
from tuning.executors import hub_job
from tuning.runs.queue import Queue
from tuning.runs.run_store import Run, RunStore

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),  # the Hub's client of its own
]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    from huggingface_hub import constants

    made = JobsHub(tmp_path / "jobs")
    for name, value in made.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(constants, "ENDPOINT", made.url)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", made.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(hub_job, "_LOOK", 0.3)
    yield made
    made.close()


@pytest.fixture
def queue(tmp_path, hub):
    made = Queue(RunStore(tmp_path / "home"), hub_job.HubJobExecutor(tmp_path / "home", "a10g-small", token=TOKEN))
    yield made
    made.close()


def submit(queue: Queue, name: str, steps: int) -> Run:
    config = SFTConfig.from_settings({"target_steps": steps, "epochs": 0, "batch_size": 4})
    rows = [{"prompt": f"What is {a} plus {b}?", "completion": f"It is {a + b}."} for a in range(5) for b in range(5)]
    return queue.submit("sft", config, loading.from_python(rows), name)


def wait(queue: Queue, run: Run, hub: JobsHub, until=None, seconds: float = 240) -> None:
    queue.start()
    end = time.monotonic() + seconds
    while not (until or (lambda: run.status().ended))():
        printed = [line for job in hub.jobs.values() for line in job.lines[-15:]]
        assert time.monotonic() < end and (until is None or not run.status().ended), (run.status(), printed)
        time.sleep(0.1)


def test_a_run_trains_there_and_comes_back(queue, hub):
    hub.cut = 1  # the log breaks once
    run = submit(queue, "afar", 6)
    wait(queue, run, hub)
    status = run.status()
    assert status.state == "done", (status.error, hub.jobs["job0"].lines[-15:])
    assert status.step == status.total_steps and run.has_adapter and run.card.is_file()
    steps = [event.step for event in run.events() if event.kind == "train"]
    assert steps == list(range(1, status.total_steps + 1))  # each event once
    assert hub.repo("me/afina-runs").private
    spec = hub.jobs["job0"].spec
    assert spec["flavor"] == "a10g-small" and TOKEN not in str(spec["command"])


def test_stop_saves_there_and_resume_goes_on(queue, hub):
    run = submit(queue, "long", 100_000)
    wait(queue, run, hub, until=lambda: run.status().step >= 2)
    queue.stop("long")
    wait(queue, run, hub)
    assert run.status().state == "stopped", run.status().error
    assert run.has_adapter and list(run.checkpoints_dir.glob("checkpoint-*"))
    step = run.status().step
    queue.resume("long")
    wait(queue, run, hub, until=lambda: run.status().step > step)
    assert len(hub.jobs) == 2 and "note.resumed" in [note.key for note in run.status().notes]
    queue.stop("long")
    wait(queue, run, hub)
    assert run.status().state == "stopped"


def test_a_job_that_dies_is_told(queue, hub):
    run = submit(queue, "dies", 100_000)
    wait(queue, run, hub, until=lambda: run.status().step >= 1)
    hub.jobs["job0"].end()
    wait(queue, run, hub)
    assert run.status().state == "failed" and str(run.status().error.key) == "job.ended"


def test_a_hub_that_fails_is_told(queue, hub):
    hub.broken = 500
    run = submit(queue, "refused", 3)
    wait(queue, run, hub)
    assert run.status().state == "failed" and run.status().error.key == "job.hub"
    assert TOKEN not in str(run.status().error)
