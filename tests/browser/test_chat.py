"""The Chat tab in a browser over an engine that waits, breaks and ends on demand: what each button does then."""

from __future__ import annotations

import re
import socket
import threading
from dataclasses import replace

import pytest

from common.errors import AfinaError
from common.settings import Settings
from labeling.rounds import ratings
from tests.browser.helpers import until
from tests.standin.engine import StandInEngine
from tuning.inference.reply_engine import Partial
from ui.page import build, launch_options
from workbench import services as services_module

TOKEN = "browser-chat-token-1"
# Gradio's own, in its queue: raised here, it would end events that the app lets pass.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Engine(StandInEngine):
    """Writes what `text` says word by word as `go` is set; `broken` raises in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.broken, self.go = "One two three.", None, threading.Event()
        self.silent: set[int] = set()  # columns that write nothing

    def stream(self, policies, conversations, sampling, should_stop=lambda: False):
        self.conversations.append([list(talk) for talk in conversations])
        columns = [Partial() for _ in policies]
        yield columns
        for n in range(1, 1 + len(self.text.split())):
            while not self.go.wait(0.02):
                if should_stop():
                    yield [replace(each, done=True, finish_reason="stopped") for each in columns]
                    return
            words = " ".join(self.text.split()[:n])
            columns = [Partial() if i in self.silent else Partial(words, n, 0.1) for i in range(len(policies))]
            yield columns
            if n == 1:
                self.go.clear() if self.pause else None
            if self.broken is not None and n == 2:
                raise self.broken
        yield [replace(each, done=True, finish_reason="end") for each in columns]

    pause = False  # after the first word


class Page:
    def __init__(self, home) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.services = services_module.build(Settings(home=home, teacher_token=TOKEN, port=port))
        self.engine = self.services.comparing._engine = Engine()
        self.demo = build(self.services)
        self.demo.launch(**launch_options(self.services), prevent_thread_lock=True)
        self.url = f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Page(tmp_path_factory.mktemp("home"))
    yield made
    made.demo.close()
    made.services.labels.close()


@pytest.fixture
def engine(server):
    server.engine.__init__()
    server.engine.go.set()
    return server.engine


@pytest.fixture
def chat(server, engine, visit):
    """The Chat tab, ready for a message."""

    def open_page(**more):
        page = visit(server.url, **more)
        page.set_default_timeout(20_000)
        page.get_by_role("tab", name="Chat").click()
        page.wait_for_function("document.querySelector('#chat-policy-0 input')?.value")
        return page

    return open_page


def send(page, text):
    page.locator("#chat-message textarea").fill(text)
    page.locator("#chat-send").click()


def field(page):
    return page.locator("#chat-message textarea").input_value()


def bubbles(page, kind="bot", column=0):
    return page.locator(f"#chat-talk-{column} .{kind}.message").all_inner_texts()


def rest(page):
    """Until the page is ready for the next message; an answer takes a moment to begin."""
    page.wait_for_timeout(700)
    page.locator("#chat-send").wait_for()
    page.locator("#chat-stop").wait_for(state="hidden")


def thumbs(page, column=0):
    """How many thumbs can be clicked."""
    return page.evaluate(
        """column => [...document.querySelectorAll(`#chat-talk-${column} .message-buttons button`)].filter(
            each => /like/i.test(each.ariaLabel) && each.checkVisibility({visibilityProperty: true})).length""",
        column,
    )


@pytest.mark.slow
def test_a_reply_that_is_stopped_is_marked_and_has_no_thumbs(chat, engine, server):
    page = chat()
    send(page, "Hi")
    rest(page)
    assert thumbs(page) == 2
    engine.pause = True
    send(page, "More")
    until(page, lambda: bubbles(page)[-1:] == ["One"])
    assert thumbs(page) == 2  # none below what is being written
    page.locator("#chat-stop").click()
    rest(page)
    assert [each.strip("\u2060") for each in bubbles(page)] == [
        "One two three.",
        "One",
        "✂ Stopped here: not the whole reply",
    ]
    assert thumbs(page) == 2
    engine.pause = False
    engine.go.set()
    send(page, "On")
    rest(page)
    told = engine.conversations[-1][0]
    assert [turn["content"] for turn in told] == ["Hi", "One two three.", "More", "One", "On"]


@pytest.mark.slow
@pytest.mark.parametrize(("locale", "words"), [("en-US", "no reply: stopped"), ("es-ES", "sin respuesta: detenida")])
def test_a_reply_stopped_before_its_first_word_leaves_nothing_and_gives_the_question_back(chat, engine, locale, words):
    page = chat(locale=locale)
    send(page, "Hi")
    rest(page)
    engine.go.clear()
    send(page, "Are you there?")
    until(page, lambda: bubbles(page)[-1:] == ["…"])
    assert field(page) == ""
    page.locator("#chat-stop").click()
    rest(page)
    until(page, lambda: field(page) == "Are you there?")
    assert bubbles(page) == ["One two three."] and bubbles(page, "user") == ["Hi"]
    assert words in page.locator(".chat-facts").first.inner_text()
    engine.go.set()
    page.locator("#chat-send").click()
    rest(page)
    assert [turn["content"] for turn in engine.conversations[-1][0]] == ["Hi", "One two three.", "Are you there?"]
    assert field(page) == "" and bubbles(page)[-1] == "One two three."


@pytest.mark.slow
def test_what_is_typed_while_a_reply_is_stopped_is_not_written_over(chat, engine):
    page = chat()
    engine.go.clear()
    send(page, "First")
    until(page, lambda: bubbles(page)[-1:] == ["…"])
    page.locator("#chat-message textarea").fill("Second")
    page.locator("#chat-stop").click()
    rest(page)
    page.wait_for_timeout(500)
    assert field(page) == "Second" and bubbles(page) == []


@pytest.mark.slow
@pytest.mark.parametrize("broken", [ValueError("secret path"), AfinaError("chat.memory")])
def test_after_an_error_the_chat_goes_on(chat, engine, broken):
    """The word that was written stays, marked as cut; Send comes back; the next message is answered."""
    page = chat()
    engine.broken = broken
    send(page, "Hi")
    page.locator(".toast-body").first.wait_for()
    rest(page)
    assert page.locator("#chat-send").is_enabled()
    assert bubbles(page)[0] == "One two" and bubbles(page, "user") == ["Hi"] and thumbs(page) == 0
    engine.broken = None
    send(page, "Again")
    rest(page)
    assert bubbles(page)[-1] == "One two three." and thumbs(page) == 2


@pytest.mark.slow
def test_an_error_before_the_first_word_gives_the_question_back(chat, engine):
    page = chat()
    engine.silent, engine.broken = {0, 1}, ValueError("secret path")
    send(page, "Hi")
    page.locator(".toast-body").first.wait_for()
    rest(page)
    until(page, lambda: field(page) == "Hi")
    assert bubbles(page) == [] and bubbles(page, "user") == []


@pytest.mark.slow
def test_a_refused_message_stays_in_its_field(chat, engine):
    page = chat()
    send(page, "x" * 9000)
    page.locator(".toast-body").first.wait_for()
    rest(page)
    assert len(field(page)) == 9000
    send(page, "Hi")
    rest(page)
    assert bubbles(page) == ["One two three."]


@pytest.mark.slow
def test_one_column_may_stay_silent(chat, engine):
    page = chat()
    engine.silent = {1}
    send(page, "Hi")
    rest(page)
    assert bubbles(page) == ["One two three."] and bubbles(page, column=1) == []
    assert field(page) == ""  # one column has answered it
    engine.silent = set()
    page.get_by_role("button", name="Again").click()
    until(page, lambda: bubbles(page, column=1) == ["One two three."])
    rest(page)
    assert bubbles(page) == ["One two three."] and bubbles(page, "user", 1) == ["Hi"]


@pytest.mark.slow
def test_again_and_clear_wait_for_a_reply_and_no_second_one_begins(chat, engine):
    page = chat()
    send(page, "Hi")
    rest(page)
    retry, clear = (page.get_by_role("button", name=re.compile(each)) for each in ("^Again", "^Clear$"))
    retry, clear = retry.first, clear.locator("visible=true").first
    engine.pause = True
    engine.text = "Four five six."
    retry.click()
    until(page, lambda: bubbles(page) == ["Four"])
    assert retry.is_disabled() and clear.is_disabled()
    page.locator("#chat-message textarea").fill("Me too")
    page.locator("#chat-message textarea").press("Enter")  # Send is away; the key is not
    page.locator(".toast-body").first.wait_for()
    assert "still being written" in page.locator(".toast-body").first.inner_text()
    assert page.locator("#chat-stop").is_visible() and field(page) == "Me too"
    engine.pause = False
    engine.go.set()
    until(page, lambda: bubbles(page) == ["Four five six."])
    rest(page)
    assert retry.is_enabled() and clear.is_enabled()
    clear.click()
    until(page, lambda: bubbles(page) == [])
    assert len(engine.conversations) == 2


@pytest.mark.slow
def test_a_second_answer_that_is_stopped_at_once_leaves_the_first(chat, engine):
    page = chat()
    send(page, "Hi")
    rest(page)
    engine.go.clear()
    page.get_by_role("button", name=re.compile("^Again")).first.click()
    until(page, lambda: bubbles(page) == ["…"])
    page.locator("#chat-stop").click()
    rest(page)
    assert bubbles(page) == ["One two three."] and thumbs(page) == 2 and field(page) == ""


@pytest.mark.slow
def test_a_thumb_up_taken_back_and_down(chat, engine, server):
    labels = server.services.labels

    def kept():
        return [each.value for each in ratings.counting(labels) if each.prompt[-1]["content"] == "Rate me"]

    page = chat()
    send(page, "Rate me")
    rest(page)
    for label, after in (("Like", [1]), ("Liked", []), ("Dislike", [0]), ("Like", [1])):
        page.locator(f"#chat-talk-0 button[aria-label='{label}']").click()
        until(page, lambda after=after: kept() == after)
    page.locator("#chat-policy-0").click()  # whatever a column is called now: the reply knows who wrote it
    page.locator("li[role=option]").nth(1).click()
    page.locator("#chat-talk-0 button[aria-label='Dislike']").click()
    until(page, lambda: kept() == [0])
    (mine,) = [each for each in ratings.counting(labels) if each.prompt[-1]["content"] == "Rate me"]
    assert mine.policy == "pocket" and mine.verified


@pytest.mark.slow
def test_a_pasted_address_stays_as_it_was(chat, engine):
    page = chat()
    text = "https://a.example/?x=1&copy=2&section=3&lt=4&notit;"
    send(page, text)
    rest(page)
    assert bubbles(page, "user") == [text]
    assert engine.conversations[-1][0][-1]["content"] == text
    send(page, "On")
    rest(page)
    assert engine.conversations[-1][0][0]["content"] == text
