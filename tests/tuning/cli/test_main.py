"""The command line as people call it: a subprocess, its exit status, its stdout and its one clear line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

pytestmark = pytest.mark.slow  # each test starts the command in a process of its own


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def data(tmp_path_factory, sums) -> Path:
    path = tmp_path_factory.mktemp("data") / "sums.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in sums))
    return path


@pytest.fixture
def tuning(home):
    def call(*arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tuning", *map(str, arguments)]
        env = {**os.environ, "AFINA_HOME": str(home), "LC_ALL": "C.UTF-8", **env}
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=180)

    return call


@pytest.fixture(scope="module")
def trained(home, data, tiny_model) -> dict:
    """A run made by the command line."""
    command = [
        sys.executable,
        "-m",
        "tuning",
        "sft",
        "--source-model",
        str(tiny_model),
        "--train-dataset",
        str(data),
    ]
    command += ["--name", "mine", "--set", "epochs=2", "rank=4", "--set", "learning_rate=0.01", "--json"]
    env = {**os.environ, "AFINA_HOME": str(home), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert "mine: done" in done.stderr
    return json.loads(done.stdout)


def test_sft_prints_one_object(trained):
    assert trained["name"] == trained["tuned_model_endpoint_name"] == "mine" and trained["state"] == "done"
    assert trained["config"]["rank"] == 4 and trained["step"] == trained["total_steps"] > 20
    assert trained["heldout_after"] < trained["heldout_before"]
    assert trained["base"] == "tiny" and trained["n_train"] + trained["n_heldout"] == 64


def test_runs_lists_and_shows(tuning, trained):
    listed = json.loads(tuning("runs", "--json").stdout)["runs"]
    assert [run["name"] for run in listed] == ["mine"]
    assert json.loads(tuning("runs", "mine", "--json").stdout)["run_id"] == trained["run_id"]
    assert "mine" in tuning("runs").stdout


def test_generate_is_the_same_twice_and_keeps_to_its_length(tuning, trained):
    command = (
        "generate",
        "--model",
        "mine",
        "--prompt",
        "What is 1 plus 1?",
        "--max-new-tokens",
        6,
        "--json",
    )
    replies = [tuning(*command, "--greedy"), tuning(*command, "--greedy")]
    assert replies[0].returncode == 0, replies[0].stderr
    told = json.loads(replies[0].stdout)
    assert isinstance(told["text"], str) and 0 < told["n_tokens"] <= 6
    assert replies[0].stdout == replies[1].stdout and replies[0].stderr == ""


def test_evaluate_agrees_with_the_run(tuning, trained, data):
    done = tuning("evaluate", "--model", "mine", "--dataset", data, "--match", 2, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["loss"] == pytest.approx(trained["heldout_after"], rel=1e-3)
    assert told["n_rows"] == trained["n_heldout"] and 0 <= told["exact_match"] <= 1 and told["n_matched"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("generate", "--model", "nobody", "--prompt", "x"), "nobody"),
        (("sft", "--train-dataset", "/no/such.jsonl"), "/no/such.jsonl"),
        (("sft", "--train-dataset", "DATA", "--set", "ranc=4"), "ranc"),
        (("sft", "--train-dataset", "DATA", "--set", "rank"), "key=value"),
        (("sft", "--train-dataset", "DATA", "--set", "rank=-1"), "-1"),
        (("sft",), "--train-dataset"),
        (("stop", "mine"), "done"),
        (("delete", "nobody"), "nobody"),
        (("evaluate", "--model", "mine", "--dataset", "DATA", "--side", "left"), "left"),
        (("dance",), "dance"),
    ],
)
def test_what_is_wrong_is_one_line_and_status_2(tuning, trained, data, arguments, words):
    done = tuning(*(data if argument == "DATA" else argument for argument in arguments))
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1 and words in done.stderr


def test_a_bad_environment_is_one_line_too(tuning):
    done = tuning("runs", AFINA_PORT="many")
    assert done.returncode == 2 and "AFINA_PORT" in done.stderr and len(done.stderr.splitlines()) == 1


def test_it_speaks_the_language_of_the_terminal(tuning, trained):
    done = tuning("stop", "mine", LC_ALL="es_ES.UTF-8")
    assert "terminado" in done.stderr


def test_delete_removes_a_run(tuning, trained, home, data, tiny_model):
    made = tuning("sft", "--source-model", tiny_model, "--train-dataset", data, "--name", "brief", "--set", "epochs=1")
    assert made.returncode == 0, made.stderr
    assert tuning("delete", "brief").returncode == 0
    assert [run["name"] for run in json.loads(tuning("runs", "--json").stdout)["runs"]] == ["mine"]


def test_rows_that_cannot_be_used_are_told(tuning, trained, data, tiny_model, tmp_path):
    path = tmp_path / "some.jsonl"
    path.write_text('{"prompt": "What is 1 plus 1?", "completion": ""}\n' + data.read_text())
    made = tuning("sft", "--source-model", tiny_model, "--train-dataset", path, "--name", "brief", "--set", "epochs=1")
    assert made.returncode == 0, made.stderr
    assert "1 row of some.jsonl cannot be used and is left out. The first: Row 1" in made.stderr
    assert tuning("delete", "brief").returncode == 0


def test_a_reader_that_leaves_early_is_no_error(home, trained):
    env = {**os.environ, "AFINA_HOME": str(home)}
    command = [sys.executable, "-m", "tuning", "runs"]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait(timeout=60) == 0
    process.stderr.close()


def test_the_studies_run_to_their_end(tuning, data, tiny_model, tmp_path):
    """Search, red team and filter as they are typed."""
    rows = tmp_path / "kept.jsonl"
    quick = ("--set", "epochs=1", "learning_rate=0.01")
    found = tuning(
        "search",
        "--source-model",
        tiny_model,
        "--train-dataset",
        data,
        "--trials",
        2,
        "--over",
        "rank",
        *quick,
        "--json",
    )
    assert found.returncode == 0, found.stderr
    assert len(json.loads(found.stdout)["trials"]) == 2
    asked = tuning("redteam", "--models", tiny_model, "--json")
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["outcomes"][0]["policy"] == str(tiny_model)
    sifted = tuning("sift", "--dataset", data, "--rule", "plus 3", "--out", rows, "--json")
    assert sifted.returncode == 0, sifted.stderr
    assert json.loads(sifted.stdout)["kept"] == 56 == rows.read_text().count("\n")
