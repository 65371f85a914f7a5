"""The voting page in a real browser, phone-sized, against a server that does as a test tells it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette

from common.languages import LANGUAGES
from common.settings import Settings
from labeling.admission import annotators
from labeling.rounds import history, lifecycle
from labeling.schema import CRITERIA, Comparison, RoundSettings
from tests.browser.helpers import WAIT, asked, hurry, tap
from tests.ui.phone import stub as phone_stub
from tests.ui.phone.stub import INVITE, ROOM, Serving
from ui.phone import routes
from ui.translations import PHONE, texts
from workbench import services as services_module
from workbench.actors import TEACHER

MOST = 60_000  # bytes of the page, all in one


def test_the_page_is_small_and_has_every_text_that_it_shows():
    words = routes.words()["en"]
    whole = phone_stub.page()
    assert len(whole.encode()) <= MOST
    assert not re.findall(r"/\*[A-Z]+\*/|<!--[A-Z]+-->", whole)
    known = set(re.findall(r'data-(?:t|label)="([^"]+)"', whole)) | set(re.findall(r'\bt\("([\w.]+)"[,)]', whole))
    known |= {f"vote.choice.{choice}" for choice in ("left", "right", "tie", "both_bad")}
    known |= {f"label.strength_{n}" for n in (1, 2, 3)} | {f"label.criterion.{name}" for name in CRITERIA}
    known |= {f"role.{name}" for name in ("system", "user", "assistant")} | {
        f"said.{what}" for what in ("skip", "report", "undo")
    }
    known |= {f"{screen}.{part}" for screen in ("lobby", "locked", "done", "kept") for part in ("title", "text")}
    assert known <= words.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_phone_repeats_no_text_of_the_page(language):
    page = texts(language)
    shared = [key for key in page if key.startswith(("label.", "vote.choice."))]
    own = {text for key, text in page.items() if key.startswith(PHONE)}
    assert not own & {page[key] for key in shared}


@pytest.mark.parametrize("name", ["crypto.randomUUID", "innerHTML", "clipboard", "serviceWorker", "https://", "eval("])
def test_the_page_needs_no_secure_origin_and_takes_no_html(name):
    assert name not in phone_stub.page()


@pytest.mark.slow
def test_join_with_the_code_from_the_link(phone, stub):
    stub.state = "lobby"
    page = phone(f"#room={ROOM}")
    assert page.url == stub.url  # the code is read and gone
    page.get_by_text("Only a random number is stored").wait_for()
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


@pytest.mark.slow
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
    page.get_by_text("71% (55 to 84%), 40 votes").wait_for()
    page.get_by_text("29%, 3 votes").wait_for()
    page.get_by_text("agreed with the class").wait_for()
    stub.go("lobby")
    page.get_by_role("heading", name="You are in").wait_for()


@pytest.mark.slow
def test_all_judged(phone, stub):
    stub.comparisons = stub.comparisons[:1]
    page = phone()
    asked(page, 0)
    tap(page, "A is better")
    page.get_by_role("heading", name="That was all for now").wait_for()
    stub.comparisons.append(phone_stub.comparison(1))
    stub.go("voting")
    asked(page, 1)


@pytest.mark.slow
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
    page.get_by_role("heading", name="This pass has ended").wait_for()
    page.get_by_text("This pass is not known here.").wait_for()
    page.get_by_label("Room code").fill(ROOM)
    tap(page, "Join")
    asked(page, 0)
    assert stub.joins == 1


def test_who_came_by_the_qr_code_is_told_why_it_ended_too(phone, stub):
    page = phone(f"#room={ROOM}")
    tap(page, "Join")
    asked(page, 0)
    stub.tokens.clear()
    hurry(page)
    page.get_by_text("This pass is not known here.").wait_for()
    tap(page, "Join")  # the code is still there
    asked(page, 0)
    assert not page.get_by_text("This pass has ended").is_visible()


def test_a_pass_that_is_good_again_is_used_again(phone, stub):
    """The teacher undid the last joins and took it back: nobody becomes a second person, nobody waits outside."""
    page = phone()
    asked(page, 0)
    for comes_back in (lambda: hurry(page), lambda: tap(page, "Join"), lambda: page.reload()):
        known = set(stub.tokens)
        stub.tokens.clear()
        hurry(page)
        page.get_by_role("heading", name="This pass has ended").wait_for()
        page.get_by_label("Room code").fill(ROOM)
        stub.tokens |= known
        comes_back()
        asked(page, 0)
    assert stub.joins == 0


def test_leave_and_withdraw(phone, stub):
    page = phone()
    asked(page, 0)
    tap(page, "Leave and withdraw my votes")
    tap(page, "Stay")
    assert not stub.withdrawn
    tap(page, "Leave and withdraw my votes")
    page.locator("#withdraw").tap()
    page.get_by_role("heading", name="You have left").wait_for()
    page.get_by_text("2 models had already learned from them (polite, short)").wait_for()
    assert stub.withdrawn and page.evaluate("localStorage.getItem('afina.token')") is None


def test_the_switch_changes_the_language_for_good(phone, stub):
    page = phone()
    asked(page, 0)
    page.locator("#language").select_option("es")
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
        sizes = page.evaluate(targets + ".map((e) => e.getBoundingClientRect()).map((r) => [r.width, r.height])")
        assert sizes and min(map(min, sizes)) >= 47.9
        bottom = page.locator(".dock").bounding_box()
        assert bottom["y"] >= 800 * 2 / 3 and bottom["y"] + bottom["height"] <= 800.5
        page.locator("[data-choice=left]").evaluate("(button) => button.click()")
    assert page.locator("#details .steps").count() == 7


@pytest.mark.slow
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
    this = lifecycle.create(services.labels, "one", "judge", ["secret-a", "secret-b"], RoundSettings(votes_wanted=5))
    items = [Comparison(f"Question {i}?", f"first {i}", f"second {i}", "secret-a@1", "secret-b@2") for i in range(3)]
    lifecycle.add_comparisons(services.labels, this.round_id, items)
    services.rounds.move(TEACHER, this.round_id, "open")
    serving = Serving(Starlette(routes=routes.routes(services)))
    yield services, this, f"http://127.0.0.1:{serving.port}/vote"
    serving.stop()
    services.labels.close()


@pytest.mark.slow
def test_a_round_on_the_real_routes(chromium, room):
    """Join, vote, undo, vote again, lock, reveal: the page and the server mean the same."""
    services, this, url = room
    context = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    context.set_default_timeout(WAIT)
    page = context.new_page()
    page.goto(f"{url}#room={annotators.room(services.labels).code}")
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
    person = annotators.identify(services.labels, json.loads(page.evaluate("localStorage['afina.token']")))
    told = history.of(services.labels, person.annotator_id, this.round_id)
    assert [each.winner for each in told] == ["left", "left", "both_bad"]  # newest first
    for state in ("locked", "revealed"):
        services.rounds.move(TEACHER, this.round_id, state)
    page.get_by_role("heading", name="Your card").wait_for()
    page.get_by_text("3 votes cast").wait_for()
    context.close()
