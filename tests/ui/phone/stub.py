"""A server that speaks the voting page's contract and does as it is told: no store, no rooms, no statistics.

A test sets what the next answers are and reads what has arrived. It stands in for the routes only where a test
needs a server that refuses, is slow or forgets; it knows nothing of who should judge what.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from ui.phone import routes

ROOM, TOKEN, INVITE = "ABC234", "token-of-the-room", "token-of-an-invitation"
NO_ASKS = {"strength": False, "ratings": False, "rationale": False, "edit": False}
PROMPTS = (
    "Tell me something about the moon.",
    "What is the capital of Peru, and what should I eat there?",
    "My crow has lost a feather. What now?",
    "Write one line about rain.",
    "How many legs has a spider?",
    "Why do people sleep?",
)


def comparison(number: int) -> dict[str, Any]:
    return {
        "comparison_id": f"comparison-{number}",
        "assignment_id": f"assignment-{number}",
        "phase": "blind",
        "prompt": [{"role": "user", "content": PROMPTS[number % len(PROMPTS)]}],
        "left": f"Gladly! This is the first reply to question {number}.\n\nIt has two paragraphs.",
        "right": f"Reply {number}, the short one.",
    }


def page() -> str:
    """The whole page, as the routes make it."""
    return routes.whole_page().decode()


def error(status: int, key: str, text: str) -> Response:
    return JSONResponse({"error": {"key": key, "text": text}}, status)


@dataclass
class Stub:
    """What it will answer, and what it has been sent."""

    state: str = "voting"
    version: int = 1
    asks: dict[str, bool] = field(default_factory=lambda: dict(NO_ASKS))
    criteria: list[str] = field(default_factory=lambda: ["helpful", "honest", "harmless"])
    guidelines: str = ""
    name: str = "Round 1"
    shown: dict | None = None
    result: dict | None = None
    card: dict | None = None
    comparisons: list[dict] = field(default_factory=lambda: [comparison(number) for number in range(6)])
    tokens: set[str] = field(default_factory=lambda: {TOKEN, INVITE})
    refuse: int = 0  # a status for every answer but the page; 0: none
    late: bool = False
    lose_answers: bool = False  # a cast arrives and counts, and its answer gets lost
    delay: float = 0.0  # seconds before each answer
    received: list[dict] = field(default_factory=list)  # every cast, doubles too
    stored: dict[str, dict] = field(default_factory=dict)  # by annotation_id
    current: dict[str, str] = field(default_factory=dict)  # assignment -> annotation
    withdrawn: bool = False
    joins: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/vote"

    def go(self, state: str, **values: Any) -> None:
        """The teacher goes on to another state."""
        for name, value in values.items():
            setattr(self, name, value)
        self.state, self.version = state, self.version + 1

    def app(self) -> Starlette:
        steps = {
            "state": self._state,
            "next": self._next,
            "cast": self._cast,
            "cast/next": self._both,
            "withdraw": self._withdraw,
        }
        paths = [Route("/vote", self._page), Route("/vote/join", self._join, methods=["POST"])]
        for name, step in steps.items():
            methods = ["POST"] if name in ("cast", "cast/next", "withdraw") else ["GET"]
            paths.append(Route(f"/vote/{name}", self._known(step), methods=methods))
        return Starlette(routes=paths)

    async def _page(self, request: Request) -> Response:
        headers = {"content-security-policy": routes._POLICY}
        return HTMLResponse(page(), headers=headers)

    def _known(self, step):
        async def route(request: Request) -> Response:
            await asyncio.sleep(self.delay)
            if self.refuse:
                return error(self.refuse, "stub.refused", "The stub refuses.")
            if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
                return error(401, "label.token", "This pass is not known here.")
            return await step(request)

        return route

    async def _join(self, request: Request) -> Response:
        if self.refuse:
            return error(self.refuse, "stub.refused", "The stub refuses.")
        if (await request.json())["room"] != ROOM:
            spanish = request.query_params.get("language") == "es"
            return error(404, "label.no_room", "No existe la sala." if spanish else "There is no such room.")
        self.joins += 1
        self.tokens.add(TOKEN)
        return JSONResponse({"token": TOKEN})

    async def _state(self, request: Request) -> Response:
        about = {"id": "round-1", "name": self.name, "purpose": "judge", "criteria": self.criteria}
        about |= {"asks": self.asks, "guidelines": self.guidelines}
        answer = {"state": self.state, "version": self.version, "judged": len(self.current), "remaining": 0}
        answer |= {"round": None if self.state == "lobby" else about, "shown": self.shown}
        return JSONResponse(answer | {"result": self.result, "card": self.card})

    async def _next(self, request: Request) -> Response:
        if self.state not in ("voting", "voting_again"):
            return error(409, "vote.closed", "The round takes no votes now.")
        open_ones = [each for each in self.comparisons if each["assignment_id"] not in self.current]
        if not open_ones:
            return JSONResponse({"done": True})
        return JSONResponse(open_ones[0] | {"remaining": len(open_ones), "judged": len(self.current)})

    async def _cast(self, request: Request) -> Response:
        body = await request.json()
        self.received.append(body)
        if self.late:
            return error(409, "vote.late", "The voting had closed when your vote arrived.")
        if body["annotation_id"] not in self.stored:
            place, now = body["assignment_id"], self.current.get(body["assignment_id"])
            if now != body.get("supersedes"):
                return error(409, "vote.stale", "Your vote has changed in the meantime.")
            self.stored[body["annotation_id"]] = body
            self.current[place] = body["annotation_id"]
            if body["action"] == "retract":
                del self.current[place]
        if self.lose_answers:
            return Response("lost", status_code=503)
        return JSONResponse({"ok": True, "annotation_id": body["annotation_id"]})

    async def _both(self, request: Request) -> Response:
        answer = await self._cast(request)
        if answer.status_code != 200:
            return answer
        following = await self._next(request)
        found = json.loads(following.body) if following.status_code == 200 else None
        return JSONResponse(json.loads(answer.body) | {"next": found})

    async def _withdraw(self, request: Request) -> Response:
        self.withdrawn = True
        return JSONResponse({"ok": True, "trained": 2, "runs": ["polite", "short"]})


class Serving:
    """Runs an application on a free port in a thread; `stop` ends it."""

    def __init__(self, app: Starlette) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()
