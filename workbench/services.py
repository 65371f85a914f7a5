"""All services of one installation, wired from its settings. Cheap to build: nothing heavy loads before `start`."""

from __future__ import annotations

import errno
import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import AfinaError
from common.files import make_private
from common.settings import Settings
from common.unavailable import Unavailable
from labeling.backup import labels_backup as backups
from labeling.backup.destinations import Place, Refused, place
from labeling.backup.labels_backup import Backup
from labeling.storage.label_store import Store, open_store
from tuning.executors.gpu_leases import GpuLeases
from tuning.executors.select import executor_of
from tuning.executors.zerogpu import ZeroGPUExecutor
from tuning.runs.queue import Queue
from tuning.runs.run_store import RunStore
from workbench.access import Roles
from workbench.actors import TEACHER
from workbench.alignment.adapter_scaling import Dialling
from workbench.alignment.ai_feedback import Judging
from workbench.alignment.kto_and_rloo import Roads
from workbench.alignment.lineage import Lineage
from workbench.alignment.preference_training import Aligning
from workbench.alignment.reward_training import Rewarding
from workbench.chat.chat_service import Comparing
from workbench.chat.thumbs import Thumbs
from workbench.keyring import keyring
from workbench.training.classification import Classifying
from workbench.training.experiments import Course
from workbench.training.run_backup import Keeping
from workbench.training.training_service import Training
from workbench.voting.door import Doors
from workbench.voting.rounds import Rounds
from workbench.voting.simulation import Rehearsing
from workbench.voting.vote_results import Results
from workbench.voting.voting_service import Voting

if TYPE_CHECKING:
    from tuning.executors.zerogpu_engine import Functions
    from tuning.inference.reply_engine import ReplyEngine
    from tuning.rewards.reward_model import Rewards

logger = logging.getLogger(__name__)
_BOOT_PATIENCE = 600.0  # seconds that an app without data waits for its backup
_FIRST_PAGE = 5.0  # seconds that the base model waits for the page that it would slow down
_LEAST_DISK = 50 * 2**20  # bytes below which a vote may find no room
_STOP_PATIENCE = 20.0  # seconds that a run has to save itself


@dataclass
class Services:
    settings: Settings
    roles: Roles
    training: Training
    comparing: Comparing
    classifying: Classifying
    course: Course
    voting: Voting
    doors: Doors
    thumbs: Thumbs
    rounds: Rounds
    rehearsing: Rehearsing
    results: Results
    aligning: Aligning
    roads: Roads
    dialling: Dialling
    rewarding: Rewarding
    judging: Judging
    lineage: Lineage
    queue: Queue
    labels: Store
    leases: GpuLeases | None = None  # where a GPU comes with a visitor's request
    backup: Backup | None = None
    keeping: Keeping | None = None
    refused: AfinaError | None = None  # why nothing is copied although a backup is named
    complete: bool = False  # the backup holds all that there is: it was just restored
    opened: threading.Event = field(default_factory=threading.Event)  # somebody has the page before them

    def start(self) -> None:
        """Starts the queue and its warm worker; then, once a page is `opened`, loads the base model behind it."""
        self.queue.start()
        self.rounds.start()
        if self.backup and self.keeping:
            self.backup.start(self.complete)
            self.keeping.start()
        threading.Thread(target=self._warm, name="warm", daemon=True).start()

    def stop(self) -> None:
        """Lets go of the queue, copies the last votes; a run goes on in its own process, or saves itself first."""
        if self.settings.stop_runs:
            self._stop_runs()
        self.queue.close()
        self.rounds.stop()
        self.judging.close()
        self.course.studies.close()
        if self.backup and self.keeping:
            if not self.backup.stop():
                logger.error("the last votes are on this disk alone")
            self.keeping.stop()
        self.labels.close()

    def health(self) -> dict[str, Any]:
        """Whether this process can keep a vote: `status` "ok" or "failing", and what was looked at. Nothing private."""
        report: dict[str, Any] = {"status": "ok", "database": "ok", "disk": "ok", "queue": "ok"}
        try:
            with self.labels.read() as connection:
                connection.exec_driver_sql("SELECT 1")
        except Exception as problem:  # whatever the database's driver raises: it does not answer
            if not isinstance(problem, Unavailable):  # else it was logged
                logger.warning("database: %s", type(problem).__name__)
            report["database"] = "failing"
        report["disk"] = _disk(self.settings.home)
        report["queue"] = self.queue.state
        if self.backup:
            kept = self.backup.status()
            report["backup"] = {"ok": kept.error is None, "pending": kept.pending, "seconds": kept.seconds}
        if report["database"] != "ok" or report["disk"] != "ok":
            report["status"] = "failing"
        return report

    def _stop_runs(self) -> None:
        deadline = time.monotonic() + _STOP_PATIENCE
        for run in self.queue.active():
            try:
                self.queue.stop(run.id)
            except AfinaError as error:
                logger.warning("%s", error)
        while self.queue.active() and time.monotonic() < deadline:
            time.sleep(0.1)

    def _warm(self) -> None:
        self.opened.wait(_FIRST_PAGE)  # until then the page has the processor, and Python's lock, to itself
        try:
            self.comparing.warm()
        except AfinaError as error:
            logger.warning("%s", error)


