"""Gradio's event queue, with places that visitors cannot take.

A visitor may have so many events waiting or running, all visitors together so many more; the rest is the teacher's,
whose events go first. Depends on Gradio's `Queue` (6.31) and on who calls.
"""

from __future__ import annotations

import math
from typing import Any

from gradio.queueing import Event, Queue

from common.errors import AfinaError
from ui.edge import caller
from ui.edge.page_sessions import require_name
from ui.request import preferred

OWN = 32  # events of one visitor, waiting or running; a page that opens has about ten
NOBODYS = 100  # of all who keep no cookie, together
VISITORS = 400  # of all visitors together, of the 500 that the queue takes
_RESERVED = 16  # running events at once that are the teacher's alone, of all
_RESERVED_EACH = 2  # likewise of those that share one limit


class FairQueue(Queue):
    """Refuses a visitor's event beyond the bounds, with words; lets the teacher's go first."""

    def start(self) -> None:
        """Starts the tasks that work on events: they belong to nobody, whoever's request came first."""
        with caller.outside():
            super().start()

    async def push(self, body: Any, request: Any, username: str | None) -> Any:
        require_name(body.session_hash)
        owner = caller.current()
        if refusal := self._refusal(owner, request):
            return False, refusal, "queue_full"
        pushed = await super().push(body, request, username)
        event = self.event_ids_to_events.get(str(pushed[1])) if pushed[0] else None
        if event is not None:
            event.owner = owner  # type: ignore[attr-defined]
            if owner == caller.TEACHER:
                self._move_forward(event)
        return pushed

    def get_events(self) -> tuple[list[Event], bool, str] | None:
        """The next event that may run, the teacher's before all others."""
        running = [event for job in self.active_jobs if job for event in job]
        visitors = [event for event in running if not _is_teachers(event)]
        open_to_all = len(visitors) < max(1, self.max_thread_count - _RESERVED)
        waiting = [each for each in self.event_queue_per_concurrency_id.values() if each.queue]
        for event_queue in sorted(waiting, key=_urgency):
            limit = math.inf if event_queue.concurrency_limit is None else event_queue.concurrency_limit
            if event_queue.current_concurrency >= limit:
                continue
            event = event_queue.queue[0]
            if not _is_teachers(event):
                alike = sum(each.concurrency_id == event_queue.concurrency_id for each in visitors)
                if not open_to_all or alike >= max(1, limit - _RESERVED_EACH):
                    continue
            event_queue.queue.remove(event)
            return [event], event.fn.batch, event_queue.concurrency_id
        return None

    def _refusal(self, owner: str | None, request: Any) -> str:
        """Why this event is not taken, in the reader's language; empty where it is."""
        if owner is None or owner == caller.TEACHER:
            return ""
        owners = [
            found
            for event in self.event_ids_to_events.values()
            if (found := getattr(event, "owner", None)) not in (None, caller.TEACHER)
        ]
        own = owners.count(owner)
        if own >= (OWN if owner else NOBODYS):
            return _words(AfinaError("limit.events", n=own), request)
        if len(owners) >= VISITORS:
            return _words(AfinaError("limit.events_all", n=len(owners)), request)
        return ""

    def _move_forward(self, event: Event) -> None:
        """Before all visitors' events, after the teacher's own."""
        waiting = self.event_queue_per_concurrency_id[event.concurrency_id].queue
        if event in waiting:
            waiting.remove(event)
            waiting.insert(sum(_is_teachers(each) for each in waiting), event)


def _is_teachers(event: Event) -> bool:
    return getattr(event, "owner", None) == caller.TEACHER


def _urgency(event_queue: Any) -> tuple[bool, float]:
    """The teacher's first, then whoever has waited for longest."""
    event = event_queue.queue[0]
    return not _is_teachers(event), event.enqueue_time


def _words(error: AfinaError, request: Any) -> str:
    headers = request.headers
    return error.words(preferred(headers.get("cookie", ""), headers.get("accept-language", "")))
