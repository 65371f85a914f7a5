"""A course's pages in a real browser: examples and documents in the chat, when to use which, experiments, red team."""

from __future__ import annotations

import json
import re

import pytest

from tests.browser import helpers
from tests.browser.conftest import start, stop
from tuning.runs.run_store import RunStore


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """An app of its own: its documents and examples would stand in the other tests' way."""
    running = start(tmp_path_factory.mktemp("course"), "--class")
    yield running
    stop(running)


def page_of(page, tab: str, sub: str):
    page.get_by_role("tab", name=tab, exact=True).click()
    page.get_by_role("tab", name=sub, exact=True).click()


@pytest.mark.slow
def test_examples_and_documents_answer_in_columns_of_their_own(app, visit, tmp_path):
    page = visit(app.teachers_link)
    page.get_by_role("tab", name="Chat", exact=True).click()
    page.get_by_role("button", name="Examples and documents").click()
    page.locator("#helps-searched", has_text="valdeluna").wait_for()
    notes = tmp_path / "notes.md"
    notes.write_text("Zoltan keeps a zebra called Pip.\n\nThe museum opens on Mondays.", encoding="utf-8")
    with page.expect_file_chooser() as chooser:
        page.locator("#helps-upload").click()
    chooser.value.set_files(notes)
    page.locator("#helps-searched", has_text="notes.md").wait_for()
    before = page.locator("#helps-examples").inner_text()
    page.locator("#helps-draw").click()
    page.wait_for_function("before => document.querySelector('#helps-examples').innerText !== before", arg=before)
    cell = page.locator("#helps-examples [data-testid=cell-0-0]")
    cell.dblclick()
    page.wait_for_function("document.activeElement?.matches('#helps-examples :is(textarea, input)')")
    page.keyboard.press("Control+a")
    page.keyboard.type("Who is the mayor?")
    page.keyboard.press("Enter")
    page.locator("#helps-keep").click()
    page.get_by_text("asked with these examples").wait_for()
    kept = json.loads((app.home / "few_shot.json").read_text(encoding="utf-8"))["examples"]
    assert kept[0]["prompt"] == "Who is the mayor?" and len(kept) == 3

    page.locator("#helps-side").click()
    page.locator("#chat-policy-2 input").wait_for()
    helpers.ask(page, "What does Zoltan keep?")
    assert len(helpers.replies(page, 3)) == 3
    columns = page.locator(".chat-column:visible")
    assert "Zoltan keeps a zebra" in columns.nth(2).locator(".passages").inner_text()
    examples = columns.nth(1).locator(".passages")
    examples.locator("summary").click()
    assert "Who is the mayor?" in examples.inner_text()


@pytest.mark.slow
def test_data_that_are_uploaded_while_a_run_is_shown_are_shown_instead(app, visit, tmp_path):
    page = visit(app.teachers_link)
    page.get_by_text("learned (carries loss)").wait_for()
    page.get_by_role("tab", name="The run", exact=True).click()
    page.get_by_text("learned (carries loss)").wait_for(state="hidden")
    path = tmp_path / "mine.jsonl"
    path.write_text(
        "".join(json.dumps({"prompt": f"Say {n}.", "completion": f"{n}!"}) + "\n" for n in range(30)),
        encoding="utf-8",
    )
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload a file").locator("visible=true").first.click()
    chooser.value.set_files(path)
    page.get_by_text("learned (carries loss)").wait_for()
    page.locator(".train-head", has_text="mine.jsonl").wait_for()


@pytest.fixture
def two_runs(tmp_path):
    """An app in whose folder two runs stand, one longer than the other."""
    for name, steps in (("short", 6), ("long", 90)):
        run = RunStore(tmp_path).create(
            method="sft",
            config={},
            name=name,
            base={"kind": "pocket", "name": "pocket", "sha256": ""},
            data={"name": "none"},
            train=[],
            heldout=[],
        )
        run.append("start", 0, total_steps=steps)
        for step in range(1, steps + 1):
            run.append("train", step, loss=2 - step / steps)
        run.append("state", steps, state="done")
    running = start(tmp_path)
    yield running
    stop(running)


