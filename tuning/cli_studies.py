"""Commands that try things out: the classic experiments, attacks, filters, a search, a look at the data.

Same rules as `tuning.cli`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from common.errors import AfinaError
from common.settings import Settings

Answer = tuple[dict[str, Any], list[str]]
Command = Callable[[str, Any, str], argparse.ArgumentParser]
_LANGUAGES = ("en", "es")


def add(command: Command) -> None:
    """Adds these commands."""
    from tuning.experiments import RECIPES

    tried = command("experiment", experiment, "Run one of the course's classic experiments.")
    tried.add_argument("recipe", choices=list(RECIPES), metavar="RECIPE", help=", ".join(RECIPES))
    tried.add_argument("--language", choices=_LANGUAGES, default="en")
    tried.add_argument("--share", type=float, default=0.5, help="of false rows, for false_facts")
    tried.add_argument("--steps", type=int, default=0, help="optimiser steps of each run; 0: by the data")
    tried.add_argument("--offline", action="store_true", help="pocket and shipped data, not the Hub's")
    attacked = command("redteam", redteam, "Measure how often policies refuse adversarial prompts.")
    attacked.add_argument("--models", nargs="+", required=True, help="policies: pocket, runs, folders")
    attacked.add_argument("--language", choices=_LANGUAGES, default="en")
    attacked.add_argument("--prompts", default="", help="own prompts: JSONL with prompt and kind")
    sifted = command("sift", sift, "Take bad rows out of a data set, by a rule or by a judge.")
    sifted.add_argument("--dataset", required=True, help="a file, a shipped set or a Hub data set")
    sifted.add_argument("--rule", default="", help="a regular expression that bad rows contain")
    sifted.add_argument("--judge", default="", help="a run of the method classify that judges the rows")
    sifted.add_argument("--label", default="", help="the judge's label for bad rows")
    sifted.add_argument("--threshold", type=float, default=0.5, help="probability from which a row is bad")
    sifted.add_argument("--out", required=True, help="JSONL file of what is kept")
    sought = command("search", search, "Search hyperparameters by held-out loss.")
    sought.add_argument("--train-dataset", required=True, help="a file, a shipped set or a Hub data set")
    sought.add_argument("--source-model", default="", help="pocket, a run, a folder or a Hub id")
    sought.add_argument("--over", default="learning_rate,rank", help="settings searched over, by commas")
    sought.add_argument("--trials", type=int, default=8)
    sought.add_argument("--name", default="search", help="beginning of the runs' names")
    sought.add_argument("--keep-all", action="store_true", help="keep every trial's run, not the best alone")
    sought.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    looked = command("inspect", inspect, "Look for leaks, near-duplicates and odd rows in a data set.")
    looked.add_argument("--dataset", required=True, help="a file, a shipped set or a Hub data set")
    looked.add_argument("--labelled", action="store_true", help="texts with labels, for a classifier")
    looked.add_argument(
        "--threshold", type=float, default=0.7, help="similarity that counts as a near-duplicate"
    )


def experiment(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning import api, experiments
    from tuning.cli import Progress
    from tuning.executors.choice import executor_of
    from tuning.jobs import Queue
    from tuning.runs import RunStore

    queue = Queue(RunStore(settings.home), executor_of(settings, settings.base_model))
    wanted = experiments.Options(options.language, options.share, options.steps, options.offline)
    started = experiments.start(queue, options.recipe, wanted)
    print(f"{started.model} on {started.data}{' (Hub)' if started.from_hub else ''}", file=sys.stderr)
    show = Progress()
    jobs = [api.Job(run, queue) for run in started.runs]
    for job in jobs:
        job.wait(seen=show)
        if job.error:
            raise job.error
    told = [{**job.to_dict(), "part": run.info.extra.get("part", "")}
            for job, run in zip(jobs, started.runs, strict=True)]  # fmt: skip
    lines = [f"{row['name']:16} {row['part']:20} held-out {row['heldout_before']} -> {row['heldout_after']}"
             for row in told]  # fmt: skip
    return {"model": started.model, "data": started.data, "from_hub": started.from_hub, "runs": told}, lines


def redteam(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning import redteam as red
    from tuning.cli import _quiet
    from tuning.generate import Engine

    _quiet()
    asked = red.attacks(options.language, Path(options.prompts) if options.prompts else None)
    outcomes = [asdict(each) for each in red.measure(Engine(settings.home), options.models, asked)]
    lines = [
        f"{each['policy']:20} "
        + "  ".join(f"{kind}: {share:.0%} refused" for kind, share in each["refused"].items())
        for each in outcomes
    ]
    return {"outcomes": outcomes}, lines


def sift(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning import api
    from tuning import redteam as red
    from tuning.data.rows import write_rows

    if bool(options.rule) == bool(options.judge):
        raise AfinaError("redteam.one_of")
    is_bad = (
        red.by_rule(options.rule)
        if options.rule
        else red.by_judge(options.judge, options.label, options.threshold, settings.home)
    )
    kept, out = red.parted(api.read(options.dataset).rows, is_bad)
    write_rows(Path(options.out), kept)
    told = {"kept": len(kept), "taken_out": [row.number for row in out], "out": options.out}
    return told, [f"{len(kept)} rows kept, {len(out)} taken out: {options.out}"]


def search(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning import api
    from tuning import search as seeking
    from tuning.cli import _assignment
    from tuning.config import SFTConfig
    from tuning.executors.choice import executor_of
    from tuning.jobs import Queue
    from tuning.runs import RunStore

    chosen = dict(_assignment(text) for text in options.set)
    source = options.source_model or settings.base_model
    config = SFTConfig.from_settings({"source_model": source, **chosen})
    data = api.read(options.train_dataset)
    queue = Queue(RunStore(settings.home), executor_of(settings, source))
    queue.start()

    def told(trial: seeking.Trial) -> None:
        print(f"{trial.name}: {trial.settings} -> {trial.loss}", file=sys.stderr)

    try:
        found = seeking.search(queue, config, data, options.over.split(","), options.trials, options.name,
                               keep_all=options.keep_all, seen=told)  # fmt: skip
    finally:
        queue.close()
    result = asdict(found)
    best = found.best
    lines = [f"{t.name:16} {t.settings}  held-out {t.loss}" for t in found.trials]
    return result, [*lines, f"best: {best.name} {best.settings}" if best else "no trial came to its end"]


def inspect(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning import api, classify
    from tuning.data import quality

    if not 0.2 <= options.threshold <= 1:
        raise AfinaError("config.range", name="threshold", value=options.threshold, min=0.2, max=1)
    data: Any = (classify.read if options.labelled else api.read)(options.dataset)
    told = asdict(quality.look(data.rows, threshold=options.threshold)) | {"n_skipped": data.n_skipped}
    lines = [f"{name}: {value}" for name, value in told.items() if name not in ("leaks", "odd")]
    lines += [f"held-out row {leak['heldout_row']} ~ train row {leak['train_row']} ({leak['similarity']:.2f}): "
              f"{leak['text']}" for leak in told["leaks"]]  # fmt: skip
    lines += [f"row {odd['row']}: {odd['what']} near “{odd['near']}”" for odd in told["odd"]]
    return told, lines
