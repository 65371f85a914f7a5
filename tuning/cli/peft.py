"""Commands for a course: compare methods, time an adapter merged and unmerged, calculate memory and corpora."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from common.errors import AfinaError
from common.settings import Settings
from tuning.cli.shared import assignment, no_progress_bars, watch
from tuning.config import memory_math
from tuning.config.training import SFTConfig
from tuning.models.peft_methods import METHODS

Answer = tuple[dict[str, Any], list[str]]


def add(command: Any) -> None:
    """Adds the commands; `command(name, function, help)` gives a parser."""
    sub = command("compare", compare, "Train several methods on the same data and compare them.")
    sub.add_argument("--source-model", default="", help="pocket, a folder or a Hub id")
    sub.add_argument("--train-dataset", help="a file, a bundled set or a Hub data set")
    sub.add_argument("--validation-dataset", help="validation rows, instead of those split off")
    sub.add_argument("--methods", default="lora,houlsby,ia3,prompt,full", help=", ".join(METHODS))
    sub.add_argument("--name", default="", help="the comparison's name")
    sub.add_argument("--preset", choices=list(SFTConfig.presets), default="balanced")
    sub.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE")
    sub.add_argument("--show", action="store_true", help="show the comparison of this --name, train nothing")
    sub = command("latency", latency, "Time a run's model: bare, with its adapter, with the adapter merged.")
    sub.add_argument("--model", required=True, help="a run")
    sub.add_argument("--tokens", type=int, default=32, help="written in each measurement")
    sub.add_argument("--repeats", type=int, default=7, help="measurements of each, in turn; the fastest counts")
    sub = command("calculate", calculate, "Memory of training, or the size of a corpus.")
    sub.add_argument("--parameters", type=float, default=175e9, help="of the model")
    sub.add_argument("--layers", type=int, default=96)
    sub.add_argument("--hidden", type=int, default=12288)
    sub.add_argument("--heads", type=int, default=96)
    sub.add_argument("--rank", type=int, default=8)
    sub.add_argument("--matrices", type=int, default=4, help="square matrices with LoRA in a layer")
    sub.add_argument("--precision", choices=memory_math.PRECISIONS, default="mixed")
    sub.add_argument("--batch", type=int, default=1, help="rows of a pass")
    sub.add_argument("--length", type=int, default=2048, help="tokens of a row")
    sub.add_argument("--tokens", type=float, help="a corpus instead: its tokens")


def compare(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.api import job
    from tuning.executors.select import executor_of
    from tuning.experiments import method_comparison
    from tuning.runs.queue import Queue
    from tuning.runs.run_store import RunStore

    store, group = RunStore(settings.home), options.name
    if not options.show:
        if not options.train_dataset:
            raise AfinaError("config.empty", name="--train-dataset")
        source = options.source_model or settings.base_model
        chosen = dict(assignment(text) for text in options.set)
        config = SFTConfig.from_settings({"preset": options.preset, "source_model": source, **chosen})
        methods = [method.strip() for method in options.methods.split(",") if method.strip()]
        validation = job.read(options.validation_dataset) if options.validation_dataset else None
        queue = Queue(store, executor_of(settings, source))
        runs = method_comparison.submit(queue, config, job.read(options.train_dataset), methods, group, validation)
        group = str(runs[0].info.extra["group"])
        for run in runs:
            _follow(job, run, store, settings, source, watch)
    lines = method_comparison.compared(store, group)
    return {"group": group, "methods": [asdict(line) for line in lines]}, _table(lines)


def _follow(api: Any, run: Any, store: Any, settings: Settings, source: str, watch: Any) -> None:
    """Waits for a run; one that fails is told in the table, and the next goes on."""
    import sys

    from tuning.executors.select import executor_of
    from tuning.runs.queue import Queue

    job = api.Job(run, Queue(store, executor_of(settings, source))).wake()
    try:
        watch(job)
    except AfinaError as error:
        print(f"{run.name}: {error}", file=sys.stderr)


def _table(lines: list[Any]) -> list[str]:
    head = f"{'method':22}{'trained':>12}{'share':>8}{'memory':>10}{'time':>8}{'validation loss':>19}"
    rows = [
        f"{line.label:22}{line.trainable:>12,}{line.trainable / max(1, line.parameters):>8.2%}"
        f"{line.peak_memory_bytes / 1e6:>7.0f} MB{line.seconds:>6.0f} s"
        f"{_loss(line.heldout_before):>10} ->{_loss(line.heldout_after):>6}"
        + ("" if line.state == "done" else f"  {line.state}")
        for line in lines
    ]
    return [head, *rows]


def _loss(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def latency(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.inference.latency import measure

    no_progress_bars()
    values = asdict(measure(options.model, settings.home, options.tokens, options.repeats))
    return values, [f"{name}: {value}" for name, value in values.items()]


def calculate(options: argparse.Namespace, settings: Settings) -> Answer:
    if options.tokens is not None:
        figures = asdict(memory_math.corpus(options.tokens, options.parameters))
        figures["tib"] = figures["n_bytes"] / memory_math.TIB  # often written TB
        return figures, [f"{name}: {value:.4g}" for name, value in figures.items()]
    shape = memory_math.square(
        "model", int(options.parameters), options.layers, options.hidden, options.heads, options.matrices
    )
    answer = {}
    for method in memory_math.METHODS:
        found = memory_math.memory(shape, method, options.rank, options.precision, options.batch, options.length)
        answer[method] = asdict(found) | {"total": found.total}
    lines = [
        f"{method:6} {figures['total'] / 1e9:>10,.1f} GB = weights {figures['weights'] / 1e9:,.1f} + gradients "
        f"{figures['gradients'] / 1e9:,.2f} + optimiser {figures['optimiser'] / 1e9:,.2f} + activations "
        f"{figures['activations'] / 1e9:,.2f}; trained: {figures['trained']:,}"
        for method, figures in answer.items()
    ]
    return answer, lines
