"""The reader's language, and errors put into words."""

import gradio as gr
import pytest

from common.errors import AfinaError
from common.settings import Settings
from ui.page import build
from ui.request import preferred, shown
from workbench.services import build as build_services


@pytest.mark.parametrize(
    ("cookie", "accept", "expected"),
    [
        ("", "", "en"),
        ("", "es-MX,es;q=0.9,en;q=0.8", "es"),
        ("", "de-DE,de;q=0.9,es;q=0.5,en;q=0.7", "en"),
        ("", "fr;q=x,es", "es"),
        ("afina_language=es", "en-US", "es"),
        ("afina_language=en; other=1", "es-ES", "en"),
        ("theirs[a]=1; afina_language=es", "en-US", "es"),
        ("afina_language=xx", "es-ES", "es"),
        ("broken\x00=;;;", "es", "es"),
    ],
)
def test_the_cookie_goes_before_the_browser(cookie, accept, expected):
    assert preferred(cookie, accept) == expected


def _fail(request: gr.Request) -> None:
    raise AfinaError("chat.empty")


def _fail_later(request: gr.Request):
    yield 1
    raise AfinaError("chat.empty")


def test_errors_are_worded_for_the_reader(monkeypatch):
    monkeypatch.setattr("ui.request._headers", lambda request: {"accept-language": "es"})
    with pytest.raises(gr.Error, match="está vacío"):
        shown(_fail)(gr.Request())
    stream = shown(_fail_later)(gr.Request())
    assert next(stream) == 1
    with pytest.raises(gr.Error, match="está vacío"):
        next(stream)


def test_what_nobody_expected_is_told_in_words_and_logged_whole(monkeypatch, caplog):
    """Its text may hold a path of the server, and anybody may call a handler."""

    @shown
    def broken(request: gr.Request) -> None:
        raise OSError("File name too long: '/srv/afina/runs/x'")

    @shown
    def broken_later(request: gr.Request):
        yield 1
        raise OSError("File name too long: '/srv/afina/runs/x'")

    monkeypatch.setattr("ui.request._headers", lambda request: {"accept-language": "es"})
    stream = broken_later(gr.Request())
    assert next(stream) == 1
    for call in (lambda: broken(gr.Request()), lambda: next(stream)):
        with pytest.raises(gr.Error, match="Algo inesperado ha fallado") as told:
            call()
        assert "/srv" not in str(told.value) and "OSError" in str(told.value)
    assert caplog.text.count("\nOSError: File name too long: '/srv/afina/runs/x'") == 2


def test_gradios_own_errors_pass():
    @shown
    def refused() -> None:
        raise gr.Error("as it is")

    with pytest.raises(gr.Error, match="as it is"):
        refused()


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """The whole page's events by their number."""
    services = build_services(Settings(home=tmp_path_factory.mktemp("home")))
    yield build(services).fns
    services.labels.close()


def test_no_step_of_the_page_waits_for_a_success_without_saying_so(steps):
    """Gradio runs no `.then` after a handler that raised: it reads as if it did. See `always`."""
    bare = [
        each
        for each in steps.values()
        if each.trigger_after is not None and not (each.trigger_only_on_success or each.trigger_only_on_failure)
    ]
    assert [getattr(each.fn, "__qualname__", each.fn) for each in bare] == []


def test_what_gives_a_state_back_does_so_after_a_failure_too(steps):
    """A step that sets again what its event has set (buttons, a busy mark) has a twin for failures.

    Only what yields has set anything before it raises.
    """
    followers = [each for each in steps.values() if each.trigger_after is not None]
    alone = []
    for each in followers:
        event = steps[each.trigger_after]
        again = {block._id for block in each.outputs} & {block._id for block in event.outputs}
        twins = [
            other
            for other in followers
            if other.trigger_after == each.trigger_after and other.fn is each.fn and other.trigger_only_on_failure
        ]
        if again and each.trigger_only_on_success and event.types_generator and not twins:
            alone.append(each.fn.__qualname__)
    assert alone == []
    restoring = [each for each in followers if each.trigger_only_on_failure]
    assert sum(each.fn.__qualname__.endswith("rest") for each in restoring) == 2  # Send and Again of the chat
