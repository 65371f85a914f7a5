"""Lent GPU time: what is asked for, who waits for whom, and runs in slices that equal unbroken ones."""

from __future__ import annotations

import pickle
import threading
import time
from pathlib import Path

import pytest

from tests.tuning.methods.test_preference_data import records
from tuning.config.training import DPOConfig, SFTConfig
from tuning.data import loading, preference_pairs
from tuning.executors import gpu_leases, zerogpu, zerogpu_engine
from tuning.executors.gpu_leases import MOST, GpuLeases, Nobody, quote, slice_of
from tuning.executors.run_method import execute
from tuning.executors.zerogpu_engine import Functions, LentEngine
from tuning.inference.reply_engine import Sampling
from tuning.runs.queue import Queue
from tuning.runs.run_store import Run, RunStore

torch = pytest.importorskip("torch")
from safetensors.torch import load_file  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning")


def test_long_training_is_quoted_in_slices_that_hold_it():
    assert quote(1) == gpu_leases.Quote(1, slice_of(1))
    assert slice_of(None) == slice_of(10_000) == MOST
    for seconds in (5, 47, 48, 49, 600):
        told = quote(seconds)
        assert told.slices * (MOST - gpu_leases.OVERHEAD) >= seconds > (told.slices - 1) * 0.8 * MOST
        assert told.seconds <= told.slices * MOST


def test_work_behind_the_page_is_done_in_the_thread_of_the_event():
    leases, found = GpuLeases(patience=30), []
    waiting = threading.Thread(target=lambda: found.append(leases.acquire(threading.get_ident)))
    waiting.start()
    while not leases.grant():
        time.sleep(0.01)
    waiting.join(5)
    assert found == [threading.get_ident()]
    assert not leases.grant()


def test_without_a_page_nobody_waits_for_ever():
    leases = GpuLeases(patience=0.2)
    with pytest.raises(Nobody):
        leases.acquire(lambda: None)
    with pytest.raises(Nobody):
        leases.acquire(lambda: None, still_needed=lambda: False, patient=True)
    assert not leases.grant()  # what gave up is not done later
    leases.close()
    with pytest.raises(Nobody):
        leases.acquire(lambda: None, patient=True)


def lent_until_it_ends(queue: Queue, leases: GpuLeases, run: Run, most: int = 200) -> int:
    """Plays the teacher's page; gives how many slices were lent."""
    queue.start()
    slices = 0
    end = time.monotonic() + 120
    while not run.status().ended and slices < most:
        assert time.monotonic() < end, run.status()
        slices += leases.grant()
        time.sleep(0.01)
    return slices - 1  # the first only says that there is a page


def one_step(seconds: int, run: str, home: str) -> None:
    """A slice whose time is up after one step; what goes in goes through pickle, as on the platform."""
    zerogpu.train_slice(*pickle.loads(pickle.dumps((0, run, home))))


@pytest.fixture
def submit(tiny_model, sums):
    def make(queue: Queue, method: str, name: str) -> Run:
        if method == "sft":
            config = SFTConfig.from_settings(
                {
                    "source_model": str(tiny_model),
                    "learning_rate": 0.01,
                    "target_steps": 6,
                    "dropout": 0.1,
                    "epochs": 0,
                    "batch_size": 8,
                    "eval_every": 3,
                }
            )
            return queue.submit("sft", config, loading.from_python(sums[:40]), name)
        settings = {"source_model": str(tiny_model), "learning_rate": 0.005, "epochs": 2, "batch_size": 16}
        return queue.submit("dpo", DPOConfig.from_settings(settings), preference_pairs.from_python(records()), name)

    return make


@pytest.mark.slow
@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_a_run_in_slices_equals_an_unbroken_one(tmp_path, submit, method):
    leases = GpuLeases(patience=30)
    queue = Queue(RunStore(tmp_path), zerogpu.ZeroGPUExecutor(tmp_path, leases, one_step))
    whole = submit(queue, method, "whole")
    execute(whole, tmp_path)
    sliced = submit(queue, method, "sliced")
    try:
        slices = lent_until_it_ends(queue, leases, sliced)
    finally:
        queue.close()
    status = sliced.status()
    assert status.state == "done", status.error
    assert slices == status.total_steps == whole.status().total_steps >= 3
    assert {note.key for note in status.notes} <= {note.key for note in whole.status().notes}
    one, other = (load_file(run.adapter_dir / "adapter_model.safetensors") for run in (whole, sliced))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    assert status.series["loss"] == whole.status().series["loss"]
    assert not list(sliced.checkpoints_dir.glob("*"))


