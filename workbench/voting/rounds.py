"""Rounds, as the teacher runs them: plan, make, fill, open, lock, discuss, vote again, reveal.

Comparisons are sampled behind the page, in this process; a killed app goes on with them when it starts again. Every
call takes an `Actor` and needs the teacher. Knows no page and no HTTP.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock, Timeout

from common import files, hashing, records
from common.errors import AfinaError, NotFound
from common.languages import ENGLISH
from common.settings import Settings
from common.split import split
from labeling.admission import annotators
from labeling.exchange import importer, reader
from labeling.rounds import lifecycle, planning, progress, round_names
from labeling.schema import Annotator, Comparison, Generation, Round, RoundSettings, State
from labeling.storage.label_store import Store
from tuning.inference.reply_engine import ReplyEngine
from workbench.access import anybody, teacher
from workbench.voting import reply_pairs
from workbench.voting.prompt_sources import read_prompts

if TYPE_CHECKING:
    from tuning.rewards.reward_model import Rewards
    from workbench.access import Roles
    from workbench.actors import Actor
    from workbench.voting.vote_results import Results
    from workbench.voting.voting_service import Voting

logger = logging.getLogger(__name__)
_LONGEST = 1800.0  # seconds that a script waits for a round's comparisons
OVERSAMPLED = 4  # so many times the training prompts are drawn where the most uncertain are kept
LEAST_HELDOUT = 0.2  # of a collecting round's prompts: what the reward model is measured on


@dataclass(frozen=True)
class RoundRequest:
    """What the form of a new round says."""

    name: str  # the teacher's own until the reveal; empty: the next free number
    policies: tuple[str, ...]
    purpose: Literal["collect", "judge"] = "collect"
    prompts: tuple[Any, ...] = ()  # texts or messages to draw from
    n_train: int = 20
    n_heldout: int = 5
    settings: RoundSettings = field(default_factory=RoundSettings)
    generation: Generation = field(default_factory=Generation)
    guidelines: str = ""
    gold: tuple[Comparison, ...] = ()  # whose answer is certain; mixed in silently, counted apart
    language: str = ENGLISH  # of a name that the round gets by itself


@dataclass(frozen=True)
class _Starred:
    """starred.json."""

    prompts: list[str]


@dataclass(frozen=True)
class Stage:
    """A round as the presenter's screen shows it."""

    this: Round
    code: str
    counters: progress.Counters
    prompts: dict[str, int]  # waiting, generated, dropped
    error: AfinaError | None  # of the last attempt to generate


