"""Rounds that are made anywhere show on the Vote tab without a reload; a form that is refused says where and why."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from gradio_client import Client

from labeling.rounds import lifecycle
from labeling.schema import Comparison
from labeling.storage.label_store import connect
from tests.browser.conftest import ROOT, TOKEN, start, stop

SOON = 2_000  # ms in which a round appears on a quiet machine (measured: 0.5 to 1.6 s under a load of 8)
LATEST = 30.0  # s on a machine that runs other tests beside
QUICK = {
    "policies": ["pocket"],
    "prompts": [f"What is {i} plus {i}?" for i in range(40)],
    "n_train": 4,
    "n_heldout": 1,
    "max_new_tokens": 8,
    "votes_wanted": 1,
}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    running = start(tmp_path_factory.mktemp("appear"), "--class")
    yield running
    stop(running)


@pytest.fixture
def script(app):
    return Client(app.url(), headers={"Authorization": f"Bearer {TOKEN}"}, verbose=False)


def another_app(app, name: str, policies=("one", "other")) -> str:
    """Makes a round of two pairs as a second process of the same home would; gives its id."""
    store = connect(app.home / "labels.db")
    try:
        this = lifecycle.create(store, name, "judge", policies)
        pairs = [Comparison(f"Q{i}?", f"left {i}", f"right {i}", *policies) for i in range(2)]
        lifecycle.add_comparisons(store, this.round_id, pairs)
        return this.round_id
    finally:
        store.close()


def move(app, round_id: str, *states: str) -> None:
    store = connect(app.home / "labels.db")
    try:
        for state in states:
            lifecycle.move(store, round_id, state)
    finally:
        store.close()


def shown(page) -> str:
    """What the list of rounds says is chosen."""
    return page.locator("#vote-round input").input_value()


def listed(page) -> list[str]:
    page.locator("#vote-round input").click()
    found = page.locator("li[role=option]").all_inner_texts()
    page.keyboard.press("Escape")
    return [each.strip("✓ \n") for each in found]


def appears(page, headline: str) -> None:
    """The stage shows this round, in time and without a reload."""
    began = time.monotonic()
    page.locator(".stage .run-head b", has_text=headline).wait_for()
    assert time.monotonic() - began < LATEST


@pytest.mark.slow
def test_a_round_made_anywhere_appears_without_a_reload(app, visit, script):
    page = visit(app.teachers_link)
    page.set_default_timeout(30_000)
    page.get_by_role("tab", name="Vote").click()
    page.locator("#vote-make").wait_for()
    page.wait_for_timeout(3_000)  # the base model loads behind the first page
    page.evaluate("window.stayed = true")

    first = another_app(app, "")
    appears(page, "Round 1")
    assert script.predict("", QUICK, api_name="/open_round")["name"] == "Round 2"
    appears(page, "Round 2")
    page.locator(".stage .code").wait_for()

    pairs = app.home / "pairs.jsonl"
    pairs.write_text(
        json.dumps({"prompt": "Q?", "completion_a": "x", "completion_b": "y", "model_a": "m", "model_b": "n"}) + "\n"
    )
    command = [sys.executable, "-m", "labeling", "import", str(pairs), "--round", "by command"]
    subprocess.run(command, cwd=ROOT, check=True, env={"AFINA_HOME": str(app.home), "PATH": "/usr/bin:/bin"})
    page.wait_for_timeout(SOON)
    assert shown(page) == "Round 2"  # the class is voting: the stage stays
    assert listed(page) == ["Round 3 · by command", "Round 2", "Round 1"]

    script.predict("Round 2", api_name="/round_status")
    for step in ("locked", "revealed"):
        page.locator(f"#vote-{step}:visible").click()
    page.locator(".stage.revealed").wait_for()
    page.wait_for_timeout(SOON)
    assert shown(page) == "Round 2"  # nobody takes the reveal off the wall
    move(app, first, "open")
    appears(page, "Round 1")
    assert page.evaluate("window.stayed")


@pytest.mark.slow
def test_what_was_chosen_by_hand_stays(app, visit):
    page = visit(app.teachers_link)
    page.set_default_timeout(30_000)
    page.get_by_role("tab", name="Vote").click()
    page.locator(".stage .run-head").wait_for()
    assert shown(page) == "Round 1"  # the open one, though others are newer
    page.locator("#vote-round input").click()
    page.get_by_role("option", name="by command").click()
    page.locator(".stage .run-head b", has_text="Round 3").wait_for()
    another_app(app, "a later one")
    page.wait_for_timeout(SOON)
    assert shown(page) == "Round 3 · by command"
    assert "Round 4 · a later one" in listed(page)
    page.reload()
    page.get_by_role("tab", name="Vote").click()
    page.locator(".stage.open .run-head b", has_text="Round 1").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("locale", "taken", "tab", "named"),
    [
        ("en-US", "There is already a round", "Vote", "Round"),
        ("es-MX", "Ya existe una ronda", "Votar", "Ronda"),
    ],
)
def test_a_refused_form_says_so_beside_the_field_and_keeps_what_was_typed(app, visit, locale, taken, tab, named):
    mine = f"taken {named}"
    another_app(app, mine)
    page = visit(app.teachers_link, locale=locale)
    page.set_default_timeout(30_000)
    page.get_by_role("tab", name=tab, exact=True).click()
    page.locator(".stage .run-head").wait_for()
    page.locator("#vote-new button").first.click()
    name = page.locator("#vote-name").locator("input, textarea").first
    page.wait_for_function("document.querySelector('#vote-name textarea, #vote-name input').placeholder")
    offered = name.get_attribute("placeholder")
    assert offered.startswith(f"{named} ")
    name.fill(mine)
    page.locator("#vote-train input").fill("6")
    page.locator("#vote-train input").press("Tab")
    page.locator("#vote-make").click()
    page.locator("#vote-problem-name", has_text=taken).wait_for()
    assert name.input_value() == mine
    assert page.locator("#vote-train input").input_value() == "6"

    name.fill("")
    page.locator("#vote-heldout input").fill("0")
    page.locator("#vote-heldout input").press("Tab")
    page.locator("#vote-make").click()
    page.locator("#vote-problem-numbers .train-problem").wait_for()
    page.locator("#vote-heldout input").fill("9000")
    page.locator("#vote-heldout input").press("Tab")
    page.locator("#vote-make").click()
    page.locator("#vote-problem-prompts", has_text="9000").wait_for()
    assert not page.locator("#vote-problem-numbers").is_visible()
    assert not page.locator("#vote-problem-name").is_visible()

    page.locator("#vote-heldout input").fill("2")
    page.locator("#vote-heldout input").press("Tab")
    page.locator("#vote-make").click()
    page.locator(".stage .run-head b", has_text=offered).wait_for()
    assert not page.locator(".field-problem").count()
