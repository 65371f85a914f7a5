"""Files -> records (dictionaries): JSON, JSONL, CSV, TSV, Parquet, TXT, each also gzipped; UTF-8 or UTF-16.

The kind is told from the content where it tells (gzip, Parquet, a binary), else from the file's ending. Rows
are counted from 1 without a header. Knows nothing of what the columns mean.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import AfinaError

Record = dict[str, Any]
Numbered = tuple[int, Record]
KINDS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".txt", ".gz")
_WRAPPERS = ("data", "rows", "train", "examples", "instances", "items")


@dataclass
class Records:
    rows: list[Numbered]
    problems: list[AfinaError] = field(default_factory=list)  # rows that could not even be read
    cut: bool = False  # there was more

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the first thousand rows, in order of appearance."""
        return tuple(dict.fromkeys(str(column) for _, record in self.rows[:1000] for column in record))


def read(path: Path, max_mb: int) -> Records:
    """All records of `path`.

    Raises: AfinaError for a file that is too large (`max_mb`, packed or unpacked), empty, binary, in an
    unknown encoding, or broken as a whole; single broken rows are in `problems`.
    """
    name = path.name
    if not path.is_file():
        raise AfinaError("data.not_a_file", name=name)
    size = path.stat().st_size
    if size > max_mb * 1_000_000:
        raise AfinaError("data.too_large", name=name, mb=round(size / 1e6), max_mb=max_mb)
    raw = path.read_bytes()
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if raw[:2] == b"\x1f\x8b":
        raw = _unpacked(raw, name, max_mb)
        suffixes = [suffix for suffix in suffixes if suffix != ".gz"]
    if not raw.strip():
        raise AfinaError("data.empty", name=name)
    if raw[:4] == b"PAR1":
        return _parquet(raw, name, max_mb)
    text = _decoded(raw, name)
    kind = suffixes[-1] if suffixes else ""
    if kind in (".csv", ".tsv"):
        return _csv(text, name)
    if kind in (".json", ".jsonl", ".ndjson") or (kind not in (".txt", ".md") and text.lstrip()[:1] in "[{"):
        return _json(text, name, lines=kind in (".jsonl", ".ndjson"))
    return _txt(text)


