"""Our own routes beside Gradio's: the teacher's entrance, downloads, health; and the page's language.

Each checks the role by itself: what Gradio knows of a session does not reach here. Plain Starlette.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.errors import AfinaError
from ui.context import LANGUAGE_COOKIE, preferred, signed_in
from ui.phone import routes as phone
from ui.translations import word

if TYPE_CHECKING:
    from workbench.roles import Roles
    from workbench.services import Services


def routes(services: Services) -> list[Route]:
    """The routes to hand to `launch(app_kwargs={"routes": …})`."""

    async def enter(request: Request) -> Response:
        token = request.query_params.get("token", "")
        if not services.roles.is_teacher_token(token):
            return _page(request, "enter.wrong", 403)
        answer = RedirectResponse("/", status_code=303)
        https = request.headers.get("x-forwarded-proto", request.url.scheme) == "https"
        answer.headers["set-cookie"] = services.roles.enter_cookie(https)
        answer.headers["cache-control"] = "no-store"
        answer.headers["referrer-policy"] = "no-referrer"
        return answer

    async def run_file(request: Request) -> Response:
        actor = services.roles.actor(dict(request.headers), user=signed_in(request))
        merged = request.url.path.startswith("/files/merged/")
        download = services.training.download_merged if merged else services.training.download
        try:
            path = await run_in_threadpool(download, actor, request.path_params["run_id"])
        except AfinaError as error:
            return _page(request, error, error.status)
        return FileResponse(path, filename=path.name, headers={"cache-control": "no-store"})

    async def export_file(request: Request) -> Response:
        actor = services.roles.actor(dict(request.headers), user=signed_in(request))
        try:
            parts = request.path_params
            path = await run_in_threadpool(services.results.exported, actor, parts["folder"], parts["name"])
        except AfinaError as error:
            return _page(request, error, error.status)
        return FileResponse(path, filename=path.name, headers={"cache-control": "no-store"})

    async def health(_: Request) -> Response:
        told = await run_in_threadpool(services.health)
        return JSONResponse(told, status_code=200 if told["status"] == "ok" else 503)

    return [
        Route("/enter", enter),
        Route("/files/runs/{run_id}", run_file),
        Route("/files/merged/{run_id}", run_file),
        Route("/files/exports/{folder}/{name}", export_file),
        Route("/healthz", health),
    ]


def middleware(services: Services) -> list[Middleware]:
    """What `launch(app_kwargs={"middleware": …})` takes."""
    return [Middleware(VotesFirst, services=services), Middleware(LanguageFirst, roles=services.roles)]


class VotesFirst:
    """Answers the phones before Gradio's own layers: a third of a vote's time would be theirs."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._votes = Router(phone.routes(services), default=Response("Not found", status_code=404))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["type"] == "http" and (scope["path"] == "/vote" or scope["path"].startswith("/vote/"))
        await (self._votes if ours else self._app)(scope, receive, send)


class LanguageFirst:
    """Puts a script before everything else in the page that tells Gradio's translations the chosen language.

    Gradio asks `navigator.language` when its bundle starts; a script in `head=` runs too late. Also gives a browser
    the number by which limits know it.
    """

    def __init__(self, app: ASGIApp, roles: Roles) -> None:
        self._app, self._roles = app, roles

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
            page = body.replace(b"<head>", b"<head>" + _script(language).encode(), 1)
            page = page.replace(b'<html\n\tlang="en"', b'<html lang="' + language.encode() + b'"', 1)
            kept = [pair for pair in start["headers"] if pair[0].lower() != b"content-length"]
            if not self._roles.actor(headers).person:
                https = headers.get("x-forwarded-proto", scope.get("scheme")) == "https"
                kept.append((b"set-cookie", self._roles.visitor_cookie(https).encode()))
            start["headers"] = [*kept, (b"content-length", str(len(page)).encode())]
            await send(start)
            await send({"type": "http.response.body", "body": page})

        await self._app(scope, receive, collect)


def _script(language: str) -> str:
    """Fixes `navigator.language(s)`, and the page's own language for screen readers."""
    return (
        "<script>(function(){var l='" + language + "';"
        "Object.defineProperty(navigator,'language',{get:function(){return l}});"
        "Object.defineProperty(navigator,'languages',{get:function(){return [l]}});"
        "document.documentElement.lang=l})()</script>"
    )


def switch_script(to: str) -> str:
    """JavaScript that keeps the language in a cookie and loads the page again."""
    return (
        "() => {const s = location.protocol === 'https:' ? '; SameSite=None; Secure; Partitioned' : '; SameSite=Lax';"
        f"document.cookie = '{LANGUAGE_COOKIE}={to}; path=/; max-age=31536000' + s; location.reload();}}"
    )


def _page(request: Request, what: str | AfinaError, status: int) -> Response:
    """A small page that says what is wrong, in the reader's language."""
    tongue = preferred(request.headers.get("cookie", ""), request.headers.get("accept-language", ""))
    text = what.words(tongue) if isinstance(what, AfinaError) else word(what, tongue)
    back = word("enter.back", tongue)
    style = "font:1.2rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem"
    return HTMLResponse(
        f'<!doctype html><html lang="{tongue}"><meta name="viewport" content="width=device-width">'
        f'<meta name="color-scheme" content="light dark"><title>Afina</title>'
        f'<body style="{style}"><p>{html.escape(text)}</p><p><a href="/">{html.escape(back)}</a></p>',
        status_code=status,
        headers={"cache-control": "no-store"},
    )
