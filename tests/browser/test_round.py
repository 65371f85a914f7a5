"""A whole round in real browsers: the teacher's page, and phones that vote at once, discuss, vote again, see it all."""

from __future__ import annotations

import json
import re

import pytest

from tests.browser.conftest import TOKEN
from tests.browser.helpers import ask, room_code

PHONES = 3


def make(page, name: str, n_train: int = 8, n_heldout: int = 2) -> None:
    """Fills the form of a new round and waits until it can be opened."""
    page.get_by_role("tab", name="Vote").click()
    new = page.locator("#vote-new")
    new.wait_for()
    if not page.locator("#vote-make").is_visible():
        new.get_by_role("button", name="New round").click()
    page.locator("#vote-name").locator("input, textarea").first.fill(name)
    for field, n in (("train", n_train), ("heldout", n_heldout)):
        page.locator(f"#vote-{field} input").fill(str(n))
        page.locator(f"#vote-{field} input").press("Tab")
    page.locator("#vote-make").click()
    page.locator("#vote-open:visible").wait_for()


def judge_all(phone, choice: str) -> int:
    """Votes until nothing is left; returns how many votes were acknowledged: a busy page may not hear a click."""
    acknowledged: list[str] = []
    phone.on(
        "response",
        lambda answer: acknowledged.append(answer.url) if "/cast" in answer.url and answer.ok else 0,
    )
    while True:
        vote = phone.locator("[data-choice=left]:enabled:visible")
        vote.or_(phone.locator("h1:has-text('That was all'):visible")).wait_for()
        if not vote.count():
            return len(acknowledged)
        phone.locator(f"[data-choice={choice}]:enabled").click()
        phone.wait_for_timeout(450)


@pytest.mark.slow
def test_a_class_votes_discusses_votes_again_and_sees_the_result(app, visit, chromium):
    page = visit(app.teachers_link)
    make(page, "class round")
    page.locator("#vote-open").click()
    page.locator(".stage .code").wait_for()
    code = page.locator(".stage .code").inner_text()
    assert page.locator(".stage .qr svg").is_visible()

    contexts = [chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True) for _ in range(PHONES)]
    phones = [context.new_page() for context in contexts]
    for phone in phones:
        phone.set_default_timeout(30_000)
        phone.goto(f"{app.url()}/vote#room={code}")
        phone.get_by_role("button", name="Join").click()
    votes = sum(judge_all(phone, choice) for phone, choice in zip(phones, ("left", "right", "left"), strict=True))
    assert votes >= 15  # five that everybody sees, from three people
    page.locator(".stage .counters b").nth(1).get_by_text(str(votes), exact=True).wait_for()
    assert page.locator(".stage .counters b").first.inner_text() == str(PHONES)

    page.locator("#vote-locked").click()
    phones[0].get_by_role("heading", name=re.compile("closed", re.IGNORECASE)).wait_for()
    page.locator("#vote-discuss:visible").click()
    page.locator(".stage .pair .reply").first.wait_for()
    discussed = page.locator(".stage .pair .reply p").first.inner_text()
    phones[0].locator("[data-screen=discuss]:visible").get_by_text(discussed[:20]).first.wait_for()
    page.locator("#vote-open_again:visible").click()
    for phone in phones:
        assert judge_all(phone, "left") == 1
    page.locator("#vote-locked:visible").click()
    page.locator(".stage .shares").nth(1).wait_for()
    page.get_by_text("changed their vote").wait_for()
    page.locator("#vote-revealed:visible").click()
    page.locator(".stage .huge").wait_for()
    for phone in phones:
        phone.get_by_role("heading", name="Your card").wait_for()
    for context in contexts:
        context.close()
    page.locator("#vote-done:visible").click()
    export(page, app)


def export(page, app) -> None:
    """The round's pairs come down through our own route, for the teacher alone."""
    page.get_by_role("button", name="Export, import, invitations").click()
    page.locator("#vote-export").click()
    link = page.locator("#vote-exported a").first
    link.wait_for()
    url = app.url() + link.get_attribute("href")
    answer = page.request.get(url)
    rows = [json.loads(line) for line in answer.text().splitlines()]
    assert rows
    assert set(rows[0]) >= {"prompt", "chosen", "rejected"}
    stranger = page.context.browser.new_context()
    assert stranger.request.get(url).status == 403
    stranger.close()


