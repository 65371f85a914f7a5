"""What may be sent to Gradio's own routes: JSON of a conversation's size, files by the teacher alone.

Gradio takes JSON of any size and depth into its queue, and everybody's files onto the disk. Bodies are read whole and
checked before anything parses them. Does not depend on what is sent.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.errors import AfinaError, NotAllowed
from ui.edge import caller
from ui.edge.allowed_routes import PREFIX, UPLOAD
from ui.edge.json_bounds import require_bounds
from ui.request import preferred
from workbench.rate_limits import Bucket, TooMany

if TYPE_CHECKING:
    from workbench.services import Services

MOST = 4 * 2**20  # bytes of the teacher's JSON; four columns of the longest conversation
MOST_VISITORS = 256 * 1024  # bytes of anybody else's
_EVENTS = 1_200  # of one visitor in a minute; an open page asks about twice a second
_BYTES = 12 * 2**20  # that one visitor may send in a minute
_NOBODYS_FACTOR = 4  # all who keep no cookie may, together, have so many times that
_DIRECT = (f"{PREFIX}/run/", f"{PREFIX}/api/")  # events that pass by the queue
_DIRECT_OWN = 24  # such events of one visitor at once; a page that opens sends about ten
_DIRECT_NOBODYS = 100  # of all who keep no cookie, together


class TooLarge(AfinaError):
    status = 413


class NotTaken(AfinaError):
    """A kind of body that this route has no use for."""

    status = 415


class Bodies:
    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app, self._roles = app, services.roles
        self._direct: Counter[str] = Counter()  # caller -> events that pass by the queue, being answered
        self._events, self._bytes = Bucket(_EVENTS), Bucket(_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = not scope.get("path", "").startswith(PREFIX)
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT", "PATCH") or ours:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            actor = caller.actor_of(scope)
            if scope["path"].rstrip("/") == UPLOAD:
                self._roles.require_teacher(actor)
                await self._app(scope, receive, send)
                return
            if not actor.is_teacher:
                self._count(_length(request))
            body = await _body(request, MOST if actor.is_teacher else MOST_VISITORS)
            async with self._place(scope["path"], actor.is_teacher):
                await self._app(scope, _replayed(body, receive), send)
        except AfinaError as error:
            headers = request.headers
            language = preferred(headers.get("cookie", ""), headers.get("accept-language", ""))
            await JSONResponse({"detail": error.words(language)}, error.status)(scope, receive, send)
        except ClientDisconnect:
            pass

    def _count(self, size: int) -> None:
        """Counts a visitor's request. Raises: TooMany `limit.requests`."""
        owner = caller.current() or caller.NOBODY
        share = 1.0 if owner else 1 / _NOBODYS_FACTOR
        for bucket, amount in ((self._events, 1.0), (self._bytes, float(min(size, MOST_VISITORS)))):
            if seconds := bucket.take(owner, amount * share):
                raise TooMany("limit.requests", seconds=seconds)

    @asynccontextmanager
    async def _place(self, path: str, teacher: bool) -> AsyncIterator[None]:
        """Counts a visitor's events that pass by the queue. Raises: TooMany `limit.events`."""
        if teacher or not path.startswith(_DIRECT):
            yield
            return
        owner = caller.current() or caller.NOBODY
        if self._direct[owner] >= (_DIRECT_OWN if owner else _DIRECT_NOBODYS):
            raise TooMany("limit.events", n=self._direct[owner])
        self._direct[owner] += 1
        try:
            yield
        finally:
            self._direct[owner] -= 1
            if not self._direct[owner]:
                del self._direct[owner]


async def _body(request: Request, most: int) -> bytes:
    """The whole body, checked.

    Raises: NotTaken `limit.kind` for anything but JSON; TooLarge `limit.body`; AfinaError `limit.text` and as
    `require_bounds`; NotAllowed `role.teacher` for a form with files.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith("multipart/"):
        raise NotAllowed("role.teacher")
    packed = request.headers.get("content-encoding", "")
    if kind != "application/json" or packed:
        raise NotTaken("limit.kind", kind=packed or kind or "-")
    if _length(request) > most:
        raise TooLarge("limit.body", kb=most // 1024)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise TooLarge("limit.body", kb=most // 1024)
    require_bounds(bytes(body))
    with contextlib.suppress(UnicodeError):
        # Half a character, also when written as an escape: Gradio's own answer would repeat it, and cannot be written.
        if not _has_half_characters(body.decode("utf-8")):
            return bytes(body)
    raise AfinaError("limit.text")


def _has_half_characters(text: str) -> bool:
    if "\\u" not in text and "\\U" not in text:
        return False
    import orjson

    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        return "surrogate" in str(problem)
    return False


def _replayed(body: bytes, receive: Receive) -> Receive:
    """What the application receives: the body once, then whatever comes after it (the client leaving)."""
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _length(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isdecimal() and len(length) < 20 else 0
