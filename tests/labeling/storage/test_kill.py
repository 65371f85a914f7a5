"""A process that votes is killed with -9 at random moments; every vote that it was told is stored must be there."""

import random
import signal
import subprocess
import sys
import time

import pytest
from sqlalchemy import func, select

from labeling.storage.label_store import connect
from labeling.storage.tables import annotation_log, assignments, coverage
from tests import ROOT
from tests.labeling.conftest import Room

KILLS = 5
VOTER = """
import sys, uuid
from pathlib import Path
from labeling.admission import annotators
from labeling.rounds import assignment, vote_casting
from labeling.storage.label_store import connect
where, round_id = sys.argv[1:]
store = connect(Path(where) if where.endswith(".db") else where)
print("ready", flush=True)
while True:
    person = annotators.join(store, annotators.room(store).code)[0]
    while (served := assignment.next_for(store, person, round_id)) is not None:
        key = uuid.uuid4().hex
        body = {"annotation_id": key, "comparison_id": served.comparison_id, "winner": "left"}
        vote_casting.cast(store, person, vote_casting.Ballot.parse(body))
        print(key, flush=True)
"""


@pytest.mark.slow
def test_no_acknowledged_vote_is_lost(address):
    store = connect(address)
    room = Room(store, n=30, votes_wanted=100_000)
    acknowledged: list[str] = []
    for _ in range(KILLS):
        command = [sys.executable, "-c", VOTER, str(address), room.round_id]
        voter = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert voter.stdout is not None and voter.stdout.readline() == "ready\n"
        time.sleep(random.uniform(0.05, 0.4))
        voter.send_signal(signal.SIGKILL)
        acknowledged += [line.strip() for line in voter.stdout if line.endswith("\n")]
        voter.stdout.close()
        assert voter.wait() == -signal.SIGKILL
    assert acknowledged
    with store.read() as connection:
        kept = connection.execute(select(annotation_log.c.annotation_id)).scalars().all()
        counted = connection.execute(select(func.sum(coverage.c.votes))).scalar_one()
        current = connection.execute(select(func.count(assignments.c.current))).scalar_one()
    assert set(acknowledged) <= set(kept) and len(kept) == len(set(kept))
    assert counted == current == len(kept)  # the counters agree with the log: no half transaction
    store.close()