@pytest.mark.slow
def test_what_the_votes_are_worth_is_shown_with_formulas(app, visit):
    page = visit(app.teachers_link)
    page.get_by_role("tab", name="Vote").click()
    page.get_by_role("button", name="Vote statistics").click()
    page.locator("#vote-refresh").click()
    page.get_by_text("Krippendorff's alpha").first.wait_for()
    told = page.locator("#vote-report p").first
    assert "Left reply preferred" in page.locator("#vote-report").inner_text()
    every = told.inner_text()
    page.locator("#vote-person input").click()
    page.locator("li[role=option]").first.click()
    page.locator("#vote-of-person input").click()
    page.get_by_role("option", name=re.compile("→")).first.click()
    page.locator("#vote-reason").locator("input, textarea").first.fill("clicked by mistake")
    page.locator("#vote-exclude").click()
    told.get_by_text("left out by a person: 1").wait_for()
    page.locator("#vote-of-person input").click()
    page.get_by_role("option", name=re.compile("left out: clicked by mistake")).click()
    page.locator("#vote-include").click()
    told.get_by_text(every).wait_for()


@pytest.mark.slow  # the next script goes on with its round
def test_scripts_make_and_follow_a_round(app):
    from gradio_client import Client

    client = Client(app.url(), headers={"Authorization": f"Bearer {TOKEN}"}, verbose=False)
    wanted = {
        "policies": ["pocket"],
        "prompts": [f"What is {i} plus {i}?" for i in range(40)],
        "n_train": 6,
        "n_heldout": 2,
        "max_new_tokens": 12,
        "votes_wanted": 1,
    }
    opened = client.predict("scripted", wanted, api_name="/open_round")
    assert opened["state"] == "open"
    assert client.predict("scripted", api_name="/round_status")["votes"] == 0
    assert isinstance(client.predict(api_name="/leaderboard"), list)
    anybody = Client(app.url(), verbose=False)
    for call, arguments in (
        ("/round_status", ["scripted"]),
        ("/open_round", ["x", {}]),
        ("/export_preferences", ["x", {}]),
    ):
        try:
            anybody.predict(*arguments, api_name=call)
        except Exception as refused:
            assert "teacher" in str(refused).lower()
        else:
            raise AssertionError(f"{call} let a stranger in")


@pytest.mark.slow
def test_careful_labelling_with_every_field_and_a_correction(app, visit):
    """Goes on with the open round of the scripts above."""
    page = visit(app.url())
    page.get_by_role("tab", name="Label").click()
    page.locator("#label-code input, #label-code textarea").fill("NOCODE")
    page.locator("#label-join").click()
    page.get_by_test_id("toast-text").filter(has_text="There is no room").wait_for()
    page.locator("#label-code input, #label-code textarea").fill(room_code(app.home))
    page.locator("#label-join").click()
    page.locator("#label-choice input").first.wait_for()
    page.locator("body").press("1")
    page.get_by_label("clearly").check()
    page.get_by_label("Why?").fill("It is right.")
    page.get_by_label("B", exact=True).check()
    page.get_by_label("The better reply, edited").fill("This is better.")
    page.locator("#label-send").click()
    page.locator("#label-told").get_by_text("1 judged").wait_for()
    page.locator("#label-past input").click()
    page.locator("li[role=option]").first.click()
    page.locator("#label-correct").click()
    page.get_by_text("You are correcting").wait_for()
    page.wait_for_timeout(500)  # whatever a changed field sets off would come now
    assert page.locator("#label-choice input").first.is_checked()
    assert page.get_by_label("clearly").is_checked()
    assert page.get_by_label("Why?").input_value() == "It is right."
    assert page.get_by_label("The better reply, edited").input_value() == "This is better."
    page.get_by_role("button", name="Leave it").click()
    page.locator("#label-told").get_by_text("1 judged").wait_for()
    page.locator("#label-past input").click()
    page.locator("li[role=option]").first.click()
    page.locator("#label-correct").click()
    page.get_by_text("You are correcting").wait_for()
    page.locator("body").press("0")
    page.locator("#label-send").click()
    page.locator("#label-told").get_by_text("1 judged").wait_for()
    page.locator("#label-past input").click()
    page.get_by_role("option", name=re.compile("→ Tie")).wait_for()


@pytest.mark.slow
def test_a_thumb_and_a_star_in_the_chat(app, visit):
    page = visit(app.teachers_link)
    page.get_by_role("tab", name="Chat").click()
    ask(page, "What is the capital of Peru?")
    page.get_by_role("button", name=re.compile("^like$|Like", re.IGNORECASE)).first.click()
    page.get_by_text("your rating is saved").wait_for()
    page.locator("#chat-star").click()
    page.get_by_text("waits for a round").wait_for()
