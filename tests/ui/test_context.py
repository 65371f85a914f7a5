"""The reader's language, and errors put into words."""

import gradio as gr
import pytest

from common.errors import AfinaError
from ui.context import preferred, shown


@pytest.mark.parametrize(
    ("cookie", "accept", "expected"),
    [
        ("", "", "en"),
        ("", "es-MX,es;q=0.9,en;q=0.8", "es"),
        ("", "de-DE,de;q=0.9,es;q=0.5,en;q=0.7", "en"),
        ("", "fr;q=x,es", "es"),
        ("afina_language=es", "en-US", "es"),
        ("afina_language=en; other=1", "es-ES", "en"),
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
    monkeypatch.setattr("ui.context._headers", lambda request: {"accept-language": "es"})
    with pytest.raises(gr.Error, match="está vacío"):
        shown(_fail)(gr.Request())
    stream = shown(_fail_later)(gr.Request())
    assert next(stream) == 1
    with pytest.raises(gr.Error, match="está vacío"):
        next(stream)


def test_other_exceptions_are_left_alone():
    @shown
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
