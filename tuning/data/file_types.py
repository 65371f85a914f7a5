"""Files -> records (dictionaries): JSON, JSONL, CSV, TSV, Parquet, TXT, each also gzipped; UTF-8 or UTF-16.

The kind is told from the content where it tells (gzip, Parquet, a binary), else from the file's ending. Rows
are counted from 1 without a header. All within the bounds of `common.bounded`. Knows nothing of what the columns mean.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import bounded
from common.bounded import MOST_DEPTH, MOST_VALUES, Bounds, Problems
from common.errors import AfinaError
from tuning.data import parquet

Record = dict[str, Any]
Numbered = tuple[int, Record]
KINDS = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".txt", ".gz")
_WRAPPERS = ("data", "rows", "train", "examples", "instances", "items")
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_INSTRUCTION = re.compile(r"(?=<instruction>)", re.IGNORECASE)
_END_OF_TEXT = re.compile(r"<\|endoftext\|>")


@dataclass
class Records:
    rows: list[Numbered]
    problems: Problems = field(default_factory=Problems)  # rows that could not even be read
    cut: bool = False  # there was more

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the first thousand rows, in order of appearance."""
        return tuple(dict.fromkeys(str(column) for _, record in self.rows[:1000] for column in record))


def read(path: Path, max_mb: int) -> Records:
    """All records of `path`.

    Raises: AfinaError for a file that is too large (`max_mb`, packed or unpacked; as `common.bounded`), empty, binary,
    in an unknown encoding, or broken as a whole; single broken rows are in `problems`.
    """
    name = path.name
    raw = bounded.content(path, Bounds(max_mb, values=None))
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if not raw.strip():
        raise AfinaError("data.empty", name=name)
    if raw[:4] == b"PAR1":
        return _from_items(parquet.rows(raw, name, max_mb), name)
    encoding = _encoding(raw, name)
    kind = suffixes[-1] if suffixes else ""
    start = raw[:4096].decode(encoding, "ignore").lstrip()[:1]
    if kind in (".csv", ".tsv"):
        _within_values(raw, name)
        return _csv(raw, encoding, name)
    if kind in (".json", ".jsonl", ".ndjson") or (kind not in (".txt", ".md") and start and start in "[{"):
        _within_values(raw, name)
        return _json(raw, encoding, name, start, lines=kind in (".jsonl", ".ndjson"))
    return _txt(raw.decode(encoding), name)


def _within_values(raw: bytes, name: str) -> None:
    if bounded.separators(raw) > MOST_VALUES:
        raise AfinaError("data.many_values", name=name, most=bounded.grouped(MOST_VALUES))


