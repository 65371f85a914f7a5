"""The outermost layer: which routes exist, whose cookies count, who may put the page into a frame.

Gradio has some fifty routes, most of them of no use here: they fetch addresses, keep files, stream for ever. What is
not named below is answered 404 before Gradio sees it. `tests/ui/edge/test_allowed_routes.py` walks all that Gradio has.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.edge import caller
from ui.edge.addresses import public_address
from ui.edge.file_values import is_uploaded
from ui.edge.same_origin import carries_credentials, is_same_origin, without_credentials
from ui.request import signed_in

if TYPE_CHECKING:
    from workbench.services import Services

logger = logging.getLogger(__name__)
PREFIX = "/gradio_api"
_NAME = "[^/]+"
_READ = (
    "/",
    "/config/?",
    "/theme\\.css",
    "/favicon\\.ico",
    "/robots\\.txt",
    "/manifest\\.json",
    "/(assets|static|svelte)/.+",
    f"{PREFIX}/info/?",
    f"{PREFIX}/startup-events",
    f"{PREFIX}/theme\\.css",
    f"{PREFIX}/heartbeat/{_NAME}",
    f"{PREFIX}/queue/data",
    f"{PREFIX}/call/(v2/)?{_NAME}/{_NAME}",
)
_WRITE = (
    f"{PREFIX}/queue/join",
    f"{PREFIX}/call/(v2/)?{_NAME}/?",
    f"{PREFIX}/(run|api)/{_NAME}/?",
    f"{PREFIX}/cancel",
    f"{PREFIX}/reset/?",
)
_SIGN_IN = ("/login/huggingface/?", "/login/callback/?", "/logout/?")
UPLOAD = f"{PREFIX}/upload"
_UPLOADED = re.compile(f"{PREFIX}/file=(?P<path>/.*|[A-Za-z]:[/\\\\].*)", re.DOTALL)
# The page itself is the same for everybody, so its cookies may stay; the Hub sends people back to this one.
_FROM_SIGN_IN = "/login/"


class AllowedRoutes:
    """Answers 404 to everything but the page's own routes, and takes the cookies from foreign requests."""

    def __init__(self, app: ASGIApp, services: Services, own: Iterable[re.Pattern[str]] = ()) -> None:
        """`own` are the paths of our routes beside Gradio's; those under /vote are let through whole."""
        self._app, self._roles = app, services.roles
        self._public = public_address(services.settings)
        self._own = list(own)
        self._read, self._write = _either(_READ), _either(_WRITE)
        self._sign_in = _either(_SIGN_IN) if services.roles.sign_in else None
        self._headers = _security_headers()
        self._warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # a WebSocket: nothing here speaks through one
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        pairs = _once_each(scope["headers"])
        if pairs is None:
            await PlainTextResponse("Bad request", 400)(scope, receive, send)
            return
        scope = {**scope, "headers": pairs}
        path, method = scope["path"], scope["method"]
        headers = _texts(scope["headers"])
        sending = self._with_headers(send)
        if not (path == "/vote" or path.startswith("/vote/")):
            own_cookies = path == "/" or path.startswith(_FROM_SIGN_IN)
            if not own_cookies and not is_same_origin(method, headers, self._public):
                scope, headers = self._stripped(scope, headers)
            actor = self._roles.actor(headers, user=signed_in(Request(scope)))
            caller.note(scope, actor)
            if not self._is_allowed(method, path, actor.is_teacher):
                await PlainTextResponse("Not found", 404)(scope, receive, sending)
                return
        begun = False

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await sending(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:  # what nobody foresaw: one line, and nothing of what the client sent
            logger.error("%s %r: %s", method, path[:80], type(error).__name__)
            logger.debug("", exc_info=error)
            if not begun:  # a KeyError: Gradio has no event of that number or name
                unknown = isinstance(error, KeyError)
                answer = {"detail": "Not found" if unknown else "Internal error"}
                await JSONResponse(answer, 404 if unknown else 500)(scope, receive, sending)

    def _is_allowed(self, method: str, path: str, teacher: bool) -> bool:
        if any(pattern.match(path) for pattern in self._own):
            return True
        if method in ("GET", "HEAD"):
            if self._read.fullmatch(path) or (self._sign_in and self._sign_in.fullmatch(path)):
                return True
            return teacher and (path == f"{PREFIX}/upload_progress" or _is_uploaded(path))
        if method == "POST":
            # Who may not upload is told so by the layer behind this one.
            return bool(self._write.fullmatch(path)) or path == UPLOAD
        return False

    def _stripped(self, scope: Scope, headers: dict[str, str]) -> tuple[Scope, dict[str, str]]:
        """The request without the credentials of its cookies, and without its session of a sign-in.

        In a copy: the layer outside, which keeps that session, would else take it for ended.
        """
        if carries_credentials(headers.get("cookie", "")):
            self._warn_of_proxy(headers)
        pairs = without_credentials(scope["headers"])
        return {**scope, "headers": pairs, "session": {}}, _texts(pairs)

    def _warn_of_proxy(self, headers: dict[str, str]) -> None:
        if self._warned or "sec-fetch-site" in headers:
            return
        self._warned = True
        logger.warning(
            "a request from %r carried a cookie of ours to host %r and was treated as a visitor's; "
            "behind a proxy that changes the host, set AFINA_PUBLIC_URL",
            headers.get("origin") or headers.get("referer") or "-",
            headers.get("host", "-"),
        )

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if not pair[0].lower().startswith(b"access-control-")]
                message["headers"] = [*kept, *self._headers]
            await send(message)

        return sending


def _texts(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}


def _once_each(pairs: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]] | None:
    """The headers with each name once, values joined, so that all layers read the same; None for two hosts.

    Else one layer would go by the first of two lines and another by the last: a page kept for one host would name the
    other as its address.
    """
    headers: dict[bytes, bytes] = {}
    for name, value in pairs:
        if name == b"host" and name in headers:
            return None
        between = b"; " if name == b"cookie" else b", "
        headers[name] = headers[name] + between + value if name in headers else value
    return list(headers.items())


def _either(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{each})" for each in patterns))


def _is_uploaded(path: str) -> bool:
    """Whether `path` asks for a file below the folder where Gradio keeps uploads."""
    found = _UPLOADED.fullmatch(path)
    return found is not None and is_uploaded(found["path"])


def _security_headers() -> list[tuple[bytes, bytes]]:
    """Only our own pages, and on a Space the Hub's page around it, may frame ours."""
    space = bool(os.environ.get("SPACE_ID"))
    ancestors = "'self' https://huggingface.co" if space else "'self'"
    headers = [
        (b"content-security-policy", f"frame-ancestors {ancestors}".encode()),
        (b"x-content-type-options", b"nosniff"),
    ]
    return headers if space else [*headers, (b"x-frame-options", b"SAMEORIGIN")]
