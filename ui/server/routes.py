"""Our own routes beside Gradio's: the teacher's entrance, downloads, health.

Each checks the role by itself: what Gradio knows of a session does not reach here. Plain Starlette.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from common.errors import AfinaError
from common.unavailable import worded
from ui.edge.allowed_routes import AllowedRoutes
from ui.edge.bearer_tokens import Bearers
from ui.edge.body_limit import Bodies
from ui.phone import routes as phone
from ui.request import preferred, signed_in
from ui.server.start_page import PageStart
from ui.translations import word
from workbench.rate_limits import TooMany

if TYPE_CHECKING:
    from workbench.services import Services


def routes(services: Services) -> list[Route]:
    """The routes to hand to `launch(app_kwargs={"routes": …})`."""

    async def enter(request: Request) -> Response:
        try:
            if not services.roles.check_token("enter", _token(request)):
                return _page(request, "enter.wrong", 403)
        except TooMany as error:
            return _page(request, error, error.status)
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
            with worded():
                path = await run_in_threadpool(download, actor, request.path_params["run_id"])
        except AfinaError as error:
            return _page(request, error, error.status)
        return FileResponse(path, filename=path.name, headers={"cache-control": "no-store"})

    async def export_file(request: Request) -> Response:
        actor = services.roles.actor(dict(request.headers), user=signed_in(request))
        try:
            with worded():
                parts = request.path_params
                path = await run_in_threadpool(services.results.exported, actor, parts["folder"], parts["name"])
        except AfinaError as error:
            return _page(request, error, error.status)
        return FileResponse(path, filename=path.name, headers={"cache-control": "no-store"})

    async def health(_: Request) -> Response:
        report = await run_in_threadpool(services.health)
        return JSONResponse(report, status_code=200 if report["status"] == "ok" else 503)

    return [
        Route("/enter", enter),
        Route("/enter/", enter),  # a redirect from one to the other would repeat the token
        Route("/files/runs/{run_id}", run_file),
        Route("/files/merged/{run_id}", run_file),
        Route("/files/exports/{folder}/{name}", export_file),
        Route("/healthz", health),
    ]


def middleware(services: Services) -> list[Middleware]:
    """What `launch(app_kwargs={"middleware": …})` takes."""
    own = [route.path_regex for route in routes(services)]
    return [
        Middleware(AllowedRoutes, services=services, own=own),
        *(Middleware(each, services=services) for each in (VotesFirst, Bearers, Bodies, PageStart)),
    ]


class VotesFirst:
    """Answers the phones before Gradio's own layers: a third of a vote's time would be theirs."""

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        router = Router(phone.routes(services), default=Response("Not found", status_code=404))
        self._votes = ExceptionMiddleware(router)  # a wrong method is an answer, no failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ours = scope["type"] == "http" and (scope["path"] == "/vote" or scope["path"].startswith("/vote/"))
        await (self._votes if ours else self._app)(scope, receive, send)


def _token(request: Request) -> str:
    """The token of the entrance's link. A + is one: a token has no spaces, and people write the link by hand."""
    query = request.url.query.replace("+", "%2B")
    return next((value for name, value in parse_qsl(query) if name == "token"), "")


def _page(request: Request, what: str | AfinaError, status: int) -> Response:
    """A small page that says what is wrong, in the reader's language."""
    language = preferred(request.headers.get("cookie", ""), request.headers.get("accept-language", ""))
    text = what.words(language) if isinstance(what, AfinaError) else word(what, language)
    back = word("enter.back", language)
    style = "font:1.2rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem"
    return HTMLResponse(
        f'<!doctype html><html lang="{language}"><meta name="viewport" content="width=device-width">'
        f'<meta name="color-scheme" content="light dark"><title>Afina</title>'
        f'<body style="{style}"><p>{html.escape(text)}</p><p><a href="/">{html.escape(back)}</a></p>',
        status_code=status,
        headers={"cache-control": "no-store"},
    )
