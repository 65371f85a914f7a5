"""A judgement on the phone page, whatever the finger and the network do: it counts, and it counts once."""

from __future__ import annotations

import uuid

import pytest

from tests.browser.helpers import asked, hurry, tap, until
from tests.ui.phone.stub import ROOM

_TAP_AGAIN = """() => {
  const button = document.querySelector("[data-choice=left]"), prompt = document.querySelector("#prompt");
  const again = () => requestAnimationFrame(() => button.click());
  new MutationObserver(again).observe(prompt, { childList: true });
  button.click();
}"""


@pytest.mark.slow
def test_a_tap_votes_and_brings_the_next(phone, stub):
    page = phone()
    for number, (name, winner) in enumerate(
        [("A is better", "left"), ("B is better", "right"), ("Tie", "tie"), ("Both bad", "both_bad")]
    ):
        asked(page, number)
        tap(page, name)
        asked(page, number + 1)
        body = stub.received[number]
        assert (body["action"], body["winner"]) == ("vote", winner)
        assert body["assignment_id"] == f"assignment-{number}" and body["decision_time_ms"] > 0
        assert uuid.UUID(body["annotation_id"]).version == 4
        assert not body.keys() & {"strength", "ratings", "rationale", "edited_completion"}
    page.get_by_text("4 judged, 2 to go", exact=True).wait_for()
    assert page.evaluate("document.activeElement.closest('#prompt') !== null")


@pytest.mark.slow
def test_keys_vote_and_undo(phone, stub):
    page = phone(width=1280)
    asked(page, 0)
    page.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '1', repeat: true, bubbles: true}))")
    for number, key in enumerate("1209"):
        asked(page, number)
        page.keyboard.press(key)
    asked(page, 4)
    assert [body["winner"] for body in stub.received] == ["left", "right", "tie", "both_bad"]
    page.keyboard.press("u")
    asked(page, 3)
    until(page, lambda: len(stub.received) == 5)
    assert stub.received[4]["action"] == "retract"


@pytest.mark.slow
def test_a_phone_whose_clock_is_set_back_goes_on(phone, stub):
    page = phone()
    asked(page, 0)
    page.evaluate("{ const then = Date.now() - 3 * 3600e3; Date.now = () => then; }")
    for number in range(3):
        tap(page, "A is better")
        asked(page, number + 1)
    assert all(0 < body["decision_time_ms"] < 60_000 for body in stub.received)
    stub.go("locked")  # and the page still looks by itself
    page.get_by_role("heading", name="The teacher has closed voting").wait_for()


def test_keys_do_nothing_where_something_is_typed_or_asked(phone, stub):
    page = phone(width=1280)
    asked(page, 0)
    page.evaluate(
        "document.querySelector('#prompt').contentEditable = 'true'; document.querySelector('#prompt').focus()"
    )
    page.keyboard.press("2")
    page.evaluate("document.querySelector('#prompt').contentEditable = 'false'; document.activeElement.blur()")
    page.locator("#leave").click()
    page.keyboard.press("1")
    page.locator("#stay").click()
    page.wait_for_timeout(300)
    assert not stub.received
    page.keyboard.press("1")
    asked(page, 1)


def test_a_double_tap_is_one_vote(phone, stub):
    page = phone()
    asked(page, 0)
    page.evaluate("for (let i = 0; i < 5; i++) document.querySelector('[data-choice=left]').click()")
    asked(page, 1)
    assert len(stub.received) == 1
    page.evaluate(_TAP_AGAIN)  # the second tap falls on the next comparison, just come
    asked(page, 2)
    page.wait_for_timeout(300)
    assert len(stub.received) == 2


def test_a_slow_network_takes_one_vote(phone, stub):
    page = phone()
    asked(page, 0)
    stub.delay = 0.6
    tap(page, "A is better")
    for key in "1212":
        page.keyboard.press(key)
        page.wait_for_timeout(100)
    asked(page, 1)
    assert len(stub.received) == 1


def test_undo_takes_the_vote_back_and_asks_again(phone, stub):
    page = phone()
    asked(page, 0)
    assert page.get_by_role("button", name="Undo the last vote").locator("visible=true").is_disabled()
    tap(page, "A is better")
    asked(page, 1)
    tap(page, "Undo")
    asked(page, 0)
    tap(page, "B is better")
    asked(page, 1)
    vote, retract, again = stub.received
    assert retract["action"] == "retract" and retract["supersedes"] == vote["annotation_id"]
    assert again["winner"] == "right" and "supersedes" not in again
    assert stub.current == {"assignment-0": again["annotation_id"]}


