"""Executes one run in this process: the states around a method, and what each failure means to a person.

Every executor ends here, in whatever process it runs. Knows run states and errors, no trainer.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import Timeout

from common.errors import AfinaError
from tuning.config.training_methods import METHODS
from tuning.runs.run_store import Run

if TYPE_CHECKING:
    from tuning.methods.start import Preloaded

logger = logging.getLogger(__name__)


def execute(run: Run, home: Path, preloaded: Preloaded | None = None) -> None:
    """Takes a queued run to `done`, `stopped` or `failed`. Returns at once if somebody else has taken it."""
    try:
        lock = run.lock(timeout=5).acquire()
    except Timeout:
        return
    with lock:
        if run.move("starting", ("queued",)):
            perform(run, home, preloaded)


def perform(run: Run, home: Path, preloaded: Preloaded | None = None) -> None:
    """The same for a run that is starting or running already, its lock held by whoever calls.

    A run with a `deadline` that it came to is left as it is, `paused`.
    """
    try:
        train: Callable[[Run, Path, Preloaded | None], bool] = import_module(METHODS[run.info.method].trainer).train
        finished = train(run, home, preloaded)
    except Exception as error:
        if run.silent:  # whoever started it tells
            raise
        logger.exception("run %s (%s)", run.id, run.name, extra={"run_id": run.id})
        run.fail(in_words(error, run))
        return
    if run.paused:
        return
    run.stop_file.unlink(missing_ok=True)
    run.move("done" if finished else "stopped")


def in_words(error: Exception, run: Run) -> AfinaError:
    """The error a person sees for `error`."""
    if isinstance(error, AfinaError):
        return error
    if out_of_memory(error):
        plan = run.status().plan
        passes = max(1, int(plan.get("gradient_accumulation", 1)))
        return AfinaError(
            "engine.memory",
            device=plan.get("device_label", "?"),
            needed=int(plan.get("memory_bytes", 0)) // 2**20,
            batch=-(-int(plan.get("batch_size", 0)) // passes),
            length=plan.get("max_length", "?"),
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return AfinaError("engine.disk", reason=str(error))
    return AfinaError("engine.unexpected", reason=f"{type(error).__name__}: {error}")


def out_of_memory(error: BaseException) -> bool:
    """Whether Python, CUDA, MPS or the CPU allocator ran out of memory."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text or "not enough memory" in text
    )
