"""Two app processes on one PostgreSQL, phones that go now to one and now to the other: one round, every vote once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import uvicorn
from sqlalchemy import select
from starlette.applications import Starlette

from common.settings import Settings
from labeling.rounds.assignment import LEAST
from labeling.storage.tables import annotation_log, assignments, comparisons, coverage
from tests import ROOT
from tests.labeling.conftest import Room
from ui.phone.routes import routes
from workbench.actors import TEACHER
from workbench.services import build

WANTED, COMMON, VOTERS = 3, 2, 16
POLL = 2.5  # seconds between two looks of a phone
SERVER = """
import uvicorn
from starlette.applications import Starlette
from common.settings import Settings
from ui.phone.routes import routes
from workbench.services import build
app = Starlette(routes=routes(build(Settings.from_env())))
server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
server.config.load()
class Told(uvicorn.Server):
    async def startup(self, sockets=None):
        await super().startup(sockets)
        print(self.servers[0].sockets[0].getsockname()[1], flush=True)
Told(server.config).run()
"""


@pytest.fixture
def here(database, tmp_path):
    """The teacher's process: this one. Its services, and its address."""
    services = build(Settings(home=tmp_path / "here", database_url=database))
    config = uvicorn.Config(Starlette(routes=routes(services)), port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield services, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    services.labels.close()


@pytest.fixture
def there(database, here, tmp_path):
    """The other process: its address."""
    env = {**os.environ, "AFINA_HOME": str(tmp_path / "there"), "DATABASE_URL": database}
    process = subprocess.Popen([sys.executable, "-c", SERVER], cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.kill()
    process.wait()
    process.stdout.close()


class Phone:
    """Goes to the two by turns, and sends each vote to both."""

    def __init__(self, apps: list[str], code: str) -> None:
        self.apps, self.acknowledged = apps, []
        self.client = httpx.Client(timeout=30)
        token = self.client.post(f"{apps[0]}/vote/join", json={"room": code}).json()["token"]
        self.client.headers["authorization"] = f"Bearer {token}"

    def next(self) -> dict:
        self.apps = self.apps[::-1]
        return self.client.get(f"{self.apps[0]}/vote/next").json()

    def cast(self, item: dict) -> list[int]:
        body = {"annotation_id": uuid.uuid4().hex, "winner": "left", "comparison_id": item["comparison_id"]}
        body["assignment_id"] = item["assignment_id"]
        with ThreadPoolExecutor(2) as both:  # at the same moment, as a phone does that thinks itself offline
            answers = list(both.map(lambda app: self.client.post(f"{app}/vote/cast", json=body), self.apps))
        if any(answer.status_code == 200 for answer in answers):
            self.acknowledged.append(body["annotation_id"])
        return [answer.status_code for answer in answers]

    def judge_all(self) -> list[str]:
        seen = []
        while "comparison_id" in (item := self.next()):
            assert self.cast(item) == [200, 200]
            seen.append(item["comparison_id"])
        assert item["done"]
        return seen

    def sees(self, state: str) -> float:
        """Seconds until the other process's phones see it."""
        began = time.monotonic()
        while self.client.get(f"{self.apps[0]}/vote/state").json()["state"] != state:
            assert time.monotonic() - began < POLL, state
            time.sleep(0.05)
        return time.monotonic() - began


@pytest.mark.slow
def test_two_processes_serve_one_round(here, there):
    services, mine = here
    store = services.labels
    room = Room(store, n=12, votes_wanted=WANTED, common_items=COMMON)
    with ThreadPoolExecutor(VOTERS) as crowd:
        phones = list(crowd.map(lambda _: Phone([there, mine], services.voting.code()), range(VOTERS)))
        seen = list(crowd.map(Phone.judge_all, phones))
    assert all(len(each) == len(set(each)) for each in seen)
    with store.read() as connection:
        stored = connection.execute(select(annotation_log.c.annotation_id)).scalars().all()
        common = select(comparisons.c.comparison_id).where(comparisons.c.is_common)
        common_ids = set(connection.execute(common).scalars())
        blind = select(coverage.c.comparison_id, coverage.c.votes).where(coverage.c.phase == "blind")
        votes = {row.comparison_id: row.votes for row in connection.execute(blind)}
        waiting = select(assignments).where(assignments.c.action.is_(None))
        assert connection.execute(waiting).all() == []
    assert sorted(stored) == sorted(each for phone in phones for each in phone.acknowledged)  # none lost, no more
    assert len(common_ids) == COMMON and all(votes[each] == VOTERS for each in common_ids)
    others = [n for each, n in votes.items() if each not in common_ids]
    few = VOTERS * (LEAST - COMMON)  # who came when all places were taken is served up to LEAST all the same
    assert min(others) >= WANTED and sum(others) <= WANTED * len(others) + few
    assert all(len(each) >= LEAST for each in seen)

    last = phones[0]
    last.apps = [there, mine]  # looks at the other process, while the teacher is at this one
    services.rounds.move(TEACHER, room.round_id, "locked")
    last.sees("locked")
    body = {"annotation_id": uuid.uuid4().hex, "winner": "right", "comparison_id": seen[0][0]}
    late = last.client.post(f"{there}/vote/cast", json=body)
    assert late.status_code == 409 and late.json()["error"]["key"] == "vote.late"
    services.rounds.discuss(TEACHER, room.round_id, seen[0][0])
    last.sees("discussing")
    assert last.client.get(f"{there}/vote/state").json()["shown"]["prompt"]
    services.rounds.move(TEACHER, room.round_id, "open_again")
    last.sees("voting_again")
    assert last.judge_all() == [seen[0][0]]
    for phone in phones:
        phone.client.close()
