"""A run whose files are broken is named once and left out; the others, and the queue, go on."""

import json
import logging
import os
import subprocess
import sys
import threading
import time

import pytest

from common.errors import AfinaError, Conflict
from common.files import write_json
from tests import ROOT
from tuning.data.examples import Row
from tuning.runs import resolver
from tuning.runs.events import EventLog
from tuning.runs.queue import Queue
from tuning.runs.run_store import Run, RunStore

ROW = Row(messages=({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}))
WRONG = {  # a value of another type for each field of run.json
    "name": ["x"],
    "method": None,
    "config": [],
    "base": {"name": 5},
    "data": "x",
    "created_at": "now",
    "parent": 3,
    "extra": [1],
}
FAR = {"name": " ", "created_at": 1e30}


@pytest.fixture
def store(tmp_path) -> RunStore:
    return RunStore(tmp_path)


def made(store: RunStore, name: str, **more) -> Run:
    return store.create(
        method="sft",
        config={"peft": "lora"},
        name=name,
        base={"name": "pocket", "sha256": "", "kind": "pocket"},
        data={"name": "x"},
        train=[ROW],
        heldout=[ROW],
        **more,
    )


def changed(run: Run, **values: object) -> None:
    path = run.path / "run.json"
    write_json(path, json.loads(path.read_text(encoding="utf-8")) | values)


@pytest.mark.parametrize(("name", "value"), [*WRONG.items(), *FAR.items()], ids=str)
def test_a_wrong_field_is_named(store, name, value):
    run, other = made(store, "one"), made(store, "two")
    changed(run, **{name: value})
    for opened in (store, RunStore(store.home)):
        assert [each.name for each in opened] == ["two"]
        [(folder, error)] = opened.broken.items()
        assert folder == run.id and name in error.words("en") and run.id in error.words("es")
        with pytest.raises(AfinaError) as caught:
            opened.get(run.id)
        assert caught.value.key == "runs.broken"
    assert resolver._find_run("two", store.home) == other.path


def test_a_field_that_is_missing_is_named(store):
    run = made(store, "one")
    told = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    for name in ("name", "method", "config", "base", "data", "created_at"):
        write_json(run.path / "run.json", {key: value for key, value in told.items() if key != name})
        assert store.broken[run.id].words("en").count(f"“{name}”") == 1


def test_fields_of_a_newer_version_are_kept_and_do_no_harm(store):
    run = made(store, "one")
    changed(
        run,
        colour="red",
        base={"name": "pocket", "sha256": "", "kind": "pocket", "licence": "MIT"},
        config={"peft": "lora", "moons": 3},
    )
    for opened in (store, RunStore(store.home)):
        [found] = opened
        assert (found.name, opened.broken) == ("one", {})
        found.move("cancelled")
    assert json.loads((run.path / "run.json").read_text(encoding="utf-8"))["colour"] == "red"


def test_a_run_is_known_by_its_folder(store):
    run = made(store, "one")
    changed(run, run_id="../elsewhere")
    assert store.get(run.id).id == run.id


def test_it_is_logged_once_and_comes_back_when_it_is_mended(store, caplog):
    run = made(store, "one")
    whole = (run.path / "run.json").read_bytes()
    (run.path / "run.json").write_bytes(whole[:40])
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert list(store) == [] and list(store.broken) == [run.id]
    assert len(caplog.records) == 1 and run.id in caplog.text
    (run.path / "run.json").write_bytes(whole)
    assert [each.name for each in store] == ["one"] and store.broken == {}


def test_one_that_vanishes_in_between_is_no_broken_one(store, caplog):
    runs = [made(store, f"run {number}") for number in range(20)]
    over = threading.Event()

    def delete() -> None:
        for run in runs:
            run.move("cancelled")
            store.delete(run.id)
        over.set()

    thread = threading.Thread(target=delete)
    thread.start()
    while not over.is_set():
        store.gather(lambda run: run.status())
        RunStore(store.home).list()
    thread.join()
    assert store.broken == {} and list(store) == []
    assert "Traceback" not in caplog.text


def test_what_one_list_cannot_make_of_a_run_is_said_of_that_run(store):
    made(store, "one"), made(store, "two")

    def length(run: Run) -> int:
        return len(run.info.extra["group"]) if run.name == "one" else 3

    assert store.gather(length) == [3]
    [error] = store.broken.values()
    assert error.key == "runs.unreadable" and "group" in error.words("en")
    changed(store.get("one"), extra={"group": "ab"})
    assert sorted(store.gather(length)) == [2, 3] and store.broken == {}


