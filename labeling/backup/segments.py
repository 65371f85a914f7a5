"""Fragments of a backup: their form, their replay, and the merging of many into few.

A fragment is named by the time at which it was written; replayed in the order of their names, the newest state of a
row is the last. A *run* of fragments, one after the other in that order, is merged into one that bears the time of
the run's last: what came before it still does, what came after it still comes after. It is added first, the run is
taken away then. A crash between the two leaves rows that are there twice, in the same state; the next merging ends
it. Knows nothing of databases.
"""

from __future__ import annotations

import hashlib
import logging
import re
import tempfile
import time
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import orjson

from common.errors import AfinaError
from labeling.backup.destinations import Place
from labeling.storage.outbox import Change

logger = logging.getLogger(__name__)
ENOUGH = 256  # fragments that are merged
_SETTLED = 60.0  # seconds; younger ones are left: another machine's clock may be behind
_ROWS = 20_000  # in one merged fragment
_NAME = re.compile(r"labels/(\d{20})-[0-9a-f]{32}\.jsonl")
_VERSION = 1
Newest = dict[str, dict[tuple, dict[str, Any]]]  # table -> key -> row


def fragment(changes: Iterable[Change], at: int | None = None) -> tuple[str, bytes]:
    """A fragment's name and content; `at`: its time, nanoseconds since 1970, now if not given."""
    lines = [orjson.dumps({"t": each.table, "k": each.key, "r": each.row}) for each in changes]
    body = b"\n".join(lines) + b"\n"
    head = {"afina": _VERSION, "n": len(lines), "sha256": hashlib.sha256(body).hexdigest()}
    at = time.time_ns() if at is None else at
    return f"labels/{at:020d}-{uuid.uuid4().hex}.jsonl", orjson.dumps(head) + b"\n" + body


def parse(content: bytes) -> list[Change] | None:
    """A fragment's changes; None for one that is not whole. Raises: AfinaError `backup.newer`."""
    first, _, body = content.partition(b"\n")
    try:
        head = orjson.loads(first)
        if head["afina"] > _VERSION:
            raise AfinaError("backup.newer", version=head["afina"])
        if hashlib.sha256(body).hexdigest() != head["sha256"]:
            return None
        rows = [orjson.loads(line) for line in body.splitlines()]
        return [Change(row["t"], tuple(row["k"]), row["r"]) for row in rows]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


def names(place: Place) -> list[str]:
    """The fragments of a place in their order. Raises: Unreachable."""
    return [name for name in place.names() if _NAME.fullmatch(name)]


def replayed(place: Place, names: Sequence[str]) -> tuple[Newest, list[str]]:
    """The newest state of every row, and which fragments are not whole. Raises: Unreachable; `backup.newer`."""
    newest: Newest = {}
    broken = []
    with tempfile.TemporaryDirectory(prefix="afina-restore-") as folder:
        place.fetch(names, Path(folder))
        for name in names:
            changes = parse((Path(folder) / name).read_bytes())
            if changes is None:
                broken.append(name)
                logger.warning("fragment %s is not whole", name)
            for change in changes or ():
                newest.setdefault(change.table, {})[change.key] = change.row
    return newest, broken


def merge(place: Place, merged: set[str], enough: int = ENOUGH, settled: float = _SETTLED) -> int:
    """Merges the fragments that are not in `merged` if there are `enough`, else all if `merged` are that many.

    The names that it makes are put into `merged`. Gives how many fragments went. Raises: Unreachable; `backup.newer`.
    """
    limit = time.time_ns() - round(settled * 1e9)
    every = [name for name in names(place) if _time(name) < limit]
    merged.intersection_update(every)
    last = max((place for place, name in enumerate(every) if name in merged), default=-1)
    run = every if len(merged) >= enough else every[last + 1 :]  # nothing between two of a run is left out
    if len(run) < enough:
        return 0
    newest, broken = replayed(place, run)
    changes = [Change(table, key, row) for table, rows in newest.items() for key, row in rows.items()]
    parts = [changes[start : start + _ROWS] for start in range(0, len(changes), _ROWS)]
    fragments = dict(fragment(part, _time(run[-1])) for part in parts)
    gone = [name for name in run if name not in broken]
    place.replace(fragments, gone, f"{len(gone)} fragments merged")
    merged.difference_update(gone)
    merged.update(fragments)
    return len(gone)


def _time(name: str) -> int:
    found = _NAME.fullmatch(name)
    assert found
    return int(found.group(1))
