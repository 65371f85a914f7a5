"""What stands first in the page: its language, and the word on files that cannot be taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.errors import LANGUAGES, messages
from ui.context import preferred

if TYPE_CHECKING:
    from workbench.services import Services

_UPLOADS = Path(__file__).with_name("uploads.js").read_text(encoding="utf-8").strip()


class PageStart:
    """Puts what has to run first before everything else in the page, and numbers the browser for the limits.

    Gradio's translations ask `navigator.language` when its bundle starts, and its upload fields listen from then
    on: a script in `head=` runs too late for both.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app, self._roles = app, services.roles
        most = services.settings.max_upload_mb
        self._scripts = {language: _script(language, most).encode() for language in LANGUAGES}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        language = preferred(headers.get("cookie", ""), headers.get("accept-language", ""))
        start: Message = {}
        body = b""

        async def collect(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            page = body.replace(b"<head>", b"<head>" + self._scripts[language], 1)
            page = page.replace(b'<html\n\tlang="en"', b'<html lang="' + language.encode() + b'"', 1)
            kept = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
            if not self._roles.actor(headers).person:
                https = headers.get("x-forwarded-proto", scope.get("scheme")) == "https"
                kept.append((b"set-cookie", self._roles.visitor_cookie(https).encode()))
            start["headers"] = [*kept, (b"content-length", str(len(page)).encode())]
            await send(start)
            await send({"type": "http.response.body", "body": page})

        await self._app(scope, receive, collect)


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