def test_a_broken_run_can_be_deleted_by_its_folder(store):
    run, child = made(store, "one"), None
    child = made(store, "two", parent=run.id)
    (run.path / "run.json").write_text("{", encoding="utf-8")
    with pytest.raises(Conflict):
        store.delete(run.id)
    child.move("cancelled")
    store.delete("two")
    with run.lock(), pytest.raises(Conflict):
        RunStore(store.home).delete(run.id)
    store.delete(run.id)
    assert store.broken == {} and not run.path.exists()


def test_the_command_line_lists_the_others_and_names_it(store):
    run = made(store, "one")
    made(store, "two")
    (run.path / "run.json").write_text('{"name": "on', encoding="utf-8")
    env = {**os.environ, "AFINA_HOME": str(store.home), "LANG": "es_PE.UTF-8", "LC_ALL": ""}
    command = [sys.executable, "-m", "tuning", "runs", "--json"]
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0
    assert [each["name"] for each in json.loads(ended.stdout)["runs"]] == ["two"]
    [line] = ended.stderr.strip().splitlines()
    assert run.id in line and "run.json" in line and line.startswith("El entrenamiento")
    command = [sys.executable, "-m", "tuning", "delete", run.id]
    assert subprocess.run(command, cwd=ROOT, env=env, capture_output=True, timeout=120).returncode == 0
    assert not run.path.exists()


def test_a_log_that_tells_no_state_does_not_train_again(store):
    run = made(store, "one")
    run.move("starting"), run.move("running"), run.move("done")
    (run.path / "events.jsonl").write_bytes(b"\x00" * 50)
    again = RunStore(store.home)
    assert again.get("one").state == "interrupted" and Queue(again, Ends()).waiting() == []


def test_another_file_in_the_place_of_a_log_is_read_anew(tmp_path):
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.append("state", None, {"state": "queued"})
    whole = path.read_bytes()
    path.write_bytes(b"5\n" * 3)
    assert log.read() == []
    path.write_bytes(whole)  # longer, in the same place, not a continuation
    assert [event.metrics["state"] for event in log.read()] == ["queued"]
    path.unlink()
    assert log.read() == []


class Ends:
    """Ends every run at once, but for those that it is to break at."""

    def __init__(self, breaks: dict[str, Exception] | None = None) -> None:
        self.breaks, self.ended = breaks or {}, []

    def warm(self) -> None:
        if error := self.breaks.get("warm"):
            self.breaks.pop("warm")
            raise error

    def run(self, run: Run) -> None:
        if run.name in self.breaks:
            raise self.breaks[run.name]
        if run.name == "unwritable":  # what a full disk or a folder taken away leads to
            (run.path / "events.lock").unlink(missing_ok=True)
            (run.path / "events.lock").mkdir()
            raise OSError(28, "No space left on device")
        run.move("done")
        self.ended.append(run.name)

    def close(self) -> None:
        pass


def until(condition) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_the_queue_outlives_whatever_a_run_does_to_it(store, caplog):
    """Broken before the queue looks, breaking while it is executed, unable to write even its failure."""
    half = made(store, "half")
    (half.path / "run.json").write_text('{"name"', encoding="utf-8")
    made(store, "raises"), made(store, "unwritable")
    made(store, "last")
    executor = Ends({"raises": RuntimeError("boom")})
    queue = Queue(store, executor)
    queue.start()
    try:
        assert until(lambda: executor.ended == ["last"])
        assert queue.alive and store.get("raises").state == "failed"
        made(store, "later")
        queue._wake.set()
        assert until(lambda: executor.ended == ["last", "later"])
        assert queue.alive and queue.state == "ok"
        assert sum("run" in each.message and "unwritable" in each.message for each in caplog.records) <= 1
    finally:
        queue.close()
    assert queue.state == "stopped"


def test_the_queue_says_what_keeps_it_from_executing_and_goes_on_afterwards(store, monkeypatch):
    monkeypatch.setattr("tuning.runs.queue._AGAIN", 0.2)
    (store.home / "queue.lock").mkdir(parents=True)  # nobody can hold that
    executor = Ends()
    queue = Queue(store, executor)
    queue.start()
    try:
        assert until(lambda: queue.state == "failing") and queue.alive
        made(store, "one")
        (store.home / "queue.lock").rmdir()
        assert until(lambda: executor.ended == ["one"])
        assert queue.state == "ok"
    finally:
        queue.close()


def test_a_worker_that_cannot_be_started_is_tried_again(store, monkeypatch):
    monkeypatch.setattr("tuning.runs.queue._AGAIN", 0.2)
    executor = Ends({"warm": OSError(28, "No space left on device")})
    queue = Queue(store, executor)
    made(store, "one")
    queue.start()
    try:
        assert until(lambda: executor.ended == ["one"])
    finally:
        queue.close()
