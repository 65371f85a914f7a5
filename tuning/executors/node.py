"""One of several processes that train a run together, on one machine or many that share AFINA_HOME:

    accelerate launch --config_file FILE -m tuning.executors.node HOME RUN

The first process takes the run from the queue and writes its events; the others compute with it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

from filelock import Timeout

from common.errors import AfinaError
from tuning.executors.run_method import in_words, perform
from tuning.methods import distributed
from tuning.runs.run_store import Run, RunStore
from tuning.runs.status import ACTIVE, state_of

logger = logging.getLogger(__name__)


def main(home: Path, name: str) -> int:
    """0 where the run came to an end of its own: done or stopped."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for each in ("SIGINT", "SIGHUP"):  # a terminal's, meant for whoever started the launcher
        if hasattr(signal, each):
            signal.signal(getattr(signal, each), signal.SIG_IGN)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    run = RunStore(home).get(name)
    if not distributed.is_first():
        return _beside(run, home)
    try:
        lock = run.lock(timeout=5).acquire()
    except Timeout:
        logger.error("run %s is held by another process", run.id, extra={"run_id": run.id})
        return 1
    with lock:
        if not run.move("starting", ("queued",)):
            logger.error("run %s is not queued", run.id, extra={"run_id": run.id})
            return 1
        return _train(run, run, home)


def _beside(run: Run, home: Path) -> int:
    return _train(Run.watched(run.path), run, home)


def _train(run: Run, source: Run, home: Path) -> int:
    """`told` gets the error whichever process it happens in; the launcher ends the others."""
    try:
        distributed.meet()
        run.note("note.together", 0, processes=distributed.processes())
        perform(run, home)
    except Exception as error:
        logger.exception("run %s", run.id, extra={"run_id": run.id})
        words: AfinaError | None = in_words(error, source)
    else:
        words = None
    if words is not None and state_of(source.events()) in ACTIVE:
        source.fail(words)
    return int(state_of(source.events()) == "failed")


if __name__ == "__main__":
    status = main(Path(sys.argv[1]), sys.argv[2])
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)
