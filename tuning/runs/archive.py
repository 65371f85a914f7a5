"""The download of a run: a zip that loads with plain PEFT, without this project. Knows files, no models."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

from tuning.models import peft_methods

TRAINING_STATE = "trainable.safetensors"  # to go on from; nobody needs it to answer
POCKET = Path(__file__).parents[1] / "pocket" / "weights"


def make(run_path: Path, name: str, base: dict[str, str]) -> Path:
    """`download.zip` in the run's folder: adapter/ with its tokenizer, README.md, for `pocket` base/ too."""
    target = run_path / "download.zip"
    adapter = run_path / "adapter"
    inside = "model" if peft_methods.is_full(adapter) else "adapter"
    kept = [path for path in sorted(adapter.iterdir()) if path.is_file() and path.name != TRAINING_STATE]
    sources = {f"{inside}/{path.name}": path for path in kept}
    if (run_path / "card.md").is_file():
        sources["README.md"] = run_path / "card.md"
    if base.get("name") == "pocket" and inside == "adapter":
        sources |= {f"base/{path.name}": path for path in sorted(POCKET.iterdir()) if path.is_file()}
    newest = max(path.stat().st_mtime_ns for path in sources.values())
    if target.is_file() and target.stat().st_mtime_ns >= newest:
        return target
    folder = re.sub(r"[^\w.+-]+", "-", name)
    beside = run_path / f".download.{os.getpid()}.zip"
    try:
        with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
            for place, path in sources.items():
                archive.write(path, f"{folder}/{place}")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    return target
