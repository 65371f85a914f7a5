"""Runs, chat and comparisons on ZeroGPU: a GPU is there only inside functions that the platform decorates.

Such a function runs in a fork of this process for a number of seconds; its arguments and what it gives are pickled,
nothing that it changes in memory comes back, and it may start no processes. So a run is cut into slices: each trains
from the run's last checkpoint, saves, and ends. `ui` hands the decorated functions in. Knows no `spaces`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import Timeout

from common.errors import AfinaError
from tuning.executors import gpu_leases
from tuning.executors.gpu_leases import GpuLeases, Nobody
from tuning.inference.reply_engine import Message, Partial, Reply, Sampling
from tuning.runs.run_store import Run
from tuning.runs.status import ACTIVE, state_of

if TYPE_CHECKING:
    from tuning.inference.engine import LocalEngine

logger = logging.getLogger(__name__)
_SAVING = 6.0  # seconds before its end at which a slice stops training

# What runs where the GPU is. The first argument is what is asked for, in seconds.


def train_slice(seconds: int, run: str, home: str) -> None:
    """Trains the run in this folder, whose lock the caller holds, for at most about `seconds`."""
    from tuning.executors.run_method import perform

    this = Run(Path(run))
    this.deadline = time.monotonic() + seconds - _SAVING
    perform(this, Path(home))


def stream_replies(
    seconds: int,
    home: str,
    policies: list[str],
    conversations: list[list[Message]],
    sampling: Sampling,
    stop_file: str,
) -> Iterator[list[Partial] | AfinaError]:
    """As `ReplyEngine.stream`; stops once `stop_file` is there. An error is the last thing yielded: raised, it would
    lose its words on the way."""
    try:
        yield from engine(home).stream(policies, conversations, sampling, Path(stop_file).exists)
    except AfinaError as error:
        yield error


def write_replies(
    seconds: int,
    home: str,
    policies: list[str],
    conversations: list[list[Message]],
    sampling: Sampling,
    seeds: list[int],
) -> list[Reply] | AfinaError:
    """As `ReplyEngine.generate`."""
    try:
        return engine(home).generate(policies, conversations, sampling, seeds)
    except AfinaError as error:
        return error


def score_replies(seconds: int, home: str, name: str, replies: list[Any]) -> list[float] | AfinaError:
    """As `RewardModel.scores`."""
    from tuning.rewards.reward_model import RewardModel

    try:
        return RewardModel(name, Path(home)).scores(replies)
    except AfinaError as error:
        return error


@lru_cache(maxsize=1)
def engine(home: str) -> LocalEngine:
    """The engine whose models the GPU's processes inherit; only they write with it."""
    from tuning.inference.engine import LocalEngine

    return LocalEngine(Path(home))


def prepare(home: Path, base_model: str) -> None:
    """Puts into this process what the GPU's processes inherit: the libraries and the base model.

    On the platform a model that is put on the GPU before the page is launched comes to the GPU with each process.
    """
    from importlib import import_module

    from tuning.config.training_methods import METHODS

    for method in METHODS.values():
        import_module(method.trainer)
    engine(str(home)).load(base_model)


class ZeroGPUExecutor:
    """Runs in slices, each lent by an event of the teacher's page (`leases.grant`).

    `train` is `train_slice`, decorated. With no page for `leases.patience` seconds between two slices the run is
    interrupted, to be resumed; before its first slice it waits in the queue.
    """

    def __init__(self, home: Path, leases: GpuLeases, train: Callable[[int, str, str], None]) -> None:
        self.home, self.leases, self._train = Path(home), leases, train

    def warm(self) -> None:
        """Nothing stays warm: every slice has a process of its own."""

    def close(self) -> None:
        self.leases.close()

    def run(self, run: Run) -> None:
        """All slices of `run`. Returns when it has come to an end, or nobody lends a GPU any more."""
        try:
            self.leases.acquire(lambda: None, lambda: state_of(run.events()) == "queued", patient=True)
            lock = run.lock(timeout=5).acquire()
        except (Nobody, Timeout):  # cancelled, or somebody else has it
            return
        with lock:
            if run.move("starting", ("queued",)):
                self._slices(run)

    def _slices(self, run: Run) -> None:
        while state_of(run.events()) in ACTIVE:
            before = run.status().step
            try:
                self.leases.acquire(lambda: self._slice(run))
            except Nobody:
                self._interrupt(run, AfinaError("gpu.nobody", seconds=int(self.leases.patience)))
            except Exception as error:  # no quota, time over, the process died
                logger.exception("run %s", run.id, extra={"run_id": run.id})
                self._interrupt(run, gpu_leases.refused(error))
            else:
                if state_of(run.events()) in ACTIVE and run.status().step == before:
                    run.fail(AfinaError("gpu.no_step", seconds=self.leases.most))

    def _slice(self, run: Run) -> None:
        left = run.status().metrics.get("eta_seconds")
        self._train(gpu_leases.slice_of(left, self.leases.most), str(run.path.resolve()), str(self.home.resolve()))

    def _interrupt(self, run: Run, error: AfinaError) -> None:
        run.append("error", None, key=error.key, params=error.params)
        run.move("interrupted", ACTIVE)
