import json
import subprocess
import sys

import pytest

from common.errors import messages
from common.languages import LANGUAGES
from labeling.statistics.report import FORMULAS
from tests import ROOT


def _run(home, *arguments, language="en", text=None):
    environment = {"PATH": "/usr/bin:/bin", "AFINA_HOME": str(home), "LC_ALL": f"{language}_ES.UTF-8"}
    command = [sys.executable, "-m", "labeling", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.fixture
def votes(tmp_path):
    path = tmp_path / "votes.jsonl"
    with open(path, "w") as file:
        for i in range(12):
            for who in "uvw":
                row = {"prompt": f"Question {i}?", "completion_a": "a" * (i + 1), "completion_b": "b" * 5}
                row |= {"model_a": "base", "model_b": "tuned", "annotator_id": who}
                winner = "both_bad" if i == 11 else "tie" if i == 10 else "model_b" if i % 4 else "model_a"
                file.write(json.dumps(row | {"winner": winner}) + "\n")
        file.write("{}\n")
    return path


@pytest.mark.slow
def test_report_has_the_keys_that_scripts_rely_on(votes, tmp_path):
    done = _run(tmp_path, "report", votes, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert set(made["win_rate"]) == set(made["bradley_terry"]) == {"base", "tuned"}
    assert {"value", "low", "high", "n"} <= set(made["win_rate"]["tuned"])
    assert {"rating", "low", "high"} <= set(made["bradley_terry"]["tuned"])
    assert {"krippendorff_alpha", "cohen_kappa", "n_items", "n_annotators"} <= set(made["agreement"])
    assert {"a", "b", "n", "kappa"} == set(made["agreement"]["cohen_kappa"][0])
    assert made["win_rate"]["tuned"]["n"] == 33 and made["both_bad"] == 3 and made["ties"] == 3
    assert made["win_rate"]["tuned"]["value"] == pytest.approx((7 * 3 + 1.5) / 33)
    assert made["agreement"]["krippendorff_alpha"] == 1.0 and made["skipped_rows"] == 1
    assert made["position_bias"]["n"] == made["length_bias"]["n"] + 3 == 30
    assert set(made["formulas"]) == set(FORMULAS)
    assert "1 row" in done.stderr or "1 rows" in done.stderr


@pytest.mark.slow
def test_the_terminal_reads_the_report_in_its_language(votes, tmp_path):
    english, spanish = (_run(tmp_path, "report", votes, language=each).stdout for each in LANGUAGES)
    assert "tuned: win rate 68.2" in english and "tuned: porcentaje de victorias 68,2" in spanish


@pytest.mark.slow
def test_import_report_and_export_from_the_store(votes, tmp_path):
    home = tmp_path / "home"
    done = _run(home, "import", votes, "--round", "class", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["annotations"] == 36
    stored, direct = (
        json.loads(_run(home, "report", *source, "--json").stdout) for source in (["--round", "class"], [votes])
    )
    assert stored["win_rate"] == direct["win_rate"]
    assert stored["position_bias"] == direct["position_bias"]
    done = _run(home, "export", "--round", "class", "--format", "trl", "--out", tmp_path / "out", "--json")
    assert json.loads(done.stdout)["n"] == 10 and (tmp_path / "out" / "README.md").exists()
    assert (tmp_path / "out" / "preferences.jsonl").read_text().count("\n") == 10


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", "absent.jsonl"],
        ["report"],
        ["report", "x", "--round", "y"],
        ["report", "--round", "absent"],
        ["report", "absent.jsonl", "--bootstrap", "5"],
        ["export", "absent.jsonl", "--out", "nowhere"],
        ["export", "--format", "xml", "--out", "x", "y"],
        ["import", "absent.jsonl"],
        ["nothing"],
    ],
)
def test_what_fails_says_so_in_one_line(arguments, tmp_path):
    done = _run(tmp_path, *arguments)
    assert done.returncode == 2 and done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1 and "Traceback" not in done.stderr


def test_every_text_that_the_code_names_exists_in_both_languages():
    import re

    english, spanish = (
        json.loads((ROOT / "common" / "locales" / each / "labeling.json").read_text()) for each in LANGUAGES
    )
    assert english.keys() == spanish.keys()
    for key, text in english.items():
        assert set(re.findall(r"(?<!{){(\w+)}", text)) == set(re.findall(r"(?<!{){(\w+)}", spanish[key])), key
    named = set()
    for path in (ROOT / "labeling").rglob("*.py"):
        named |= set(re.findall(r'"((?:label|vote|round|plan|exchange)\.[a-z_]+)"', path.read_text()))
    named |= {"round.policies_collect", "round.policies_judge"} | {f"formula.{each}" for each in FORMULAS}
    assert named <= set(messages("en"))
    unused = {key for key in english if not key.startswith(("formula.", "report.", "exchange.dropped."))} - named
    assert unused == set()


@pytest.mark.slow
def test_backup_and_restore_by_hand(votes, tmp_path):
    assert _run(tmp_path / "here", "import", votes, "--round", "pilot").returncode == 0
    there = tmp_path / "there"
    done = _run(tmp_path / "here", "backup", "--to", there, "--json")
    assert json.loads(done.stdout)["rows"] > 36 and done.returncode == 0
    assert json.loads(_run(tmp_path / "here", "backup", "--to", there, "--json").stdout)["rows"] == 0
    back = _run(tmp_path / "new", "restore", "--from", there, "--json")
    assert json.loads(back.stdout)["rows"] == json.loads(done.stdout)["rows"]
    again = _run(tmp_path / "new", "restore", "--from", there)
    assert again.returncode == 0 and again.stdout.startswith("0 rows")
    reports = [_run(tmp_path / home, "report", "--round", "pilot", "--json").stdout for home in ("here", "new")]
    assert reports[0] and reports[0] == reports[1]


@pytest.mark.slow
def test_a_restore_from_where_no_backup_is_says_so(tmp_path):
    done = _run(tmp_path / "new", "restore", "--from", tmp_path / "typo")
    assert done.returncode == 2 and "no backup" in done.stderr and not done.stdout
    assert _run(tmp_path / "new", "backup").returncode == 2
