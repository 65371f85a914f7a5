"""The queue: one run trains, the others wait, across every process that uses the same AFINA_HOME.

Whoever holds `queue.lock` executes; the others only submit, watch, and take over when the holder is gone.
Knows run states and an `Executor`; how a run is executed is the executor's business.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from filelock import FileLock, Timeout

from common.errors import AfinaError
from tuning.config.training import Config, RLOOConfig
from tuning.data.examples import Example, ExampleSet, Loaded, Pair, PairSet
from tuning.data.labelled import LabelledSet
from tuning.data.splits import divide
from tuning.models import peft_methods
from tuning.runs.run_store import Run, RunStore
from tuning.runs.status import ACTIVE, RESUMABLE, WrongState, state_of

if TYPE_CHECKING:
    from tuning.models.references import Base

logger = logging.getLogger(__name__)
POLL_SECONDS = 0.25  # how often other processes' submissions are looked for
_AGAIN = 10.0  # seconds until what broke around a run, or around the queue itself, is tried again


class Executor(Protocol):
    """Runs one run to an end of its own: done, stopped, failed. All of them write the same events."""

    def warm(self) -> None:
        """Gets ready for the next run, in the background."""

    def run(self, run: Run) -> None:
        """Executes `run` (queued) and returns when nothing works on it any more."""

    def close(self) -> None:
        """Lets go of what `warm` prepared; a run under way goes on."""


class Queue:
    def __init__(self, store: RunStore, executor: Executor, allow: Callable[[str], None] = lambda model: None) -> None:
        """`allow` raises for a source model that nobody may train from here."""
        self.store = store
        self._allow = allow
        self.executor = executor
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._aside: dict[str, float] = {}  # runs that nothing can be done with -> when to try again (monotonic)
        self._problem: str | None = None

    # What people do

    def submit(
        self,
        method: str,
        config: Config,
        data: Loaded | ExampleSet | LabelledSet,
        name: str = "",
        parent: str | None = None,
        validation: Loaded | ExampleSet | LabelledSet | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Run:
        """Freezes data and config into a new run and queues it. `parent`: run to continue, if not the source.

        Rows on the held-out side of the one split never train; `validation` replaces them for measuring only.
        Raises: AfinaError for data that leaves nothing to train on, and what `RunStore.create` raises.
        """
        from tuning.runs import resolver

        if parent:
            config = type(config).from_settings({**config.to_dict(), "source_model": parent})
        self._allow(str(config.to_dict()["source_model"]))
        policy = resolver.resolve(str(config.to_dict()["source_model"]), self.store.home)
        if policy.adapter and not policy.run_id:  # else it would start from the bare base
            raise AfinaError("dial.not_kept", name=policy.name)
        if hasattr(config, "peft"):
            if policy.adapter is not None:
                config = peft_methods.inherited(config, policy.adapter)
            peft_methods.check(config, policy.base)
        if isinstance(config, RLOOConfig):
            from tuning.runs import reward_names

            reward_names.check(config.reward, self.store)
        n_given = len(data.rows)
        data = _learnable(method, data)
        validation = None if validation is None else _learnable(method, validation)
        train, heldout = self._sides(config, data, validation)
        run = self.store.create(
            method=method,
            config=config.to_dict(),
            name=name,
            base={
                "name": _name_anywhere(policy.base),
                "sha256": policy.base.sha256,
                "kind": policy.base.kind,
            },
            data={"name": data.name, "fingerprint": data.fingerprint, "format": data.format},
            train=train,
            heldout=heldout,
            parent=policy.run_id,
            extra=extra,
        )
        if n_given > len(data.rows):
            run.note("note.ties_left_out", 0, n=n_given - len(data.rows))
        self._wake.set()
        return run

    def stop(self, name: str) -> None:
        """Asks a run to stop: it saves a usable adapter and can be resumed. A waiting run is taken out."""
        run = self.store.get(name)
        if run.move("cancelled", ("queued",)):
            return
        if run.state not in ACTIVE:
            raise WrongState("jobs.not_running", name=run.name, state=run.state)
        run.stop_file.touch()
        run.move("stopping", ("starting", "running"))

    def cancel(self, name: str) -> None:
        """Takes a waiting run out of the queue."""
        run = self.store.get(name)
        if not run.move("cancelled", ("queued",)):
            raise WrongState("jobs.not_waiting", name=run.name, state=run.state)

    def resume(self, name: str) -> Run:
        """Queues a run again; it goes on from its last checkpoint."""
        run = self.store.get(name)
        settle(run)
        run.stop_file.unlink(missing_ok=True)
        if not run.move("queued", RESUMABLE):
            raise WrongState("jobs.not_resumable", name=run.name, state=run.state)
        self._wake.set()
        return run

    def waiting(self) -> list[Run]:
        """The runs whose turn is still to come, next one first."""
        queued = self.store.gather(lambda run: run if state_of(run.events()) == "queued" else None)
        return sorted(queued, key=lambda run: (run.queued_at, run.id))

    def active(self) -> list[Run]:
        """The runs that a process works on: as a rule none or one."""
        return self.store.gather(lambda run: run if state_of(run.events()) in ACTIVE and run.state in ACTIVE else None)

    # The thread that executes

    def start(self) -> None:
        """Begins to execute in the background as soon as no other process does."""
        if self._thread is None:
            self._closing.clear()
            self._thread = threading.Thread(target=self._work, name="afina-queue", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Executes nothing more from here; a run under way goes on in its own process."""
        self._closing.set()
        self._wake.set()
        self.executor.close()
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None

    @property
    def alive(self) -> bool:
        """Whether this process executes runs, or waits for its turn to."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def state(self) -> str:
        """ "ok"; "stopped" where no thread is at work; "failing" while something keeps it from executing runs."""
        if not self.alive:
            return "stopped"
        return "failing" if self._problem else "ok"

    @property
    def lock_path(self) -> Path:
        return self.store.home / "queue.lock"

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                self._wait_and_hold()
            except Exception as error:  # a full disk, a home folder that is gone: it may come back
                self._note(error, "the queue")
                self._closing.wait(_AGAIN)

    def _wait_and_hold(self) -> None:
        """Executes runs once no other process does, until this one closes."""
        self.store.home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.lock_path, thread_local=False)
        while not self._closing.is_set():
            try:
                lock.acquire(timeout=0)
            except Timeout:
                self._problem = None
                self._pause()
                continue
            try:
                self._hold()
            finally:
                lock.release()

    def _hold(self) -> None:
        """We are the one who executes, until this process closes."""
        self.executor.warm()
        self._problem = None
        while not self._closing.is_set():
            run = self._next()
            if run is None:
                self._pause()
                continue
            try:
                self._execute(run)
                self._problem = None
            except Exception as error:  # not even its failure can be written down
                self._note(error, f"run {run.id}")
                self._aside[run.id] = time.monotonic() + _AGAIN

    def _note(self, error: Exception, what: str) -> None:
        """Logs what broke, once while it stays the same."""
        problem = f"{what}: {type(error).__name__}: {error}"
        if problem != self._problem:
            logger.error("%s", what, exc_info=error)
        self._problem = problem

    def _execute(self, run: Run) -> None:
        turn = run.queued_at
        result = {"run_id": run.id}
        logger.info("run %s begins", run.id, extra=result)
        try:
            self.executor.run(run)
        except AfinaError as error:
            run.fail(error)
        except Exception as error:  # the queue outlives whatever one run breaks
            logger.exception("run %s", run.id, extra=result)
            run.fail(AfinaError("engine.unexpected", reason=f"{type(error).__name__}: {error}"))
        if self._closing.is_set():
            return
        # Its process died before it took the run up. (One resumed while its process was still ending waits again.)
        if state_of(run.events()) == "queued" and run.queued_at == turn:
            run.fail(AfinaError("engine.no_start"))
        settle(run)
        logger.info("run %s is %s", run.id, run.state, extra=result)
        self.executor.warm()

    def _next(self) -> Run | None:
        """The next run in turn; None while another one (left by an earlier app) is still at work."""
        at_work = self.store.gather(lambda run: run if state_of(run.events()) in ACTIVE and not settle(run) else None)
        if at_work:
            return None
        now = time.monotonic()
        return next((run for run in self.waiting() if self._aside.get(run.id, now) <= now), None)

    def _pause(self) -> None:
        self._wake.wait(POLL_SECONDS)
        self._wake.clear()

    def _sides(
        self,
        config: Any,
        data: Loaded | ExampleSet | LabelledSet,
        validation: Loaded | ExampleSet | LabelledSet | None,
    ) -> tuple[Sequence[Example], Sequence[Example]]:
        if data.needs_mapping:
            raise AfinaError("jobs.needs_mapping", name=data.name, columns=", ".join(data.columns))
        train: Sequence[Example]
        heldout: Sequence[Example]
        if isinstance(data, ExampleSet):  # noqa: SIM114 (each branch is of one type)
            train, heldout = divide(data.rows, config.heldout_fraction)
        elif isinstance(data, LabelledSet):
            train, heldout = divide(data.rows, config.heldout_fraction)
        else:
            train, heldout = divide(data.rows, config.heldout_fraction)
        if validation is not None:
            heldout = list(validation.rows)
        if all(isinstance(row, Pair) and row.tie for row in train):  # or there is none
            raise AfinaError("jobs.no_train", name=data.name, n=len(data.rows))
        return train, heldout


def _learnable(method: str, data: Loaded | ExampleSet | LabelledSet) -> Loaded | ExampleSet | LabelledSet:
    """Of ties a reward model alone learns: they say that what differs is not what counts.

    Raises: AfinaError `pairs.all_ties`.
    """
    if not isinstance(data, PairSet):
        return data
    decided = tuple(row for row in data.rows if not row.tie)
    if data.rows and not decided:
        raise AfinaError("pairs.all_ties", name=data.name, n=len(data.rows))
    if method == "reward" or len(decided) == len(data.rows):
        return data
    return PairSet(decided, data.name, data.format, data.columns, fingerprint=data.fingerprint)


def _name_anywhere(base: Base) -> str:
    """What `resolver.resolve` takes in every process: a folder by its whole path."""
    return base.path_or_id if base.kind == "folder" else base.name


def settle(run: Run) -> bool:
    """Whether nothing works on `run`; a run whose process died is marked interrupted for good."""
    try:
        with run.lock(timeout=0):
            if run.move("interrupted", ACTIVE):
                logger.warning("run %s: its process is gone", run.id, extra={"run_id": run.id})
            return True
    except Timeout:
        return False


def in_turn(queue: Queue, runs: Iterable[Run], seen: Callable[[Run], None] | None = None) -> Iterator[Run]:
    """Executes `queue` and gives each of `runs` when it has ended; the queue is closed after the last one.

    Raises: the AfinaError of the first run that failed.
    """
    queue.start()
    try:
        for run in runs:
            follow(queue, run, seen)
            if error := run.status().error:
                raise error
            yield run
    finally:
        queue.close()


def follow(queue: Queue, run: Run, seen: Callable[[Run], None] | None = None, poll: float = 0.2) -> None:
    """Returns when `run` has come to an end; calls `seen(run)` about every `poll` seconds until then."""
    pause = threading.Event()
    while not run.status().ended:
        if seen is not None:
            seen(run)
        pause.wait(poll)
    if seen is not None:
        seen(run)
