"""A file's votes as columns of numbers, a large file's read by several processes.

A large JSONL file is cut at ends of lines, each piece read in a process of its own, and the pieces put together in
the file's order: the same numbers as one process gives. Knows nothing of the store.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO

from common.bounded import GZIP, MB, Bounds, Problems
from common.errors import AfinaError, Tally
from common.split import split
from labeling.exchange.reader import COMMAND_LINE_MB, certain, checked, lines, objects, objects_of
from labeling.exchange.vote_formats import VoteRow, row_of
from labeling.schema import WINNERS
from labeling.statistics.vote_table import PHASES, UNKNOWN, Columns, Votes

LARGE = 40_000_000  # bytes from which a second process pays
_MOST_LINES = 10_000_000  # of a packed file


@dataclass
class _Gathered:
    """What a piece of a file holds."""

    columns: Columns = field(default_factory=Columns)
    problems: Problems = field(default_factory=Problems)
    seen: set[str] = field(default_factory=set)  # annotation ids
    rows: int = 0  # lines read, blank ones too

    def add(self, found: Iterable[tuple[int, dict]]) -> None:
        for number, fields in found:
            try:
                _count_in(self.columns, row_of(fields, number), self.seen)
            except AfinaError as problem:
                self.problems.add(problem)

    def append(self, later: _Gathered) -> None:
        """Adds the piece that follows in the file; its row numbers go on from here."""
        for problem in later.problems.first:
            row = problem.params.get("row")
            moved = {"row": self.rows + row} if isinstance(row, int) else {}
            self.problems.add(AfinaError(problem.key, **(problem.params | moved)))
        self.problems.n += later.problems.n - len(later.problems.first)
        self.columns.append(later.columns)
        self.seen |= later.seen
        self.rows += later.rows


def votes(path: Path, processes: int | None = None) -> tuple[Votes, Problems]:
    """A file's votes as columns. Raises: AfinaError `exchange.no_votes`, saying why, if there is not one.

    Args:
        processes: how many read a large file; None: one for each core.
    """
    found = _in_pieces(path, processes or os.cpu_count() or 1) or _Gathered()
    if not found.rows:
        found.add(objects(path, found.problems, _bounds(path)))
    columns, problems = found.columns, found.problems
    if not len(columns):
        reasons = Tally("exchange.dropped.", columns.left_out)
        raise AfinaError("exchange.no_votes", name=path.name, n=problems.n, left_out=reasons, first=problems.example)
    return columns.votes(), problems


def _bounds(path: Path) -> Bounds:
    """A file that is not packed is read whatever its size; of its rows only numbers are kept."""
    if not path.is_file():
        return Bounds(COMMAND_LINE_MB)
    with open(path, "rb") as file:
        if file.read(2) == GZIP:
            return Bounds(COMMAND_LINE_MB, _MOST_LINES, None)
    return Bounds(path.stat().st_size // MB + 1, None, None)


def _in_pieces(path: Path, processes: int) -> _Gathered | None:
    """A large JSONL file, read by several processes; None where that does not pay, or would not be the same."""
    if processes < 2 or not path.is_file() or path.stat().st_size < LARGE:
        return None
    with open(path, "rb") as file:
        head = file.read(1024)
        if head.startswith(GZIP) or head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"["):
            return None
        cuts = _cuts(file, path.stat().st_size, processes)
    with ProcessPoolExecutor(len(cuts) - 1, mp_context=get_context("spawn")) as pool:
        pieces = list(pool.map(_piece, [path] * (len(cuts) - 1), cuts, cuts[1:]))
    whole = pieces[0]
    for piece in pieces[1:]:
        if not whole.seen.isdisjoint(piece.seen):
            return None  # an id comes again in another piece: only the first counts, so one must read all
        whole.append(piece)
    return whole


def _cuts(file: BinaryIO, size: int, n: int) -> list[int]:
    """Where the pieces begin, and the end: always after a line."""
    cuts = [0]
    for part in range(1, n):
        file.seek(size * part // n)
        file.readline()
        cuts.append(max(cuts[-1], min(size, file.tell())))
    return [*cuts, size]


def _piece(path: Path, start: int, end: int) -> _Gathered:
    piece = _Gathered()
    gc.disable()  # this process lives for this piece alone, and what it reads has no cycles
    with open(path, "rb") as file:
        file.seek(start)
        piece.add(objects_of(lines(_until(file, end, piece), piece.problems), piece.problems))
    return piece


def _until(file: BinaryIO, end: int, counted: _Gathered) -> Iterable[bytes]:
    at = file.tell()
    while at < end:
        line = file.readline()
        at += len(line)
        counted.rows += 1
        yield line


def _count_in(columns: Columns, row: VoteRow, seen: set[str]) -> None:
    """Counts one row: a vote, or the reason why it is none."""
    fields = row.fields
    annotator = fields.get("annotator_id")
    if type(annotator) is not str:
        annotator = checked(row, "annotator_id", str)
    ms = checked(row, "decision_time_ms", int) if "decision_time_ms" in fields else None
    strength = checked(row, "preference_strength", int) if "preference_strength" in fields else None
    known = checked(row, "annotation_id", str) if "annotation_id" in fields else None
    item = columns.code(row.key)
    if item is None:
        lengths = tuple(UNKNOWN if text is None else len(text) for text in row.completions)
        heldout = (fields.get("split") or split(row.prompt)) == "heldout"  # type: ignore[arg-type]
        gold = certain(row) if fields.get("is_gold") else None
        gold = gold if gold in WINNERS else None
        item = columns.item(row.key, row.prompt_key, row.models, lengths, heldout, gold)  # type: ignore
    if known is not None:
        if known in seen:
            columns.left_out["repeated_id"] += 1
            return
        seen.add(known)
    action = fields.get("action") or "vote"
    if fields.get("exclude_reason"):
        columns.left_out[str(fields["exclude_reason"])[:60]] += 1
    elif action in ("skip", "report"):
        (columns.skip if action == "skip" else columns.flag)(item)
        columns.left_out[action] += 1
    elif row.winner is None:
        columns.left_out["unjudged"] += 1
    else:
        swapped = UNKNOWN if row.paired else int(bool(fields.get("position_swapped")) != row.flipped)
        phase = fields.get("phase", "blind")
        columns.vote(
            item,
            annotator,
            row.winner,
            swapped,
            ms,
            -strength if strength is not None and row.flipped else strength,
            phase if phase in PHASES else "blind",
            int(bool(fields.get("repeat"))),
        )
