"""Fingerprints: sha256 of values, files and folders."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


def of_json(value: object) -> str:
    """sha256 (hex) of a JSON value; the order of an object's keys does not matter."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def of_file(path: Path) -> str:
    """sha256 (hex) of a file's bytes, read in pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_folder(path: Path, pattern: str = "*") -> str:
    """sha256 (hex) over the names and contents of the files directly in `path` that match `pattern`."""
    return of_json([[file.name, of_file(file)] for file in sorted(path.glob(pattern)) if file.is_file()])
