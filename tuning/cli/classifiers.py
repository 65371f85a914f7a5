"""Commands about classifiers: trained in several ways, asked. Same rules as `tuning.cli.main`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from common.errors import AfinaError
from common.settings import Settings
from tuning.cli.shared import Progress, assignment, no_progress_bars

Answer = tuple[dict[str, Any], list[str]]
Command = Callable[[str, Any, str], argparse.ArgumentParser]


def add(command: Command) -> None:
    """Adds the commands."""
    compare = command("strategies", strategies, "Train classifiers in several ways and compare them.")
    compare.add_argument("--train-dataset", required=True, help="texts with labels: a file, a shipped set, a Hub id")
    compare.add_argument("--source-model", default="", help="pocket, a run, a folder or a Hub id")
    compare.add_argument("--strategies", default="feature,lora,full", help="of feature, lora, full, generate")
    compare.add_argument("--limit", type=int, default=0, help="first rows taken; 0: all")
    compare.add_argument("--name", default="", help="beginning of the runs' names")
    compare.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    predict_command = command("predict", predict, "Classify a text with a trained classifier.")
    predict_command.add_argument("--model", required=True, help="a run of the method classify")
    predict_command.add_argument("--text", help="read from stdin if not given")


def strategies(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.classification import compare as ways
    from tuning.classification import generative
    from tuning.config.classification import ClassifyConfig
    from tuning.executors.select import executor_of
    from tuning.runs.queue import Queue, in_turn
    from tuning.runs.run_store import RunStore

    chosen = dict(assignment(text) for text in options.set)
    from tuning.api import job

    source = options.source_model or settings.base_model
    config = ClassifyConfig.from_settings({"source_model": source, **chosen})
    data = job.read_labels(options.train_dataset).first(options.limit)
    store = RunStore(settings.home)
    queue = Queue(store, executor_of(settings, source))
    runs = ways.submit(queue, config, data, options.strategies.split(","), options.name)
    show = Progress()
    for run in in_turn(queue, runs, lambda run: show(run.status())):
        if generative.is_written(run) and run.state == "done":
            from tuning.inference.engine import LocalEngine

            print(f"{run.name}: generating the labels of the validation texts …", file=sys.stderr)
            generative.measure(run, LocalEngine(settings.home))
    table = [row for line in ways.lines(store, runs[0].info.extra["group"]) if (row := _line(line))]
    if not table:
        raise AfinaError("classify.no_report", name=runs[0].name, state=runs[0].state)
    first = table[0]
    result = {"strategies": table, "majority": first["majority"], "bag_of_words": first["bag_of_words"]}
    return result, _words(table)


def predict(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.classification.predict import Classifier

    text = options.text if options.text is not None else sys.stdin.read().strip()
    no_progress_bars()
    model = Classifier(options.model, settings.home)
    tuned, untrained = (model.probabilities([text], trained=trained)[0] for trained in (True, False))
    lines = [f"{label:24} {tuned[label]:.3f}   (untrained head: {untrained[label]:.3f})" for label in model.labels]
    return {"text": text, "probabilities": tuned, "untrained": untrained}, lines


def _line(line: Any) -> dict[str, Any] | None:
    if line.report is None:
        return None
    kept = (
        "accuracy",
        "macro_f1",
        "trainable",
        "parameters",
        "seconds",
        "peak_memory_bytes",
        "adapter_bytes",
        "milliseconds",
        "n",
        "majority",
        "bag_of_words",
    )
    return {"name": line.name, "strategy": line.strategy, **{name: line.report[name] for name in kept}}


def _words(table: list[dict[str, Any]]) -> list[str]:
    lines = [
        f"{row['strategy']:10} accuracy {row['accuracy']:.3f}  macro-F1 {row['macro_f1']:.3f}  "
        f"{row['trainable']:>12,} trained  {row['seconds']:.0f} s  {row['milliseconds']:.1f} ms a text"
        for row in table
    ]
    bag = table[0]["bag_of_words"]
    lines.append(f"majority   accuracy {table[0]['majority']['accuracy']:.3f}")
    if bag:
        lines.append(f"TF-IDF + logistic regression   accuracy {bag['accuracy']:.3f}")
    return lines
