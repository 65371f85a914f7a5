"""SFT on a real tiny model: what moves and what does not, stop and resume, notes, packing, what is saved."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator

import pytest

from common.errors import AfinaError
from tests import ROOT
from tuning.config.training import SFTConfig
from tuning.data import loading
from tuning.data.examples import Row
from tuning.runs.queue import Queue
from tuning.runs.run_store import Run, RunStore

torch = pytest.importorskip("torch")
from tuning.data.tokenize import Encoded, encode  # noqa: E402
from tuning.executors.preloaded_base import PreloadedBase  # noqa: E402
from tuning.executors.run_method import execute  # noqa: E402
from tuning.methods import batching, sft  # noqa: E402
from tuning.methods.loss import Batches, heldout_loss  # noqa: E402
from tuning.methods.start import Start, add_adapter, start_of  # noqa: E402
from tuning.models import references  # noqa: E402
from tuning.runs import resolver  # noqa: E402

# What the libraries say to each other.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning"),
]


class NoExecutor:
    """Runs are executed by the tests themselves, in this process."""

    def warm(self) -> None: ...
    def run(self, run: Run) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def queue(tmp_path) -> Queue:
    return Queue(RunStore(tmp_path), NoExecutor())


@pytest.fixture
def submit(queue, tiny_model, sums):
    def make(name: str = "", rows=None, **settings) -> Run:
        config = SFTConfig.from_settings(
            {"source_model": str(tiny_model), "epochs": 2, "learning_rate": 0.01, **settings}
        )
        return queue.submit("sft", config, loading.from_python(rows or sums), name)

    return make


def weights(run: Run) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(run.adapter_dir / "adapter_model.safetensors")


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("peft", ["lora", "rslora", "dora"])
def test_every_trainable_parameter_moves_and_no_other(submit, queue, tiny_model, peft):
    run, home = submit(peft=peft), queue.store.home
    start = Start.load(str(tiny_model), home)
    execute(run, home, PreloadedBase(start))
    assert run.status().state == "done", run.status().error
    config = SFTConfig(**run.info.config)
    fresh = Start.load(str(tiny_model), home)
    before = dict(add_adapter(fresh, config, run, home).base_model.model.named_parameters())
    after = dict(start.model.named_parameters())  # the adapter was put into this very model
    assert before.keys() == after.keys()
    trained = {name for name, value in before.items() if not torch.equal(value, after[name])}
    trainable = {name for name, value in before.items() if "lora_" in name}
    assert len(trainable) >= 2 * 7 * 2 and trained == trainable


def test_the_curve_begins_before_the_first_step_and_falls(submit, queue):
    run = submit()
    execute(run, queue.store.home)
    status = run.status()
    steps = status.total_steps
    assert [step for step, _ in status.series["loss"]] == list(range(1, steps + 1))
    heldout = status.series["heldout_loss"]
    assert heldout[0][0] == 0 and heldout[-1][0] == steps and heldout[-1][1] < 0.7 * heldout[0][1]
    kinds = [event.kind for event in run.events()]
    assert kinds.index("eval") < kinds.index("train") and kinds[-2:] == ["end", "state"]
    # The names that the page and scripts rely on.
    train = next(event for event in run.events() if event.kind == "train")
    assert {
        "loss",
        "learning_rate",
        "grad_norm",
        "tokens_per_second",
        "eta_seconds",
        "peak_memory_bytes",
    } <= set(train.metrics)
    start = next(event for event in run.events() if event.kind == "start").metrics
    assert start["trainable"] == sum(value.numel() for value in weights(run).values())
    assert start["base_sha256"] == run.info.base["sha256"] != ""


def test_the_held_out_loss_is_the_mean_over_the_trained_tokens(submit, queue, tiny_model):
    run, home = submit(epochs=1), queue.store.home
    execute(run, home)
    start = Start.load(str(tiny_model), home)
    total, count = 0.0, 0
    for row in run.examples("heldout", Row):  # one by one, without padding, token by token
        encoded = encode(start.tokenizer, row, 0)
        logps = start.model(input_ids=torch.tensor([encoded.input_ids])).logits[0].log_softmax(-1)
        for place, label in enumerate(encoded.labels[1:]):
            if label >= 0:
                total, count = total - float(logps[place, label].detach()), count + 1
    assert run.status().first["heldout_loss"] == pytest.approx(total / count, rel=1e-4)


def test_the_trainer_sees_the_rows_as_they_are_shown(submit, queue, tiny_model):
    run, home = submit(), queue.store.home
    config = SFTConfig(**run.info.config)
    start = start_of(run, config, home, None)
    model, rows = add_adapter(start, config, run, home), run.examples("train", Row)
    plan = sft._plan(run, config, start, model, rows, resumed=False)
    trainer, _ = sft._trainer(run, config, start, plan, model, rows, run.examples("heldout", Row))
    expected = {tuple(encode(start.tokenizer, row, 0).input_ids): encode(start.tokenizer, row, 0) for row in rows}
    seen = 0
    for batch in trainer.get_train_dataloader():
        for ids, labels in parts(batch):
            if ids in expected:
                assert labels == [-100, *expected[ids].labels[1:]]
                seen += 1
            else:  # padding
                assert set(labels) == {-100}
    assert seen == len(rows)


def parts(batch: dict[str, torch.Tensor]) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """(input_ids, labels) of each row that was joined, and of the padding."""
    for ids, labels, positions in zip(
        *(batch[key].tolist() for key in ("input_ids", "labels", "position_ids")), strict=True
    ):
        starts = [index for index, position in enumerate(positions) if position == 0]
        for start, end in zip(starts, [*starts[1:], len(ids)], strict=True):
            yield tuple(ids[start:end]), labels[start:end]


def stop_at(run: Run, step: int) -> threading.Thread:
    """Stops `run` from another thread when it has reached `step`."""

    def watch() -> None:
        while run.status().step < step:
            if run.state == "failed":
                return
            time.sleep(0.002)
        run.stop_file.touch()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.1},
        {"dropout": 0.1, "batch_size": 8, "gradient_accumulation": 4, "scheduler": "linear"},
        {"packing": True, "max_length": 128, "peft": "dora", "epochs": 8},
    ],
    ids=["dropout", "accumulation", "packing"],
)
def test_stopped_and_resumed_equals_unbroken(submit, queue, settings):
    settings = {"epochs": 3, **settings}
    whole, broken = submit("whole", **settings), submit("broken", **settings)
    home = queue.store.home
    execute(whole, home)
    for step in (4, 9):  # stopped twice, in the middle of an epoch
        watcher = stop_at(broken, step)
        execute(broken, home)
        watcher.join()
        status = broken.status()
        assert status.state == "stopped" and step <= status.step < status.total_steps
        assert broken.has_adapter and not same(weights(whole), weights(broken))
        assert "note.stopped" in [note.key for note in status.notes]
        queue.resume("broken")
    execute(broken, home)
    assert broken.status().state == "done"
    assert same(weights(whole), weights(broken))
    assert broken.status().series["loss"] == whole.status().series["loss"]
    assert broken.status().series["heldout_loss"][-1] == whole.status().series["heldout_loss"][-1]


def test_a_child_begins_where_its_parent_ended(submit, queue):
    home = queue.store.home
    parent = submit("parent")
    execute(parent, home)
    child = submit("child", source_model="parent")
    assert child.info.parent == parent.id and child.info.base == parent.info.base
    execute(child, home)
    status = child.status()
    assert status.first["heldout_loss"] == pytest.approx(parent.status().metrics["heldout_loss"], rel=1e-4)
    assert not same(weights(parent), weights(child))
    assert status.metrics["heldout_loss"] < parent.status().metrics["heldout_loss"]


@pytest.mark.slow
def test_learning_by_heart_raises_the_overfitting_note(submit, queue):
    import random

    noise = random.Random(0)  # replies that follow from nothing: only learning by heart helps
    rows = [{"prompt": f"Word {n}?", "completion": "".join(noise.choices("abcdefghijklmnop", k=12))} for n in range(40)]
    run = submit(rows=rows, epochs=60, rank=64, learning_rate=0.005, batch_size=8, eval_every=20)
    execute(run, queue.store.home)
    notes = {note.key: note for note in run.status().notes}
    assert "note.overfitting" in notes and "note.nothing_learned" not in notes
    best = min(value for _, value in run.status().series["heldout_loss"])
    assert f"{best:.3f}" in str(notes["note.overfitting"])


@pytest.mark.slow
def test_a_flat_loss_raises_the_nothing_learned_note(submit, queue):
    run = submit(learning_rate=1e-8)
    execute(run, queue.store.home)
    assert [note.key for note in run.status().notes] == ["note.nothing_learned"]
    learned = submit()
    execute(learned, queue.store.home)
    assert learned.status().notes == ()


def test_packed_rows_do_not_see_each_other(tiny_model, tmp_path, sums):
    start = Start.load(str(tiny_model), tmp_path)
    rows = [encode(start.tokenizer, row, 0) for row in loading.from_python(sums[:9]).rows]
    batch = batching.Collator(1)([batching.joined(pack) for pack in batching.pack(rows, 150)])
    assert batch["input_ids"].shape[0] < len(rows)
    with torch.no_grad():
        logits = start.model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits
    packed = torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten(), ignore_index=-100
    )
    assert float(packed) == pytest.approx(heldout_loss(start.model, Batches(rows, 1, 384)), rel=1e-5)


def test_a_batch_is_joined_into_a_few_rows_of_equal_length(tiny_model, tmp_path, sums):
    start = Start.load(str(tiny_model), tmp_path)
    rows = [encode(start.tokenizer, row, 0) for row in loading.from_python(sums[:40]).rows]
    batch = batching.SequencePacker(1)([{"input_ids": row.input_ids, "labels": row.labels} for row in rows])
    tokens = sum(len(row.input_ids) for row in rows)
    assert 1 < batch["input_ids"].shape[0] < len(rows) and batch["input_ids"].numel() < 1.2 * tokens
    assert int((batch["labels"] != -100).sum()) == sum(row.n_trained for row in rows)
    lone = batching.spread([Encoded([1] * 900, [1] * 900), Encoded([1] * 100, [1] * 100)])
    assert [len(part) for part in lone] == [1, 1]


def test_a_model_that_cannot_keep_joined_rows_apart_is_told(tiny_model, tmp_path):
    model = Start.load(str(tiny_model), tmp_path).model
    assert batching.keeps_rows_apart(model)

    class Blind(type(model)):
        def forward(self, position_ids=None, **inputs):
            return super().forward(**inputs)

    model.__class__ = Blind
    assert not batching.keeps_rows_apart(model)


def test_every_epoch_has_every_row_once_in_an_order_of_its_own_with_little_padding():
    import random

    lengths = [random.Random(n).randint(5, 100) for n in range(330)]
    sampler = batching.SimilarLengths(lengths, batch_size=16, seed=3)
    first = list(sampler)
    assert sorted(first) == list(range(330)) and first == list(batching.SimilarLengths(lengths, 16, 3))
    sampler.set_epoch(1)
    assert sorted(again := list(sampler)) == sorted(first) and again != first

    def padded(order: list[int]) -> int:
        batches = [order[at : at + 16] for at in range(0, len(order), 16)]
        return sum(len(batch) * max(lengths[index] for index in batch) for batch in batches)

    assert padded(first) < 1.2 * sum(lengths) < 0.7 * padded(list(range(330)))


def test_packs_hold_every_row_once_and_never_too_much():
    rows = [Encoded([n] * (n % 40 + 1), [n] * (n % 40 + 1)) for n in range(200)]
    packs = batching.pack(rows, 64)
    assert sorted(row.input_ids[0] for pack in packs for row in pack) == list(range(200))
    filled = [sum(len(row.input_ids) for row in pack) for pack in packs]
    assert max(filled) <= 64 and sum(filled) / len(filled) > 58


def test_the_adapter_loads_with_plain_peft_and_names_no_path(submit, queue, tiny_model, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    run, home = submit("Mine"), queue.store.home
    execute(run, home)
    with zipfile.ZipFile(run.download()) as archive:
        archive.extractall(tmp_path / "unpacked")
    folder = tmp_path / "unpacked" / "Mine"
    for path in folder.rglob("*"):
        if path.is_file():
            assert str(tiny_model.parent).encode() not in path.read_bytes(), path
            assert str(home).encode() not in path.read_bytes(), path
    assert json.loads((folder / "adapter/adapter_config.json").read_text())["base_model_name_or_path"] == "tiny"
    card = (folder / "README.md").read_text()
    assert run.info.base["sha256"] in card and run.info.data["fingerprint"] in card and "Validation loss" in card
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny_model), str(folder / "adapter")).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder / "adapter")
    rows = [encode(tokenizer, row, 0) for row in run.examples("heldout", Row)]
    assert heldout_loss(model, Batches(rows, 1, 384)) == pytest.approx(run.status().metrics["heldout_loss"], rel=1e-4)


def test_rows_whose_replies_are_all_cut_off_fail_with_the_remedy(submit, queue):
    run = submit(max_length=4)
    execute(run, queue.store.home)
    status = run.status()
    assert status.state == "failed" and status.error and status.error.key == "engine.nothing_trained"
    assert "max_length" in str(status.error)


def test_data_wholly_on_the_held_out_side_is_refused(submit, queue):
    from common.split import split

    held = next(f"Question {n}?" for n in range(100) if split(f"Question {n}?") == "heldout")
    with pytest.raises(AfinaError) as raised:
        submit(rows=[{"prompt": held, "completion": "yes"}])
    assert raised.value.key == "jobs.no_train" and queue.store.list() == []


@pytest.mark.slow
def test_out_of_memory_fails_with_advice_and_can_be_seen(submit, queue):
    long = [{"prompt": f"{n} " * 20, "completion": "word " * 60} for n in range(700)]
    run = submit(rows=long, batch_size=512, gradient_accumulation=1, gradient_checkpointing=False, max_length=250)
    script = (
        "import sys, resource; from pathlib import Path\n"
        "from tuning.runs.run_store import Run; from tuning.executors.run_method import execute\n"
        "from tuning.executors.preloaded_base import PreloadedBase\n"
        "home = Path(sys.argv[2]); warm = PreloadedBase.load(sys.argv[3], home)\n"
        "pages = int(open('/proc/self/statm').read().split()[0])\n"
        "resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 3 * 10**8,) * 2)\n"
        "execute(Run(Path(sys.argv[1])), home, warm)\n"
    )
    command = [sys.executable, "-c", script, str(run.path), str(queue.store.home), run.info.base["name"]]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    status = run.status()
    assert status.state == "failed" and status.error
    assert status.error.key == "engine.memory", status.error
    assert "512 rows of 250 tokens" in str(status.error)
    with open(run.path / "events.jsonl") as file:
        assert json.loads(file.readlines()[-2])["kind"] == "error"


def test_a_model_that_is_not_there_any_more_fails_with_its_name(submit, queue, tiny_model, tmp_path):
    import shutil

    moved = tmp_path / "moved"
    shutil.copytree(tiny_model, moved)
    run = submit(source_model=str(moved))
    shutil.rmtree(moved)
    execute(run, queue.store.home)
    error = run.status().error
    assert run.state == "failed" and error and error.key == "models.unknown" and "moved" in str(error)


def test_the_warm_model_is_used_once_and_only_for_its_own_base(tiny_model, tmp_path):
    warm = PreloadedBase(start := Start.load(str(tiny_model), tmp_path))
    base = resolver.resolve(str(tiny_model), tmp_path).base
    assert warm.claim(references.Base("x", "/x", "0", "folder"), "auto") is None
    assert warm.claim(base, "bfloat16") is None
    assert warm.claim(base, "auto") is start
    assert warm.claim(base, "auto") is None