@pytest.mark.slow
def test_a_chosen_run_is_shown_with_its_own_curve(two_runs, visit):
    """The plot's axis ends where the run did, also when another run was shown before."""
    page = visit(two_runs.teachers_link)
    page.get_by_role("tab", name="The run", exact=True).click()
    choice = page.get_by_label("Run", exact=True).locator("visible=true")
    for name, last in (("short", 6), ("long", 90), ("short", 6), ("long", 90)):
        helpers.choose(page, choice, f"{name} · done")
        page.locator(".run-head", has_text=name).locator("visible=true").wait_for()
        page.wait_for_timeout(2500)  # what is drawn late is drawn by then
        ticks = page.locator(".vega-embed svg text").locator("visible=true").all_text_contents()
        assert max(float(tick) for tick in ticks if re.fullmatch(r"[\d.]+", tick)) == last, (name, ticks)


@pytest.mark.slow
def test_when_to_use_which_and_a_red_team(app, visit):
    """Three ways and a red team, measured on the embedded model."""
    (app.home / "documents").mkdir(exist_ok=True)
    (app.home / "documents" / "other.txt").write_text("The museum opens on Mondays.", encoding="utf-8")
    page = visit(app.teachers_link)
    page_of(page, "Chat", "When to use which")
    page.locator("#which-start").click()
    page.locator("#which-told ul.told").wait_for(timeout=300_000)
    assert page.locator("#which-told table.ways tbody tr").count() == 3
    assert page.locator("#which-told .train-remark").count() == 1  # other documents than the questions are about
    page_of(page, "Chat", "Red team")
    page.locator("#redteam-start").click()
    page.locator("#redteam-told table.ways").wait_for(timeout=300_000)
    other = visit(app.url() + "/")  # who watches sees the same, and can start nothing
    page_of(other, "Chat", "When to use which")
    other.locator("#which-told table.ways").wait_for()
    assert not other.locator("#which-start").is_visible()


@pytest.mark.slow
def test_an_experiment_a_look_at_the_data_and_a_search(app, visit):
    """Trains three runs: two trials of a search, one experiment."""
    page = visit(app.teachers_link)
    page.get_by_text("learned (carries loss)").wait_for()
    page.get_by_role("button", name="Check the data: leakage").click()
    page.locator("#quality-look").click()
    page.locator("#quality-told .train-tiles").wait_for(timeout=120_000)
    page.locator("#quality-rule textarea, #quality-rule input").first.fill("capital")
    page.locator("#quality-sift").click()
    page.locator("#quality-told .train-remark", has_text="removed").wait_for()  # and which

    page.get_by_text("Quick", exact=True).click()
    page.get_by_role("button", name="Search the settings").click()
    page.locator("#search-settings input[type=number]").fill("2")
    page.locator("#search-start").click()
    page.get_by_text("has started").wait_for()

    page.get_by_role("tab", name="Experiments", exact=True).click()
    page.locator("#recipe").get_by_text("Safety tuning").click()
    page.locator("#recipe-start").click()
    page.locator("#recipe-told .badge").wait_for()
    page.locator("#recipe-told .badge.done").wait_for(timeout=900_000)
    page.locator("#recipe-told .train-sample li").nth(1).wait_for()

    page.get_by_role("tab", name="Models", exact=True).click()
    page.locator("#compare-results input").first.click()
    assert page.get_by_role("option", name="experiment: Safety tuning").count() == 1
    page.get_by_role("option", name="search ").first.click()
    page.locator("#compare-results ul.told").wait_for()
    # The second trial comes after the experiment in the queue; the page follows by itself.
    page.locator("#compare-results .js-plotly-plot").wait_for(timeout=300_000)