@pytest.mark.slow
def test_undo_while_the_next_is_on_its_way(phone, stub):
    page = phone()
    asked(page, 0)
    stub.delay = 0.5  # for the vote, then for the next comparison
    tap(page, "A is better")
    until(page, lambda: len(stub.received) == 1)
    page.wait_for_timeout(200)
    tap(page, "Undo")
    page.wait_for_timeout(1500)
    asked(page, 0)
    tap(page, "Tie")
    asked(page, 1)
    assert [body["action"] for body in stub.received] == ["vote", "retract", "vote"]


def test_skip_and_report(phone, stub):
    page = phone()
    asked(page, 0)
    tap(page, "Skip")
    asked(page, 1)
    tap(page, "Report")
    asked(page, 2)
    page.get_by_text("Reported to the teacher.").wait_for()
    assert [body["action"] for body in stub.received] == ["skip", "report"]
    assert "winner" not in stub.received[0]


def test_a_vote_waits_for_the_network_and_is_sent_once(phone, stub):
    page = phone()
    asked(page, 0)
    page.context.set_offline(True)
    tap(page, "A is better")
    page.get_by_text("No connection; 1 vote waits on this phone.").wait_for()
    assert not stub.received
    page.context.set_offline(False)
    asked(page, 1)
    assert len(stub.received) == 1
    assert page.locator("#network").inner_text() == ""


def test_a_vote_whose_answer_was_lost_counts_once_and_can_be_undone(phone, stub):
    page = phone()
    asked(page, 0)
    stub.lose_answers = True
    tap(page, "A is better")
    page.get_by_role("heading", name="Your vote is safe on this phone").wait_for()
    tap(page, "Undo")  # it may be there: so it is sent, and taken back
    asked(page, 0)
    stub.lose_answers = False
    tap(page, "Tie")
    hurry(page)
    asked(page, 1)
    assert [body["action"] for body in stub.stored.values()] == ["vote", "retract", "vote"]
    assert stub.stored[stub.current["assignment-0"]]["winner"] == "tie"


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_refusal_that_passes_keeps_the_vote(phone, stub, status):
    page = phone()
    asked(page, 0)
    stub.refuse = status
    tap(page, "B is better")
    page.get_by_text("1 vote waits on this phone").wait_for()
    stub.refuse = 0
    hurry(page)
    asked(page, 1)
    assert len(stub.received) == 1


def test_a_vote_survives_a_reload_without_network(phone, stub):
    page = phone()
    asked(page, 0)
    stub.refuse = 503
    tap(page, "A is better")
    page.get_by_text("1 vote waits on this phone").wait_for()
    page.reload()
    page.get_by_text("1 vote waits on this phone").wait_for()
    stub.refuse = 0
    hurry(page)
    asked(page, 1)
    assert len(stub.received) == 1


def test_a_vote_that_is_wrong_is_told_and_dropped(phone, stub):
    page = phone()
    asked(page, 0)
    stub.refuse = 422
    tap(page, "A is better")
    page.get_by_text("The stub refuses.").wait_for()
    stub.refuse = 0
    hurry(page)
    asked(page, 0)
    assert not stub.received and page.evaluate("queue().length") == 0


def test_a_late_vote_is_told_and_not_sent_again(phone, stub):
    page = phone()
    asked(page, 0)
    stub.late = True
    stub.go("locked")
    tap(page, "A is better")
    page.get_by_text("The voting had closed when your vote arrived.").wait_for()
    page.get_by_role("heading", name="The teacher has closed voting").wait_for()
    hurry(page)
    page.wait_for_timeout(300)
    assert len(stub.received) == 1


def test_a_reload_goes_on(phone, stub):
    page = phone()
    asked(page, 0)
    tap(page, "A is better")
    asked(page, 1)
    page.reload()
    asked(page, 1)
    assert stub.joins == 0
    tap(page, "Undo")
    asked(page, 0)


def test_a_phone_without_storage_votes(phone, stub):
    page = phone(joined=False)
    page.context.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw Error('no') }})")
    page.goto("about:blank")
    page.goto(f"{stub.url}#room={ROOM}")
    tap(page, "Join")
    asked(page, 0)
    tap(page, "A is better")
    asked(page, 1)
