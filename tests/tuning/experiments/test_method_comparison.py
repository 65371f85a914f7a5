"""One click, several methods, the same data: all or none are queued, and the table is what their events say."""

import json

import pytest

from common.errors import AfinaError
from tuning.config.training import SFTConfig
from tuning.data import loading
from tuning.executors.run_method import execute
from tuning.experiments import method_comparison
from tuning.runs.queue import Queue
from tuning.runs.run_store import RunStore

pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning")


class NoExecutor:
    def warm(self): ...
    def run(self, run): ...
    def close(self): ...


@pytest.fixture
def queue(tmp_path) -> Queue:
    return Queue(RunStore(tmp_path), NoExecutor())


def test_the_methods_are_trained_on_the_same_rows_and_laid_side_by_side(queue, tiny_model, sums):
    config = SFTConfig(source_model=str(tiny_model), epochs=1, rank=4)
    runs = method_comparison.submit(queue, config, loading.from_python(sums), ["ia3", "lora", "full", "ia3"], "mine")
    assert [run.name for run in runs] == ["mine ia3", "mine lora", "mine full"]
    waiting = method_comparison.compared(queue.store, "mine")
    assert [line.state for line in waiting] == ["queued"] * 3 and waiting[0].heldout_after is None
    for run in runs:
        execute(run, queue.store.home)
    lines = {line.method: line for line in method_comparison.compared(queue.store, "mine")}
    assert method_comparison.groups(queue.store) == ["mine"]
    assert lines["ia3"].trainable < lines["lora"].trainable < lines["full"].trainable == lines["full"].parameters
    assert len({line.heldout_before for line in lines.values()}) == 1  # none of the three changes the base yet
    assert len({run.info.data["fingerprint"] for run in runs}) == 1
    rates = [lines[method].learning_rate for method in ("ia3", "lora", "full")]
    assert rates == sorted(rates, reverse=True) and len(set(rates)) == 3
    for line in lines.values():
        assert line.state == "done" and line.seconds > 0 and line.peak_memory_bytes > 0 and line.saved_bytes > 0


def test_the_loss_at_the_start_is_not_told_as_the_one_after(queue, tiny_model, sums):
    config = SFTConfig(source_model=str(tiny_model), epochs=1, rank=4)
    run, _ = method_comparison.submit(queue, config, loading.from_python(sums), ["lora", "ia3"], "mine")
    run.append("eval", 0, heldout_loss=1.5)  # it has begun, and waits for its turn to go on
    (first, _) = method_comparison.compared(queue.store, "mine")
    assert (first.heldout_before, first.heldout_after) == (1.5, None)
    run.append("eval", 9, heldout_loss=0.5)
    run.move("stopped")
    assert method_comparison.compared(queue.store, "mine")[0].heldout_after == 0.5


def test_none_is_queued_where_one_does_not_fit(queue, tiny_model, sums, tmp_path):
    folder = tmp_path / "gpt2"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"")
    told = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}
    (folder / "config.json").write_text(json.dumps(told))
    for source, methods, key in (
        (str(folder), ["lora", "llama_adapter"], "family.model_type"),
        (str(tiny_model), ["lora"], "compare.few"),
        (str(tiny_model), ["lora", "magic"], "config.choice"),
    ):
        with pytest.raises(AfinaError) as raised:
            method_comparison.submit(queue, SFTConfig(source_model=source), loading.from_python(sums), methods)
        assert raised.value.key == key
    assert queue.store.list() == []
    with pytest.raises(AfinaError):
        method_comparison.compared(queue.store, "nobody")
