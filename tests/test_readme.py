"""What README and CONTRIBUTING tell people to type is understood; README's calls from programs work as they stand."""

from __future__ import annotations

import json
import re
import shlex
import urllib.request

import pytest

from labeling import cli as labeling
from tests import ROOT
from tests.browser.conftest import TOKEN, start, stop
from tuning.cli import main as tuning
from workbench import judge

PARSERS = {"tuning": tuning.parser, "labeling": labeling.parser, "workbench.judge": judge.parser}
COMMAND = re.compile(r"python -m (tuning|labeling|workbench\.judge)((?: [^`\n]*)?)")


def commands() -> list[tuple[str, str]]:
    found = []
    for name in ("README.md", "CONTRIBUTING.md"):
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


def calls() -> tuple[str, str]:
    """README's calls from another program: those before people vote, and those after."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
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
        address = urllib.request.Request(
            names["export"]["address"], headers={"authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(address, timeout=60) as file:
            assert len(file.read().splitlines()) == names["export"]["n"]
        printed = capsys.readouterr().out
        assert "Lima" in printed and room in printed
    finally:
        stop(app)
