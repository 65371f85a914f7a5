"""What the documents tell people to type is understood; the reference's calls from programs work as they stand."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import urllib.request

import pytest

from labeling import cli as labeling
from tests import ROOT
from tests.browser.conftest import TOKEN, start, stop
from tests.ui.endpoint_names import ENDPOINTS
from tuning.cli import main as tuning
from tuning.data import row_formats
from workbench import judge, rehearse

PARSERS = {
    "tuning": tuning.parser,
    "labeling": labeling.parser,
    "workbench.judge": judge.parser,
    "workbench.rehearse": rehearse.parser,
}
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/hosting.md", "docs/reference.md", "benchmarks/README.md")
REFERENCE = ROOT / "docs" / "reference.md"
COMMAND = re.compile(r"python -m (tuning|labeling|workbench\.judge|workbench\.rehearse)((?: [^`\n]*)?)")


def commands() -> list[tuple[str, str]]:
    found = []
    for name in DOCUMENTS:
        for match in COMMAND.finditer((ROOT / name).read_text(encoding="utf-8")):
            words = match[2].split(" #")[0].strip()
            if words and "…" not in words and "|" not in words:
                found.append((match[1], words))
    return found


@pytest.mark.parametrize(("program", "words"), commands())
def test_a_documented_command_is_understood(program, words):
    PARSERS[program]().parse_args(shlex.split(words))


def test_enough_of_them_are_found():
    assert len(commands()) > 20


def first_column(heading: str) -> set[str]:
    """The names in backquotes that begin the rows of the first table below a heading of the reference."""
    text = REFERENCE.read_text(encoding="utf-8")
    below = text.partition(f"\n{heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert table, heading
    return set(re.findall(r"^\| `([^`]+)`", table[0], re.MULTILINE))


def known(parser: argparse.ArgumentParser) -> set[str]:
    """The commands of `parser`, or its options where it has no commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return set(action.choices)
    return {name for action in parser._actions for name in action.option_strings} - {"-h", "--help"}


@pytest.mark.parametrize("program", PARSERS)
def test_the_reference_names_every_command_and_no_other(program):
    assert first_column(f"### `python -m {program}`") == known(PARSERS[program]())


def test_the_reference_names_every_endpoint_and_no_other():
    assert first_column("## Other programs") == {f"/{name}" for name in ENDPOINTS}


def test_the_reference_names_the_phones_routes():
    code = (ROOT / "ui" / "phone" / "routes.py").read_text(encoding="utf-8")
    routes = set(re.findall(r'Route\("([^"]+)"', code))
    named = set(re.findall(r"^\| `(?:GET|POST) (/vote[^`]*)`", REFERENCE.read_text("utf-8"), re.MULTILINE))
    assert routes and named == routes


def test_the_reference_names_the_columns_of_every_format():
    text = REFERENCE.read_text(encoding="utf-8").lower()
    columns = {column for _, parts in row_formats._KNOWN for column in parts.values()}
    assert not [column for column in columns if f"`{column}`" not in text]


@pytest.mark.slow
def test_the_examples_for_python_work_as_they_stand(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AFINA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    below = REFERENCE.read_text(encoding="utf-8").partition("\n## Python\n")[2]
    first, second = re.findall(r"```python\n(.*?)```", below.partition("\n## ")[0], re.DOTALL)
    rows = [(f"What is {n} and {n}?", f"It is {2 * n}.") for n in range(1, 25)]
    pairs = [{"prompt": question, "completion": answer} for question, answer in rows]
    turns = [
        {
            "contents": [
                {"role": role, "parts": [{"text": text}]} for role, text in zip(("user", "model"), row, strict=True)
            ]
        }
        for row in rows
    ]
    for name, records in {"pairs": pairs, "train": turns, "validation": turns[:4]}.items():
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    names: dict = {}
    for example in (first, second):
        exec(example, names)
        assert names["job"].state == "done"
    assert capsys.readouterr().out.strip()


def calls() -> tuple[str, str]:
    """The reference's calls from another program: those before people vote, and those after."""
    text = REFERENCE.read_text(encoding="utf-8")
    block = re.search(r"<!-- calls -->\n```python\n(.*?)```", text, re.DOTALL)
    before, mark, after = block[1].partition("# and when people have voted:\n")
    assert mark
    return before, after


def ask(url: str, body: dict | None = None, bearer: str = "") -> dict:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {bearer}"} if bearer else {})
    data = json.dumps(body).encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
        return json.loads(answer.read())


@pytest.mark.slow
def test_the_calls_from_another_program_work_as_they_stand(tmp_path, capsys):
    app = start(tmp_path)
    try:
        before, after = calls()
        names: dict = {}
        exec(before.replace("http://127.0.0.1:7860", app.url()).replace("<teacher's token>", TOKEN), names)
        client = names["afina"]
        room = client.predict("pilot", api_name="/round_status")["room"]
        token = ask(f"{app.url()}/vote/join", {"room": room})["token"]
        item = ask(f"{app.url()}/vote/next", bearer=token)
        for number in range(8):
            body = {"annotation_id": f"{number:032x}", "winner": "left"}
            body |= {name: item[name] for name in ("comparison_id", "assignment_id")}
            item = ask(f"{app.url()}/vote/cast/next", body, token)["next"]
        exec(after, names)
        assert names["export"]["n"] >= 1
        address = urllib.request.Request(names["export"]["address"], headers={"authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(address, timeout=60) as file:
            assert len(file.read().splitlines()) == names["export"]["n"]
        printed = capsys.readouterr().out
        assert "Lima" in printed and room in printed
    finally:
        stop(app)
