"""Runs on disk: events from several processes, torn lines, states told by locks, names, deletion, download."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import zipfile

import pytest

from common.errors import AfinaError, Conflict, NotFound
from tests import ROOT
from tuning.data.examples import Row
from tuning.runs.run_store import Run, RunStore
from tuning.runs.status import fold

ROWS = [Row(messages=({"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}), number=1)]


@pytest.fixture
def store(tmp_path) -> RunStore:
    return RunStore(tmp_path)


def create(store: RunStore, name: str = "", parent: str | None = None) -> Run:
    return store.create(
        method="sft",
        config={"source_model": "pocket"},
        name=name,
        base={"name": "pocket", "sha256": "0" * 64, "kind": "pocket"},
        data={"name": "d", "fingerprint": "f"},
        train=ROWS,
        heldout=[],
        parent=parent,
    )


def test_a_run_is_found_by_name_and_by_id_by_another_process(store, tmp_path):
    run = create(store, "My run")
    again = RunStore(tmp_path).get("my run")
    assert again.id == run.id == RunStore(tmp_path).get(run.id).id
    assert again.examples("train", Row) == ROWS and again.examples("heldout", Row) == []
    assert again.info == run.info and again.info.data["n_train"] == 1
    assert again.state == "queued"
    with pytest.raises(NotFound):
        store.get("other")
    for name in ("../runs", "", ".", "x" * 100_000, None, 7, ["x"]):
        with pytest.raises(NotFound):
            store.get(name)


def test_names_are_unique_and_made_up_when_missing(store):
    assert [create(store).name, create(store).name] == ["sft-1", "sft-2"]
    create(store, "Polite")
    with pytest.raises(Conflict, match="polite"):
        create(store, "polite")
    for name in ("pocket", "a/b", "../x", "x" * 61, ".hidden", "a\nb"):
        with pytest.raises(AfinaError):
            create(store, name)


def test_newest_first(store):
    for name in "bac":
        create(store, name)
    assert [run.name for run in store.list()] == ["c", "a", "b"]


def test_events_of_eight_threads_and_two_processes_are_all_there_in_one_order(store):
    run = create(store)
    script = (
        "import sys; from pathlib import Path; from tuning.runs.run_store import Run\n"
        "run = Run(Path(sys.argv[1]))\n"
        "for step in range(100): run.append('train', step, loss=1.5, who=sys.argv[2])"
    )
    workers = [subprocess.Popen([sys.executable, "-c", script, str(run.path), who], cwd=ROOT) for who in ("a", "b")]

    def write(who: str) -> None:
        mine = Run(run.path)
        for step in range(25):
            mine.append("train", step, loss=1.0, who=who)

    threads = [threading.Thread(target=write, args=(f"t{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    events = Run(run.path).events()
    assert [event.seq for event in events] == list(range(1, 402))
    assert events == run.events()
    for who in ("a", "b"):
        assert [e.step for e in events if e.metrics.get("who") == who] == list(range(100))
    lines = (run.path / "events.jsonl").read_text().splitlines()
    assert all(json.loads(line)["v"] == 1 for line in lines)


def test_a_torn_last_line_is_skipped_and_does_not_swallow_the_next(store):
    run = create(store)
    run.append("train", 1, loss=2.0)
    with open(run.path / "events.jsonl", "ab") as file:
        file.write(b'{"v": 1, "seq": 3, "time": 1.0, "kind": "train", "step": 2, "metr')
    fresh = Run(run.path)
    assert [event.seq for event in fresh.events()] == [1, 2]
    fresh.append("train", 2, loss=1.0)
    assert [event.seq for event in Run(run.path).events()] == [1, 2, 3]
    assert run.status().series["loss"] == [(1, 2.0), (2, 1.0)]


def test_events_after_a_number(store):
    run = create(store)
    for step in range(5):
        run.append("train", step, loss=1.0)
    assert [event.seq for event in run.events(after=4)] == [5, 6]


def test_a_run_at_work_whose_process_is_gone_is_interrupted(store):
    run = create(store)
    with run.lock():
        run.move("starting", ("queued",))
        run.move("running", ("starting",))
        assert Run(run.path).state == "running" and Run(run.path).held
    assert run.state == "interrupted" and not run.held
    assert run.status().resumable


def test_a_state_changes_only_out_of_the_expected_one(store):
    run = create(store)
    assert run.move("cancelled", ("queued",))
    assert not Run(run.path).move("starting", ("queued",))
    assert run.state == "cancelled"


def test_a_run_is_not_deleted_while_it_waits_works_or_has_children(store):
    parent = create(store, "parent")
    with pytest.raises(Conflict):
        store.delete("parent")
    parent.move("done")
    child = create(store, "child", parent=parent.id)
    child.move("done")
    with pytest.raises(Conflict, match="child"):
        store.delete("parent")
    store.delete("child")
    store.delete("parent")
    assert store.list() == [] and [path.name for path in store.root.iterdir()] == [".lock"]
    assert not parent.path.exists()


def test_resuming_measures_again_what_lay_beyond_the_checkpoint(store):
    run = create(store)
    run.append("start", 0, total_steps=10, elapsed_seconds=0)
    for step, loss in ((1, 3.0), (2, 2.0), (3, 1.0)):
        run.append("train", step, loss=loss)
    run.append("start", 2, total_steps=10, elapsed_seconds=5.0)
    status = run.status()
    assert status.series["loss"] == [(1, 3.0), (2, 2.0)] and status.step == 2
    run.append("train", 3, loss=0.5)
    assert run.status().series["loss"][-1] == (3, 0.5)
    assert run.status().elapsed_seconds >= 5.0


def test_the_overfitting_note_is_taken_back_when_the_loss_falls_below_its_best(store):
    run = create(store)
    run.append("eval", 1, heldout_loss=1.0)
    run.note("note.overfitting", 2, step=1, best="1.0", now="1.2")
    run.append("eval", 2, heldout_loss=1.2)
    assert [note.key for note in run.status().notes] == ["note.overfitting"]
    run.append("eval", 3, heldout_loss=0.9)
    assert run.status().notes == ()


def test_long_curves_are_thinned_and_keep_their_end(store):
    run = create(store)
    events = [
        run.events()[0].__class__(seq=n, time=0.0, kind="train", step=n, metrics={"loss": 1.0 / (n + 1)})
        for n in range(5000)
    ]
    points = fold(run.id, run.name, "running", events).series["loss"]
    assert len(points) <= 1001 and points[0][0] == 0 and points[-1][0] == 4999


def test_nothing_to_download_before_there_is_an_adapter(store):
    with pytest.raises(Conflict) as raised:
        create(store, "x").download()
    assert "en cola" in raised.value.words("es") and "waiting" in str(raised.value)


def test_the_download_is_made_again_when_the_adapter_has_changed(store):
    run = create(store, "My run")
    run.adapter_dir.mkdir()
    (run.adapter_dir / "adapter_config.json").write_text("{}")
    run.info.base["name"] = "other"
    run.card.write_text("# card")
    first = run.download()
    with zipfile.ZipFile(first) as archive:
        assert sorted(archive.namelist()) == ["My-run/README.md", "My-run/adapter/adapter_config.json"]
    (run.adapter_dir / "adapter_model.safetensors").write_bytes(b"1")
    with zipfile.ZipFile(run.download()) as archive:
        assert "My-run/adapter/adapter_model.safetensors" in archive.namelist()
