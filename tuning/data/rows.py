"""What a data set is once it is read: rows of messages or text. Knows nothing of files, formats or tokens."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import AfinaError
from common.files import write_text

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Row:
    """One example: `messages` (a conversation with at least one reply) or plain `text`, never both."""

    messages: tuple[dict[str, str], ...] = ()  # {"role": system | user | assistant, "content": str}
    text: str = ""
    number: int = 0  # 1-based row in the file it came from

    def __post_init__(self) -> None:
        if bool(self.messages) == bool(self.text):
            raise ValueError(f"row {self.number}: exactly one of messages and text must be given")

    @property
    def prompt(self) -> str | tuple[dict[str, str], ...]:
        """What `common.split` decides by: the conversation (its first user message), or the whole text."""
        return self.messages or self.text

    @property
    def content(self) -> object:
        """The row without its number: two rows with equal content are duplicates."""
        return [[message["role"], message["content"]] for message in self.messages] or self.text


@dataclass(frozen=True)
class Loaded:
    """A data set as read: usable rows, and what was wrong with the others."""

    rows: tuple[Row, ...]
    name: str
    format: (
        str  # alpaca, dolly, flan, tags, prompt_completion, messages, sharegpt, vertex, preferences, text …
    )
    columns: tuple[str, ...] = ()
    skipped: tuple[AfinaError, ...] = ()  # the first problems, each with `row` and, as a rule, `column`
    n_skipped: int = 0
    needs_mapping: bool = False  # the columns were not recognised: `load` again with a mapping
    first_records: tuple[dict[str, Any], ...] = field(default=(), repr=False)  # raw, for the mapping form
    fingerprint: str = ""  # sha256 of the rows' content and order
    cut: bool = False  # there was more than was read (a large data set of the Hub)


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Rows as JSON lines, whole or not there; `read_rows` gives them back unchanged."""
    lines = [
        json.dumps(
            {"messages": list(row.messages), "number": row.number}
            if row.messages
            else {"text": row.text, "number": row.number},
            ensure_ascii=False,
        )
        for row in rows
    ]
    write_text(path, "".join(line + "\n" for line in lines))


def read_rows(path: Path) -> list[Row]:
    """What `write_rows` wrote."""
    rows = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            messages = tuple(record.get("messages", ()))
            rows.append(Row(messages=messages, text=record.get("text", ""), number=record["number"]))
    return rows
