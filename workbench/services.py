"""All services of one installation, wired from its settings. Cheap to build: nothing heavy loads before `start`."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from common.errors import AfinaError
from common.settings import Settings
from labeling.store import Store, open_store
from tuning.executors.local import LocalExecutor
from tuning.jobs import Queue
from tuning.runs import RunStore
from workbench.aligning import Aligning
from workbench.comparing import Comparing
from workbench.dialling import Dialling
from workbench.results import Results
from workbench.rewarding import Rewarding
from workbench.roles import Roles
from workbench.rounds import Rounds
from workbench.training import Training
from workbench.voting import Voting

logger = logging.getLogger(__name__)


@dataclass
class Services:
    settings: Settings
    roles: Roles
    training: Training
    comparing: Comparing
    voting: Voting
    rounds: Rounds
    results: Results
    aligning: Aligning
    dialling: Dialling
    rewarding: Rewarding
    queue: Queue
    labels: Store

    def start(self) -> None:
        """Starts the queue and its warm worker, and loads the base model, all behind the page."""
        self.queue.start()
        self.rounds.start()
        threading.Thread(target=self._warm, name="warm", daemon=True).start()

    def stop(self) -> None:
        """Lets go of the queue; a run in progress goes on in its own process."""
        self.queue.close()
        self.rounds.stop()
        self.labels.close()

    def _warm(self) -> None:
        try:
            self.comparing.warm()
        except AfinaError as error:
            logger.warning("%s", error)


def build(settings: Settings) -> Services:
    """The services of `settings`; makes the home folder."""
    settings.home.mkdir(parents=True, exist_ok=True)
    roles = Roles(settings)
    store = RunStore(settings.home)
    queue = Queue(store, LocalExecutor(settings.home, settings.base_model))
    labels = open_store(settings)
    comparing = Comparing(settings, store, roles)
    results = Results(settings, labels, roles)
    voting = Voting(labels, results)
    rounds = Rounds(settings, labels, roles, results, voting, lambda: comparing.engine)
    aligning = Aligning(settings, store, queue, labels, roles, lambda: comparing.engine)
    return Services(
        settings=settings,
        roles=roles,
        training=Training(settings, store, queue, roles),
        comparing=comparing,
        voting=voting,
        rounds=rounds,
        results=results,
        aligning=aligning,
        dialling=Dialling(settings, store, queue, labels, roles, aligning, rounds, lambda: comparing.engine),
        rewarding=Rewarding(store, labels, roles, aligning, comparing, results),
        queue=queue,
        labels=labels,
    )
