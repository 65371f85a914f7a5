"""What stands first in the page: its language, and the word on files that cannot be taken."""

from __future__ import annotations

import gzip
import json
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.errors import LANGUAGES, messages
from ui.context import preferred

if TYPE_CHECKING:
    from workbench.services import Services

_ADDRESS = (
    "host",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-gradio-server",
)  # what Gradio makes its address of
_FIRST = ("/", "/config", "/gradio_api/info")
_MOST = 24  # answers kept: three, in two languages, at four addresses
_UPLOADS = Path(__file__).with_name("uploads.js").read_text(encoding="utf-8").strip()


class PageStart:
    """Answers what a page or a program asks for first: the page itself, its configuration, the list of endpoints.

    Each is made once for each address and language, then kept, packed too: Gradio takes a tenth of a second for one
    of them each time, and sends its 0.8 MB as they are. The page gets what has to run before everything else:
    Gradio's translations ask `navigator.language` when its bundle starts, and its upload fields listen from then on,
    so a script in `head=` runs too late for both. A browser gets a number for the limits.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app, self._roles = app, services.roles
        most = services.settings.max_upload_mb
        self._scripts = {language: _script(language, most).encode() for language in LANGUAGES}
        self._kept: OrderedDict[tuple[str, ...], _Kept] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").rstrip("/") or "/"
        if scope["type"] != "http" or scope["method"] != "GET" or path not in _FIRST:
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        language = preferred(headers.get("cookie", ""), headers.get("accept-language", ""))
        query = b"all_endpoints=True" if b"all_endpoints=True" in scope["query_string"] else b""
        key = (
            path,
            query.decode(),
            language,
            scope.get("scheme", ""),
            *(headers.get(name, "") for name in _ADDRESS),
        )
        kept = self._kept.get(key)
        if kept is None:
            kept = await self._made({**scope, "query_string": query}, receive, language)
            if kept.status == 200:
                self._kept[key] = kept
            if len(self._kept) > _MOST:
                self._kept.popitem(last=False)
        answer = kept.response("gzip" in headers.get("accept-encoding", ""))
        if not self._roles.actor(headers).person:
            https = headers.get("x-forwarded-proto", scope.get("scheme")) == "https"
            answer.headers.append("set-cookie", self._roles.visitor_cookie(https))
        await answer(scope, receive, send)

    async def _made(self, scope: Scope, receive: Receive, language: str) -> _Kept:
        """Gradio's answer, and the page with our scripts. Nothing in the address makes it load another state."""
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            else:
                body.extend(message.get("body", b""))

        await self._app(scope, receive, collect)
        plain, kind = bytes(body), Headers(raw=start["headers"]).get("content-type", "")
        if kind.startswith("text/html"):
            plain = plain.replace(b"<head>", b"<head>" + self._scripts[language], 1)
            plain = plain.replace(b'<html\n\tlang="en"', b'<html lang="' + language.encode() + b'"', 1)
        return _Kept(start["status"], kind, plain, await run_in_threadpool(gzip.compress, plain, 6, mtime=0))


@dataclass(frozen=True)
class _Kept:
    status: int
    kind: str
    plain: bytes
    packed: bytes

    def response(self, packed: bool) -> Response:
        headers = {"vary": "accept-encoding, accept-language, cookie", "cache-control": "no-cache",
                   "content-type": self.kind}  # fmt: skip
        if packed:
            headers["content-encoding"] = "gzip"
        return Response(self.packed if packed else self.plain, self.status, headers)


def _script(language: str, max_mb: int) -> str:
    """The page's language, for Gradio and for screen readers; and what is said of a file that cannot be taken."""
    large, kind = (
        json.dumps(messages(language)[key], ensure_ascii=False).replace("<", "\\u003c")
        for key in ("data.too_large", "data.other_kind")
    )
    return (
        "<script>(function(){var l='" + language + "';"
        "Object.defineProperty(navigator,'language',{get:function(){return l}});"
        "Object.defineProperty(navigator,'languages',{get:function(){return [l]}});"
        "document.documentElement.lang=l})();"
        f"{_UPLOADS}({max_mb}, {large}, {kind});</script>"
    )
