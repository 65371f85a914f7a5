"""Two processes train one run, through `accelerate launch`: the same numbers as one process, the same events."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from common.errors import AfinaError
from tests.tuning.methods.test_preference_data import records
from tuning.config.training import DPOConfig, SFTConfig
from tuning.data import loading, preference_pairs
from tuning.executors.accelerate import LaunchedExecutor
from tuning.executors.run_method import execute
from tuning.runs.queue import Queue
from tuning.runs.run_store import Run, RunStore

torch = pytest.importorskip("torch")
from safetensors.torch import load_file  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning")
TWO = """compute_environment: LOCAL_MACHINE
distributed_type: MULTI_GPU
num_machines: 1
num_processes: 2
use_cpu: false
"""


@pytest.fixture
def queue(tmp_path, monkeypatch) -> Queue:
    """Runs with two processes; on a machine without GPUs torch's gloo connects them."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    config = tmp_path / "two.yaml"
    config.write_text(TWO)
    return Queue(RunStore(tmp_path), LaunchedExecutor(tmp_path, config))


def sft(queue: Queue, model: Path, sums, name: str, **settings) -> Run:
    config = SFTConfig.from_settings(
        {
            "source_model": str(model),
            "learning_rate": 0.01,
            "dropout": 0.0,
            "batch_size": 8,
            "epochs": 2,
            "heldout_fraction": 0.0,
            **settings,
        }
    )
    # 40 rows: an incomplete last batch would be filled up with rows from the epoch's beginning.
    return queue.submit("sft", config, loading.from_python(sums[:40]), name, validation=loading.from_python(sums[40:]))


def wait(queue: Queue, run: Run) -> None:
    queue.start()
    end = time.monotonic() + 180
    while not run.status().ended:
        assert time.monotonic() < end, logs(queue)
        time.sleep(0.1)


def logs(queue: Queue) -> str:
    return "\n".join(path.read_text()[-3000:] for path in (queue.store.home / "logs").glob("*.log"))


def weights(run: Run) -> dict:
    return load_file(run.adapter_dir / "adapter_model.safetensors")


def distance(one: dict, other: dict) -> float:
    """The largest difference of two weights, relative to the largest weight of that matrix."""
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max() / one[name].abs().max().clamp_min(1e-6)) for name in one)


@pytest.mark.slow
def test_two_processes_equal_one(queue, tiny_model, sums):
    alone, together = (sft(queue, tiny_model, sums, name) for name in ("alone", "together"))
    execute(alone, queue.store.home)
    try:
        wait(queue, together)
    finally:
        queue.close()
    status, expected = together.status(), alone.status()
    assert status.state == "done", (status.error, logs(queue))
    assert distance(weights(alone), weights(together)) < 1e-3, distance(weights(alone), weights(together))
    assert status.total_steps == expected.total_steps == len(status.series["loss"])
    for (step, loss), (_, other) in zip(status.series["loss"], expected.series["loss"], strict=True):
        assert loss == pytest.approx(other, rel=1e-4), step
    assert status.series["heldout_loss"][-1][1] == pytest.approx(expected.series["heldout_loss"][-1][1], rel=1e-4)
    seqs = [event.seq for event in together.events()]
    assert seqs == list(range(1, len(seqs) + 1))  # one process wrote
    assert [note.params for note in status.notes if note.key == "note.together"] == [{"processes": 2}]


@pytest.mark.slow
def test_dpo_of_two_processes_equals_one(queue, tiny_model):
    settings = {
        "source_model": str(tiny_model),
        "learning_rate": 0.005,
        "epochs": 2,
        "batch_size": 4,
        "sft_weight": 0.0,
        "heldout_fraction": 0.2,
    }
    alone, together = (
        queue.submit("dpo", DPOConfig.from_settings(settings), preference_pairs.from_python(records()), name)
        for name in ("alone", "together")
    )
    execute(alone, queue.store.home)
    try:
        wait(queue, together)
    finally:
        queue.close()
    assert together.status().state == "done", (together.status().error, logs(queue))
    assert distance(weights(alone), weights(together)) < 1e-2


@pytest.mark.slow
def test_together_stopped_and_resumed_equals_unbroken(queue, tiny_model, sums):
    settings = {"epochs": 30, "save_every": 1000}
    alone = sft(queue, tiny_model, sums, "alone", **settings)
    execute(alone, queue.store.home)
    broken = sft(queue, tiny_model, sums, "broken", **settings)
    try:
        queue.start()
        while broken.status().step < 5:
            time.sleep(0.02)
            assert not broken.status().ended, (broken.status().error, logs(queue))
        queue.stop("broken")
        wait(queue, broken)
        assert broken.state == "stopped" and 5 <= broken.status().step < broken.status().total_steps
        assert broken.has_adapter
        queue.resume("broken")
        wait(queue, broken)
    finally:
        queue.close()
    assert broken.state == "done", (broken.status().error, logs(queue))
    assert distance(weights(alone), weights(broken)) < 1e-2


def test_a_config_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "list.yaml").write_text("- a\n")
    for name in ("absent.yaml", "list.yaml"):
        with pytest.raises(AfinaError) as caught:
            LaunchedExecutor(tmp_path, tmp_path / name)
        assert caught.value.key == "engine.no_launch_config" and name in str(caught.value)


def test_a_model_split_between_processes_is_refused(monkeypatch):
    from tuning.methods import distributed

    assert distributed.processes() == 1 and distributed.agree("x") == "x" and distributed.share(7) == 7
    monkeypatch.setitem(os.environ, "WORLD_SIZE", "2")
    assert distributed.share(7) == 4
