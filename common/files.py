"""Files that are whole or not there: written beside, flushed, then renamed."""

from __future__ import annotations

import json
import os
import secrets
import stat
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Writes `text` (UTF-8) to `path` by atomic rename; the folder is made if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_secret(path: Path, text: str) -> str:
    """Writes `text` to `path`, readable by its owner alone, unless the file is there; gives what stands in it.

    Of several processes that start together one makes the file, and all get its text.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            if not path.exists():
                os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    return path.read_text(encoding="utf-8", errors="replace")


def make_private(*paths: Path) -> None:
    """Takes the rights of groups and others from files and folders of this user; those of others stay as they are."""
    for path in paths:
        try:
            path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o700)
        except OSError:
            continue


def write_json(path: Path, value: object) -> None:
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def read_json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))
