"""From the click to the first optimiser step: `python benchmarks/first_step.py [MODEL] [--runs N] [--json]`.

A queue with a warm worker as in the app, the set that the form suggests, default settings. Each run's times are
counted from the call of `submit`: taken up, held-out loss before step 0, first optimiser step done.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tuning.config.training import SFTConfig
from tuning.data import loading
from tuning.executors.local import LocalExecutor
from tuning.runs.queue import Queue
from tuning.runs.run_store import Run, RunStore


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="pocket")
    parser.add_argument("--data", default="mixed.en", help="a file or shipped set")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        times = [once(Path(home) / str(turn), options.model, options.data) for turn in range(options.runs)]
    result = {
        "model": options.model,
        "data": options.data,
        "cores": os.cpu_count(),
        "runs": options.runs,
        **{f"{name}_seconds": statistics.median(each[name] for each in times) for name in times[0]},
        "slowest_first_step_seconds": max(each["first_step"] for each in times),
    }
    print(json.dumps(result) if options.json else "\n".join(f"{name}: {value}" for name, value in result.items()))


def once(home: Path, model: str, data: str) -> dict[str, float]:
    """Seconds from `submit` to each mark of one run."""
    queue = Queue(RunStore(home), LocalExecutor(home, model))
    queue.start()
    wait_warm(home)
    rows = loading.load(data)
    config = SFTConfig.from_settings({"source_model": model, "target_steps": 2})
    began = time.time()
    run = queue.submit("sft", config, rows)
    while not run.status().ended:
        time.sleep(0.05)
    queue.close()
    assert run.state == "done", run.status().error
    marks = {
        "start": mark(run, "start"),
        "heldout_before": mark(run, "eval"),
        "first_step": mark(run, "train"),
    }
    return {name: round(when - began, 3) for name, when in marks.items()}


def mark(run: Run, kind: str) -> float:
    return next(event.time for event in run.events() if event.kind == kind)


def wait_warm(home: Path) -> None:
    """Until the worker says in its log that it is warm."""
    while not any(" warm\n" in log.read_text() for log in (home / "logs").glob("worker-*.log")):
        time.sleep(0.05)


if __name__ == "__main__":
    main()
