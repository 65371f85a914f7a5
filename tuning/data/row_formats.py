"""Formats, recognised by their columns, and their conversion into rows.

A format is a mapping from parts (prompt, response, …) to column names; a mapping that a person gives in the
form is the same thing. Knows nothing of files or tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import AfinaError
from tuning.data.conversations import TAGS, Cells, conversation, instances, row_of, text_row
from tuning.data.examples import Row
from tuning.data.file_types import Numbered, Record, plain_name

PARTS = ("prompt", "context", "response", "system", "messages", "text")  # what a person can map
_OPTIONAL = frozenset({"context", "system", "history"})
_KNOWN: tuple[tuple[str, dict[str, str]], ...] = (
    # Preference data teaches here with its chosen replies, rated data with those rated good.
    ("preferences", {"messages": "conversations", "response": "chosen", "system": "system"}),
    ("preferences", {"prompt": "prompt", "response": "chosen", "system": "system"}),
    ("preferences", {"prompt": "question", "response": "chosen", "system": "system"}),
    ("preferences", {"transcript": "chosen"}),
    ("rated", {"messages": "messages", "good": "label"}),
    ("rated", {"prompt": "prompt", "response": "completion", "good": "label"}),
    ("messages", {"messages": "messages", "system": "system"}),
    ("sharegpt", {"messages": "conversations", "system": "system"}),
    ("sharegpt", {"messages": "conversation", "system": "system"}),
    ("vertex", {"messages": "contents", "system": "systeminstruction"}),
    ("vertex", {"messages": "contents", "system": "system_instruction"}),
    (
        "alpaca",
        {"prompt": "instruction", "context": "input", "response": "output", "system": "system", "history": "history"},
    ),
    ("self_instruct", {"prompt": "instruction", "instances": "instances"}),
    ("dolly", {"prompt": "instruction", "context": "context", "response": "response"}),
    ("flan", {"prompt": "inputs", "response": "targets"}),
    ("prompt_completion", {"prompt": "prompt", "response": "completion", "system": "system"}),
    ("prompt_completion", {"prompt": "prompt", "response": "response", "system": "system"}),
    ("text", {"text": "text"}),
)
# Column names (lower case, no accents) that suggest a part.
_GUESSES = {
    "prompt": "prompt question instruction query user input pregunta instruccion entrada enunciado",
    "response": "response answer completion output reply target solution assistant respuesta salida solucion",
    "context": "context contexto",
    "system": "system sistema",
    "messages": "messages conversation conversations dialog dialogue turns chat mensajes conversacion",
    "text": "text texto content document story",
}


@dataclass(frozen=True)
class Shape:
    """A recognised format: which column (as the file spells it) plays which part."""

    name: str
    columns: Mapping[str, str]  # part -> column

    def convert(self, number: int, record: Record) -> list[Row]:
        """The rows of one record (several only for `instances`).

        Raises: AfinaError with `row` and `column`: empty or missing field, unknown role, no assistant turn.
        """
        cells = Cells(number, record, self.columns)
        if "text" in self.columns:
            return [text_row(cells)]
        if "good" in self.columns and not _is_true(record.get(self.columns["good"])):
            raise AfinaError("data.rated_bad", row=number, column=self.columns["good"])
        if "instances" in self.columns:
            return [row_of(cells, messages) for messages in instances(cells)]
        return [row_of(cells, conversation(cells))]


def recognise(columns: Sequence[str], rows: Sequence[Numbered] = ()) -> Shape | None:
    """The format these columns belong to, or None; `rows` tell tagged text from plain text."""
    spelled = {column.strip().lower(): column for column in columns}
    for name, parts in _KNOWN:
        needed = [column for part, column in parts.items() if part not in _OPTIONAL]
        if not all(column in spelled for column in needed) or (name == "preferences" and "rejected" not in spelled):
            continue
        if name == "rated" and not all(_is_flag(record.get(spelled["label"])) for _, record in rows[:20]):
            continue
        if name == "text" and any(TAGS.search(str(record.get(spelled["text"], ""))) for _, record in rows[:20]):
            name = "tags"
        return Shape(name, {part: spelled[column] for part, column in parts.items() if column in spelled})
    return None


def from_mapping(mapping: Mapping[str, str], columns: Sequence[str]) -> Shape:
    """The shape a person described.

    Raises: AfinaError `data.mapping_part` (unknown part), `data.mapping_column` (no such column),
    `data.mapping_incomplete` (neither prompt and response, nor messages, nor text).
    """
    chosen = {part: column for part, column in mapping.items() if column}
    for part, column in chosen.items():
        if part not in PARTS:
            raise AfinaError("data.mapping_part", part=part, parts=", ".join(PARTS))
        if column not in columns:
            raise AfinaError("data.mapping_column", part=part, column=column, columns=", ".join(columns))
    if not ({"messages"} <= chosen.keys() or {"text"} <= chosen.keys() or {"prompt", "response"} <= chosen.keys()):
        raise AfinaError("data.mapping_incomplete", given=", ".join(chosen) or "-")
    return Shape("mapped", chosen)


def guess_mapping(columns: Sequence[str]) -> dict[str, str]:
    """A first suggestion for the mapping form: part -> column."""
    spelled = {plain_name(column): column for column in columns}
    guesses = (
        (part, next((spelled[name] for name in names.split() if name in spelled), ""))
        for part, names in _GUESSES.items()
    )
    mapping = {part: column for part, column in guesses if column}
    if "prompt" in mapping and "response" in mapping:
        return {part: column for part, column in mapping.items() if part not in ("messages", "text")}
    whole = next((part for part in ("messages", "text") if part in mapping), None)
    return {whole: mapping[whole]} if whole else mapping


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool) or str(value).strip().lower() in ("true", "false")


def _is_true(value: Any) -> bool:
    return value is True or str(value).strip().lower() == "true"
