"""Bounds wrong Bearer tokens: after some in a minute they get 429. The right one is let in always.

An address with line breaks or escapes in it is refused: libraries print some of them, past the logs. Phones are
answered before (`VotesFirst`): what they send is no teacher's token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from common.logs import visible
from ui.request import preferred
from workbench.rate_limits import TooMany

if TYPE_CHECKING:
    from workbench.services import Services


class Bearers:
    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app, self._roles = app, services.roles

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and visible(scope["path"]) != scope["path"]:
            await Response("Bad request", status_code=400)(scope, receive, send)
            return
        headers = Headers(scope=scope) if scope["type"] == "http" else {}
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            try:
                self._roles.check_token("bearer", token.strip())
            except TooMany as problem:
                language = preferred(headers.get("cookie", ""), headers.get("accept-language", ""))
                answer = JSONResponse({"detail": problem.words(language)}, problem.status)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)
