"""The Python API: a job to wait for, a model to ask; importing it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tuning
from common.errors import AfinaError
from tests import ROOT

HEAVY = ("torch", "transformers", "trl", "peft", "datasets", "pandas", "numpy")


def test_importing_tuning_loads_nothing_heavy():
    names = "tuning, tuning.api.job, tuning.cli.main, tuning.config.training, tuning.runs.estimate, "
    names += "tuning.runs.queue, tuning.executors.local"
    script = f"import sys, {names}; tuning.sft.train; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.slow
def test_a_job_is_trained_asked_and_continued(tmp_path, tiny_model, sums):
    settings = {"home": tmp_path, "adapter_size": 4, "learning_rate": 0.01, "epochs": 1}
    job = tuning.sft.train(
        source_model=str(tiny_model), train_dataset=sums, tuned_model_display_name="mine", **settings
    )
    assert job.state in ("queued", "starting", "running")
    assert job.wait(timeout=120) is job
    told = job.to_dict()
    assert job.state == told["state"] == "done" and told["error"] is None
    assert told["config"]["rank"] == 4 and told["config"]["epochs"] == 1
    assert told["heldout_before"] > told["heldout_after"]
    assert job.tuned_model_endpoint_name == "mine"

    model = tuning.GenerativeModel("mine", home=tmp_path)
    one = model.generate_content("What is 1 plus 1?", max_output_tokens=8, seed=1)
    two = model.generate_content([{"role": "user", "content": "What is 1 plus 1?"}], max_output_tokens=8, seed=1)
    assert one.text == two.text and 0 < one.n_tokens <= 8

    validation = [{"prompt": "What is 9 plus 9?", "completion": "It is 18, my friend."}]
    child = tuning.sft.train(
        source_model="mine", train_dataset=sums, validation_dataset=validation, preset="quick", **settings
    ).wait(timeout=120)
    told = child.to_dict()
    assert told["parent"] == "mine" and told["n_heldout"] == 1 and told["name"] == "sft-1"


def test_a_rate_multiplier_multiplies_the_rate_of_the_models_size(tmp_path, tiny_model, sums):
    job = tuning.sft.train(
        source_model=str(tiny_model), train_dataset=sums, learning_rate_multiplier=0.5, home=tmp_path
    )
    assert job.to_dict()["config"]["learning_rate"] == pytest.approx(1e-3)
    job.stop()
    job.wait(timeout=120)


def test_mistakes_are_told_before_anything_runs(tmp_path, sums):
    for wrong in ({"rank": 0}, {"no_such": 1}, {"source_model": "nobody"}, {"train_dataset": []}):
        with pytest.raises(AfinaError):
            tuning.sft.train(**{"train_dataset": sums, "home": tmp_path, **wrong})
    with pytest.raises(AfinaError):
        tuning.GenerativeModel("nobody", home=tmp_path)
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_the_flow_of_a_managed_tuning_service(tmp_path, tiny_model):
    """Vertex-style JSONL as it is: train -> job -> to_dict -> endpoint -> generate_content(contents=…)."""
    import json

    def rows(first: int, last: int) -> str:
        lines = [
            {
                "systemInstruction": {"role": "system", "parts": [{"text": "You add."}]},
                "contents": [
                    {"role": "user", "parts": [{"text": f"What is {a} plus 2?"}]},
                    {"role": "model", "parts": [{"text": f"It is {a + 2}, my friend."}]},
                ],
            }
            for a in range(first, last)
        ]
        return "\n".join(map(json.dumps, lines))

    (tmp_path / "train.jsonl").write_text(rows(0, 40))
    (tmp_path / "check.jsonl").write_text(rows(50, 58))
    job = tuning.sft.train(
        source_model=str(tiny_model),
        train_dataset=tmp_path / "train.jsonl",
        validation_dataset=tmp_path / "check.jsonl",
        tuned_model_display_name="adder",
        epochs=2,
        adapter_size=4,
        learning_rate_multiplier=2.0,
        home=tmp_path,
    )
    assert not job.has_ended
    told = job.wait(timeout=900).refresh().to_dict()
    assert job.has_ended and told["state"] == "done" and told["n_heldout"] == 8
    assert told["config"]["rank"] == 4 and told["config"]["learning_rate"] == pytest.approx(4e-3)
    endpoint = told["tuned_model_endpoint_name"]
    assert endpoint == job.tuned_model_endpoint_name == "adder"
    model = tuning.GenerativeModel(endpoint, home=tmp_path)
    parts = [{"role": "user", "parts": [{"text": "What is 3 plus 2?"}]}]
    asked = {"max_output_tokens": 8, "greedy": True}
    assert model.generate_content(contents=parts, **asked).text
    assert model.generate_content(contents=parts, **asked) == model.generate_content("What is 3 plus 2?", **asked)
    from tuning.runs.run_store import RunStore

    assert [run.name for run in RunStore(tmp_path)] == ["adder"]  # what the Runs tab lists


@pytest.mark.parametrize("contents", [[], [{"role": "user"}], [{"role": "judge", "content": "Hello"}]])
def test_contents_that_are_none_are_said(contents):
    from tuning.api.job import messages_of

    with pytest.raises(AfinaError) as raised:
        messages_of(contents)
    assert raised.value.words("es")


def test_roles_and_parts_become_messages():
    from tuning.api.job import messages_of

    talk = [
        {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
        {"role": "model", "parts": [{"text": "c"}]},
    ]
    assert messages_of(talk) == [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "c"}]
