"""Files, Hub data sets and dictionaries -> `LabelledSet`: texts, each with one label of a few.

The columns are recognised by their names (`text`, `sentence`, `review` …; `label`, `class`, `sentiment` …) or told by
a mapping. Knows nothing of tokens or models.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import hashing
from common.bounded import Problems
from common.errors import AfinaError, NotFound
from tuning.data import file_types, hub_datasets
from tuning.data.examples import Labelled
from tuning.data.file_types import plain_name
from tuning.pocket.world.shipped import SETS

MOST_CLASSES = 200
TEXTS = (
    "text",
    "sentence",
    "review",
    "tweet",
    "content",
    "comment",
    "body",
    "message",
    "texto",
    "frase",
    "resena",
    "comentario",
    "prompt",
)
LABELS = (
    "label",
    "class",
    "category",
    "sentiment",
    "polarity",
    "target",
    "labels",
    "etiqueta",
    "clase",
    "categoria",
    "sentimiento",
)
_KEPT_PROBLEMS = 100


@dataclass(frozen=True)
class LabelledSet:
    """Labelled texts as read, and what was wrong with the other rows."""

    rows: tuple[Labelled, ...]
    name: str
    columns: tuple[str, ...] = ()
    skipped: tuple[AfinaError, ...] = ()
    n_skipped: int = 0
    fingerprint: str = ""
    format: str = "labelled"
    needs_mapping: bool = False
    cut: bool = False  # the source holds more

    @property
    def counts(self) -> dict[str, int]:
        """label -> rows, the most frequent first."""
        return dict(Counter(row.label for row in self.rows).most_common())

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes, sorted: their order is that of the head's numbers."""
        return tuple(sorted(self.counts))

    def first(self, n: int) -> LabelledSet:
        """The first `n` rows (0: all). Raises: AfinaError `classify.one_class_first`."""
        if not n or n >= len(self.rows):
            return self
        if len({row.label for row in self.rows[:n]}) == 1:  # a file sorted by its labels
            raise AfinaError(
                "classify.one_class_first",
                name=self.name,
                label=self.rows[0].label,
                n=n,
                rows=len(self.rows),
                classes=len(self.counts),
            )
        return _checked(self.rows[:n], self.name, self.columns, list(self.skipped), self.n_skipped, True)


def load(
    source: str | Path,
    *,
    text: str = "",
    label: str = "",
    limit: int = 0,
    max_mb: int = 200,
    token: str = "",
) -> LabelledSet:
    """Reads a file, a shipped set (`sentiment.en`, `posts.en`) or a Hub data set (`owner/name[:config[:split]]`).

    `text` and `label` name the columns; without them they are recognised. `limit`: first rows taken (0: all).
    Raises: AfinaError `classify.columns` (with the columns there are), `classify.no_text`, `classify.no_label` (where
    none is recognised), `classify.one_class`, `classify.one_class_left`, `classify.one_class_first`,
    `classify.many_classes`, `classify.no_rows`, and what reading raises.
    """
    name, records = _records(source, max_mb, token)
    if _is_shipped(name):
        rows: Iterable[tuple[int, Mapping[str, Any]]] = [(number, _shipped(row)) for number, row in records.rows]
        columns: Sequence[str] = ("text", "label")
    else:
        rows, columns = records.rows, records.columns
    found = from_records(rows, name, columns, text, label, records.problems, records.cut)
    return found.first(limit)


def columns_of(source: str | Path, max_mb: int = 200, token: str = "") -> tuple[str, ...]:
    """The columns that there are to choose from. Raises: what reading raises."""
    name, records = _records(source, max_mb, token)
    return ("text", "label") if _is_shipped(name) else tuple(records.columns)


def _records(source: str | Path, max_mb: int, token: str) -> tuple[str, file_types.Records]:
    name = str(source)
    shipped = SETS / f"{name}.jsonl"
    path = shipped if _is_shipped(name) else Path(source).expanduser()
    if path.is_dir():
        raise AfinaError("data.folder", source=name)
    if path.exists():
        records = file_types.read(path, max_mb)
        name = name if path == shipped else path.name
    elif hub_datasets.looks_like_id(name):
        records = hub_datasets.read(name, max_mb, token)
    else:
        raise NotFound("data.not_found", source=name, sets=", ".join(shipped_sets()))
    return name, records