def _encoding(raw: bytes, name: str) -> str:
    """The text's encoding. Raises: AfinaError `data.binary`, `data.encoding` for bytes that are not in it."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif b"\x00" in raw[:65536] or raw[:4] in (b"PK\x03\x04", b"%PDF"):
        raise AfinaError("data.binary", name=name, kinds=", ".join(KINDS))
    else:
        encoding = "utf-8-sig"
    decoder, step = codecs.getincrementaldecoder(encoding)(), 1 << 20
    try:  # in pieces: one letter outside of the usual ones would make the whole text four times as wide
        for at in range(0, len(raw), step):
            decoder.decode(raw[at : at + step], final=at + step >= len(raw))
        return encoding
    except UnicodeDecodeError:
        raise _undecodable(raw, encoding, name) from None


def _undecodable(raw: bytes, encoding: str, name: str) -> AfinaError:
    """Says in which line the first wrong byte is, and what stands around it."""
    try:
        raw.decode(encoding)
    except UnicodeDecodeError as error:
        at = error.start + (3 if encoding == "utf-8-sig" and raw.startswith(bounded.BOM) else 0)
        line = raw.count(b"\n", 0, at) + 1
        begin = raw.rfind(b"\n", 0, at) + 1
        near = raw[max(begin, at - 30) : at + 10].decode("latin-1").strip()
        return AfinaError("data.encoding", name=name, line=line, byte=f"0x{raw[at]:02x}", near=near)
    return AfinaError("data.not_utf8", name=name)


def _lines(raw: bytes, encoding: str, newline: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(raw), encoding=encoding, newline=newline)


def _json(raw: bytes, encoding: str, name: str, start: str, lines: bool) -> Records:
    if start == "[" or not lines:
        text = raw.decode(encoding)
        try:
            return _from_items(_items(json.loads(text), name), name)
        except (ValueError, RecursionError) as error:
            # One object a line in a file that is called .json is common.
            if start != "{" or not isinstance(error, json.JSONDecodeError) or error.msg != "Extra data":
                raise _broken_json(text, name, error) from error
    return _jsonl(_lines(raw, encoding, "\n"), name)


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


def _from_items(items: Iterable[Any], name: str) -> Records:
    records = Records([])
    for number, item in enumerate(items, 1):
        _add(records, number, item, name)
    return records


def _add(records: Records, number: int, item: Any, name: str) -> None:
    if not isinstance(item, dict):
        records.problems.note("data.not_object", row=number, found=_begin(item))
    elif bounded.is_deep(item):
        records.problems.note("data.deep", row=number, most=MOST_DEPTH)
    else:
        records.rows.append((number, item))
        bounded.within_rows(len(records.rows), name)


def _begin(item: Any) -> str:
    """The first characters of what is no object; a list may be too long, or too deep, to be written out."""
    return str(item[:60] if isinstance(item, str) else item)[:60] if not isinstance(item, list) else "[…]"


def _broken_json(text: str, name: str, error: Exception) -> AfinaError:
    """Says in which row of the array the text breaks off, counting the rows that are whole before it."""
    if not isinstance(error, json.JSONDecodeError):
        return AfinaError("data.json", name=name, row=1, line=1, column=1, reason=_reason(error))
    decoder, row, at = json.JSONDecoder(), 1, text.find("[") + 1
    while text[:4096].lstrip()[:1] == "[":
        at = re.compile(r"[\s,]*").match(text, at).end()  # type: ignore[union-attr]
        try:
            _, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        row += 1
    return AfinaError("data.json", name=name, row=row, line=error.lineno, column=error.colno, reason=_reason(error))


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return error.msg.lower()
    return "nested too deeply" if isinstance(error, RecursionError) else "a number with too many digits"


def _jsonl(lines: Iterable[str], name: str) -> Records:
    records = Records([])
    for number, line in enumerate(lines, 1):
        line = line.rstrip("\n")
        if not line.strip():
            continue
        try:
            _add(records, number, json.loads(line), name)
        except (ValueError, RecursionError) as error:
            at = error.colno if isinstance(error, json.JSONDecodeError) else 1
            records.problems.note("data.json_line", row=number, column=at, reason=_reason(error))
    return records


def _csv(raw: bytes, encoding: str, name: str) -> Records:
    header = raw[: 1 << 20].decode(encoding, "ignore").lstrip("\r\n").split("\n", 1)[0]
    delimiter = max("\t,;|", key=header.count)
    csv.field_size_limit(1_000_000_000)
    try:
        return _csv_rows(_lines(raw, encoding, ""), name, delimiter, strict=True)
    except csv.Error:  # quotes inside a field that are not doubled: read as spreadsheets do
        return _csv_rows(_lines(raw, encoding, ""), name, delimiter, strict=False)


def _csv_rows(lines: Iterable[str], name: str, delimiter: str, strict: bool) -> Records:
    reader = csv.reader(lines, delimiter=delimiter, strict=strict)
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
                _add(records, number, dict(zip(columns, fields, strict=True)), name)
            else:
                records.problems.note("data.fields", row=number, found=len(fields), expected=len(columns))
    except csv.Error as error:
        if "unexpected end of data" not in str(error):
            raise
        records.problems.add(AfinaError("data.csv_quote", row=number + 1))
    if columns and not number and not records.problems:
        raise AfinaError("data.only_header", name=name, columns=", ".join(columns))
    return records


def _txt(text: str, name: str) -> Records:
    """Rows of text: `<instruction>` blocks, or pieces between `<|endoftext|>`, or paragraphs."""
    text = text.replace("\r\n", "\n")
    between = _INSTRUCTION if _INSTRUCTION.search(text) else _END_OF_TEXT if _END_OF_TEXT.search(text) else _PARAGRAPH
    pieces = (piece.strip() for piece in _pieces(text, between))
    return _from_items(({"text": piece} for piece in pieces if piece), name)


def _pieces(text: str, between: re.Pattern[str]) -> Iterator[str]:
    """The text cut at each match, one piece after the other: a list of all could be larger than the text."""
    begin = 0
    for found in between.finditer(text):
        yield text[begin : found.start()]
        begin = found.end()
    yield text[begin:]


def plain_name(column: str) -> str:
    """The name of a column in lower case, without accents."""
    letters = unicodedata.normalize("NFKD", column.strip().casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))
