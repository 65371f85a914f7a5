"""The door of the voting room: who joins with which code, and what the teacher may do about it.

The code is checked first: a wrong one costs nobody who has the right one anything. Devices are told apart by the
signed cookie that the page brings; addresses are never asked for, because a whole class shares one. Knows no page.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.errors import AfinaError, NotFound
from common.languages import ENGLISH
from labeling.admission import annotators, seats
from labeling.schema import text_of
from labeling.storage.label_store import Store
from workbench.access import anybody, teacher

if TYPE_CHECKING:
    from workbench.access import Roles
    from workbench.actors import Actor
    from workbench.voting.voting_service import Voting

_RECENT = 60.0  # seconds
_NOTED = 10_000  # events remembered of that time


@dataclass(frozen=True)
class Doorway:
    """What the teacher sees at the door."""

    door: seats.Door
    wrong_codes: int  # in the last minute, at this app
    refused: int  # joinings with the right code, in the last minute, at this app


class Doors:
    def __init__(self, store: Store, roles: Roles, voting: Voting) -> None:
        self._store, self._roles, self._voting = store, roles, voting
        self._wrong, self._refused = _Recent(), _Recent()

    def check(self, code: object, device: str) -> None:
        """Needs no database and no thread once the code is known.

        Raises: NotFound `label.no_room` for a wrong code; TooMany `limit.codes`; AfinaError for what is no code.
        """
        limits = self._roles.limits
        typed = text_of("room", code, 64).strip().upper().encode()
        if not secrets.compare_digest(typed, self._voting.code().encode()):
            self._wrong.note()
            limits.wrong_code(device)
            raise NotFound("label.no_room", code=code)
        limits.guesser(device)

    def enter(self, code: object, device: str, language: object = ENGLISH) -> str:
        """A new annotator's token.

        Args:
            device: the number in the browser's cookie, "" where it shows none.

        Raises: as `check`; TooMany `limit.device`, `limit.join`; NotAllowed `label.full`, `label.door_closed`.
        """
        self.check(code, device)
        try:
            self._roles.limits.join(device)
        except AfinaError:
            self._refused.note()
            raise
        try:
            return self._voting.join(code, language, device)
        except AfinaError:
            self._roles.limits.not_joined(device)
            self._refused.note()
            raise

    @anybody
    def step_in(self, actor: Actor, code: object, language: object = ENGLISH) -> str:
        """The same for a page that knows who asks: the teacher needs no code and always has a seat."""
        if actor.is_teacher:
            return self._voting.join(self._voting.code(), language)
        return self.enter(code, actor.person, language)

    # The teacher

    @teacher
    def look(self) -> Doorway:
        """Raises: NotAllowed unless the teacher asks, as everything below."""
        return Doorway(seats.door(self._store), self._wrong.n, self._refused.n)

    @teacher
    def set_seats(self, n: int) -> None:
        """So many people fit in; 0: no limit. Raises: AfinaError `label.number`."""
        seats.set_seats(self._store, n or None)

    @teacher
    def close(self, closed: bool) -> None:
        """Nobody new comes in while the door is closed; who is inside goes on."""
        seats.set_seats(self._store, annotators.room(self._store).seats, closed)

    @teacher
    def undo(self, minutes: float = 0) -> int:
        """Undoes the last joinings, those of so many minutes if given; how many (see `seats.undo`)."""
        n = seats.undo(self._store, time.time() - 60 * minutes if minutes else None)
        self._changed()
        return n

    @teacher
    def take_back(self) -> int:
        """Lets everybody in again whose joining was undone, their votes too; how many."""
        n = seats.take_back(self._store)
        self._changed()
        return n

    @teacher
    def trust(self) -> int:
        """Doubts nobody who is inside any more, and lets those who were refused try again; how many."""
        n = seats.trust(self._store)
        self._roles.limits.open()
        self._refused.clear()
        self._changed()
        return n

    def _changed(self) -> None:
        self._voting.forget_people()


class _Recent:
    """How often something happened lately."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=_NOTED)
        self._lock = threading.Lock()

    def note(self) -> None:
        with self._lock:
            self._times.append(time.monotonic())

    @property
    def n(self) -> int:
        with self._lock:
            while self._times and self._times[0] < time.monotonic() - _RECENT:
                self._times.popleft()
            return len(self._times)

    def clear(self) -> None:
        with self._lock:
            self._times.clear()
