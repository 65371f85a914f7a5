"""Every command of a course can be reached from the command line, and does what it says."""

from __future__ import annotations

import json

import pytest

from tuning.cli.main import main, parser

COMMANDS = ("alternatives", "redteam", "inspect", "sift", "experiment", "search", "strategies", "predict")


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_known(name, capsys):
    with pytest.raises(SystemExit) as caught:
        parser().parse_args([name, "--help"])
    assert caught.value.code == 0 and name in capsys.readouterr().out


def test_rows_are_sifted_by_a_rule(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AFINA_HOME", str(tmp_path))
    out = tmp_path / "kept.jsonl"
    assert main(["sift", "--dataset", "safety.en", "--rule", "poison", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["taken_out"] and told["kept"] == len(out.read_text().splitlines())
    assert "poison" not in out.read_text()
    assert main(["sift", "--dataset", "safety.en", "--out", str(out)]) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "part"),
    [
        (["experiment", "mask", "--steps", "1"], "runs"),
        (
            ["strategies", "--train-dataset", "sentiment.en", "--limit", "80", "--strategies", "feature,lora"],
            "strategies",
        ),
    ],
)
def test_a_command_of_several_runs_sees_them_all_to_their_end(command, part, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AFINA_HOME", str(tmp_path))
    assert main([*command, "--json"]) == 0, capsys.readouterr().err
    told = json.loads(capsys.readouterr().out)[part]
    assert len(told) == 2
    assert all(each["state"] == "done" if part == "runs" else each["accuracy"] is not None for each in told)