def from_python(records: Iterable[Mapping[str, Any]], name: str = "python") -> LabelledSet:
    """Labelled texts from dictionaries. Raises: as `load`."""
    numbered = [(number, dict(record)) for number, record in enumerate(records, 1)]
    return from_records(numbered, name, file_types.Records(numbered).columns)


def from_records(
    records: Iterable[tuple[int, Mapping[str, Any]]],
    name: str,
    columns: Sequence[str],
    text: str = "",
    label: str = "",
    problems: Problems | None = None,
    cut: bool = False,
) -> LabelledSet:
    """Raises: as `load`."""
    text_column = text or _column(columns, TEXTS)
    label_column = label or _column(columns, LABELS)
    for part, column in (("text", text_column), ("label", label_column)):
        if not column:
            raise AfinaError(f"classify.no_{part}", columns=", ".join(columns))
        if column not in columns:
            raise AfinaError("classify.columns", part=part, wanted=column, columns=", ".join(columns))
    rows, trouble = [], Problems()
    trouble.extend(problems or Problems())
    for number, record in records:
        try:
            rows.append(_row(number, record, text_column, label_column))
        except AfinaError as problem:
            trouble.add(problem)
    return _checked(rows, name, columns, trouble.first, trouble.n, cut)


def shipped_sets() -> list[str]:
    """Shipped sets that have labels: reviews of two classes, posts of three."""
    found = (path for kind in ("sentiment", "posts") for path in sorted(SETS.glob(f"{kind}.*.jsonl")))
    return [path.name.removesuffix(".jsonl") for path in found]


def guess(columns: Sequence[str]) -> tuple[str, str]:
    """(text column, label column), "" where none is recognised."""
    return _column(columns, TEXTS), _column(columns, LABELS)


def _checked(
    rows: Sequence[Labelled],
    name: str,
    columns: Sequence[str],
    problems: list[AfinaError],
    n_problems: int,
    cut: bool,
) -> LabelledSet:
    if not rows:
        first = problems[0] if problems else "-"
        raise AfinaError("classify.no_rows", name=name, n=n_problems, first=first)
    counts = Counter(row.label for row in rows)
    if len(counts) == 1:
        params = {"name": name, "label": next(iter(counts)), "n": len(rows)}
        if n_problems:  # perhaps the other class was there, and its labels are missing
            raise AfinaError("classify.one_class_left", **params, skipped=n_problems, first=problems[0])
        raise AfinaError("classify.one_class", **params)
    if len(counts) > MOST_CLASSES or (len(rows) > 20 and len(counts) > len(rows) / 2):
        first, second, third = (label[:30] for label in list(counts)[:3])
        raise AfinaError(
            "classify.many_classes",
            n=len(counts),
            rows=len(rows),
            most=MOST_CLASSES,
            first=first,
            second=second,
            third=third,
        )
    fingerprint = hashing.of_json([row.content for row in rows])
    kept = tuple(problems[:_KEPT_PROBLEMS])
    return LabelledSet(tuple(rows), name, tuple(columns), kept, n_problems, fingerprint, cut=cut)


def _row(number: int, record: Mapping[str, Any], text_column: str, label_column: str) -> Labelled:
    for column in (text_column, label_column):
        value = record.get(column)
        if value is None or not str(value).strip():
            key = "data.missing_field" if column not in record else "data.empty_field"
            raise AfinaError(key, row=number, column=column)
        if not isinstance(value, (str, int, float, bool)):
            raise AfinaError("data.not_text", row=number, column=column, found=type(value).__name__)
    label = record[label_column]
    if isinstance(label, float) and label == int(label):  # a spreadsheet's 1.0 is the class 1
        label = int(label)
    return Labelled(str(record[text_column]).strip(), str(label).strip(), number)


def _column(columns: Sequence[str], names: Sequence[str]) -> str:
    spelled = {plain_name(column): column for column in columns}
    return next((spelled[name] for name in names if name in spelled), "")


def _is_shipped(name: str) -> bool:
    return name in shipped_sets()


def _shipped(record: Mapping[str, Any]) -> dict[str, Any]:
    """A shipped row as text and label; of the sentiment set the review is what follows the question."""
    if "messages" not in record:
        return dict(record)
    prompt = str(record["messages"][0]["content"])
    before, _, after = prompt.partition("? ") if "? " in prompt else prompt.partition(": ")
    return {"text": after or before, "label": record.get("label")}
