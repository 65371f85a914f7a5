"""What a handler needs to know about a request: who asks, in which language; and errors put into words."""

from __future__ import annotations

import functools
import html
import inspect
import logging
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.cookies import parsed
from common.errors import AfinaError
from common.languages import ENGLISH, LANGUAGES, of_tag
from common.unavailable import in_words, note

if TYPE_CHECKING:
    from workbench.actors import Actor
    from workbench.services import Services

LANGUAGE_COOKIE = "afina_language"
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""How most handlers are wired: no endpoint of their own, no progress bar."""
UNQUEUED: dict[str, Any] = QUIET | {"queue": False}
"""For handlers that answer at once; without the queue Gradio shows no notices."""
logger = logging.getLogger(__name__)


def actor(services: Services, request: gr.Request) -> Actor:
    """Who made `request`."""
    return services.roles.actor(_headers(request), user=signed_in(request))


def signed_in(request: Any) -> str:
    """The Hub name with which somebody signed in on a Space, from the session that Gradio signs; else empty."""
    scope = getattr(getattr(request, "request", request), "scope", None) or {}
    profile = (scope.get("session") or {}).get("oauth_info") or {}
    if (profile.get("expires_at") or math.inf) < time.time():  # the cookie outlives what it says
        return ""
    return str((profile.get("userinfo") or {}).get("preferred_username") or "")


def language_of(request: gr.Request | None) -> str:
    """The reader's language: the switch's cookie, else the browser's first preference among ours."""
    headers = _headers(request) if request else {}
    return preferred(headers.get("cookie", ""), headers.get("accept-language", ""))


def preferred(cookie: str, accept_language: str) -> str:
    """Same, from the two headers."""
    chosen = parsed(cookie).get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    ranked: list[tuple[float, int, str]] = []
    for part in accept_language.split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            ranked.append((-float(quality or 1), len(ranked), tag))
        except ValueError:
            continue
    return next(filter(None, (of_tag(tag) for _, _, tag in sorted(ranked))), ENGLISH)


def shown(handler: Callable[..., Any]) -> Callable[..., Any]:
    """A handler whose `AfinaError`s appear in the page, in the reader's language; generators too.

    Any other exception is logged whole; the page, which anybody may look at, names its kind alone: its text may hold
    a path. The language comes from the handler's `request: gr.Request`; without one it is English.
    """
    signature = inspect.signature(handler)

    def say(error: Exception, args: tuple, kwargs: dict) -> Exception:
        if isinstance(error, gr.Error):
            return error
        arguments = signature.bind_partial(*args, **kwargs).arguments.values()
        request = next((value for value in arguments if isinstance(value, gr.Request)), None)
        found = in_words(error)
        if found is not None and found is not error:
            note(found, error)
            error = found
        if not isinstance(error, AfinaError):
            logger.error("%s", handler.__qualname__, exc_info=error)
            return unexpected(error, request)
        return worded(error, request)

    if inspect.isgeneratorfunction(handler):

        @functools.wraps(handler)
        def streaming(*args: Any, **kwargs: Any) -> Any:
            try:
                yield from handler(*args, **kwargs)
            except Exception as error:  # the page's edge
                raise say(error, args, kwargs) from None

        return streaming

    @functools.wraps(handler)
    def single(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except Exception as error:  # the page's edge
            raise say(error, args, kwargs) from None

    return single


def worded(error: AfinaError, request: gr.Request | None) -> gr.Error:
    """`error` as the page shows it, in the reader's language."""
    return gr.Error(_notice(error.words(language_of(request))), print_exception=False)


def unexpected(error: Exception, request: gr.Request | None) -> gr.Error:
    """What the page says of an exception that nobody foresaw: its kind alone."""
    return worded(AfinaError("page.unexpected", kind=type(error).__name__), request)


def on_open(fn: Callable[..., Any] | None, inputs: Any, outputs: Any, **options: Any) -> Any:
    """Calls `fn` when the page opens; for a tab that is not the first, when it is chosen for the first time.

    `gr.on(None, …)` would listen to every change of the inputs too. See `fill_when_first_shown` in
    `ui.server.event_graph_patches`.
    """
    page = gr.context.Context.root_block
    assert isinstance(page, gr.Blocks), "called inside gr.Blocks, as every builder is"
    return page.load(fn, inputs, outputs, **options)


def always(
    event: Any, fn: Callable[..., Any] | None = None, inputs: Any = None, outputs: Any = None, **options: Any
) -> None:
    """Runs `fn` after `event`, whether it succeeded, failed or was cancelled: for what gives a state back.

    Gradio's `.then` is not run after a handler that raised; `.success` and `.failure` together are.
    """
    event.success(fn, inputs, outputs, **options)
    event.failure(fn, inputs, outputs, **options)


def inform(text: str, seconds: float = 3) -> None:
    """A note in the corner of the page. Its heading comes from `style.css`: Gradio writes it in English alone."""
    gr.Info(_notice(text), duration=seconds)


def warn(text: str) -> None:
    """Same, where something was not done and the reader can mend it."""
    gr.Warning(_notice(text))


def _notice(text: str) -> str:
    """`text` for `gr.Error`, `gr.Info` and `gr.Warning`, which read it as HTML."""
    return html.escape(text, quote=False)


def _headers(request: gr.Request) -> dict[str, str]:
    """Header names in lower case."""
    raw = getattr(request, "headers", None) or {}
    return {name.lower(): value for name, value in dict(raw).items()}
