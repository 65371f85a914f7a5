"""The probe, early stopping, rehearsal and the watched prompt of an SFT run."""

from __future__ import annotations

import pytest

from tests.tuning.models.test_peft_methods import stop_at
from tuning.config.training import SFTConfig
from tuning.data import general_text
from tuning.data.loading import from_python
from tuning.executors.run_method import execute
from tuning.runs.queue import Queue
from tuning.runs.run_store import RunStore

pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning")


PROMPTS = ("What is 1 plus 2?", "What is 2 plus 2?")


class Here:
    def warm(self) -> None: ...
    def run(self, run) -> None: ...
    def close(self) -> None: ...


def train(home, model, sums, **settings):
    config = SFTConfig.from_settings({"source_model": str(model), "learning_rate": 0.02, **settings})
    run = Queue(RunStore(home), Here()).submit("sft", config, from_python(sums))
    execute(run, home)
    assert run.state == "done", run.status().error
    return run.status()


@pytest.mark.slow
def test_forgetting_is_measured_told_and_held_by_rehearsal(tmp_path, tiny_model, sums, monkeypatch):
    monkeypatch.setattr("tuning.methods.probes._FORGOTTEN", 0.01)  # a random model knows little to forget
    asked = {"probe": True, "epochs": 2, "sample_prompt": "\n\n ".join(PROMPTS)}
    status = train(tmp_path, tiny_model, sums, **asked)
    probe = [value for _, value in status.series["probe_loss"]]
    assert probe[-1] > probe[0] and any(note.key == "note.forgetting" for note in status.notes)
    first, second = ([each for each in status.samples if each[1] == asked] for asked in PROMPTS)
    assert len(first) == len(second) == len(probe) and len(status.samples) == 2 * len(probe)
    assert first[0][2] != first[-1][2]
    held = train(tmp_path, tiny_model, sums, **asked, rehearsal=0.5)
    assert held.series["probe_loss"][-1][1] < probe[-1]


def test_a_run_that_was_stopped_is_told_that_it_forgets_until_it_goes_on(tmp_path, tiny_model, sums, monkeypatch):
    monkeypatch.setattr("tuning.methods.probes._FORGOTTEN", 0.0)
    config = SFTConfig(source_model=str(tiny_model), learning_rate=0.05, epochs=50, eval_every=2, probe=True)
    queue = Queue(RunStore(tmp_path), Here())
    run = queue.submit("sft", config, from_python(sums))
    watcher = stop_at(run, 6)
    execute(run, tmp_path)
    watcher.join()
    assert run.state == "stopped" and "note.forgetting" in [note.key for note in run.status().notes]
    queue.resume(run.name)
    assert "note.forgetting" not in [note.key for note in run.status().notes]


def test_it_stops_early_when_the_heldout_loss_no_longer_falls(tmp_path, tiny_model, sums):
    status = train(tmp_path, tiny_model, sums[:20], epochs=100, eval_every=5, patience=2, learning_rate=0.05)
    assert any(note.key == "note.early" for note in status.notes)
    points = status.series["heldout_loss"]
    best = min(points, key=lambda point: point[1])[0]
    assert sum(step > best for step, _ in points) == 2 and status.step < status.total_steps
    assert status.metrics["heldout_loss"] == pytest.approx(min(points, key=lambda point: point[1])[1], abs=1e-4)
    assert status.metrics["heldout_loss"] < points[-1][1]  # it is kept as it was at its best


@pytest.mark.slow
def test_pocket_is_asked_for_facts_that_no_instruction_row_asks(tmp_path):
    asked = general_text.facts()
    assert len(asked) == general_text.QUESTIONS and {len(rows) for rows in asked} == {4}
    for right, *false in asked:
        assert all(row.messages[0] == right.messages[0] and row.messages[1] != right.messages[1] for row in false)
    rows = [{"prompt": f"Say {n}.", "completion": f"{n} it is."} for n in range(20)]
    status = train(tmp_path, "pocket", rows, probe=True, epochs=1, rank=2, learning_rate=1e-6, eval_every=100)
    known = status.series["probe_right"]
    assert known[0][1] > 0.75 and known[0][0] == 0 and known[-1][0] == status.step
