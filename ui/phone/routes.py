"""The voting page and its JSON routes: what a phone talks to. No Gradio, no queue.

`GET /vote` is one static page. The others take and give JSON; the annotator's token comes as `Authorization: Bearer`.
An error is `{"error": {"key", "text"}}` with a 4xx status, worded in `?language=`, else the browser's language.
"""

from __future__ import annotations

import asyncio
import gzip
import html
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from common.errors import AfinaError
from common.languages import ENGLISH, LANGUAGES
from common.unavailable import worded
from ui.edge.json_bounds import require_bounds
from ui.language_switch import label, options
from ui.request import preferred
from ui.translations import PHONE, texts

if TYPE_CHECKING:
    from workbench.services import Services

_HERE = Path(__file__).parent
MOST_BODY = 60_000  # bytes of a request: a better reply, reasons and all fields
_WAITERS = 64  # votes whose copies are waited for at once, where AFINA_BACKUP_WAIT asks for that
_PARTS = {"CSS": "page.css", "FIELDS": "fields.js", "VIEW": "view.js", "JS": "page.js"}
# The beginnings of the keys of the texts that the phone takes: its own, and some of the page's.
_TAKEN = (
    PHONE,
    "vote.choice.",
    "label.choice",
    "label.code",
    "label.criterion.",
    "label.guidelines",
    "label.progress",
    "label.prompt",
    "label.rationale",
    "label.report",
    "label.skip",
    "label.strength",
)
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'"
)
_TOKEN_ERRORS = ("label.token", "label.revoked", "label.withdrawn", "label.undone")
Answer = Callable[[Request], Awaitable[Response]]


class TooLarge(AfinaError):
    """A body that no vote needs."""

    status = 413


def routes(services: Services) -> list[Route]:
    """The routes to hand to `launch(app_kwargs={"routes": …})`."""
    desk = PhoneHandlers(services)
    return [
        Route("/vote", desk.page),
        Route("/vote/join", _worded(desk.join), methods=["POST"]),
        Route("/vote/state", _worded(desk.state)),
        Route("/vote/next", _worded(desk.following)),
        Route("/vote/cast", _worded(desk.cast), methods=["POST"]),
        Route("/vote/cast/next", _worded(desk.cast_and_next), methods=["POST"]),
        Route("/vote/withdraw", _worded(desk.withdraw), methods=["POST"]),
    ]


class PhoneHandlers:
    """Answers the phones: each request is counted, its work done by threads that may wait for the database."""

    def __init__(self, services: Services) -> None:
        self._voting, self._doors, self._roles = services.voting, services.doors, services.roles
        self._limits = services.roles.limits
        self._voters = services.labels.workers()
        self._waiters = ThreadPoolExecutor(_WAITERS, thread_name_prefix="copies")
        # A reveal's figures may take a moment.
        self._lookers = ThreadPoolExecutor(2, thread_name_prefix="looks")

    async def page(self, request: Request) -> Response:
        """The page, and once a cookie that tells this browser from others when people join."""
        packed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"cache-control": "no-cache", "content-security-policy": _POLICY, "vary": "accept-encoding"}
        if packed:
            headers["content-encoding"] = "gzip"
        if not self._device(request):
            https = request.headers.get("x-forwarded-proto", request.url.scheme) == "https"
            headers["set-cookie"] = self._roles.visitor_cookie(https)
        return Response(whole_page(packed), media_type="text/html", headers=headers)

    async def join(self, request: Request) -> Response:
        fields = await _body(request)
        room, language, device = fields.get("room"), fields.get("language", ENGLISH), self._device(request)
        if not self._voting.code_known:
            await self._work(self._voting.code, self._lookers)
        self._doors.check(room, device)  # wrong codes cost the votes' thread nothing
        return _json({"token": await self._work(lambda: self._doors.enter(room, device, language))})

    def _device(self, request: Request) -> str:
        """The number in the browser's cookie, "" without one."""
        return self._roles.actor(dict(request.headers)).person

    async def state(self, request: Request) -> Response:
        voting, token, language = self._voting, self._counted(request), _language(request)
        known = voting.at_hand(token, language)  # what needs no database needs no thread
        if known is None:
            known = await self._work(lambda: voting.state(voting.person(token), language), self._lookers)
        return _json(known)

    async def following(self, request: Request) -> Response:
        voting, token = self._voting, self._counted(request)
        return _json(await self._work(lambda: voting.next(voting.person(token))))

    async def cast(self, request: Request) -> Response:
        voting, token = self._voting, self._counted(request)
        fields = await _body(request)
        receipt = await self._work(lambda: voting.cast(voting.person(token), fields))
        await self._settled()
        return _json({"ok": True, "annotation_id": receipt.annotation_id})

    async def cast_and_next(self, request: Request) -> Response:
        voting, token = self._voting, self._counted(request)
        fields = await _body(request)
        receipt, more = await self._work(lambda: voting.cast_and_next(voting.person(token), fields))
        await self._settled()
        return _json({"ok": True, "annotation_id": receipt.annotation_id, "next": more})

    async def withdraw(self, request: Request) -> Response:
        voting, token = self._voting, self._counted(request)
        runs = await self._work(lambda: voting.withdraw(voting.person(token)))
        # No policy is named before a reveal.
        named = voting.scene().public["state"] in ("lobby", "revealed")
        return _json({"ok": True, "trained": len(runs), "runs": runs if named else []})

    def _counted(self, request: Request) -> str:
        """The request's token, counted. A wrong one shares its bucket with all wrong ones of its beginning."""
        token = _token(request)
        self._limits.request(token[:64])
        return token

    async def _work(self, task: Callable[[], Any], workers: Executor | None = None) -> Any:
        return await asyncio.get_running_loop().run_in_executor(workers or self._voters, task)

    async def _settled(self) -> None:
        if self._voting.settles:
            await self._work(self._voting.settle, self._waiters)


