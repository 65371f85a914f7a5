"""Voting, as an annotator does it: join, follow the teacher, judge, take back, leave.

An annotator is known by a token alone. What everybody sees of a round is looked up once for all and kept for a
moment, because a whole class asks every few seconds. Policies' names are in nothing that leaves here before the
reveal. Knows no HTTP and no page.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from common.errors import AfinaError, Conflict
from common.languages import ENGLISH, LANGUAGES
from labeling.admission import annotators
from labeling.rounds import assignment, guidelines, history, lifecycle, progress, round_names, vote_casting
from labeling.schema import Annotator, Round
from labeling.storage.label_store import Store
from workbench.voting.reveal import card, reveal

if TYPE_CHECKING:
    from workbench.voting.vote_results import Results

_KEPT = 0.7  # seconds
_POLL, _POLL_EACH, _POLL_SLOWEST = (
    2500,
    7,
    8000,
)  # ms between two looks at the state: least, for each person, most
_REMEMBERED = 10.0  # seconds for which a token's owner is known without asking again
_TOKENS = 20_000  # tokens whose owner is remembered
_SHOWN = {
    "open": "voting",
    "locked": "locked",
    "discussing": "discussing",
    "open_again": "voting_again",
    "revealed": "revealed",
    "done": "revealed",
}


@dataclass(frozen=True)
class Scene:
    """What everybody in the room sees at one moment, whatever the language."""

    this: Round | None
    version: int
    public: dict[str, Any]
    names: dict[str, str] = field(default_factory=dict)  # what the round is called, in each language


class Voting:
    def __init__(
        self,
        store: Store,
        results: Results,
        durable: Callable[[], None] | None = None,
        run_names: Callable[[], dict[str, str]] = dict,
    ) -> None:
        """`durable` returns when what was just written is safe elsewhere too; without it the own disk is enough.

        `run_names` are those of all runs by their id.
        """
        self._store, self._results, self._durable, self._run_names = store, results, durable, run_names
        self._scene = _Kept(self._look, _KEPT)
        self._people: dict[str, tuple[float, Annotator]] = {}
        self._departures: tuple | None = None
        self._code = ""

    def join(self, room: object, language: object = ENGLISH, device: str | None = None) -> str:
        """A new annotator's token. Raises: as `labeling.admission.annotators.join`; AfinaError for what is no code."""
        return annotators.join(self._store, room, language, device=device)[1]

    def code(self) -> str:
        """The room's code, as it stands on the teacher's screen: it never changes."""
        if not self._code:
            self._code = annotators.room(self._store).code
        return self._code

    @property
    def code_known(self) -> bool:
        """Whether `code` needs no database."""
        return bool(self._code)

    def person(self, token: object) -> Annotator:
        """Whose token it is. Raises: NotAllowed as `annotators.identify`, within a second of a revocation."""
        self.scene()
        key = token if isinstance(token, str) else ""
        at, person = self._people.get(key, (0.0, None))
        if person is None or time.monotonic() - at > _REMEMBERED:
            self._people.pop(key, None)
            person = annotators.identify(self._store, token)
            if len(self._people) >= _TOKENS:
                self._people.clear()
            self._people[key] = (time.monotonic(), person)
        return person

    def scene(self) -> Scene:
        return self._scene()

    def news(self) -> None:
        """The teacher has changed something: the next look is a fresh one."""
        self._scene.forget()

    def state(self, person: Annotator, language: str) -> dict[str, Any]:
        """What this person's page is to show now (see the phone page's contract in `ui/phone/routes.py`)."""
        scene = self.scene()
        page: dict[str, Any] = {
            "version": scene.version,
            "poll_ms": self._poll_ms(),
            "result": None,
            "card": None,
        }
        page |= scene.public
        if scene.this is not None:
            page["round"] = page["round"] | {"name": scene.names[language]}
        if scene.this is not None and page["state"] == "revealed":
            findings = self._results.findings(scene.this)
            page["result"] = reveal(scene.this, findings, language)
            page["card"] = card(findings, person.annotator_id)
        return page

    def at_hand(self, token: str, language: str) -> dict[str, Any] | None:
        """The state, if nobody has to be asked for it: a known token, a fresh scene that is the same for all."""
        at, person = self._people.get(token, (0.0, None))
        scene: Scene | None = self._scene.fresh()
        if person is None or time.monotonic() - at > _REMEMBERED or scene is None:
            return None
        return None if scene.public["state"] == "revealed" else self.state(person, language)

    def next(self, person: Annotator) -> dict[str, Any]:
        """What to judge now, or `{"done": True, "judged"}`. Raises: Conflict `vote.closed`, `vote.no_round`."""
        round_ = self.scene().this
        if round_ is None:
            raise Conflict("vote.no_round")
        served = assignment.next_for(self._store, person, round_.round_id)
        if served is None:
            return {"done": True, "judged": progress.judged(self._store, person.annotator_id, round_)}
        return vars(served) | {"prompt": list(served.prompt)}

    def cast(self, person: Annotator, body: object) -> vote_casting.Receipt:
        """Keeps a judgement, durably, once. Raises: as `casting.Ballot.parse` and `casting.cast`."""
        receipt = vote_casting.cast(self._store, person, vote_casting.Ballot.parse(body))
        if not self._store.sharing:  # else it is not written yet: who shares calls `settle` after the commit
            self.settle()
        return receipt

    def settle(self) -> None:
        """Returns when every vote committed so far is safe elsewhere too. Raises: Unreachable `backup.slow`."""
        if self._durable is not None:
            self._durable()

    @property
    def settles(self) -> bool:
        """Whether a vote has to wait for more than the own disk."""
        return self._durable is not None

    def cast_and_next(self, person: Annotator, body: object) -> tuple[vote_casting.Receipt, dict[str, Any] | None]:
        """A judgement kept, and what to judge then: one request a vote instead of two.

        The second is None where nothing can be had now: the judgement is kept all the same. Raises: as `cast`.
        """
        receipt = self.cast(person, body)
        try:
            return receipt, self.next(person)
        except AfinaError:
            return receipt, None

    def history(self, person: Annotator, most: int = 50) -> list[history.Past]:
        """The person's own current judgements in the present round, newest first."""
        this = self.scene().this
        return history.of(self._store, person.annotator_id, this.round_id, most) if this else []

    def withdraw(self, person: Annotator) -> list[str]:
        """Leaves: their votes count no more. Returns the names of the runs that these votes trained."""
        runs = annotators.withdraw(self._store, person.annotator_id)
        self._people.clear()
        names = self._run_names() if runs else {}
        return sorted(names.get(run_id, run_id) for run_id in runs)

    def forget_people(self) -> None:
        """Somebody's token stops working, or works again: everybody is looked up anew."""
        self._people.clear()

    def _notice_departures(self) -> None:
        """Whoever revoked a token, another app maybe: nobody is remembered for longer than a scene."""
        now = annotators.departures(self._store)
        if now != self._departures:
            self._departures = now
            self._people.clear()

    def _poll_ms(self) -> int:
        """How long a page may wait before it asks again: the more there are, the longer, so that votes go first."""
        return min(_POLL_SLOWEST, max(_POLL, _POLL_EACH * len(self._people)))

    def _look(self) -> Scene:
        self._notice_departures()
        room = annotators.room(self._store)
        round_ = lifecycle.present(self._store, room.room_id)
        version = progress.version(self._store)
        if round_ is None:
            return Scene(None, version, {"state": "lobby", "round": None, "shown": None})
        asks = {
            "strength": round_.settings.ask_strength,
            "ratings": round_.settings.ask_ratings,
            "rationale": round_.settings.ask_rationale,
            "edit": round_.settings.ask_edit,
        }
        about = {
            "id": round_.round_id,
            "purpose": round_.purpose,
            "criteria": list(round_.settings.criteria),
            "asks": asks,
            "guidelines": guidelines.read(self._store, round_.round_id),
        }
        shown = self._shown(round_) if round_.state in ("discussing", "open_again") else None
        names = {language: round_names.public(round_, language) for language in LANGUAGES}
        return Scene(round_, version, {"state": _SHOWN[round_.state], "round": about, "shown": shown}, names)

    def _shown(self, round_: Round) -> dict[str, Any] | None:
        """The comparison that is being discussed, on the sides that its coin gave it and without names."""
        if not round_.discussed:
            return None
        each = lifecycle.comparison_of(self._store, round_.discussed[-1])
        left, right = lifecycle.sides(round_, each)
        return {"prompt": list(each.prompt), "left": left, "right": right}


class _Kept:
    """A value that is looked up again when it is older than `seconds`, by one thread for all."""

    def __init__(self, look: Callable[[], Any], seconds: float) -> None:
        self._look, self._seconds = look, seconds
        self._at = -1e9
        self._value: Any = None
        self._looking = threading.Lock()

    def __call__(self) -> Any:
        if time.monotonic() - self._at > self._seconds:
            with self._looking:
                if time.monotonic() - self._at > self._seconds:
                    self._value, self._at = self._look(), time.monotonic()
        return self._value

    def fresh(self) -> Any:
        """The value, or None if it has to be looked up."""
        return self._value if time.monotonic() - self._at <= self._seconds else None

    def forget(self) -> None:
        self._at = -1e9
