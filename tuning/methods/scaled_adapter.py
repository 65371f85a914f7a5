"""A setting of the dial (`tuning.models.scaling`) kept as a run: an adapter with a parent, made without training."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, cast

from common import files
from tuning.models import loader, model_info, scaling
from tuning.models.references import neutral_id
from tuning.runs import card, resolver
from tuning.runs.run_store import Run, RunStore

if TYPE_CHECKING:
    from tuning.methods.start import Preloaded


def train(run: Run, home: Path, preloaded: Preloaded | None = None) -> bool:
    """Writes the adapter. Raises: AfinaError `engine.parent_gone`, and as `tuning.models.scaling`."""
    store = RunStore(home)
    source = store.get(cast("str", run.info.parent))
    before = store.get(source.info.parent) if source.info.parent else None
    base, device = resolver.resolve(run.info.base["name"], home).base, loader.device()
    info = model_info.describe(base)
    run.append(
        "start",
        0,
        total_steps=1,
        steps=1,
        parameters=info.parameters,
        trainable=0,
        device=device.kind,
        device_label=device.label,
        base_sha256=base.sha256,
        heldout_rows=0,
    )
    run.move("running", ("starting",))
    strength = float(run.info.config["strength"])
    beside = run.path / ".adapter.new"
    shutil.rmtree(beside, ignore_errors=True)
    scaling.write(source.adapter_dir, scaling.begins_at(before.path if before else None), strength, beside)
    card_text = card.write(run, base, info, {"steps": 1})
    origin = {
        "run_id": run.id,
        "name": run.name,
        "method": "dial",
        "parent": run.info.parent,
        "base": {"name": neutral_id(base), "sha256": base.sha256},
        "data": run.info.data,
        "config": {"strength": strength},
    }
    files.write_json(beside / "afina.json", origin)
    files.write_text(beside / "README.md", card_text)
    files.write_text(run.card, card_text)
    shutil.rmtree(run.adapter_dir, ignore_errors=True)
    beside.rename(run.adapter_dir)
    run.append("end", 1, seconds=0.0)
    return True
