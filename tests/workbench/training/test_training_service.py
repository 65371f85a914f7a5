"""Training as a service: who may, what is estimated, what is listed."""

from __future__ import annotations

import json

import pytest

from common.errors import AfinaError, NotAllowed
from common.settings import Settings
from tuning.config.training import SFTConfig
from tuning.config.training_methods import METHODS, from_votes
from tuning.data import loading
from tuning.runs.queue import Queue
from tuning.runs.run_store import Run, RunStore
from workbench.access import Roles
from workbench.actors import TEACHER, VISITOR
from workbench.training.training_service import Training

ROWS = [{"prompt": f"What is {a} plus {a}?", "completion": f"It is {2 * a}."} for a in range(40)]


class NoExecutor:
    def warm(self) -> None: ...
    def run(self, run: Run) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def training(tmp_path) -> Training:
    settings = Settings(home=tmp_path)
    store = RunStore(tmp_path)
    return Training(settings, store, Queue(store, NoExecutor()), Roles(settings))


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_only_the_teacher_changes_things_and_everybody_may_look(training, source):
    run_id = training.start(TEACHER, SFTConfig(), source, "mine")
    for act in ("stop", "resume", "cancel", "delete", "download"):
        with pytest.raises(NotAllowed):
            getattr(training, act)(VISITOR, run_id)
    with pytest.raises(NotAllowed):
        training.start(VISITOR, SFTConfig(), source, "other")
    with pytest.raises(NotAllowed):
        training.load(VISITOR, source)
    assert training.status(VISITOR, run_id).state == "queued"
    assert [run.name for run in training.runs(VISITOR)] == ["mine"]
    assert training.card(VISITOR, run_id) == ""


FEEDBACK = {
    "pairs": {"chosen": "yes", "rejected": "no"},
    "rated": {"completion": "yes", "label": "true"},
    "scored": {"completion": "yes", "score": "2.5"},
    "tasks": {},
}


@pytest.mark.parametrize("method", from_votes())
def test_every_method_that_learns_from_feedback_starts_from_a_file(training, tmp_path, method):
    path, feedback = tmp_path / "feedback.jsonl", FEEDBACK[METHODS[method].learns_from]
    rows = [{"prompt": row["prompt"], **feedback} for row in ROWS]
    rows += [{**rows[0], "score": 1}, {"prompt": ""}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_id, data = training.start_from_file(TEACHER, method, str(path), "pocket", "mine", epochs=2)
    run = training.store.get(run_id)
    assert (run.info.method, run.info.config["epochs"], data.n_skipped) == (method, 2, 1)
    assert run.info.data["n_train"] + run.info.data["n_heldout"] == len(data.rows)
    with pytest.raises(NotAllowed):
        training.start_from_file(VISITOR, method, str(path), "pocket")
    with pytest.raises(AfinaError) as caught:
        training.start_from_file(TEACHER, "sft", str(path), "pocket")
    assert caught.value.key == "config.choice"


def test_the_queue_is_seen_in_its_order(training, source):
    first, second = (training.start(TEACHER, SFTConfig(), source, name) for name in ("first", "second"))
    assert [run.run_id for run in training.queue(VISITOR)] == [first, second]
    assert training.current(VISITOR) == first
    training.cancel(TEACHER, first)
    assert training.current(VISITOR) == second
    training.cancel(TEACHER, second)
    assert training.current(VISITOR) is None and training.queue(VISITOR) == []
    training.delete(TEACHER, first)
    assert [run.name for run in training.runs(VISITOR)] == ["second"]


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning")
def test_the_estimate_is_what_the_trainer_does(training):
    from peft import LoraConfig, get_peft_model

    from tuning.models import loader
    from tuning.runs import resolver

    base = resolver.resolve("pocket").base
    for peft in ("lora", "dora"):
        config = SFTConfig(rank=8, peft=peft)
        estimate = training.estimate(VISITOR, config, loading.from_python(ROWS))
        model = loader.load_model(base)
        lora = LoraConfig(r=8, target_modules="all-linear", use_dora=peft == "dora", task_type="CAUSAL_LM")
        trainable = get_peft_model(model, lora).get_nb_trainable_parameters()[0]
        assert estimate.trainable == trainable
    assert estimate.total_parameters == sum(value.numel() for value in loader.load_model(base).parameters())
    assert estimate.dtype == "float32"
    assert 100 <= estimate.steps <= 600 and 0 < estimate.seconds < 600 and estimate.fits
    assert 300 * 2**20 < estimate.memory_bytes < 3 * 2**30
    assert estimate.n_train + estimate.n_heldout == len(ROWS)


def test_data_is_checked_under_the_tokenizer_of_the_base(training, source):
    loaded, report = training.check_data(TEACHER, source)
    assert len(loaded.rows) == len(ROWS) and report is not None
    assert report.n_train + report.n_heldout == len(ROWS) and report.preview
    unknown = source.with_name("odd.jsonl")
    unknown.write_text('{"uno": "a", "dos": "b"}\n')
    loaded, report = training.check_data(TEACHER, unknown)
    assert loaded.needs_mapping and report is None
    loaded, report = training.check_data(TEACHER, unknown, {"prompt": "uno", "response": "dos"})
    assert report is not None and report.n_rows == 1