class Rounds:
    def __init__(
        self,
        settings: Settings,
        store: Store,
        roles: Roles,
        results: Results,
        voting: Voting,
        engine: Callable[[], ReplyEngine],
        rewards: Callable[[str], Rewards] | None = None,
    ) -> None:
        self._rewards = rewards
        self._settings, self._store, self._roles = settings, store, roles
        self._results, self._voting, self._engine = results, voting, engine
        self._at_work: dict[str, threading.Thread] = {}
        self._errors: dict[str, AfinaError] = {}
        self._closing = threading.Event()

    # Before a round

    @anybody
    def plan(self, people_: int, minutes: float, votes_wanted: int = 3) -> planning.Plan:
        """What so many people can judge. Raises: AfinaError `plan.too_short`, `label.number`."""
        return planning.plan(people_, minutes, votes_wanted)

    @teacher
    def prompts(self, source: str | Path) -> list[Any]:
        """The prompts of a shipped set or a file (as `tuning` reads them: their last reply is left out)."""
        self._roles.require_own_file(source)
        return read_prompts(source, self._settings)

    @teacher
    def star(self, prompt: str) -> int:
        """Keeps a question for a later round; gives how many are kept. Raises: NotAllowed."""
        kept = dict.fromkeys([*self._kept_stars(), prompt.strip()])
        files.write_json(self._stars, {"prompts": list(kept)})
        return len(kept)

    @teacher
    def starred(self) -> list[str]:
        """The questions that were kept, oldest first. Raises: NotAllowed."""
        try:
            return self._kept_stars()
        except files.BrokenFile as error:  # said when one more is to be kept
            logger.warning("%s", error)
            return []

    def _kept_stars(self) -> list[str]:
        """Raises: BrokenFile."""
        return records.read(_Starred, self._stars).prompts if self._stars.exists() else []

    @property
    def _stars(self) -> Path:
        return self._settings.home / "starred.json"

    @teacher
    def make(self, actor: Actor, request: RoundRequest) -> Round:
        """Makes the round, draws its prompts, and begins to sample its comparisons.

        Raises: AfinaError `plan.too_few`, `round.heldout`, and as `lifecycle.create`; nothing is made then.
        """
        for name in request.policies:
            self._roles.require_no_folder(name)
        # More prompts than there are is said before a share of them is.
        planning.draw(request.prompts, request.n_train, request.n_heldout)
        n = request.n_train + request.n_heldout
        least = n if request.purpose == "judge" else max(1, round(LEAST_HELDOUT * n))
        if request.n_heldout < least:
            raise AfinaError("round.heldout", n=request.n_heldout, least=least, purpose=request.purpose)
        for name in request.policies:
            self._identity(name)
        n_train, generation = self._uncertain(request)
        drawn = planning.draw(request.prompts, n_train, request.n_heldout, generation.seed)
        round_ = lifecycle.create(
            self._store,
            request.name,
            request.purpose,
            request.policies,
            request.settings,
            generation,
            request.guidelines,
            request.language,
        )
        lifecycle.add_prompts(self._store, round_.round_id, [prompt for prompt, _ in drawn])
        lifecycle.add_comparisons(self._store, round_.round_id, request.gold)
        return self.generate(actor, round_.round_id)

    def _uncertain(self, request: RoundRequest) -> tuple[int, Generation]:
        """How many training prompts to draw, and what to keep of them. Raises: NotFound for no such reward model."""
        if not request.generation.uncertain_by or not request.n_train:
            return request.n_train, replace(request.generation, uncertain_by="", kept_train=0)
        if self._rewards is None:
            raise NotFound("runs.unknown", name=request.generation.uncertain_by)
        self._rewards(request.generation.uncertain_by)
        there = {str(each) for each in request.prompts if split(each) == "train"}
        n = max(request.n_train, min(OVERSAMPLED * request.n_train, len(there)))
        return n, replace(request.generation, kept_train=request.n_train)

    @teacher
    def generate(self, round_id: str) -> Round:
        """Begins, or goes on, to sample a round's comparisons behind the page."""
        round_ = lifecycle.get(self._store, round_id)
        if round_.state == "draft":
            round_ = lifecycle.move(self._store, round_.round_id, "generating")
        self._begin(round_)
        return round_

    @teacher
    def gold(self, path: Path) -> list[Comparison]:
        """The gold items of a file. Raises: as `labeling.exchange.reader.gold`."""
        self._roles.require_own_file(path)
        return reader.gold(path, self._settings.max_upload_mb)

    @teacher
    def make_now(self, actor: Actor, request: RoundRequest) -> Round:
        """As `make`, and returns when all comparisons are there. Raises: also what went wrong while sampling."""
        round_ = self.make(actor, request)
        self._at_work[round_.round_id].join(_LONGEST)
        if error := self._errors.get(round_.round_id):
            raise error
        round_ = lifecycle.get(self._store, round_.round_id)
        if round_.state == "generating":
            raise AfinaError("round.not_ready", name=round_.name, seconds=_LONGEST)
        return round_

    @teacher
    def load(self, path: Path, name: str) -> importer.Ingested:
        """Pairs from a file as a new round: judged ones with their votes, unjudged ones as a draft to be voted on."""
        self._roles.require_own_file(path)
        found, _ = reader.judged(path, self._settings.max_upload_mb)
        return importer.ingest(self._store, found, name)

    # A round

    @teacher
    def listed(self) -> list[Round]:
        """All rounds, newest first."""
        return lifecycle.listed(self._store)

    @teacher
    def overview(self) -> tuple[round_names.RoundLine, ...]:
        """The list of all rounds, newest first, in few words. Raises: NotAllowed."""
        return lifecycle.overview(self._store)

    @teacher
    def upcoming(self, language: str) -> str:
        """The name that a round made now would get. Raises: NotAllowed."""
        return round_names.upcoming(self._store, language)

    @teacher
    def stage(self, round_id: str) -> Stage:
        round_ = lifecycle.get(self._store, round_id)
        code = annotators.room(self._store).code
        count = progress.counters(self._store, round_)
        return Stage(
            round_,
            code,
            count,
            progress.generation(self._store, round_.round_id),
            self._errors.get(round_.round_id),
        )

    @teacher
    def comparison(self, comparison_id: str) -> Comparison:
        """One comparison with its policies. Raises: NotFound."""
        return lifecycle.comparison_of(self._store, comparison_id)

    @teacher
    def move(self, round_id: str, to: State) -> Round:
        """Takes a round to its next state. Raises: Conflict as `labeling.rounds.lifecycle.move`."""
        this = lifecycle.move(self._store, round_id, to)
        self._voting.news()
        return this

    @teacher
    def discuss(self, actor: Actor, round_id: str, comparison_id: str = "") -> Round:
        """Puts one comparison before the class: `comparison_id`, else the most contested one not yet discussed.

        Raises: Conflict `round.nothing_discussed` where no comparison has two votes; as `lifecycle.move`.
        """
        round_ = lifecycle.get(self._store, round_id)
        if not comparison_id:
            contested = self._results.split_comparisons(actor, round_.round_id, most=100)
            left = [each["comparison_id"] for each in contested if each["comparison_id"] not in round_.discussed]
            comparison_id = left[0] if left else ""
        chosen = [each for each in round_.discussed if each != comparison_id]
        chosen += [comparison_id] if comparison_id else []
        if not chosen:
            raise AfinaError("round.nothing_discussed", name=round_.name)
        if round_.state == "discussing":  # another one: the way leads over the closed round
            lifecycle.move(self._store, round_.round_id, "locked")
        round_ = lifecycle.move(self._store, round_.round_id, "discussing", chosen)
        self._voting.news()
        return round_

    @teacher
    def invite(self, n: int, group: str = "", quota: int = 0) -> list[tuple[str, str]]:
        """(annotator_id, token) of `n` new people under pseudonyms."""
        if not 1 <= n <= 500:
            raise AfinaError("label.number", name="invitations", value=n, low=1, high=500)
        invitations = [annotators.invite(self._store, group, quota) for _ in range(n)]
        return [(person.annotator_id, token) for person, token in invitations]

    @teacher
    def invited(self) -> list[Annotator]:
        """Everybody with an invitation, oldest first; revoked ones too."""
        return [each for each in annotators.listed(self._store) if each.kind == "invited"]

    @teacher
    def revoke(self, annotator_id: str) -> None:
        """Makes an annotator's token stop working; their votes stay."""
        annotators.revoke(self._store, annotator_id)
        self._voting.forget_people()

    # Behind the page

    def start(self) -> None:
        """Goes on with every round whose comparisons a stopped app left unfinished."""
        for this in lifecycle.listed(self._store):
            if this.state == "generating":
                self._begin(this)

    def stop(self) -> None:
        self._closing.set()
        for thread in list(self._at_work.values()):
            thread.join(timeout=10)

    def _begin(self, round_: Round) -> None:
        running = self._at_work.get(round_.round_id)
        if running is None or not running.is_alive():
            thread = threading.Thread(target=self._work, args=(round_,), name=f"round {round_.number}", daemon=True)
            self._at_work[round_.round_id] = thread
            thread.start()

    def _work(self, round_: Round) -> None:
        """Samples until nothing waits, then opens nothing by itself: the teacher does."""
        self._errors.pop(round_.round_id, None)
        lock = FileLock(self._settings.home / f"round-{round_.round_id}.lock", timeout=0)
        try:
            with lock:
                finished = reply_pairs.generate(
                    self._store, self._engine(), round_, self._identity, self._closing.is_set
                )
                if finished and round_.generation.uncertain_by and self._rewards is not None:
                    model = self._rewards(round_.generation.uncertain_by)
                    reply_pairs.most_uncertain(self._store, round_, model.preferences)
                if finished:
                    lifecycle.move(self._store, round_.round_id, "draft")
        except Timeout:
            return  # another app of this folder is at it
        except AfinaError as error:
            self._errors[round_.round_id] = error
        except Exception as error:
            logger.exception("round %s", round_.round_id, extra={"round_id": round_.round_id})
            self._errors[round_.round_id] = AfinaError("round.generation", name=round_.name, reason=str(error))

    def _identity(self, policy: str) -> str:
        """A policy with its adapter's hash: a run that is trained on is another policy.

        Raises: AfinaError as `tuning.runs.resolver.resolve`.
        """
        from tuning.runs import resolver

        found = resolver.resolve(policy, self._settings.home)
        if found.adapter is None:
            return f"{policy}@{found.base.sha256[:12]}"
        return f"{policy}@{hashing.of_file(found.adapter / 'adapter_model.safetensors')[:12]}"
