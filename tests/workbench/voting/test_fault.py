"""Stop, kill -9, empty disk, a Hub that fails for a while: every acknowledged vote is there at the end.

Acknowledged means on the app's disk; where the disk goes too, it takes `AFINA_BACKUP_WAIT` or an orderly end.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from labeling.backup import destinations, labels_backup
from labeling.storage.label_store import connect
from labeling.storage.tables import annotation_log
from tests import ROOT
from tests.labeling.backup.test_labels_backup import hub  # noqa: F401
from tests.standin.hub import TOKEN

VOTER = """
import signal, threading, uuid
from common.settings import Settings
from labeling.rounds import lifecycle
from labeling.schema import Comparison, RoundSettings
from workbench.services import build
services = build(Settings.from_env())
store, voting = services.labels, services.voting
if not lifecycle.listed(store):
    this = lifecycle.create(store, "one", "judge", ["a", "b"], RoundSettings(votes_wanted=100_000))
    made = [Comparison(f"Question {i}?", f"first {i}", f"second {i}", "a", "b") for i in range(30)]
    lifecycle.add_comparisons(store, this.round_id, made)
    lifecycle.move(store, this.round_id, "open")
over = threading.Event()  # as in the app, where no vote is written by the thread that hears the signal
signal.signal(signal.SIGTERM, lambda *_: over.set())
services.backup.start(services.complete)
print("ready", flush=True)
while not over.is_set():
    person = voting.person(voting.join(voting.code()))
    while not over.is_set() and not (item := voting.next(person)).get("done"):
        key = uuid.uuid4().hex
        body = {"annotation_id": key, "comparison_id": item["comparison_id"], "winner": "left"}
        voting.cast(person, body)
        print(key, flush=True)
print("saved" if services.backup.stop() else "not saved", flush=True)
"""


class App:
    """A process that votes on a home folder and says which votes it was told are kept."""

    def __init__(self, home: Path, **env: str) -> None:
        self.home, self.env = home, {**os.environ, "AFINA_HOME": str(home), **env}
        self.acknowledged: list[str] = []
        self.lives = 0

    def live(self, ends: int, seconds: float = 1.0, then=lambda: None) -> list[str]:
        """One life of the process until the signal `ends`; the lines after its last vote."""
        self.lives += 1
        process = subprocess.Popen(
            [sys.executable, "-c", VOTER], cwd=ROOT, env=self.env, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(seconds)
        process.send_signal(ends)
        then()
        lines = [line.strip() for line in process.stdout if line.endswith("\n")]
        process.stdout.close()
        process.wait(60)
        self.acknowledged += [line for line in lines if len(line) == 32]
        return [line for line in lines if len(line) != 32]

    def wipe(self) -> None:
        shutil.rmtree(self.home)


def kept(place: destinations.Place, home: Path) -> list[str]:
    store = connect(home / "labels.db")
    labels_backup.restore(store, place)
    with store.read() as connection:
        found = connection.execute(select(annotation_log.c.annotation_id)).scalars().all()
    store.close()
    return list(found)


@pytest.mark.slow
def test_kill_and_empty_disk_with_votes_that_wait_for_their_copy(tmp_path):
    there = tmp_path / "bucket"
    app = App(tmp_path / "home", AFINA_BACKUP=str(there), AFINA_BACKUP_WAIT="1")
    for _ in range(2):
        app.live(signal.SIGKILL)
        app.wipe()
    found = kept(destinations.Folder(there), tmp_path / "last")
    assert len(app.acknowledged) > 10
    assert set(app.acknowledged) <= set(found) and len(found) == len(set(found))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_stop_kill_and_empty_disk_with_a_hub_that_fails_for_a_while(tmp_path, hub):  # noqa: F811
    app = App(tmp_path / "home", AFINA_BACKUP="me/votes", AFINA_BACKUP_SECONDS="1", **hub.env())
    hub.failing = [500] * 100  # nothing gets through while it lives
    app.live(signal.SIGKILL)
    assert not hub.repo("me/votes").files
    hub.failing = [429, 500, "half"]
    assert app.live(signal.SIGTERM) == ["saved"]  # the disk was still there
    app.wipe()
    hub.failing = [500] * 100

    def recovers():
        time.sleep(2)
        hub.failing = []

    assert app.live(signal.SIGTERM, then=recovers) == ["saved"]  # restored from the Hub, then stopped while it fails
    app.wipe()
    found = kept(destinations.place("me/votes", TOKEN), tmp_path / "last")
    assert len(app.acknowledged) > 30
    assert set(app.acknowledged) <= set(found) and len(found) == len(set(found))
