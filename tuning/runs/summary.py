"""A run in one line of a table: what the page, the command line and the Python API list."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import AfinaError
from tuning.runs.run_store import Run, RunStore


@dataclass(frozen=True)
class RunSummary:
    """A run's line in a table."""

    run_id: str
    name: str
    method: str
    state: str
    base: str  # in short: a folder without its path
    base_sha256: str
    parent: str | None  # name of the run it continues
    parent_id: str | None
    created_at: float  # seconds since 1970
    elapsed_seconds: float
    step: int
    total_steps: int
    data_name: str
    data_fingerprint: str
    n_train: int
    n_heldout: int
    heldout_before: float | None  # held-out loss before step 0, nats per token
    heldout_after: float | None  # the latest
    downloadable: bool
    config: dict[str, Any]


def summarise(run: Run, store: RunStore) -> RunSummary:
    status, info = run.status(), run.info
    parent = name_of(store, info.parent) if info.parent else None
    return RunSummary(
        run_id=run.id,
        name=run.name,
        method=info.method,
        state=status.state,
        base=shown_base(info.base),
        base_sha256=info.base["sha256"] or str(status.plan.get("base_sha256", "")),
        parent=parent,
        parent_id=info.parent,
        created_at=info.created_at,
        elapsed_seconds=status.elapsed_seconds,
        step=status.step,
        total_steps=status.total_steps,
        data_name=str(info.data.get("name", "")),
        data_fingerprint=str(info.data.get("fingerprint", "")),
        n_train=int(info.data.get("n_train", 0)),
        n_heldout=int(info.data.get("n_heldout", 0)),
        heldout_before=status.first.get("heldout_loss"),
        heldout_after=status.metrics.get("heldout_loss"),
        downloadable=run.has_adapter,
        config={**info.config, "source_model": parent or shown_base(info.base)},
    )


def name_of(store: RunStore, run_id: str) -> str:
    """A run's name; its id where that run is gone or broken."""
    try:
        return store.get(run_id).name
    except AfinaError:
        return run_id


def shown_base(base: dict[str, str]) -> str:
    """The base model as everybody may see it: without the folders of this machine."""
    return Path(base["name"]).name if base.get("kind") == "folder" else base["name"]
