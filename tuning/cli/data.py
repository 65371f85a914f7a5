"""Commands that look at training data and filter them. Same rules as `tuning.cli.main`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from common.errors import AfinaError
from common.settings import Settings

Answer = tuple[dict[str, Any], list[str]]
Command = Callable[[str, Any, str], argparse.ArgumentParser]


def add(command: Command) -> None:
    """Adds the commands."""
    looked = command("inspect", inspect, "Look for leaks, near-duplicates and odd rows in a data set.")
    looked.add_argument("--dataset", required=True, help="a file, a shipped set or a Hub data set")
    looked.add_argument("--labelled", action="store_true", help="texts with labels, for a classifier")
    looked.add_argument("--threshold", type=float, default=0.7, help="similarity that counts as a near-duplicate")
    sifted = command("sift", sift, "Take rows out of a data set, by a rule or by a trained classifier.")
    sifted.add_argument("--dataset", required=True, help="a file, a shipped set or a Hub data set")
    sifted.add_argument("--out", required=True, help="the file that is written (JSONL)")
    sifted.add_argument("--rule", default="", help="a regular expression: rows that have it are taken out")
    sifted.add_argument("--judge", default="", help="a run of the method classify that judges each row")
    sifted.add_argument("--label", default="", help="the judge's class that is taken out")
    sifted.add_argument("--threshold", type=float, default=0.5, help="probability from which it is")


def inspect(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.api import job
    from tuning.evaluation import data_quality

    if not 0.2 <= options.threshold <= 1:
        raise AfinaError("config.range", name="threshold", value=options.threshold, min=0.2, max=1)
    data: Any = (job.read_labels if options.labelled else job.read)(options.dataset)
    report = asdict(data_quality.look(data.rows, threshold=options.threshold)) | {"n_skipped": data.n_skipped}
    lines = [f"{name}: {value}" for name, value in report.items() if name not in ("leaks", "odd")]
    lines += [
        f"validation row {leak['heldout_row']} ~ training row {leak['train_row']} ({leak['similarity']:.2f}): "
        f"{leak['text']}"
        for leak in report["leaks"]
    ]
    lines += [f"row {odd['row']}: {odd['what']} near “{odd['near']}”" for odd in report["odd"]]
    return report, lines


def sift(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.api import job
    from tuning.data.examples import write_rows
    from tuning.evaluation import red_team as red

    if bool(options.rule) == bool(options.judge):
        raise AfinaError("redteam.one_of")
    is_bad = (
        red.by_rule(options.rule)
        if options.rule
        else red.by_judge(options.judge, options.label, options.threshold, settings.home)
    )
    kept, out = red.parted(job.read(options.dataset).rows, is_bad)
    write_rows(Path(options.out), kept)
    result = {"kept": len(kept), "taken_out": [row.number for row in out], "out": options.out}
    return result, [f"{len(kept)} rows kept, {len(out)} taken out: {options.out}"]
