"""The Label tab in a real browser: keys beside a table, two tabs of one person, a correction with an edited reply."""

from __future__ import annotations

import pytest

from labeling.admission import annotators
from labeling.rounds import lifecycle
from labeling.schema import Comparison, RoundSettings
from labeling.storage.label_store import connect
from labeling.storage.tables import annotation_log
from tests.browser.conftest import start, stop


@pytest.fixture(scope="module")
def team(tmp_path_factory):
    """An app with an open round that asks for everything, and the store beneath it."""
    home = tmp_path_factory.mktemp("team")
    store = connect(home / "labels.db")
    this = lifecycle.create(
        store, "team", "judge", ["a", "b"], RoundSettings(votes_wanted=50, ask_ratings=True, ask_edit=True)
    )
    pairs = [Comparison(f"Question {i}?", f"first {i}", f"second {i}", "a@1", "b@2") for i in range(8)]
    lifecycle.add_comparisons(store, this.round_id, pairs)
    lifecycle.move(store, this.round_id, "open")
    running = start(home)
    yield running, store
    stop(running)
    store.close()


def begin(page, store):
    page.get_by_role("tab", name="Label").click()
    page.locator("#label-code").locator("input, textarea").fill(annotators.room(store).code.lower())
    page.locator("#label-join").click()
    page.locator("#label-choice input").first.wait_for()


def said(store) -> list:
    with store.read() as connection:
        return list(connection.execute(annotation_log.select().order_by(annotation_log.c.seq)))


def judged(page, n: int) -> None:
    page.locator("#label-told").get_by_text(f"{n} judged").wait_for()


@pytest.mark.slow
def test_a_digit_in_a_rating_is_a_rating(team, visit):
    app, store = team
    page = visit(app.url())
    begin(page, store)
    page.locator("body").press("1")
    choices = page.locator("#label-choice input")
    page.wait_for_function("document.querySelector('#label-choice input').checked")
    cell = page.get_by_test_id("cell-0-1").locator("visible=true")
    cell.click()
    page.wait_for_timeout(300)
    page.keyboard.press("2")
    page.wait_for_timeout(300)
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert choices.nth(0).is_checked() and not choices.nth(1).is_checked()
    page.get_by_label("Why?").fill("2 0 9")
    page.get_by_label("Why?").press("9")
    assert choices.nth(0).is_checked()
    n = len(said(store))
    page.locator("#label-send").click()
    judged(page, 1)
    row = said(store)[n]
    first = "b" if row.position_swapped else "a"
    assert (row.winner, row.ratings[first]) == (f"model_{first}", {"helpful": 2})


@pytest.mark.slow
def test_the_second_tab_goes_on_to_the_next(team, visit):
    app, store = team
    first = visit(app.url())
    begin(first, store)
    second = first.context.new_page()
    second.goto(app.url())
    second.get_by_role("tab", name="Label").click()
    second.locator("#label-choice input").first.wait_for()
    asked = second.locator("#label-prompt").inner_text()
    assert first.locator("#label-prompt").inner_text() == asked
    first.locator("body").press("1")
    first.locator("#label-send").click()
    judged(first, 1)
    n = len(said(store))
    second.locator("body").press("2")
    second.locator("#label-send").click()
    toast = second.get_by_test_id("toast-text").filter(has_text="already judged this comparison")
    toast.wait_for()
    assert "supersedes" not in toast.inner_text()
    judged(second, 1)
    assert second.locator("#label-prompt").inner_text() != asked and len(said(store)) == n
    second.locator("body").press("2")
    second.locator("#label-send").click()
    judged(second, 2)


@pytest.mark.slow
def test_a_correction_drops_the_edit_of_the_other_side(team, visit):
    app, store = team
    page = visit(app.url())
    begin(page, store)
    page.locator("body").press("1")
    page.get_by_label("A", exact=True).check()
    page.get_by_label("The better reply, edited").fill("Better.")
    page.locator("#label-send").click()
    judged(page, 1)
    page.locator("#label-past input").click()
    page.locator("li[role=option]").first.click()
    page.locator("#label-correct").click()
    page.get_by_text("You are correcting").wait_for()
    page.wait_for_timeout(500)
    assert page.get_by_label("The better reply, edited").input_value() == "Better."
    page.locator("body").press("2")
    page.get_by_label("The better reply, edited").wait_for(state="hidden")
    page.locator("#label-send").click()
    judged(page, 1)
    row = said(store)[-1]
    assert row.supersedes and row.edited_completion is None
