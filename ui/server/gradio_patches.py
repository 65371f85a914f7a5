"""Changes to Gradio itself, one function each, with the reason, what it saves, and how to notice that it can go.

Applied by `ui.page.build`. `tests/ui/server/test_gradio_patches.py` fails when Gradio changes what they rely on.
"""

from __future__ import annotations

from typing import Any

import gradio
from gradio import routes, state_holder
from gradio.queueing import Queue
from starlette.types import ASGIApp

from ui.edge.fair_queue import FairQueue
from ui.edge.page_sessions import Sessions


def apply() -> None:
    """Applies all of them; once or often is the same."""
    keep_sessions_small()
    bound_sessions()
    answer_no_foreign_origin()


def keep_sessions_small() -> None:
    """A session no longer copies the description of every block of the page.

    Gradio 6.31 keeps that copy for its deep links, which are closed here (`ui.edge.allowed_routes`). A session of this
    page cost 0.2 s and 1.1 MB, now below 1 ms and 0.1 MB.

    Can go when `SessionState.__init__` copies nothing of the page.
    """

    def start(self: Any, blocks: gradio.Blocks) -> None:
        self.blocks_config = blocks.default_config.__copy__()
        self.config_values = {}
        self.state_data = {}
        self._state_ttl = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = 3600

    def keep_nothing(self: Any, *_: Any) -> None:
        pass

    session: Any = state_holder.SessionState
    session.__init__ = start
    session.__setitem__ = _set_item
    session._update_config = keep_nothing
    session._update_value_in_config = keep_nothing


def _set_item(self: Any, key: int, value: Any) -> None:
    import datetime

    if isinstance(self.blocks_config.blocks.get(key), gradio.State):
        self._state_ttl[key] = (self.blocks_config.blocks[key].time_to_live, datetime.datetime.now())
        self.state_data[key] = value
    else:
        self.blocks_config.blocks[key] = value


def bound_sessions() -> None:
    """Sessions belong to whoever opened them, and push out only sessions of the same person (`ui.edge.page_sessions`).

    Gradio 6.31 forgets the session that was quiet for longest, whoever opened it, once there are 10,000: a visitor who
    opens 1,000 took 1,480 MB, now 300 MB (`benchmarks/edge.py`, attack `sessions`, with `keep_sessions_small`).

    Can go when Gradio bounds sessions for each client.
    """
    routes.StateHolder = Sessions  # type: ignore[misc]


def answer_no_foreign_origin() -> None:
    """No answer carries `Access-Control-Allow-Origin`.

    Gradio 6.31 allows every origin, with credentials, on every host but localhost: a page of another site could read
    what the teacher's browser may read. `launch(strict_cors=…)` bounds localhost alone.

    Can go when `launch` takes the allowed origins.
    """
    routes.CustomCORSMiddleware = _NoOrigins  # type: ignore[misc, assignment]


class _NoOrigins:
    def __init__(self, app: ASGIApp, **_: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)


def keep_places(queue: Queue) -> None:
    """Turns the page's event queue into one that keeps places for the teacher (`ui.edge.fair_queue`).

    Gradio 6.31 has one length for all: with 500 events of visitors in it, the teacher's 26 calls took 10.4 s, now 1.1 s
    (`benchmarks/edge.py`, attack `events`). `Blocks.queue` makes the queue and offers no class for it.

    Can go when Gradio's queue takes an event's priority and a bound for each client.
    """
    queue.__class__ = FairQueue
