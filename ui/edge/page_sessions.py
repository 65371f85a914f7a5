"""What Gradio remembers of each open page, bounded for each person who opens pages.

Whoever opens too many loses their own oldest, nobody else's: a page whose session is gone goes on, its lists as they
were at the start. A page that was closed is forgotten soon. Depends on Gradio's `StateHolder` (6.31).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

from gradio.state_holder import SessionState, StateHolder

from common.errors import AfinaError
from ui.edge import caller

OWN = 8  # of one visitor
NOBODYS = 100  # of all who keep no cookie, together
TEACHERS = 200  # of the teacher and of programs with the teacher's token
MOST = 2_000  # of all visitors together
LONGEST = 128  # characters of a session's name; a page's has 11, a program's 36
CLOSED_SECONDS = 300.0  # for which a closed page is remembered: a reload or a bad network comes back


def require_name(session_id: object) -> None:
    """Raises: AfinaError `limit.session` for a name so long that remembering many of them fills the memory."""
    if isinstance(session_id, str) and len(session_id) > LONGEST:
        raise AfinaError("limit.session", n=len(session_id), most=LONGEST)


class Sessions(StateHolder):
    """Session hash -> state, with an owner for each."""

    def __init__(self) -> None:
        super().__init__()
        self._owners: dict[str, str] = {}  # session hash -> owner
        self._by_owner: dict[str, OrderedDict[str, None]] = {}  # owner -> session hashes, quiet longest first

    def __getitem__(self, session_id: str) -> SessionState:
        require_name(session_id)
        owner = self._owners.get(session_id)
        if owner is None:
            owner = caller.current() or caller.NOBODY
        with self.lock:
            self._note(session_id, owner)
        found = super().__getitem__(session_id)
        if found.is_closed and caller.current() is not None:
            found.is_closed = False  # its page is there again
        return found

    def update(self, session_id: str) -> None:
        """Moves a session to the end of its line; nothing is pushed out by those of others."""
        with self.lock:
            if session_id in self.session_data:
                self.session_data.move_to_end(session_id)

    def _note(self, session_id: str, owner: str) -> None:
        new = session_id not in self._owners
        self._owners[session_id] = owner
        mine = self._by_owner.setdefault(owner, OrderedDict())
        mine[session_id] = None
        mine.move_to_end(session_id)
        if not new:
            return
        self._forget_closed()
        most = {caller.TEACHER: TEACHERS, caller.NOBODY: NOBODYS}.get(owner, OWN)
        while len(mine) > most:
            self._forget(next(iter(mine)))
        if len(self._owners) - len(self._by_owner.get(caller.TEACHER, ())) > MOST:
            oldest = next((each for each in self.session_data if self._owners.get(each) != caller.TEACHER), None)
            if oldest is not None and oldest != session_id:
                self._forget(oldest)

    def _forget_closed(self) -> None:
        """Drops the sessions whose pages were closed a while ago."""
        now = time.monotonic()
        for session_id, state in list(self.session_data.items()):
            if not state.is_closed:
                state.closed_at = None  # type: ignore[attr-defined]
                continue
            closed_at = getattr(state, "closed_at", None)
            if closed_at is None:
                state.closed_at = now  # type: ignore[attr-defined]
            elif now - closed_at > CLOSED_SECONDS:
                self._forget(session_id)

    def _forget(self, session_id: str) -> None:
        owner = self._owners.pop(session_id, None)
        if owner is not None:
            mine = self._by_owner.get(owner, OrderedDict())
            mine.pop(session_id, None)
            if not mine:
                self._by_owner.pop(owner, None)
        state: Any = self.session_data.pop(session_id, None)
        self.time_last_used.pop(session_id, None)
        if state is not None:
            state.state_data.clear()
