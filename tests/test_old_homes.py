"""A home folder that an earlier version made opens, answers and counts as it did.

`tests/homes/before_rooms.tar.xz` was made before the modules moved into rooms: a LoRA run on pocket, one on a tiny
random Llama in a folder, and a round of two comparisons with four votes. `HOME` in it stands for its own place.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from common.settings import Settings
from labeling.rounds import lifecycle
from tests import ROOT
from tuning.inference.reply_engine import Sampling
from workbench.services import build

PACKED = ROOT / "tests" / "homes" / "before_rooms.tar.xz"


@pytest.fixture
def home(tmp_path) -> Path:
    with tarfile.open(PACKED) as archive:
        archive.extractall(tmp_path, filter="data")
    for path in tmp_path.glob("runs/*/run.json"):
        path.write_text(path.read_text(encoding="utf-8").replace("HOME", str(tmp_path)), encoding="utf-8")
    return tmp_path


def test_its_runs_are_listed_and_answer(home):
    assert PACKED.stat().st_size < 300_000
    services = build(Settings(home=home))
    store = services.training.store
    assert {run.name for run in store} == {"on-pocket", "on-tiny"}
    for run in store:
        status = run.status()
        assert run.state == "done" and status.step == status.total_steps > 0
        talk = [{"role": "user", "content": "Hello"}]
        (reply,) = services.comparing.engine.generate([run.name], [talk], Sampling(greedy=True, max_new_tokens=4))
        assert reply.n_tokens > 0
    services.labels.close()


def test_its_votes_are_counted(home):
    services = build(Settings(home=home))
    this = lifecycle.get(services.labels, "before")
    assert len(lifecycle.comparisons_of(services.labels, this.round_id)) == 2
    votes = services.results.findings(this).votes
    assert len(votes.winner) == 4
    services.labels.close()
