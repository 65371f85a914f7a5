"""The voting page in a real browser, phone-sized, against a server that does as a test tells it."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette

from common.settings import Settings
from labeling import history, people, rounds
from labeling.schema import Comparison, RoundSettings
from tests.ui import phone_stub
from tests.ui.phone_stub import INVITE, ROOM, TOKEN, Serving, Stub
from ui.phone.routes import routes
from workbench import services as services_module
from workbench.roles import TEACHER

PHONE = Path(__file__).parents[2] / "ui" / "phone"
MOST = 60_000  # bytes of the page, all in one
WAIT = 10_000  # ms


_TAP_AGAIN = """() => {
  const button = document.querySelector("[data-choice=left]"), prompt = document.querySelector("#prompt");
  const again = () => requestAnimationFrame(() => button.click());
  new MutationObserver(again).observe(prompt, { childList: true });
  button.click();
}"""


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    serving = Serving(made.app())
    made.port = serving.port
    yield made
    serving.stop()


@pytest.fixture
def phone(chromium, stub: Stub) -> Iterator[Callable]:
    """Opens the page in a fresh profile, in the room already unless told; no script may fail, nothing go out."""
    contexts, troubles = [], []

    def open_page(link: str = "", joined: bool = True, width: int = 390, locale: str = "en-US", **more):
        size = {"width": width, "height": 800}
        context = chromium.new_context(viewport=size, locale=locale, has_touch=width < 700, **more)
        contexts.append(context)
        context.set_default_timeout(WAIT)
        context.on("request", lambda request: _stays(request.url, stub.port, troubles))
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(f"a dialog: {dialog.message}"))
        page.goto(stub.url + (link or (f"#invite={TOKEN}" if joined else "")))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles


def _stays(url: str, port: int, troubles: list[str]) -> None:
    if url.startswith("http") and f"127.0.0.1:{port}/vote" not in url:
        troubles.append(f"a request left for {url}")


def tap(page, name: str) -> None:
    page.get_by_role("button", name=re.compile(f"^{name}")).locator("visible=true").first.tap()


def asked(page, number: int) -> None:
    """Until the page shows this comparison, ready to be judged."""
    page.locator("#prompt", has_text=phone_stub.PROMPTS[number]).wait_for()
    page.locator("[data-choice=left]:enabled").wait_for()


def until(page, true: Callable[[], bool]) -> None:
    for _ in range(WAIT // 50):
        if true():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it never came")


def hurry(page) -> None:
    """What coming back to the page does: it looks at once."""
    page.evaluate("dispatchEvent(new Event('focus'))")


def test_the_page_is_small_and_speaks_two_languages():
    words = json.loads((PHONE / "words.json").read_text(encoding="utf-8"))
    assert words["en"].keys() == words["es"].keys()
    holes = {
        name: {key: set(re.findall(r"{\w+}", text)) for key, text in words[name].items()} for name in words
    }
    assert holes["en"] == holes["es"]
    whole = phone_stub.page()
    assert len(whole.encode()) <= MOST
    assert not re.findall(r"/\*[A-Z]+\*/", whole)
    known = set(re.findall(r'data-(?:t|label)="([^"]+)"', whole)) | set(
        re.findall(r'\bt\("([\w.]+)"[,)]', whole)
    )
    assert known <= words["en"].keys()


@pytest.mark.parametrize(
    "name", ["crypto.randomUUID", "innerHTML", "clipboard", "serviceWorker", "https://", "eval("]
)
def test_the_page_needs_no_secure_origin_and_takes_no_html(name):
    assert name not in phone_stub.page()


def test_join_with_the_code_from_the_link(phone, stub):
    stub.state = "lobby"
    page = phone(f"#room={ROOM}")
    assert page.url == stub.url  # the code is read and gone
    page.get_by_text("Only a random number is kept").wait_for()
    tap(page, "Join")
    page.get_by_role("heading", name="You are in").wait_for()
    assert stub.joins == 1


def test_join_with_a_typed_code(phone, stub):
    page = phone(joined=False, locale="es-MX")
    page.get_by_label("Código de la sala").fill("zzz")
    tap(page, "Entrar")
    page.get_by_text("No existe la sala.").wait_for()
    page.get_by_label("Código de la sala").fill("abc 234")
    page.keyboard.press("Enter")
    asked(page, 0)
    assert page.locator("html").get_attribute("lang") == "es"


def test_an_invitation_is_used_at_once(phone, stub):
    page = phone(f"#invite={INVITE}")
    asked(page, 0)
    assert INVITE not in page.url and stub.joins == 0


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


def test_keys_vote_and_undo(phone, stub):
    page = phone(width=1280)
    asked(page, 0)
    page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '1', repeat: true, bubbles: true}))"
    )
    for number, key in enumerate("1209"):
        asked(page, number)
        page.keyboard.press(key)
    asked(page, 4)
    assert [body["winner"] for body in stub.received] == ["left", "right", "tie", "both_bad"]
    page.keyboard.press("u")
    asked(page, 3)
    until(page, lambda: len(stub.received) == 5)
    assert stub.received[4]["action"] == "retract"


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
    page.get_by_text("No connection; 1 vote waits in this phone.").wait_for()
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
    page.get_by_role("heading", name="Your vote is safe in this phone").wait_for()
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
    page.get_by_text("1 vote waits in this phone").wait_for()
    stub.refuse = 0
    hurry(page)
    asked(page, 1)
    assert len(stub.received) == 1


def test_a_vote_survives_a_reload_without_network(phone, stub):
    page = phone()
    asked(page, 0)
    stub.refuse = 503
    tap(page, "A is better")
    page.get_by_text("1 vote waits in this phone").wait_for()
    page.reload()
    page.get_by_text("1 vote waits in this phone").wait_for()
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
    page.context.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw Error('no') }})"
    )
    page.goto("about:blank")
    page.goto(f"{stub.url}#room={ROOM}")
    tap(page, "Join")
    asked(page, 0)
    tap(page, "A is better")
    asked(page, 1)


def test_the_phone_follows_the_teacher(phone, stub):
    stub.state = "lobby"
    page = phone()
    page.get_by_role("heading", name="You are in").wait_for()
    stub.go("voting")  # from here without a hand: the page looks by itself
    asked(page, 0)
    stub.go("locked")
    page.get_by_role("heading", name="The teacher has closed voting").wait_for()
    assert not page.locator("#choices").is_visible()
    shown = {"prompt": [{"role": "user", "content": "Split?"}], "left": "Yes, split.", "right": "No."}
    stub.go("discussing", shown=shown)
    page.get_by_text("Yes, split.").wait_for()
    assert not page.locator("#choices").is_visible()
    stub.go("voting_again")
    asked(page, 0)
    row = {"name": "polite-1", "value": 0.71, "low": 0.55, "high": 0.84, "n": 40}
    few = {"name": "base", "value": 0.29, "low": None, "high": None, "n": 3}
    card = {"agreement": 0.8, "left_share": 0.5, "votes": 9, "room_left_share": None}
    stub.go("revealed", shown=None, card=card, result={"winner_line": "polite-1 wins.", "rows": [row, few]})
    page.get_by_role("heading", name="polite-1 wins.").wait_for()
    page.get_by_text("71 % (55 to 84 %), 40 votes").wait_for()
    page.get_by_text("29 %, 3 votes").wait_for()
    page.get_by_text("agreed with the room").wait_for()
    stub.go("lobby")
    page.get_by_role("heading", name="You are in").wait_for()


def test_all_judged(phone, stub):
    stub.comparisons = stub.comparisons[:1]
    page = phone()
    asked(page, 0)
    tap(page, "A is better")
    page.get_by_role("heading", name="That was all for now").wait_for()
    stub.comparisons.append(phone_stub.comparison(1))
    stub.go("voting")
    asked(page, 1)


def test_what_the_round_asks_for(phone, stub):
    stub.asks = dict.fromkeys(stub.asks, True)
    stub.guidelines = "# How\n\nPrefer the **honest** one. <img src=x onerror=alert(1)>\n\n- short\n- true"
    page = phone()
    asked(page, 0)
    page.get_by_text("Guidelines").tap()
    page.locator("#guidelines strong", has_text="honest").wait_for()
    page.get_by_text("<img src=x").wait_for()
    tap(page, "A is better")
    page.get_by_label("Clearly").check()
    page.get_by_role("group", name="Helpful, Reply A").get_by_label("4").check()
    page.get_by_role("group", name="Honest, Reply B").get_by_label("2").check()
    page.get_by_label("Why?").fill("It 1 2 0 answers.")  # keys in a text field are no votes
    page.reload()  # what is filled in stays
    edited = page.get_by_label("Improve reply A")
    assert edited.input_value() == stub.comparisons[0]["left"]
    edited.fill("Better.")
    assert not stub.received
    tap(page, "Send")
    asked(page, 1)
    body = stub.received[0]
    assert (body["winner"], body["strength"], body["rationale"]) == ("left", 2, "It 1 2 0 answers.")
    assert body["ratings"] == {"left": {"helpful": 4}, "right": {"honest": 2}}
    assert (body["edited_completion"], body["edited_side"]) == ("Better.", "left")
    tap(page, "Tie")
    assert not page.get_by_label("Clearly").is_visible()
    tap(page, "Tie Change")
    tap(page, "B is better")
    tap(page, "Send")
    asked(page, 2)
    assert not stub.received[1].keys() & {"strength", "ratings", "rationale", "edited_completion"}


def test_script_in_a_reply_is_only_text(phone, stub):
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>\n  <b>kept</b>"
    stub.comparisons[0] |= {"left": evil, "prompt": [{"role": "user", "content": evil}]}
    stub.name = evil
    page = phone()
    page.locator(".reply").first.wait_for()
    assert page.locator(".reply .text").first.text_content() == evil
    assert page.locator("#prompt .text").text_content() == evil
    assert page.locator("main img, main b:not(.mark b), main script").count() == 0


def test_a_revoked_token_may_join_again(phone, stub):
    page = phone()
    asked(page, 0)
    stub.tokens.clear()
    hurry(page)
    page.get_by_text("Nobody here has this token.").wait_for()
    page.get_by_label("Room code").fill(ROOM)
    tap(page, "Join")
    asked(page, 0)
    assert stub.joins == 1


def test_leave_and_withdraw(phone, stub):
    page = phone()
    asked(page, 0)
    tap(page, "Leave and withdraw my votes")
    tap(page, "Stay")
    assert not stub.withdrawn
    tap(page, "Leave and withdraw my votes")
    page.locator("#withdraw").tap()
    page.get_by_role("heading", name="You have left").wait_for()
    assert stub.withdrawn and page.evaluate("localStorage.getItem('afina.token')") is None


def test_the_switch_changes_the_language_for_good(phone, stub):
    page = phone()
    asked(page, 0)
    tap(page, "Español")
    page.get_by_role("button", name="A es mejor").wait_for()
    page.reload()
    page.get_by_role("button", name="A es mejor").wait_for()
    assert page.locator("html").get_attribute("lang") == "es"


@pytest.mark.parametrize("locale", ["en-US", "es-ES"])
def test_320_pixels_are_enough(phone, stub, locale):
    stub.asks = dict.fromkeys(stub.asks, True)
    stub.comparisons[0] |= {"left": "w" * 400, "right": "a\n" * 80}
    page = phone(width=320, locale=locale)
    asked(page, 0)
    targets = "[...document.querySelectorAll('button, .steps label')].filter((e) => e.offsetParent)"
    for _ in range(2):
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        sizes = page.evaluate(
            targets + ".map((e) => e.getBoundingClientRect()).map((r) => [r.width, r.height])"
        )
        assert sizes and min(map(min, sizes)) >= 47.9
        bottom = page.locator(".dock").bounding_box()
        assert bottom["y"] >= 800 * 2 / 3 and bottom["y"] + bottom["height"] <= 800.5
        page.locator("[data-choice=left]").evaluate("(button) => button.click()")
    assert page.locator("#details .steps").count() == 7


def test_replies_stand_side_by_side_where_there_is_room(phone, stub):
    for width, beside in ((690, False), (700, True)):
        page = phone(width=width)
        asked(page, 0)
        a, b = (page.locator(".reply").nth(index).bounding_box() for index in (0, 1))
        assert (a["y"] == b["y"]) is beside


@pytest.fixture
def room(tmp_path) -> Iterator[tuple]:
    """The real routes over a real store: its services, an open round of three, and where it is."""
    services = services_module.build(Settings(home=tmp_path))
    this = rounds.create(
        services.labels, "one", "judge", ["secret-a", "secret-b"], RoundSettings(votes_wanted=5)
    )
    items = [
        Comparison(f"Question {i}?", f"first {i}", f"second {i}", "secret-a@1", "secret-b@2")
        for i in range(3)
    ]
    rounds.add_comparisons(services.labels, this.round_id, items)
    services.rounds.move(TEACHER, this.round_id, "open")
    serving = Serving(Starlette(routes=routes(services)))
    yield services, this, f"http://127.0.0.1:{serving.port}/vote"
    serving.stop()
    services.labels.close()


def test_a_round_on_the_real_routes(chromium, room):
    """Join, vote, undo, vote again, lock, reveal: the page and the server mean the same."""
    services, this, url = room
    context = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    context.set_default_timeout(WAIT)
    page = context.new_page()
    page.goto(f"{url}#room={people.room(services.labels).code}")
    tap(page, "Join")
    for number in range(3):
        page.get_by_text(f"{number} judged, {3 - number} to go", exact=True).wait_for()
        page.locator("[data-choice=left]:enabled").wait_for()
        tap(page, "A is better")
        if number == 0:
            page.get_by_text("1 judged, 2 to go", exact=True).wait_for()
            tap(page, "Undo")
            page.get_by_text("0 judged, 3 to go", exact=True).wait_for()
            page.locator("[data-choice=left]:enabled").wait_for()
            tap(page, "Both bad")
    page.get_by_role("heading", name="That was all for now").wait_for()
    assert "secret" not in page.content()
    person = people.identify(services.labels, json.loads(page.evaluate("localStorage['afina.token']")))
    told = history.of(services.labels, person, this.round_id)
    assert [each.winner for each in told] == ["left", "left", "both_bad"]  # newest first
    for state in ("locked", "revealed"):
        services.rounds.move(TEACHER, this.round_id, state)
    page.get_by_role("heading", name="Your card").wait_for()
    page.get_by_text("3 votes of yours").wait_for()
    context.close()
