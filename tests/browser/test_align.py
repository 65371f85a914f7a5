"""The whole loop in real browsers: train, round, three phones, reveal, reward model, DPO, the dial, chat, round two."""

from __future__ import annotations

import pytest

from tests.browser.conftest import start, stop
from tests.browser.helpers import ask, replies
from tests.browser.test_round import make

PHONES = 3


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """An app of its own: its runs and rounds would stand in the other tests' way."""
    running = start(tmp_path_factory.mktemp("align"), "--class")
    yield running
    stop(running)


def judge_by_length(phone) -> int:
    """Prefers the longer reply until nothing is left; returns how often."""
    n = 0
    while True:
        vote = phone.locator("[data-choice=left]:enabled:visible")
        vote.or_(phone.locator("h1:has-text('That was all'):visible")).wait_for()
        if not vote.count():
            return n
        left, right = phone.locator("#replies .reply .text").all_inner_texts()
        phone.locator(f"[data-choice={'left' if len(left) >= len(right) else 'right'}]:enabled").click()
        n += 1
        phone.wait_for_timeout(450)


def vote(app, page, chromium) -> int:
    """Opens the round that is shown, lets three phones judge it all, and reveals it."""
    page.locator("#vote-open:visible").click()
    page.locator(".stage .code").wait_for()
    code = page.locator(".stage .code").inner_text()
    n = 0
    for _ in range(PHONES):
        context = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
        phone = context.new_page()
        phone.set_default_timeout(60_000)
        phone.goto(f"{app.url()}/vote#room={code}")
        phone.get_by_role("button", name="Join").click()
        n += judge_by_length(phone)
        context.close()
    page.locator("#vote-locked:visible").click()
    page.locator("#vote-revealed:visible").click()
    page.locator("#vote-done:visible").click()
    return n


@pytest.mark.slow
def test_the_loop_from_votes_to_the_next_round(app, visit, chromium):
    """About two minutes on two quiet cores."""
    page = visit(app.teachers_link)
    page.get_by_text("learned (carries loss)").wait_for()
    page.get_by_text("Quick").click()
    page.get_by_label("Name of the run").fill("loop-sft")
    page.get_by_role("button", name="Start training").click()
    page.locator(".run-head", has_text="loop-sft").wait_for()
    page.locator(".badge.done").first.wait_for(timeout=600_000)
    page.reload()

    make(page, "loop one", 24, 8)
    assert vote(app, page, chromium) >= 30

    page.get_by_role("tab", name="Align").click()
    page.locator("#align-round input").click()
    page.get_by_role("option", name="loop one").click()
    page.locator("#align-facts").get_by_text("Pairs to train on").wait_for()
    for button, run in (("#align-reward", "reward-"), ("#align-dpo", "dpo-")):
        page.locator(button).click()
        page.locator("#align-head .run-head", has_text=run).wait_for()
        page.locator("#align-head .badge.done").wait_for(timeout=600_000)
    assert page.locator("#align-sample li").count() >= 1
    page.locator("#align-outcome:visible").click()
    page.locator("#align-result").get_by_text("Words per reply").wait_for()

    page.locator("#dial-heard .dial-reply").wait_for()
    page.locator("#dial-strength input[type=number]").fill("3")
    page.locator("#dial-strength input[type=number]").press("Enter")
    page.locator("#dial-heard").get_by_text("× 3").wait_for()

    page.locator("#align-again:visible").click()
    page.locator("#vote-stage .run-head b", has_text="Round 2").wait_for()  # the page goes to the new round
    chat(page)

    page.reload()
    page.get_by_role("tab", name="Vote").click()
    assert vote(app, page, chromium) >= 30
    page.get_by_role("tab", name="Align").click()
    page.get_by_role("button", name="Where everything comes from").click()
    picture = page.locator("#lineage-picture svg")
    picture.wait_for()
    assert all(name in picture.inner_html() for name in ("pocket", "loop-sft", "loop one", "dpo-", "reward-"))
    assert picture.locator(".rate").count() >= 1


def chat(page) -> None:
    """Base, SFT and DPO side by side, then the reward model's word."""
    page.get_by_role("tab", name="Chat").click()
    page.reload()
    page.get_by_role("tab", name="Chat").click()
    page.get_by_role("button", name="Columns, sampling").click()
    page.locator("#chat-columns").get_by_text("3").click()
    ask(page, "What is the capital of Peru?")
    base, *tuned = replies(page, 3)
    assert len(tuned) == 2 and all(base != each for each in tuned)
    page.get_by_role("button", name="Reward model:").click()
    page.locator("#chat-reward-judge").click()
    page.locator("#chat-reward-told .best").first.wait_for()  # more where policies write the same
