"""Files that are whole or not there, and what is said of one that is broken.

Written beside, flushed, then renamed. Everything that is read below AFINA_HOME comes through `read_json`, `read_lines`
or `readable`, so that a broken file is one kind of error, `BrokenFile`, whatever is wrong with it.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.errors import AfinaError


class BrokenFile(AfinaError):
    """A file that cannot be read, or that does not hold what it should. Its parameter `reason` is an `AfinaError`."""

    def __init__(self, path: Path | str, reason: str, /, **params: object) -> None:
        name = path if isinstance(path, str) else f"{path.parent.name}/{path.name}"
        super().__init__("file.broken", file=name, reason=AfinaError(f"file.{reason}", **params))

    def __reduce__(self):
        return (_rebuild, (self.params,))


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
    with readable(path):
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


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`. Raises: FileNotFoundError; BrokenFile for anything else that is no such object."""
    with readable(path):
        text = path.read_text(encoding="utf-8")
    if not text.strip():
        raise BrokenFile(path, "empty")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BrokenFile(path, "not_json", what=error) from None
    if not isinstance(value, dict):
        raise BrokenFile(path, "not_object", found=type(value).__name__)
    return value


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The JSON objects in `path`, one a line, each with its line's number. Raises: as `read_json`, naming the line."""
    with readable(path), open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise BrokenFile(path, "line", number=number, what=error) from None
            if not isinstance(value, dict):
                raise BrokenFile(path, "line", number=number, what=type(value).__name__)
            yield number, value


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns what keeps a file from being read as text into a BrokenFile; one that is not there stays so.

    Raises: FileNotFoundError; BrokenFile.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except IsADirectoryError:
        raise BrokenFile(path, "folder") from None
    except OSError as error:
        raise BrokenFile(path, "unreadable", what=error.strerror or error) from error
    except UnicodeDecodeError as error:
        raise BrokenFile(path, "not_text", at=error.start) from None


@contextmanager
def usable(path: Path) -> Iterator[None]:
    """Turns whatever a library raises over what is in `path`, or in files below it, into a BrokenFile."""
    try:
        yield
    except (AfinaError, MemoryError):
        raise
    except Exception as error:  # a format's library fails in many ways over one broken file
        if isinstance(error, RuntimeError) and "memory" in str(error):
            raise
        what = (str(error).strip().splitlines() or [""])[0]
        raise BrokenFile(path, "content", what=what or type(error).__name__) from error


def _rebuild(params: dict[str, Any]) -> BrokenFile:
    error = BrokenFile(str(params["file"]), "broken")
    error.args, error.params = (error.key, params), params
    return error