def _unpacked(raw: bytes, name: str, max_mb: int) -> bytes:
    try:
        with gzip.open(io.BytesIO(raw)) as file:
            unpacked = file.read(max_mb * 1_000_000 + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise AfinaError("data.gzip", name=name, reason=str(error)) from error
    if len(unpacked) > max_mb * 1_000_000:
        raise AfinaError("data.too_large", name=name, mb=f"> {max_mb}", max_mb=max_mb)
    return unpacked


def _decoded(raw: bytes, name: str) -> str:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif b"\x00" in raw[:65536] or raw[:4] in (b"PK\x03\x04", b"%PDF"):
        raise AfinaError("data.binary", name=name, kinds=", ".join(KINDS))
    else:
        encoding = "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        byte = f"0x{raw[error.start]:02x}"
        begin = raw.rfind(b"\n", 0, error.start) + 1
        near = raw[max(begin, error.start - 30) : error.start + 10].decode("latin-1").strip()
        raise AfinaError("data.encoding", name=name, line=line, byte=byte, near=near) from error


def _json(text: str, name: str, lines: bool) -> Records:
    start = text.lstrip()[:1]
    if start == "[" or not lines:
        try:
            return _from_items(_items(json.loads(text), name))
        except (json.JSONDecodeError, RecursionError) as error:
            # One object a line in a file that is called .json is common.
            if start != "{" or not isinstance(error, json.JSONDecodeError) or error.msg != "Extra data":
                raise _broken_json(text, name, error) from error
    return _jsonl(text)


def _items(value: Any, name: str) -> Iterable[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        lists = [value[key] for key in _WRAPPERS if isinstance(value.get(key), list)]
        if lists and isinstance(lists[0][0] if lists[0] else None, dict):
            return lists[0]
        if len(value) == 1 and isinstance(next(iter(value.values())), list):
            return next(iter(value.values()))
        return [value]
    raise AfinaError("data.not_records", name=name, found=type(value).__name__)


def _from_items(items: Iterable[Any]) -> Records:
    records = Records([])
    for number, item in enumerate(items, 1):
        _add(records, number, item)
    return records


def _add(records: Records, number: int, item: Any) -> None:
    if isinstance(item, dict):
        records.rows.append((number, item))
    else:
        records.problems.append(AfinaError("data.not_object", row=number, found=str(item)[:60]))


def _broken_json(text: str, name: str, error: Exception) -> AfinaError:
    """Says in which row of the array the text breaks off, counting the rows that are whole before it."""
    if not isinstance(error, json.JSONDecodeError):
        return AfinaError("data.json", name=name, row=1, line=1, column=1, reason="nested too deeply")
    decoder, row, at = json.JSONDecoder(), 1, text.find("[") + 1
    while text.lstrip()[:1] == "[":
        at = re.compile(r"[\s,]*").match(text, at).end()  # type: ignore[union-attr]
        try:
            _, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            break
        row += 1
    return AfinaError(
        "data.json", name=name, row=row, line=error.lineno, column=error.colno, reason=error.msg.lower()
    )


def _jsonl(text: str) -> Records:
    records = Records([])
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            _add(records, number, json.loads(line))
        except (json.JSONDecodeError, RecursionError) as error:
            reason = error.msg.lower() if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            at = error.colno if isinstance(error, json.JSONDecodeError) else 1
            records.problems.append(AfinaError("data.json_line", row=number, column=at, reason=reason))
    return records


def _csv(text: str, name: str) -> Records:
    header = text.lstrip("\r\n").split("\n", 1)[0]
    delimiter = max("\t,;|", key=header.count)
    csv.field_size_limit(1_000_000_000)
    try:
        return _csv_rows(text, name, delimiter, strict=True)
    except csv.Error:  # quotes inside a field that are not doubled: read as spreadsheets do
        return _csv_rows(text, name, delimiter, strict=False)


def _csv_rows(text: str, name: str, delimiter: str, strict: bool) -> Records:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=strict)
    columns: list[str] | None = None
    records = Records([])
    number = 0
    try:
        for fields in reader:
            if not any(value.strip() for value in fields):
                continue
            if columns is None:
                columns = [value.strip() for value in fields]
                continue
            number += 1
            if len(fields) == len(columns):
                records.rows.append((number, dict(zip(columns, fields, strict=True))))
            else:
                wrong = AfinaError("data.fields", row=number, found=len(fields), expected=len(columns))
                records.problems.append(wrong)
    except csv.Error as error:
        if "unexpected end of data" not in str(error):
            raise
        records.problems.append(AfinaError("data.csv_quote", row=number + 1))
    if columns and not number and not records.problems:
        raise AfinaError("data.only_header", name=name, columns=", ".join(columns))
    return records


def _parquet(raw: bytes, name: str, max_mb: int) -> Records:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(raw))
        groups = range(file.metadata.num_row_groups)
        size = sum(file.metadata.row_group(group).total_byte_size for group in groups)
        if size > max_mb * 1_000_000:
            raise AfinaError("data.too_large", name=name, mb=round(size / 1e6), max_mb=max_mb)
        return _from_items(file.read().to_pylist())
    except (pa.ArrowException, OSError) as error:
        raise AfinaError("data.parquet", name=name, reason=str(error)) from error


def _txt(text: str) -> Records:
    """Rows of text: `<instruction>` blocks, or pieces between `<|endoftext|>`, or paragraphs."""
    text = text.replace("\r\n", "\n")
    if re.search(r"<instruction>", text, re.IGNORECASE):
        pieces = re.split(r"(?i)(?=<instruction>)", text)
    elif "<|endoftext|>" in text:
        pieces = text.split("<|endoftext|>")
    else:
        pieces = re.split(r"\n[ \t]*\n", text)
    return _from_items({"text": piece.strip()} for piece in pieces if piece.strip())
