"""Any file, Hub data set or shipped set -> `Loaded` rows: the one door through which training data comes in.

`load` reads (readers, hub), recognises the columns (shapes), converts every record, and keeps what was wrong
with the rows it had to skip. Knows nothing of tokens, models or the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from common import hashing
from common.bounded import Problems
from common.errors import AfinaError, NotFound
from tuning.data import file_types, hub_datasets, row_formats
from tuning.data.examples import Loaded, Row
from tuning.pocket.world.shipped import SETS

_KEPT_PROBLEMS = 100


def load(source: str | Path, *, mapping: Mapping[str, str] | None = None, max_mb: int = 200, token: str = "") -> Loaded:
    """Reads a file, a shipped set (`mixed.en`) or a data set of the Hub (`owner/name[:config[:split]]`).

    `mapping` says which column plays which part (`shapes.PARTS`: prompt, context, response, system,
    messages, text); without it the columns are recognised, or the result says `needs_mapping`. Rows that
    cannot be used are skipped and listed. `token` opens gated data sets of the Hub.

    Raises: AfinaError for what cannot be read at all: no such file, too large (`max_mb`), binary, wrong
    encoding, broken JSON, no usable row, unknown data set, no network.
    """
    name = str(source)
    path = shipped().get(name) or Path(source).expanduser()
    if path.is_dir():
        raise AfinaError("data.folder", source=name)
    if path.exists():
        records = file_types.read(path, max_mb)
        return _loaded(records, name if name in shipped() else path.name, mapping)
    if hub_datasets.looks_like_id(name):
        return _loaded(hub_datasets.read(name, max_mb, token), name, mapping)
    raise NotFound("data.not_found", source=name, sets=", ".join(shipped()) or "-")


def from_python(records: Iterable[Mapping[str, Any]], name: str = "python") -> Loaded:
    """Rows from dictionaries in any of the known formats."""
    numbered = [(number, dict(record)) for number, record in enumerate(records, 1)]
    return _loaded(file_types.Records(numbered), name, None)


def shipped() -> dict[str, Path]:
    """name -> file of the instruction sets that come with `pocket` (prompt and question sets are no such)."""
    return {path.name.removesuffix(".jsonl"): path for path in sorted(SETS.glob("*.jsonl")) if _teaches(path)}


def _teaches(path: Path) -> bool:
    with open(path, encoding="utf-8") as file:
        return '"messages"' in file.readline()


def _loaded(records: file_types.Records, name: str, mapping: Mapping[str, str] | None) -> Loaded:
    columns = records.columns
    shape = row_formats.from_mapping(mapping, columns) if mapping else row_formats.recognise(columns, records.rows)
    raw = tuple(record for _, record in records.rows[:3])
    if not records.rows:
        raise records.problems.first[0] if records.problems else AfinaError("data.empty", name=name)
    if shape is None:
        return Loaded((), name, "unknown", columns, needs_mapping=True, first_records=raw, cut=records.cut)
    rows: list[Row] = []
    problems = Problems()
    problems.extend(records.problems)
    for number, record in records.rows:
        try:
            rows += shape.convert(number, record)
        except AfinaError as problem:
            problems.add(problem)
    if not rows:
        raise AfinaError("data.no_rows", name=name, n=problems.n, first=problems.example)
    return Loaded(
        rows=tuple(rows),
        name=name,
        format=shape.name,
        columns=columns,
        skipped=tuple(problems.first[:_KEPT_PROBLEMS]),
        n_skipped=problems.n,
        first_records=raw,
        fingerprint=hashing.of_json([row.content for row in rows]),
        cut=records.cut,
    )
