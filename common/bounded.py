"""Reads files within bounds (bytes once unpacked, lines, values, rows, depth); keeps the first problems and a count.

A small file can unpack to gigabytes, and a short text can become a hundred times as many bytes of objects: whoever
reads what somebody sent reads it through this module. Does not know what a row means.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from common.errors import AfinaError

MB = 1_000_000
GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
MOST_PROBLEMS = 1_000  # kept with their words; the others are counted
MOST_ROWS = 1_000_000
MOST_LINES = 5_000_000  # blank ones too
MOST_VALUES = 10_000_000  # fields of a table, members of lists and objects
MOST_DEPTH = 64  # lists and objects in each other
_CHUNK = 1 << 18  # bytes


@dataclass
class Problems:
    """What was wrong with the rows that were left out: how many there are, and the first of them."""

    n: int = 0
    first: list[AfinaError] = field(default_factory=list)

    def add(self, problem: AfinaError) -> None:
        """Counts a problem; keeps it while fewer than MOST_PROBLEMS are kept."""
        self.n += 1
        if len(self.first) < MOST_PROBLEMS:
            self.first.append(problem.with_traceback(None))  # a traceback keeps the row's objects alive

    def note(self, key: str, **params: object) -> None:
        """The same, where millions of rows can be wrong: an error is made of those alone that are kept."""
        if self.n < MOST_PROBLEMS:
            self.add(AfinaError(key, **params))
        else:
            self.n += 1

    def extend(self, later: Problems) -> None:
        """Counts what another part of the reading found."""
        self.first += later.first[: MOST_PROBLEMS - len(self.first)]
        self.n += later.n

    @property
    def example(self) -> AfinaError | str:
        return self.first[0] if self.first else "-"

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[AfinaError]:
        return iter(self.first)

    def __getitem__(self, index: int) -> AfinaError:
        return self.first[index]


@dataclass(frozen=True)
class Bounds:
    """How much of a file is read at most, packed or unpacked. None: no limit of that kind."""

    mb: int
    lines: int | None = MOST_LINES
    values: int | None = MOST_VALUES


class _Counted(io.RawIOBase):
    """A stream that raises as soon as more comes out of it than its bounds allow."""

    def __init__(self, file: BinaryIO, name: str, bounds: Bounds) -> None:
        self._file, self._name, self._bounds = file, name, bounds
        self._bytes = self._lines = self._values = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            chunk = self._file.read(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise AfinaError("data.gzip", name=self._name, reason=str(error)) from error
        self._count(chunk)
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def _count(self, chunk: bytes) -> None:
        bounds = self._bounds
        self._bytes += len(chunk)
        if self._bytes > bounds.mb * MB:
            raise AfinaError("data.too_large", name=self._name, mb=f"> {bounds.mb}", max_mb=bounds.mb)
        if bounds.lines is not None:
            self._lines += chunk.count(b"\n")
            if self._lines > bounds.lines:
                raise AfinaError("data.many_lines", name=self._name, most=grouped(bounds.lines))
        if bounds.values is not None:
            self._values += separators(chunk)
            if self._values > bounds.values:
                raise AfinaError("data.many_values", name=self._name, most=grouped(bounds.values))


@contextmanager
def opened(path: Path, bounds: Bounds) -> Iterator[io.BufferedReader]:
    """The bytes of a regular file, unpacked where it is gzipped.

    Raises: AfinaError `data.not_a_file`, `data.too_large`; while it is read also `data.gzip`, `data.many_lines`,
    `data.many_values`.
    """
    if not path.is_file():
        raise AfinaError("data.not_a_file", name=path.name)
    size = path.stat().st_size
    if size > bounds.mb * MB:
        raise AfinaError("data.too_large", name=path.name, mb=round(size / MB), max_mb=bounds.mb)
    with open(path, "rb") as packed:
        is_packed = packed.read(2) == GZIP
        packed.seek(0)
        file: Any = gzip.GzipFile(fileobj=packed) if is_packed else packed
        yield io.BufferedReader(_Counted(file, path.name, bounds), _CHUNK)


def content(path: Path, bounds: Bounds) -> bytes:
    """All bytes of a file, unpacked. Raises: as `opened`."""
    with opened(path, bounds) as file:
        return file.read()


def lines_of(path: Path, max_mb: int) -> list[str]:
    """The lines of a text in UTF-8 that are not blank, stripped.

    Raises: as `opened`; AfinaError `data.not_utf8`, `data.many_rows`.
    """
    try:
        text = content(path, Bounds(max_mb, values=None)).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AfinaError("data.not_utf8", name=path.name) from error
    found = [line.strip() for line in text.splitlines() if line.strip()]
    within_rows(len(found), path.name)
    return found


def within_rows(n: int, name: str, most: int = MOST_ROWS) -> None:
    """Raises: AfinaError `data.many_rows` for more rows than are kept."""
    if n > most:
        raise AfinaError("data.many_rows", name=name, most=grouped(most))


def separators(text: bytes) -> int:
    """At least the number of values in a piece of JSON or of a table: its commas, semicolons, tabs and brackets."""
    return sum(text.count(sign) for sign in (b",", b"[", b"{", b";", b"\t", b"|"))


def is_deep(value: Any, most: int = MOST_DEPTH) -> bool:
    """Whether lists and objects lie in each other more than `most` deep. Needs no recursion."""
    level: Iterable[Any] = (value,)
    for _ in range(most):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def grouped(n: int) -> str:
    """A large number in groups of three digits, as both languages read it."""
    return f"{n:,}".replace(",", "\N{NO-BREAK SPACE}")
