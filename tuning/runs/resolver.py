"""Which policy a name means: `pocket`, a run, a folder with a model, or a Hub id."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from common import hashing
from common.errors import AfinaError
from common.files import BrokenFile
from common.settings import default_home
from tuning.config.training_methods import NO_POLICY
from tuning.models import hub, peft_methods, scaling
from tuning.models.references import POCKET_ID, POCKET_PATH, Base, Policy
from tuning.runs.run_store import RunInfo


def resolve(name: str, home: Path | None = None) -> Policy:
    """The policy that `name` means: `pocket`, a run's name or id, a folder with a model, or a Hub id.

    `NAME*1.5` is a run with its change scaled (`tuning.models.scaling`).

    Raises: AfinaError `models.unknown` (it is none of these), `models.no_adapter` (a run without one yet),
    `models.not_safetensors` (a folder without safetensors weights), `models.base_changed` (a run whose base has
    other weights now than when it was trained).
    """
    name = name.strip()
    if name in ("pocket", POCKET_ID):
        return Policy("pocket", _folder("pocket", POCKET_PATH, "pocket"))
    if scaling.SIGN in name:
        return _dialled(name, home)
    run = _find_run(name, home or default_home())
    if run is not None:
        info = RunInfo.read(run)
        if info.method in NO_POLICY:
            raise AfinaError("models.no_policy", name=info.name, method=info.method)
        adapter = run / "adapter"
        if not peft_methods.is_whole(adapter):
            raise AfinaError("models.no_adapter", name=info.name)
        if peft_methods.is_full(adapter):
            return Policy(info.name, _folder(info.name, adapter, "run"), None, info.run_id)
        if info.base["name"] in (info.name, info.run_id):
            raise BrokenFile(run / "run.json", "field", name="base", value=info.base["name"])
        base = resolve(info.base["name"], home).base
        trained_on = info.base["sha256"]
        if trained_on and base.sha256 and trained_on != base.sha256:
            raise AfinaError("models.base_changed", name=info.name, base=base.name)
        return Policy(info.name, base, adapter, info.run_id)
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return Policy(name, _folder(name, folder, "folder"))
    if hub.looks_like_id(name):
        return Policy(name, Base(name, name, hub.sha256(name), "hub"))
    raise AfinaError("models.unknown", name=name)


def _dialled(name: str, home: Path | None) -> Policy:
    """A run with its change scaled. Raises: as `resolve` and `tuning.models.scaling`."""
    run, strength = scaling.parsed(name)
    policy = resolve(run, home)
    if policy.adapter is None:
        raise AfinaError("dial.no_run", name=run)
    place = policy.adapter.parent
    parent = RunInfo.read(place).parent
    folder = scaling.adapter_at(place, place.parent / parent if parent else None, strength)
    return Policy(scaling.name_of(policy.name, strength), policy.base, folder)


def _find_run(name: str, home: Path) -> Path | None:
    """The run's directory by id, or by name (names are unique)."""
    runs = home / "runs"
    if not name or not runs.is_dir():
        return None
    by_id = runs / name
    if "/" not in name and ".." not in name and (by_id / "run.json").is_file():
        return by_id
    for path in runs.glob("[!.]*/run.json"):
        try:
            if RunInfo.read(path.parent).name.casefold() == name.casefold():
                return path.parent
        except (FileNotFoundError, BrokenFile):  # deleted in between, or none that anybody can read
            continue
    return None


def _folder(name: str, path: Path, kind: Literal["pocket", "folder", "run"]) -> Base:
    if not any(path.glob(hub.WEIGHTS)):
        raise AfinaError("models.not_safetensors", name=name)
    if not (path / "config.json").is_file():
        raise AfinaError("models.broken", name=name, reason="config.json is missing")
    stamps = tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(path.glob(hub.WEIGHTS)))
    return Base(name, str(path if kind == "pocket" else path.resolve()), _sha256(path, stamps), kind)


@lru_cache(maxsize=64)
def _sha256(path: Path, stamps: tuple) -> str:
    """sha256 over the weight files; `stamps` makes changed files count anew."""
    return hashing.of_folder(path, hub.WEIGHTS)
