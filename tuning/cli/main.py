"""The command line: train, look at runs, generate, evaluate. Progress goes to stderr, results to stdout.

Exit status is 0, or 2 with one clear line. Every command is a thin layer over what the page uses too.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from common.errors import AfinaError
from common.settings import Settings
from common.terminal import Parser, language, run_command
from tuning.cli import classifiers, data, evaluation, experiments, peft
from tuning.cli.shared import Answer, assignment, no_progress_bars, number, watch
from tuning.config.training_methods import METHODS


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warnings.simplefilter("ignore")  # libraries' advice to programmers
    for name in (
        "tuning.runs.broken_runs",
        "common.unavailable",
    ):  # the command says it, in the reader's language
        logging.getLogger(name).setLevel(logging.ERROR)
    return run_command(lambda: options.command(options, Settings.from_env()), options.json)


def parser() -> Parser:
    root = Parser(prog="python -m tuning", description="Fine-tune small language models.")
    commands = root.add_subparsers(required=True, metavar="command", parser_class=Parser)
    common = Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON object on stdout")

    def command(name: str, function: Any, help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help, parents=[common])
        added.set_defaults(command=function)
        return added

    for name, method in METHODS.items():
        if method.command:
            _method(command(name, train, method.command), name)
    command("runs", runs, "List all runs.").add_argument("name", nargs="?", help="show this run only")
    for name in ("resume", "stop", "cancel", "delete"):
        command(name, globals()[name], f"{name.capitalize()} a run.").add_argument("name", help="name or id")
    _generate(command("generate", generate, "Write a reply."))
    _merge(command("merge", merge, "Write a run as a full model, its adapter merged in float32."))
    _evaluate(command("evaluate", evaluate, "Measure a model on a data set."))
    for subject in (classifiers, peft, evaluation, data, experiments):
        subject.add(command)
    return root


def _method(sub: argparse.ArgumentParser, method: str) -> None:
    config = METHODS[method].config
    knobs = "\n".join(f"  {field.name:24} {field.metadata['help']}" for field in fields(config))
    sub.formatter_class = argparse.RawDescriptionHelpFormatter
    sub.epilog = f"settings (--set key=value):\n{knobs}"
    sub.set_defaults(method=method)
    sub.add_argument("--source-model", default="", help="pocket, a run, a folder or a Hub id")
    sub.add_argument("--train-dataset", required=True, help="a file, a shipped set or a Hub data set")
    sub.add_argument("--validation-dataset", help="validation rows, instead of those split off")
    sub.add_argument("--name", default="", help="the run's name")
    sub.add_argument("--preset", choices=list(config.presets), default="balanced")
    sub.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")


def _generate(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--model", required=True, help="pocket, a run, a folder or a Hub id")
    sub.add_argument("--prompt", help="the user's message; read from stdin if not given")
    sub.add_argument("--system", default="")
    sub.add_argument("--greedy", action="store_true", help="always the likeliest token")
    sub.add_argument("--max-new-tokens", type=int, default=128)
    sub.add_argument("--temperature", type=float, default=0.7)
    sub.add_argument("--top-p", type=float, default=0.95)
    sub.add_argument("--seed", type=int, default=0)


def _merge(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--model", required=True, help="a run (NAME*1.5: its change scaled)")
    sub.add_argument("--out", required=True, type=Path, help="a new folder")


def _evaluate(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--model", required=True, help="pocket, a run, a folder or a Hub id")
    sub.add_argument("--dataset", required=True, help="a file, a shipped set or a Hub data set")
    sub.add_argument("--side", default="heldout", help="of the split: heldout, train or all")
    sub.add_argument("--limit", type=int, default=0, help="rows at most; 0: all")
    sub.add_argument("--match", type=int, default=50, help="rows answered and compared word for word")


def train(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.api import job

    chosen = dict(assignment(text) for text in options.set)
    source = options.source_model or settings.base_model
    method = options.method
    config = METHODS[method].config.from_settings({"preset": options.preset, "source_model": source, **chosen})
    read = job.READERS[METHODS[method].learns_from]
    validation = read(options.validation_dataset) if options.validation_dataset else None
    data = read(options.train_dataset)
    if data.n_skipped:
        note = AfinaError("data.note.left_out", n=data.n_skipped, name=data.name, first=data.skipped[0])
        print(note.words(language()), file=sys.stderr)
    return watch(job.submit(method, config, data, options.name, settings.home, validation))


def resume(options: argparse.Namespace, settings: Settings) -> Answer:
    queue, run = _queue(settings, options.name)
    queue.resume(run.id)
    from tuning.api.job import Job

    return watch(Job(run, queue).wake())


def runs(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.runs.run_store import RunStore
    from tuning.runs.summary import summarise

    store = RunStore(settings.home)
    if options.name:
        queue, run = _queue(settings, options.name)
        from tuning.api.job import Job

        job = Job(run, queue).to_dict()
        return job, [f"{name}: {value}" for name, value in job.items()]
    table = store.gather(lambda run: asdict(summarise(run, store)))
    for problem in store.broken.values():
        print(" ".join(problem.words(language()).split()), file=sys.stderr)
    lines = [
        f"{row['name']:24} {row['state']:12} {row['step']:>6}/{row['total_steps']:<6} {row['base']:20} "
        f"validation loss {number(row['heldout_before'])} -> {number(row['heldout_after'])}"
        for row in table
    ]
    return {"runs": table}, lines or ["No runs yet."]


def stop(options: argparse.Namespace, settings: Settings) -> Answer:
    queue, run = _queue(settings, options.name)
    queue.stop(run.id)
    return _summary(run)


def cancel(options: argparse.Namespace, settings: Settings) -> Answer:
    queue, run = _queue(settings, options.name)
    queue.cancel(run.id)
    return _summary(run)


def delete(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.runs.run_store import RunStore

    RunStore(settings.home).delete(options.name)
    return {"name": options.name, "state": "deleted"}, [f"{options.name}: deleted"]


def generate(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.api.job import GenerativeModel

    prompt = options.prompt if options.prompt is not None else sys.stdin.read().strip()
    model = GenerativeModel(options.model, options.system, settings.home)
    no_progress_bars()
    reply = model.generate_content(
        prompt,
        temperature=options.temperature,
        top_p=options.top_p,
        max_output_tokens=options.max_new_tokens,
        seed=options.seed,
        greedy=options.greedy,
    )
    return {"model": options.model, "prompt": prompt, **asdict(reply)}, [reply.text]


def evaluate(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.api import job
    from tuning.evaluation.evaluate import evaluate as measure
    from tuning.evaluation.evaluate import side_of
    from tuning.runs import resolver

    data = job.read(options.dataset)
    resolver.resolve(options.model, settings.home)
    side_of(data, options.side)
    no_progress_bars()
    result = measure(
        options.model,
        data,
        settings.home,
        side=options.side,
        limit=options.limit,
        match=options.match,
    )
    values = asdict(result)
    return values, [f"{name}: {value}" for name, value in values.items()]


def merge(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.runs.merge import merge as write

    no_progress_bars()
    manifest = write(options.model, settings.home, options.out).to_dict()
    return manifest, [f"{name}: {value}" for name, value in manifest.items()]


def _queue(settings: Settings, name: str) -> tuple[Any, Any]:
    from tuning.executors.select import executor_of
    from tuning.runs.queue import Queue
    from tuning.runs.run_store import RunStore

    store = RunStore(settings.home)
    run = store.get(name)
    return Queue(store, executor_of(settings, run.info.base["name"])), run


def _summary(run: Any) -> Answer:
    return {"name": run.name, "run_id": run.id, "state": run.state}, [f"{run.name}: {run.state}"]