@cache
def words() -> dict[str, dict[str, str]]:
    """language -> key -> text: the phone's own texts, and those it shares with the page."""
    return {
        language: {key.removeprefix(PHONE): text for key, text in texts(language).items() if key.startswith(_TAKEN)}
        for language in LANGUAGES
    }


@cache
def whole_page(packed: bool = False) -> bytes:
    """The page in one piece, its parts put in; gzipped where the browser takes that."""
    text = (_HERE / "page.html").read_text(encoding="utf-8")
    for mark, name in _PARTS.items():
        text = text.replace(f"/*{mark}*/", (_HERE / name).read_text(encoding="utf-8"))
    needs_script = " · ".join(dict.fromkeys(each["script"] for each in words().values()))
    text = text.replace("<!--SCRIPT-->", html.escape(needs_script))
    text = text.replace("<!--LABEL-->", label()).replace("<!--LANGUAGES-->", options())
    listed = json.dumps(words(), ensure_ascii=False, separators=(",", ":"))
    page = text.replace("/*WORDS*/", listed.replace("<", "\\u003c")).encode()
    return gzip.compress(page, 9, mtime=0) if packed else page


def _worded(answer: Answer) -> Answer:
    """The route, its errors turned into JSON."""

    async def route(request: Request) -> Response:
        try:
            with worded():
                return await answer(request)
        except ClientDisconnect:
            return Response(status_code=400)
        except AfinaError as error:
            status = 401 if error.key in _TOKEN_ERRORS else error.status
            problem: dict[str, Any] = {"key": error.key, "text": error.words(_language(request))}
            if "current" in error.params:  # which judgement stands: what a correction has to name
                problem["current"] = error.params["current"]
            refusal = _json({"error": problem}, status)
            if status == 429:
                refusal.headers["retry-after"] = str(error.params["seconds"])
            return refusal

    return route


async def _body(request: Request) -> dict[str, Any]:
    """The request's JSON object.

    Raises: AfinaError `vote.too_large`, `vote.not_json`, `label.not_object` and as `require_bounds`.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BODY:
            raise TooLarge("vote.too_large", limit=MOST_BODY)
    require_bounds(body)
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError as reason:
        raise AfinaError("vote.not_json", reason=reason) from None
    if not isinstance(fields, dict):
        raise AfinaError("label.not_object", found=type(fields).__name__)
    return fields


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _language(request: Request) -> str:
    wished = request.query_params.get("language", "")
    if wished in LANGUAGES:
        return wished
    return preferred(request.headers.get("cookie", ""), request.headers.get("accept-language", ""))


def _json(value: Any, status: int = 200) -> Response:
    headers = {"cache-control": "no-store"}
    return Response(orjson.dumps(value), status_code=status, media_type="application/json", headers=headers)
