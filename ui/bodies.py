"""What may be sent to Gradio's own routes: JSON of a conversation's size by anybody, files by the teacher alone.

Gradio takes JSON of any size into its queue, and everybody's files onto the disk. Knows nothing of what is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.errors import AfinaError, NotAllowed
from ui.context import preferred, signed_in

if TYPE_CHECKING:
    from workbench.services import Services

MOST = 4 * 2**20  # bytes; four columns of the longest conversation


class TooLarge(AfinaError):
    status = 413


class Bodies:
    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app, self._roles = app, services.roles

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT", "PATCH"):
            await self._app(scope, receive, send)
            return
        request, left, begun = Request(scope), MOST, False
        upload = scope["path"].rstrip("/").endswith("/upload")

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0 and not upload:
                raise TooLarge("limit.body", mb=MOST // 2**20)
            return message

        async def noted(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            if upload:
                self._roles.require_teacher(self._roles.actor(dict(request.headers), user=signed_in(request)))
            elif _length(request) > MOST:
                raise TooLarge("limit.body", mb=MOST // 2**20)
            await self._app(scope, counted, noted)
        except (TooLarge, NotAllowed, UnicodeError) as problem:
            if begun:
                raise
            # Half a character: Gradio's own answer would repeat it, and cannot be written.
            error = problem if isinstance(problem, AfinaError) else AfinaError("limit.text")
            headers = request.headers
            tongue = preferred(headers.get("cookie", ""), headers.get("accept-language", ""))
            await JSONResponse({"detail": error.words(tongue)}, error.status)(scope, receive, send)


def _length(request: Request) -> int:
    told = request.headers.get("content-length", "0")
    return int(told) if told.isdecimal() else 0
