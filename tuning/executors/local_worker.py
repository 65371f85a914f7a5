"""The process that trains: gets warm (libraries, base model, first kernels), waits for one run, executes it, ends.

    python -m tuning.executors.local_worker HOME BASE_MODEL    then one line {"run": "<folder>"} on stdin

It has a session of its own, so it outlives the app that started it; idle, it ends with that app (its stdin
closes). What it prints goes to its log.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import signal
import sys
from pathlib import Path

from common import collecting

logger = logging.getLogger(__name__)
_NICE = 10


def main(home: Path, base_model: str) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # The terminal's Ctrl-C and hang-up are the app's business.
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    _give_way()
    with collecting.held():
        preloaded = _preloaded(home, base_model)
        gc.collect()  # what is left stays: looking through it again would cost the first step 0.2 s
    logger.info("warm")
    line = sys.stdin.readline()
    if not line.strip():
        return 0
    from tuning.executors.run_method import execute
    from tuning.runs.run_store import Run

    run = Run(Path(json.loads(line)["run"]))
    logger.info("run %s (%s)", run.id, run.name)
    execute(run, home, preloaded)
    logger.info("end")
    return 0


def _give_way() -> None:
    """Training takes what is left over: a vote or a reply that somebody waits for comes first.

    On Linux a session of its own competes as a whole, by its autogroup's priority.
    """
    with contextlib.suppress(OSError, AttributeError):
        os.nice(_NICE)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_NICE))


def _preloaded(home: Path, base_model: str):
    """The loaded base model, or None: then the run loads its own, and says what is wrong with it."""
    from tuning.executors.preloaded_base import PreloadedBase

    try:
        return PreloadedBase.load(base_model, home)
    except Exception:
        logger.exception("cannot warm up with %s", base_model)
        return None


if __name__ == "__main__":
    status = main(Path(sys.argv[1]), sys.argv[2])
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)  # libraries' threads and exit hooks have nothing left to save
