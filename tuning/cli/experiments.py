"""Commands that start several runs for a question: a course's recipes, a search. Same rules as `tuning.cli.main`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from common.languages import ENGLISH
from common.settings import Settings
from tuning.cli.shared import Progress, assignment
from tuning.pocket.world.facts import LANGUAGES

Answer = tuple[dict[str, Any], list[str]]
Command = Callable[[str, Any, str], argparse.ArgumentParser]


def add(command: Command) -> None:
    """Adds the commands."""
    from tuning.experiments.recipes import RECIPES
    from tuning.experiments.search import SPACE

    shown = command("experiment", experiment, "Start a course's demonstration and wait for its runs.")
    shown.add_argument("recipe", choices=list(RECIPES))
    shown.add_argument("--language", choices=LANGUAGES, default=ENGLISH)
    shown.add_argument("--share", type=float, default=0.5, help="of false facts, 0 to 1")
    shown.add_argument("--steps", type=int, default=0, help="of each run; 0: its default")
    shown.add_argument("--train-dataset", default="", help="data of your own, for a recipe that takes some")
    shown.add_argument("--offline", action="store_true", help="pocket and shipped data in any case")
    sought = command("search", search, "Search settings by Optuna; each trial is a run.")
    sought.add_argument("--train-dataset", required=True, help="a file, a shipped set or a Hub data set")
    sought.add_argument("--source-model", default="", help="pocket, a run, a folder or a Hub id")
    sought.add_argument("--over", default="learning_rate,rank", help=f"of {', '.join(SPACE)}")
    sought.add_argument("--trials", type=int, default=8)
    sought.add_argument("--name", default="search", help="beginning of the trials' names")
    sought.add_argument("--keep-all", action="store_true", help="keep every trial's adapter, not the best alone")
    sought.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")


def experiment(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.api import job
    from tuning.executors.select import executor_of
    from tuning.experiments import recipes
    from tuning.runs.queue import Queue, in_turn
    from tuning.runs.run_store import RunStore

    queue = Queue(RunStore(settings.home), executor_of(settings, settings.base_model))
    chosen = recipes.Options(
        options.language, options.share, options.steps, options.offline, data=options.train_dataset
    )
    started = recipes.start(queue, options.recipe, chosen)
    used = started.used
    print(f"{used.model} on {used.data}{' (Hub)' if used.from_hub else ''}", file=sys.stderr)
    show = Progress()
    runs = [
        {**job.Job(run, queue).to_dict(), "part": run.info.extra.get("part", "")}
        for run in in_turn(queue, started.runs, lambda run: show(run.status()))
    ]
    lines = [
        f"{row['name']:16} {row['part']:20} validation loss {row['heldout_before']} -> {row['heldout_after']}"
        for row in runs
    ]
    return {**asdict(used), "runs": runs}, lines


def search(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.api import job
    from tuning.config.training import SFTConfig
    from tuning.executors.select import executor_of
    from tuning.experiments import search as seeking
    from tuning.runs.queue import Queue
    from tuning.runs.run_store import RunStore

    chosen = dict(assignment(text) for text in options.set)
    source = options.source_model or settings.base_model
    config = SFTConfig.from_settings({"source_model": source, **chosen})
    data = job.read(options.train_dataset)
    queue = Queue(RunStore(settings.home), executor_of(settings, source))
    queue.start()

    def show_trial(so_far: seeking.Found) -> None:
        trial = so_far.trials[-1]
        print(f"{trial.name}: {trial.settings} -> {trial.loss}", file=sys.stderr)

    try:
        outcome = seeking.search(
            queue,
            config,
            data,
            options.over.split(","),
            options.trials,
            options.name,
            keep_all=options.keep_all,
            seen=show_trial,
        )
    finally:
        queue.close()
    result = asdict(outcome)
    best = outcome.best
    lines = [f"{t.name:16} {t.settings}  validation loss {t.loss}" for t in outcome.trials]
    return result, [*lines, f"best: {best.name} {best.settings}" if best else "no trial finished"]
