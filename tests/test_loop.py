"""The whole loop without the page: tuned, judged, a reward model, DPO, and the reply; by command line and in Python."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT
from tests.tuning.conftest import sums, tiny_model  # noqa: F401

pytestmark = pytest.mark.slow
FAST = {"reward": ["epochs=2", "learning_rate=0.01"], "dpo": ["epochs=2", "learning_rate=0.005"]}


@pytest.fixture
def votes(tmp_path) -> Path:
    """Three people's judgements of forty comparisons: the friendlier reply wins, but for one in ten."""
    chance = random.Random(0)
    path = tmp_path / "votes.jsonl"
    rows = []
    for a in range(8):
        for b in range(5):
            for person in ("ana", "luis", "eva"):
                wins = "model_a" if chance.random() > 0.1 else "model_b"
                rows.append(
                    {
                        "prompt": f"What is {a} plus {b}?",
                        "completion_a": f"It is {a + b}, my friend.",
                        "completion_b": f"{a + b}.",
                        "model_a": "manners",
                        "model_b": "manners",
                        "winner": wins,
                        "annotator_id": person,
                    }
                )
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_by_command_line(tmp_path, tiny_model, sums, votes):  # noqa: F811
    data, pairs = tmp_path / "sums.jsonl", tmp_path / "pairs.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in sums))

    def call(*arguments: object) -> str:
        env = {**os.environ, "AFINA_HOME": str(tmp_path / "home"), "LC_ALL": "C.UTF-8"}
        command = [sys.executable, "-m", *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr
        return done.stdout

    call(
        "tuning",
        "sft",
        "--source-model",
        tiny_model,
        "--train-dataset",
        data,
        "--name",
        "manners",
        "--set",
        "epochs=2",
        "rank=4",
        "learning_rate=0.01",
    )
    call("labeling", "import", votes, "--round", "pilot")
    assert json.loads(call("labeling", "report", votes, "--json"))["n_votes"] == 120
    call("labeling", "export", "--round", "pilot", "--format", "trl", "--out", pairs)
    assert pairs.read_text().count("\n") >= 30
    for method, name in (("reward", "judge"), ("dpo", "friendlier")):
        run = json.loads(
            call(
                "tuning",
                method,
                "--source-model",
                "manners",
                "--train-dataset",
                pairs,
                "--name",
                name,
                "--set",
                *FAST[method],
                "--json",
            )
        )
        assert run["state"] == "done" and run["parent"] == "manners"
    for policy in (str(tiny_model), "manners", "friendlier", "friendlier*2"):
        assert call("tuning", "generate", "--model", policy, "--prompt", "What is 3 plus 4?", "--greedy").strip()


def test_from_python(tmp_path, tiny_model, sums, votes, monkeypatch):  # noqa: F811
    import tuning
    from labeling import cli

    monkeypatch.setenv("AFINA_HOME", str(tmp_path / "home"))
    pairs = tmp_path / "pairs.jsonl"
    tuned = tuning.sft.train(
        source_model=str(tiny_model),
        train_dataset=sums,
        tuned_model_display_name="manners",
        epochs=2,
        rank=4,
        learning_rate=0.01,
    )
    tuned.wait()
    assert cli.main(["import", str(votes), "--round", "pilot"]) == 0
    assert cli.main(["export", "--round", "pilot", "--format", "trl", "--out", str(pairs)]) == 0
    read = [json.loads(line) for line in pairs.read_text().splitlines()]
    judge = tuning.reward.train(
        source_model="manners", train_dataset=read, tuned_model_display_name="judge", epochs=2, learning_rate=0.01
    )
    judge.wait()
    job = tuning.dpo.train(
        source_model="manners", train_dataset=read, tuned_model_display_name="friendlier", epochs=2, learning_rate=0.005
    )
    job.wait()
    assert [each.state for each in (tuned, judge, job)] == ["done"] * 3
    assert job.to_dict()["parent"] == "manners"
    assert tuning.GenerativeModel("friendlier").generate_content("What is 3 plus 4?").text