def _make_home(home: Path) -> None:
    """Makes the home folder, its user's alone. Raises: AfinaError `settings.home` where it cannot be written."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        if error.errno == errno.ENOSPC:  # what is there can be looked at
            return
        raise AfinaError("settings.home", path=home, reason=error.strerror or error) from error


def _disk(home: Path) -> str:
    """ "ok", "full", or "failing" where the home folder cannot be looked at."""
    try:
        return "full" if shutil.disk_usage(home).free < _LEAST_DISK else "ok"
    except OSError as problem:
        logger.warning("home folder: %s", type(problem).__name__)
        return "failing"


def build(settings: Settings, lent: Functions | None = None) -> Services:
    """The services of `settings`; makes the home folder. `lent`: what runs where a GPU is lent (ZeroGPU)."""
    _make_home(settings.home)
    make_private(*settings.home.glob("labels.db*"), settings.home / "uploads", settings.home / "exports")
    labels = open_store(settings)
    roles = Roles(settings, keyring(settings, labels))
    store = RunStore(settings.home)
    leases = GpuLeases(settings.gpu_slice)
    queue = Queue(
        store,
        ZeroGPUExecutor(settings.home, leases, lent.train) if lent else executor_of(settings),
        roles.require_no_folder,
    )
    there = place(settings.backup, settings.hf_token) if settings.backup else None
    keeper, keeping, complete, refused = None, None, False, None
    if there:
        try:
            keeper, keeping, complete = _backup(settings, labels, store, there)
        except Refused as error:  # the page opens, and says what to set
            refused = error
            logger.warning("%s", error)
    comparing = Comparing(settings, store, roles, _engine(settings, lent, leases))
    course = Course(settings, store, queue, roles, comparing.alternatives, lambda: comparing.engine.behind_the_page())
    results = Results(settings, labels, roles)
    voting = Voting(
        labels,
        results,
        keeper.settled if keeper and settings.backup_wait else None,
        lambda: {run.id: run.name for run in store},
    )
    rounds = Rounds(
        settings,
        labels,
        roles,
        results,
        voting,
        lambda: comparing.engine.behind_the_page(),
        lambda name: aligning.reward_model(TEACHER, name),
    )
    aligning = Aligning(settings, store, queue, labels, roles, lambda: comparing.engine, _reward_model(settings, lent))
    return Services(
        settings=settings,
        roles=roles,
        training=Training(settings, store, queue, roles),
        comparing=comparing,
        classifying=Classifying(settings, store, queue, roles, lambda: comparing.engine),
        course=course,
        voting=voting,
        doors=Doors(labels, roles, voting),
        thumbs=Thumbs(labels, roles),
        rounds=rounds,
        rehearsing=Rehearsing(labels, roles),
        results=results,
        aligning=aligning,
        roads=Roads(settings, store, queue, labels, roles, aligning, lambda: comparing.engine.behind_the_page()),
        dialling=Dialling(settings, store, queue, labels, roles, aligning, rounds, lambda: comparing.engine),
        lineage=Lineage(store, labels, roles, results),
        judging=Judging(settings, store, labels, roles, aligning, lambda: comparing.engine.behind_the_page()),
        rewarding=Rewarding(store, labels, roles, aligning, comparing, results),
        queue=queue,
        labels=labels,
        leases=leases if lent else None,
        backup=keeper,
        keeping=keeping,
        complete=complete,
        refused=refused,
    )


def _engine(settings: Settings, lent: Functions | None, leases: GpuLeases) -> Callable[[], ReplyEngine] | None:
    """What makes the engine that answers, where that is not this process's own."""

    def served() -> ReplyEngine:
        from tuning.inference.remote_engine import ServedEngine

        return ServedEngine(settings.home, settings.chat_url, settings.chat_key)

    def on_lent_gpu() -> ReplyEngine:
        from tuning.executors.zerogpu_engine import LentEngine

        assert lent is not None
        return LentEngine(settings.home, lent, leases)

    if settings.chat_url:
        return served
    return on_lent_gpu if lent is not None else None


def _reward_model(settings: Settings, lent: Functions | None) -> Callable[[str], Rewards] | None:
    if lent is None:
        return None

    def make(name: str) -> Rewards:
        from tuning.executors.zerogpu_engine import LentRewardModel

        return LentRewardModel(name, settings.home, lent)

    return make


def _backup(settings: Settings, labels: Store, runs: RunStore, there: Place) -> tuple[Backup, Keeping, bool]:
    """The keepers of votes and of runs; an empty installation is filled from its backup first."""
    complete = backups.boot(labels, there, _BOOT_PATIENCE, lambda error: logger.warning("%s", error))
    keeping = Keeping(runs, there)
    keeping.restore()
    return Backup(labels, there, settings.backup_seconds, settings.home / "backup.lock"), keeping, complete
