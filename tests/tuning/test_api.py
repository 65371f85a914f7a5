"""The Python API: a job to wait for, a model to ask; importing it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tuning
from common.errors import AfinaError

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "trl", "peft", "datasets", "pandas", "numpy")


def test_importing_tuning_loads_nothing_heavy():
    names = (
        "tuning, tuning.api, tuning.cli, tuning.config, tuning.jobs, tuning.executors.local, tuning.estimate"
    )
    script = (
        f"import sys, {names}; tuning.sft.train; print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr


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
    two = model.generate_content(
        [{"role": "user", "content": "What is 1 plus 1?"}], max_output_tokens=8, seed=1
    )
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