@pytest.mark.slow
def test_with_the_page_closed_a_run_is_interrupted_and_goes_on_when_resumed(tmp_path, submit):
    leases = GpuLeases(patience=0.3)
    queue = Queue(RunStore(tmp_path), zerogpu.ZeroGPUExecutor(tmp_path, leases, one_step))
    run = submit(queue, "sft", "lonely")
    try:
        time.sleep(0.6)
        assert run.state == "queued"  # before its first slice it only waits
        lent_until_it_ends(queue, leases, run, most=3)
        assert run.held  # between two slices it is at work
        end = time.monotonic() + 20
        while not run.status().ended and time.monotonic() < end:
            time.sleep(0.05)
        status = run.status()
        assert status.state == "interrupted" and status.step == 2
        assert status.error is not None and status.error.key == "gpu.nobody"
        assert run.has_adapter
        queue.resume("lonely")
        leases.patience = 30
        lent_until_it_ends(queue, leases, run)
        assert run.status().state == "done"
    finally:
        queue.close()


def test_a_refusal_of_the_platform_interrupts_and_says_why(tmp_path, submit):
    def refuse(*arguments):
        raise RuntimeError("You have exceeded your free quota (60s requested vs. 5s left).")

    leases = GpuLeases(patience=30)
    queue = Queue(RunStore(tmp_path), zerogpu.ZeroGPUExecutor(tmp_path, leases, refuse))
    run = submit(queue, "sft", "poor")
    try:
        with pytest.raises(RuntimeError, match="exceeded"):  # the page shows it too
            lent_until_it_ends(queue, leases, run)
        end = time.monotonic() + 20
        while not run.status().ended and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        queue.close()
    status = run.status()
    assert status.state == "interrupted"
    assert "60s requested" in str(status.error)


def test_a_stop_between_two_slices_saves_and_stops(tmp_path, submit):
    leases = GpuLeases(patience=30)
    queue = Queue(RunStore(tmp_path), zerogpu.ZeroGPUExecutor(tmp_path, leases, one_step))
    run = submit(queue, "sft", "stopped")
    try:
        lent_until_it_ends(queue, leases, run, most=3)
        queue.stop("stopped")
        lent_until_it_ends(queue, leases, run)
    finally:
        queue.close()
    status = run.status()
    assert (status.state, status.step) == ("stopped", 3)
    assert "note.stopped" in [note.key for note in status.notes]


def test_a_lent_engine_asks_for_seconds_call_by_call(tmp_path, tiny_model, monkeypatch):
    monkeypatch.setattr(zerogpu_engine, "REPLIES_PER_CALL", 2)
    asked: list[int] = []

    def decorate(function):
        def decorated(seconds, *arguments):
            asked.append(seconds)
            return function(seconds, *arguments)

        return decorated

    engine = LentEngine(tmp_path, Functions.decorated(decorate), GpuLeases())
    sampling = Sampling(max_new_tokens=4, greedy=True)
    talk = [{"role": "user", "content": "What is 1 plus 2?"}]
    *_, last = engine.stream([str(tiny_model)], [talk], sampling)
    assert last[0].done and last[0].n_tokens > 0
    whole = engine.generate([str(tiny_model)] * 3, [talk] * 3, sampling)
    assert [reply.text for reply in whole] == [last[0].text] * 3
    assert len(asked) == 3 and all(0 < seconds <= 2 * MOST for seconds in asked)
    zerogpu.engine.cache_clear()


def test_a_reader_who_leaves_ends_the_writing(tmp_path, tiny_model):
    lengths: list[int] = []

    def decorate(function):
        def decorated(*arguments):
            for partials in function(*arguments):
                lengths.append(partials[0].n_tokens)
                yield partials

        return decorated

    engine = LentEngine(tmp_path, Functions.decorated(decorate), GpuLeases())
    talk = [{"role": "user", "content": "What is 1 plus 2?"}]
    stream = engine.stream([str(tiny_model)], [talk], Sampling(max_new_tokens=4096, seed=3))
    next(stream)
    stream.close()
    assert lengths[-1] < 200
    assert not list(Path(tmp_path).glob("**/stop"))
    zerogpu.engine.cache_clear()
