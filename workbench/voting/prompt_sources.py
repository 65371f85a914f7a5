"""Where the prompts of a round come from: a shipped set, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from common.bounded import lines_of
from common.settings import Settings


def read_prompts(source: str | Path, settings: Settings) -> list[Any]:
    """Prompts from a shipped set's name, or a file: lines of text, or rows with a `prompt`, or conversations."""
    from tuning.data import file_types, loading
    from tuning.pocket.world.shipped import SETS

    shipped = isinstance(source, str) and source in {each.stem for each in SETS.glob("*.jsonl")}
    path = SETS / f"{source}.jsonl" if shipped else Path(source)
    if path.suffix == ".txt":
        return lines_of(path, settings.max_upload_mb)
    if path.suffix == ".jsonl" and path.is_file():
        rows = file_types.read(path, settings.max_upload_mb).rows
        if rows and all(row.get("prompt") and "completion" not in row for _, row in rows):
            return [row["prompt"] for _, row in rows]
    loaded = loading.load(path, max_mb=settings.max_upload_mb)
    return [list(row.messages[:-1]) for row in loaded.rows if len(row.messages) > 1]
