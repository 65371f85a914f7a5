"""What a course shows besides single runs: when to use which way, a red team, recipes, a search.

What takes minutes goes on behind the page (`studies`); runs go through the queue as all others. Every call takes an
`Actor`. Knows no page.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import AfinaError
from common.languages import ENGLISH
from common.settings import Settings
from common.split import HELDOUT_FRACTION
from tuning.config.training import SFTConfig
from tuning.config.training_methods import NO_POLICY
from tuning.data.examples import Loaded, Row
from tuning.evaluation.few_shot import questions, written
from tuning.experiments import recipes, results
from tuning.experiments import search as seeking
from tuning.experiments.recipes import Options, Uses
from tuning.experiments.results import Part
from tuning.inference.reply_engine import ReplyEngine
from tuning.pocket.world.shipped import shipped_language
from tuning.runs.queue import Queue
from tuning.runs.run_store import Run, RunStore
from workbench.access import anybody, teacher
from workbench.background import Say, Studies, Study

if TYPE_CHECKING:
    from tuning.evaluation.alternatives import Measured
    from tuning.evaluation.data_quality import Quality
    from workbench.access import Roles
    from workbench.actors import Actor
    from workbench.chat.alternatives import Alternatives

WHICH, REDTEAM, SEARCH, RECIPE, MEASURE = "which", "redteam", "search", "recipe", "measure"
_MOST_QUESTIONS = 200
_MOST_MEASURED = 8


class Course:
    def __init__(
        self,
        settings: Settings,
        store: RunStore,
        queue: Queue,
        roles: Roles,
        alternatives: Alternatives,
        engine: Callable[[], ReplyEngine],
    ) -> None:
        """`engine`: as threads behind the page may use it."""
        self._settings, self._store, self._queue, self._roles = settings, store, queue, roles
        self._alternatives, self._engine = alternatives, engine
        self.studies = Studies(settings.home, roles)
        self._online: tuple[float, bool] = (0.0, False)  # until when it holds (monotonic seconds), and what

    @anybody
    def latest(self, actor: Actor, kind: str) -> Study | None:
        """How far a study is, or what came of the last one: everybody may look."""
        return self.studies.latest(actor, kind)

    @teacher
    def stop(self, actor: Actor, kind: str) -> None:
        """Ends a study at its next step; of a search the trial at work too. Raises: NotAllowed."""
        self.studies.stop(actor, kind)
        study = self.latest(actor, kind) if kind == SEARCH else None
        if study and study.running:
            sought = study.about.get("search_id")
            for run in (*self._queue.active(), *self._queue.waiting()):
                if run.info.extra.get("search") == sought:
                    self._queue.stop(run.id)

    @teacher
    def compare_ways(
        self, actor: Actor, base: str, tuned: str = "", language: str = ENGLISH, limit: int = 40, own: str = ""
    ) -> None:
        """Measures base, few-shot, RAG, and of a run `tuned` it alone and with RAG, behind the page.

        `own`: questions of one's own instead of the shipped ones, as `examples.written` takes them. Raises: NotAllowed;
        AfinaError `config.range`, `alternatives.question`; NotFound for a run that is none; Conflict `studies.busy`.
        """
        from tuning.runs import resolver

        if not 1 <= limit <= _MOST_QUESTIONS:
            raise AfinaError("config.range", name="questions", value=limit, min=1, max=_MOST_QUESTIONS)
        for name in filter(None, (base, tuned)):
            self._roles.require_no_folder(name)
            resolver.resolve(name, self._settings.home)
        tasks = written(own) if own.strip() else questions(language, limit)
        about = {
            "base": base,
            "tuned": tuned,
            "language": language,
            "questions": [asdict(each) for each in tasks],
            "own": bool(own.strip()),
            "documents": self._alternatives.documents(actor),
            "shipped": self._alternatives.are_shipped,
        }

        def do(say: Say, should_stop: Callable[[], bool]) -> None:
            def seen(measured: Sequence[Measured], total: int) -> None:
                say(len(measured), total, {"ways": [asdict(each) for each in measured]})

            say(0, 5 if tuned else 3, {})
            self._alternatives.compare(actor, base, tuned, language, tasks, seen, should_stop, self._engine())

        self.studies.begin(actor, WHICH, about, do)

    @teacher
    def red_team(self, actor: Actor, policies: Sequence[str], language: str, own: Sequence[str] = ()) -> None:
        """How often each policy refuses adversarial and harmless prompts, behind the page.

        `own`: prompts of one's own instead of the shipped ones; all of them should be refused. Raises: NotAllowed;
        AfinaError `redteam.no_policy`; NotFound; Conflict `studies.busy`.
        """
        from tuning.evaluation import red_team
        from tuning.runs import resolver

        names = list(dict.fromkeys(filter(None, policies)))
        if not names:
            raise AfinaError("redteam.no_policy")
        for name in names:
            self._roles.require_no_folder(name)
            resolver.resolve(name, self._settings.home)
        attacks = [red_team.Attack(each, "direct") for each in own] or red_team.attacks(language)

        def do(say: Say, should_stop: Callable[[], bool]) -> None:
            def seen(outcomes: Sequence[red_team.Outcome]) -> None:
                say(len(outcomes), len(names), {"outcomes": [asdict(each) for each in outcomes]})

            say(0, len(names), {})
            red_team.measure(self._engine(), names, attacks, seen, should_stop)

        self.studies.begin(actor, REDTEAM, {"policies": names, "language": language}, do)

    @teacher
    def measure(self, actor: Actor, names: Sequence[str], limit: int = 40) -> None:
        """Loss, perplexity, exact match, F1, ROUGE of runs and of the first one's base, behind the page.

        All on the first run's held-out rows (those of the fine-tuning that it goes back to), at most `limit` of them.
        Raises: NotAllowed; NotFound; AfinaError `config.range`, `measure.none`, `measure.many`, `measure.no_heldout`;
        Conflict `studies.busy`.
        """
        from tuning.evaluation.evaluate import evaluate
        from workbench.alignment.policy_evaluation import parent_sft

        if not 1 <= limit <= _MOST_QUESTIONS:
            raise AfinaError("config.range", name="rows", value=limit, min=1, max=_MOST_QUESTIONS)
        runs = [self._store.get(name) for name in dict.fromkeys(names)]
        runs = [run for run in runs if run.has_adapter and run.info.method not in NO_POLICY]
        if not runs:
            raise AfinaError("measure.none")
        if len(runs) > _MOST_MEASURED:
            raise AfinaError("measure.many", n=len(runs), most=_MOST_MEASURED)
        taught = parent_sft(self._store, runs[0])
        rows = taught.examples("heldout", Row) if taught else []
        if taught is None or not rows:
            raise AfinaError("measure.no_heldout", name=runs[0].name)
        data = Loaded(tuple(rows), str(taught.info.data["name"]), str(taught.info.data.get("format", "")))
        policies = [str(runs[0].info.base["name"]), *(run.name for run in runs)]
        reply_only = bool(taught.info.config.get("reply_only", True))

        def do(say: Say, should_stop: Callable[[], bool]) -> None:
            evaluations: list[dict[str, Any]] = []
            say(0, len(policies), {})
            for policy in policies:
                if should_stop():
                    return
                measured = evaluate(
                    policy,
                    data,
                    self._settings.home,
                    side="all",
                    limit=limit,
                    match=limit,
                    reply_only=reply_only,
                    engine=self._engine(),
                )
                evaluations.append(asdict(measured))
                say(len(evaluations), len(policies), {"policies": evaluations})

        self.studies.begin(actor, MEASURE, {"data": data.name, "run": runs[0].name, "policies": policies}, do)

    def data_of(self, name: str) -> str:
        """What a run was trained on; empty for what is no run (any more)."""
        return next((str(run.info.data.get("name", "")) for run in self._store if run.name == name), "")

    # Rows before training

    @teacher
    def inspect(self, rows: Sequence[Any], fraction: float = HELDOUT_FRACTION) -> Quality:
        """Leaks, near-duplicates, odd rows of `Row`s or `Labelled` texts. Raises: NotAllowed."""
        from tuning.evaluation import data_quality

        return data_quality.look(rows, fraction)

    @anybody
    def judges(self) -> list[str]:
        """Classifiers' classes that may judge rows, as "run: class"."""

        def classes(run: Run) -> list[str]:
            offered = run.info.method == "classify" and run.has_adapter
            return [f"{run.name}: {label}" for label in run.info.extra.get("labels", [])] if offered else []

        return [each for found in self._store.gather(classes) for each in found]

    @teacher
    def sift(self, data: Loaded, rule: str = "", judge: str = "") -> tuple[Path, int, list[Row]]:
        """Writes the rows that neither have the `rule` (a regular expression) nor are of the `judge`'s class.

        (file, how many rows are kept, those taken out). Raises: NotAllowed; AfinaError `redteam.one_of`,
        `redteam.pattern`, `redteam.nothing_out`; as `Classifier`.
        """
        from tuning.data.examples import write_rows
        from tuning.evaluation import red_team

        if bool(rule.strip()) == bool(judge):
            raise AfinaError("redteam.one_of")
        run, _, label = judge.rpartition(": ")
        is_bad = red_team.by_rule(rule) if rule.strip() else red_team.by_judge(run, label, 0.5, self._settings.home)
        kept, out = red_team.parted(data.rows, is_bad)
        if not out or not kept:
            raise AfinaError("redteam.nothing_out", n=len(out), rows=len(data.rows))
        stem = Path(data.name).stem.removesuffix(".jsonl")
        path = self._settings.home / "uploads" / "sifted" / f"{stem}-{secrets.token_hex(2)}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_rows(path, kept)
        return path, len(kept), list(out)

    # Recipes

    @anybody
    def uses(self, recipe: str, language: str, data: str = "") -> Uses:
        """The model and the data that a recipe would take here and now; `data`: of one's own, if it takes any.

        Raises: AfinaError `config.choice`, `experiments.own_data`.
        """
        if recipe not in recipes.RECIPES:
            raise AfinaError("config.choice", name="experiment", value=recipe, choices=", ".join(recipes.RECIPES))
        return recipes.uses(recipe, Options(shipped_language(language), data=data), online=self._reachable())

    @teacher
    def start_recipe(self, actor: Actor, recipe: str, language: str, share: float = 0.5, data: str = "") -> None:
        """Queues the runs of a recipe, on `data` of one's own where it takes some; it reads them behind the page.

        Raises: NotAllowed, also `role.server_file`; as `uses`; Conflict `studies.busy`.
        """
        self._roles.require_own_file(data)
        used = self.uses(actor, recipe, language, data)
        options = Options(shipped_language(language), share, offline=not used.from_hub, data=data)

        def do(say: Say, should_stop: Callable[[], bool]) -> None:
            started = recipes.start(self._queue, recipe, options)
            say(1, 1, {"group": started.group})

        about = {"recipe": recipe, **asdict(used)}
        self.studies.begin(actor, RECIPE, about, do)

    @anybody
    def recipe_groups(self) -> dict[str, str]:
        """group -> recipe, the newest first."""
        return results.groups(self._store)

    @anybody
    def parts(self, group: str) -> list[Part]:
        """The runs of a recipe, side by side. Raises: AfinaError `compare.unknown`."""
        return results.parts(self._store, group)

    @anybody
    def part_series(self, group: str) -> dict[str, dict[str, list[tuple[int, float]]]]:
        return results.series(self._store, group)

    def _reachable(self) -> bool:
        from tuning.models import hub

        until, answer = self._online
        if time.monotonic() >= until:
            answer = hub.reachable()
            self._online = (time.monotonic() + 60, answer)
        return answer

    # Search

    @teacher
    def search(self, actor: Actor, config: SFTConfig, data: Loaded, over: Sequence[str], n_trials: int) -> str:
        """Starts a search behind the page and gives its id: each trial is a run, one after the other.

        Raises: NotAllowed; AfinaError `search.over`, `search.none`, `search.no_heldout`, `config.range`; Conflict.
        """
        seeking.check(config, data, over, n_trials)
        search_id = secrets.token_hex(4)

        def do(say: Say, should_stop: Callable[[], bool]) -> None:
            seeking.search(
                self._queue,
                config,
                data,
                over,
                n_trials,
                search_id=search_id,
                should_stop=should_stop,
                seen=lambda found: say(len(found.trials), n_trials, {}),
            )

        about = {"search_id": search_id, "over": list(over), "trials": n_trials, "data": data.name}
        self.studies.begin(actor, SEARCH, about, do)
        return search_id

    @anybody
    def searches(self) -> list[str]:
        """Ids, the newest first."""
        return seeking.all_searches(self._store)

    @anybody
    def found(self, search_id: str) -> dict[str, Any] | None:
        """What a search has found so far."""
        return seeking.read(self._store, search_id)
