"""Where uploaded files stay: `AFINA_HOME/uploads/<sha256>/<name>`, so that the same file is kept once."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from common import hashing


def keep(path: Path, home: Path) -> Path:
    """Copies `path` to its place under `home` (whole or not there) and returns that place."""
    name = re.sub(r"[^\w.() -]", "_", path.name).lstrip(".")[-120:] or "data"
    place = home / "uploads" / hashing.of_file(path) / name
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_name(f".{name}.part")
        shutil.copyfile(path, beside)
        beside.replace(place)
    return place
