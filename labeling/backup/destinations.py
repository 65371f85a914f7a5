"""Where a backup is kept: a folder (a bucket's mount such as /data), or a private data set on the Hugging Face Hub.

Files are added whole under names that are never used twice, and never changed. The Hub is reached through
`huggingface_hub` alone. Knows nothing of votes.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from common.errors import AfinaError
from common.wording import unsigned

TIMEOUT = 20.0  # seconds for one answer of the Hub


class Unreachable(AfinaError):
    """The place does not answer, or refuses. Trying again later may help."""

    status = 503


class Refused(Unreachable):
    """The place knows this installation not, or is not there: asking again changes nothing."""

    status = 403


class Place(Protocol):
    """Something that keeps files. Every method raises `Unreachable` where the place does not answer."""

    name: str
    interval: float  # seconds between two additions that the place can bear

    def add(self, files: Mapping[str, bytes | Path], why: str) -> None:
        """Adds files by their names ("folder/file"), all of them or none; they are durable on return."""

    def replace(self, files: Mapping[str, bytes], gone: Sequence[str], why: str) -> None:
        """Adds `files` and, only once they are durable, takes `gone` away; those that are gone already are no error."""

    def names(self) -> list[str]:
        """All files' names, sorted."""

    def fetch(self, names: Sequence[str], into: Path) -> None:
        """Copies files to `into`/name."""


def place(address: str, token: str = "") -> Place:
    """The place of an address: a path ("/data/afina", "./there"), or "OWNER/NAME" of a data set on the Hub.

    Raises: AfinaError `backup.address`.
    """
    stripped = address.strip()
    if stripped.startswith(("/", ".", "~")) or re.match(r"[A-Za-z]:[\\/]", stripped):
        return Folder(Path(stripped).expanduser())
    if re.fullmatch(r"[\w.-]+/[\w.-]+", stripped):
        return Dataset(stripped, token)
    raise AfinaError("backup.address", value=address)


class Folder:
    """A folder on another disk than the app's own: a mounted bucket, a network share."""

    interval = 2.0

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)

    def add(self, files: Mapping[str, bytes | Path], why: str) -> None:
        try:
            for name, content in files.items():
                target = self.path / name
                target.parent.mkdir(parents=True, exist_ok=True)
                beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
                try:
                    with open(beside, "wb") as file:
                        if isinstance(content, Path):
                            with open(content, "rb") as source:
                                shutil.copyfileobj(source, file)
                        else:
                            file.write(content)
                        file.flush()
                        os.fsync(file.fileno())
                    os.replace(beside, target)
                finally:
                    beside.unlink(missing_ok=True)
        except OSError as problem:
            raise Unreachable("backup.unreachable", where=self.name, reason=problem) from problem

    def replace(self, files: Mapping[str, bytes], gone: Sequence[str], why: str) -> None:
        self.add(files, why)
        try:
            for name in gone:
                (self.path / name).unlink(missing_ok=True)
        except OSError as problem:
            raise Unreachable("backup.unreachable", where=self.name, reason=problem) from problem

    def names(self) -> list[str]:
        if not self.path.is_dir():
            return []
        files = (path for path in self.path.rglob("*") if path.is_file() and path.name[0] != ".")
        return sorted(path.relative_to(self.path).as_posix() for path in files)

    def fetch(self, names: Sequence[str], into: Path) -> None:
        try:
            for name in names:
                target = into / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(self.path / name, target)
        except OSError as problem:
            raise Unreachable("backup.unreachable", where=self.name, reason=problem) from problem


class Dataset:
    """A private data set on the Hub, made when first written to. One commit for each addition.

    One that is there already and public is never written to: Unreachable `backup.public`.
    """

    interval = 30.0  # the Hub bears about 128 commits an hour on one repository

    def __init__(self, name: str, token: str) -> None:
        self.name = name
        self._token = token or None
        self._made = False

    def add(self, files: Mapping[str, bytes | Path], why: str) -> None:
        from huggingface_hub import CommitOperationAdd

        self._commit([CommitOperationAdd(name, content) for name, content in files.items()], why)

    def replace(self, files: Mapping[str, bytes], gone: Sequence[str], why: str) -> None:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        there = set(self.names())
        added = [CommitOperationAdd(name, content) for name, content in files.items()]
        self._commit([*added, *(CommitOperationDelete(name) for name in gone if name in there)], why)

    def _commit(self, operations: list[Any], why: str) -> None:
        """All of them or none."""
        if not self._made:
            self._ask("create_repo", repo_id=self.name, repo_type="dataset", private=True, exist_ok=True)
            about = self._ask("repo_info", repo_id=self.name, repo_type="dataset")
            if not about.private:  # it was there before
                raise Unreachable("backup.public", where=self.name)
            self._made = True
        self._ask(
            "create_commit",
            repo_id=self.name,
            repo_type="dataset",
            operations=operations,
            commit_message=why,
        )

    def names(self) -> list[str]:
        from huggingface_hub.errors import RepositoryNotFoundError

        try:
            return sorted(self._ask("list_repo_files", repo_id=self.name, repo_type="dataset"))
        except Unreachable as problem:
            cause = problem.__cause__
            if isinstance(cause, RepositoryNotFoundError) and self._token and _status(cause) == 404:
                return []  # not made yet
            raise

    def fetch(self, names: Sequence[str], into: Path) -> None:
        if not names:
            return
        with tempfile.TemporaryDirectory(prefix="afina-fetch-") as folder:
            for name in names:
                kept = self._ask(
                    "hf_hub_download",
                    repo_id=self.name,
                    repo_type="dataset",
                    filename=name,
                    cache_dir=folder,
                    etag_timeout=TIMEOUT,
                )
                target = into / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(kept, target)

    def _ask(self, call: str, **arguments: Any) -> Any:
        """One call of the Hub's client; whatever it raises, its network library's errors too, is `Unreachable`."""
        from huggingface_hub import HfApi

        try:
            return getattr(HfApi(token=self._token), call)(**arguments)
        except Exception as problem:
            if (status := _status(problem)) in (401, 403, 404):
                raise Refused("backup.refused", where=self.name, status=status) from problem
            reason = str(problem).strip().splitlines()[0] if str(problem).strip() else type(problem).__name__
            raise Unreachable("backup.unreachable", where=self.name, reason=unsigned(reason)) from problem


def _status(problem: BaseException) -> int | None:
    """The HTTP status of the Hub's answer; None where there was none."""
    return getattr(getattr(problem, "response", None), "status_code", None)
