"""Finished adapters are copied and come back; nothing else does."""

import json

import pytest

from labeling.backup.destinations import Folder
from tuning.runs.run_store import RunStore
from workbench.training.run_backup import Keeping


def finished(store: RunStore, name: str = "polite"):
    run = store.create(
        method="sft",
        config={"rank": 8},
        name=name,
        base={"name": "pocket", "sha256": "x"},
        data={"name": "d", "fingerprint": "f"},
        train=[],
        heldout=[],
    )
    run.adapter_dir.mkdir()
    (run.adapter_dir / "adapter_config.json").write_text("{}")
    (run.adapter_dir / "adapter_model.safetensors").write_bytes(b"\x00weights")
    (run.adapter_dir / "training_args.bin").write_bytes(b"a pickle")
    run.card.write_text("# card")
    run.checkpoints_dir.mkdir()
    (run.checkpoints_dir / "optimizer.pt").write_bytes(b"a pickle")
    run.move("done")
    return run


@pytest.fixture
def place(tmp_path):
    return Folder(tmp_path / "there")


def test_a_finished_run_comes_back_on_another_machine(tmp_path, place):
    here, other = RunStore(tmp_path / "here"), RunStore(tmp_path / "other")
    run = finished(here)
    unfinished = here.create(method="sft", config={}, name="waiting", base={}, data={}, train=[], heldout=[])
    assert Keeping(here, place).keep() == ["polite"]
    assert Keeping(here, place).keep() == []
    assert not [name for name in place.names() if unfinished.id in name or name.endswith((".bin", ".pt"))]
    assert Keeping(other, place).restore() == [run.id]
    back = other.get("polite")
    assert (back.adapter_dir / "adapter_model.safetensors").read_bytes() == b"\x00weights"
    assert (back.state, back.info, back.card.read_text()) == ("done", run.info, "# card")
    assert Keeping(other, place).restore() == [] and Keeping(other, place).keep() == []


def test_a_run_that_went_on_is_copied_again(tmp_path, place):
    store = RunStore(tmp_path / "here")
    run = finished(store)
    keeping = Keeping(store, place)
    keeping.keep()
    run.move("queued")
    assert keeping.keep() == []
    (run.adapter_dir / "adapter_model.safetensors").write_bytes(b"\x00more")
    run.move("done")
    assert keeping.keep() == ["polite"]
    assert (place.path / f"runs/{run.id}/adapter/adapter_model.safetensors").read_bytes() == b"\x00more"


@pytest.mark.parametrize(
    "name",
    [
        "runs/1-evil/adapter/weights.bin",
        "runs/1-evil/checkpoints/optimizer.pt",
        "runs/1-evil/../../teacher-token",
        "runs/../evil/run.json",
        "runs/1-evil/adapter/../../x.json",
        "elsewhere/run.json",
    ],
)
def test_files_of_other_kinds_and_names_that_climb_are_never_fetched(tmp_path, name):
    class Evil(Folder):
        def names(self):
            return ["runs/1-evil/run.json", "runs/1-evil/events.jsonl", name]

        def fetch(self, names, into):
            assert name not in names
            for each in names:
                (into / each).parent.mkdir(parents=True, exist_ok=True)
                (into / each).write_text(CONTENT[each.rsplit("/", 1)[1]])

    store = RunStore(tmp_path / "home")
    assert Keeping(store, Evil(tmp_path)).restore() == ["1-evil"]
    assert sorted(path.name for path in store.root.iterdir()) == ["1-evil"]


_INFO = {
    "run_id": "1-evil",
    "name": "evil",
    "method": "sft",
    "config": {},
    "base": {},
    "data": {},
    "created_at": 0,
}
_EVENT = {"v": 1, "seq": 1, "time": 0.0, "kind": "state", "step": None, "metrics": {"state": "done"}}
CONTENT = {"run.json": json.dumps(_INFO), "events.jsonl": json.dumps(_EVENT) + "\n"}
