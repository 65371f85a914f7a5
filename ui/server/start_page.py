"""What a browser or a program asks for first, answered from memory; in the page, what has to run before all else."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
from gradio.route_utils import get_request_origin
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.languages import LANGUAGES
from ui.edge import caller
from ui.request import preferred
from ui.server import page_bytes_patches

if TYPE_CHECKING:
    from workbench.services import Services

_PLACEHOLDER = "http://afina.invalid"  # stands for the address in what is kept; no such host can exist
_SENDABLE = re.compile(r"https?://[A-Za-z0-9.:_~%/\[\]-]+")
_FIRST = ("/", "/config", "/gradio_api/info")
_WHO = ("teacher", "visitor")
# Answers kept with an address put in, the last ones used: three, in each language, for both, at four addresses.
_MOST = 24 * len(LANGUAGES)


class PageStart:
    """Answers what a page or a program asks for first: the page itself, its configuration, the list of endpoints.

    Each is made once for each language and kind of reader, then kept, packed too: Gradio takes a tenth of a second
    for each request, and sends its 0.8 MB as they are. The address that a request names is put in for that request
    alone, so names without end cost little and change nobody else's page. The page gets what has to run before
    everything else: Gradio's translations ask `navigator.language` when its bundle starts, and its upload fields
    listen from then on, so a script in `head=` runs too late for both. A browser gets a number for the limits.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app, self._roles = app, services.roles
        most = services.settings.max_upload_mb
        self._scripts = {
            (language, who): page_bytes_patches.script(language, who, most) for language in LANGUAGES for who in _WHO
        }
        self._plain: dict[tuple[str, ...], _Kept] = {}  # with the placeholder; as many as there are languages
        self._kept: OrderedDict[tuple[str, ...], _Kept] = OrderedDict()
        self._making = asyncio.Lock()  # many addresses at once keep one processor busy, not all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").rstrip("/") or "/"
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or path not in _FIRST:
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        language = preferred(headers.get("cookie", ""), headers.get("accept-language", ""))
        query = "all_endpoints=True" if b"all_endpoints=True" in scope["query_string"] else ""
        address = _address(scope)
        if address is None:
            await Response("Bad request", 400)(scope, receive, send)
            return
        actor = caller.actor_of(scope)
        kept = await self._at((path, query, language, actor.kind), address, scope, receive)
        answer = kept.response("gzip" in headers.get("accept-encoding", ""))
        if not actor.person:
            https = headers.get("x-forwarded-proto", scope.get("scheme")) == "https"
            answer.headers.append("set-cookie", self._roles.visitor_cookie(https))
        await answer(scope, receive, send)

    async def _at(self, what: tuple[str, ...], address: str, scope: Scope, receive: Receive) -> _Kept:
        """The answer with `address` in it."""
        key = (*what, address)
        if key not in self._kept:
            async with self._making:
                plain = self._plain.get(what) or await self._rendered(what, scope, receive)
                if plain.status != 200:
                    return plain
                self._plain[what] = plain
                self._kept[key] = await run_in_threadpool(plain.at, address)
        self._kept.move_to_end(key)
        found = self._kept[key]
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        return found

    async def _rendered(self, what: tuple[str, ...], scope: Scope, receive: Receive) -> _Kept:
        """Gradio's answer, and the page with our scripts. Nothing in the address makes it load another state."""
        _, query, *reader = what
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            else:
                body.extend(message.get("body", b""))

        host = urlsplit(_PLACEHOLDER).netloc.encode()
        request = {
            "method": "GET",
            "scheme": "http",
            "query_string": query.encode(),
            "headers": [(b"host", host)],
        }
        await self._app({**scope, **request}, receive, collect)
        plain = page_bytes_patches.word_config(bytes(body), reader[0])
        kind = Headers(raw=start["headers"]).get("content-type", "")
        if kind.startswith("text/html"):
            plain = page_bytes_patches.run_first(plain, self._scripts[reader[0], reader[1]])
            plain = page_bytes_patches.name_language(plain, reader[0])
        return _Kept(start["status"], kind, plain)


def _address(scope: Scope) -> str | None:
    """The address that Gradio would find in this request, without a path of ours; None for what is no address."""
    try:
        found = str(get_request_origin(Request(scope), scope["path"])).rstrip("/")  # type: ignore[arg-type]
    except (httpx.InvalidURL, ValueError):
        return None
    return found if _SENDABLE.fullmatch(found) else None


@dataclass(frozen=True)
class _Kept:
    status: int
    kind: str
    plain: bytes
    packed: bytes = b""

    def at(self, address: str) -> _Kept:
        """The same with `address` in it, packed too."""
        plain = self.plain.replace(_PLACEHOLDER.encode(), address.encode())
        return replace(self, plain=plain, packed=gzip.compress(plain, 6, mtime=0))

    def response(self, packed: bool) -> Response:
        headers = {
            "vary": "accept-encoding, accept-language, cookie",
            "cache-control": "no-cache",
            "content-type": self.kind,
        }
        if packed and self.packed:
            headers["content-encoding"] = "gzip"
        return Response(self.packed if packed else self.plain, self.status, headers)
