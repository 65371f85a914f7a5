"""Formats, recognised by their columns, and their conversion into rows.

A format is a mapping from parts (prompt, response, …) to column names; a mapping that a person gives in the form is
the same thing. Knows nothing of files or tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import AfinaError
from tuning.data.readers import Numbered, Record
from tuning.data.rows import Row

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
    ("alpaca", {"prompt": "instruction", "context": "input", "response": "output", "system": "system",
                "history": "history"}),
    ("self_instruct", {"prompt": "instruction", "instances": "instances"}),
    ("dolly", {"prompt": "instruction", "context": "context", "response": "response"}),
    ("flan", {"prompt": "inputs", "response": "targets"}),
    ("prompt_completion", {"prompt": "prompt", "response": "completion", "system": "system"}),
    ("prompt_completion", {"prompt": "prompt", "response": "response", "system": "system"}),
    ("text", {"text": "text"}),
)  # fmt: skip
_ROLES = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "prompter": "user",
    "assistant": "assistant", "gpt": "assistant", "model": "assistant", "bot": "assistant", "chatgpt": "assistant",
}  # fmt: skip
_GUESSES = {
    "prompt": (
        "prompt",
        "question",
        "instruction",
        "query",
        "user",
        "input",
        "pregunta",
        "instruccion",
        "entrada",
    ),
    "response": (
        "response",
        "answer",
        "completion",
        "output",
        "reply",
        "target",
        "respuesta",
        "salida",
        "assistant",
    ),
    "context": ("context", "contexto"),
    "system": ("system",),
    "messages": ("messages", "conversation", "conversations", "dialog", "dialogue", "turns", "chat"),
    "text": ("text", "texto", "content", "document", "story"),
}
_TAGS = re.compile(
    r"<instruction>(.*?)</instruction>\s*(?:<(?:input|context)>(.*?)</(?:input|context)>\s*)?"
    r"<(?:response|output)>(.*?)</(?:response|output)>",
    re.IGNORECASE | re.DOTALL,
)
_TURN = re.compile(r"\n\n(Human|Assistant):", re.IGNORECASE)


@dataclass(frozen=True)
class Shape:
    """A recognised format: which column (as the file spells it) plays which part."""

    name: str
    columns: Mapping[str, str]  # part -> column

    def convert(self, number: int, record: Record) -> list[Row]:
        """The rows of one record (several only for `instances`).

        Raises: AfinaError with `row` and `column`: empty or missing field, unknown role, no assistant turn.
        """
        cells = _Cells(number, record, self.columns)
        if "text" in self.columns:
            return [_text_row(cells)]
        if "good" in self.columns and not _is_true(record.get(self.columns["good"])):
            raise AfinaError("data.rated_bad", row=number, column=self.columns["good"])
        if "instances" in self.columns:
            return [_row(cells, messages) for messages in _instances(cells)]
        return [_row(cells, _conversation(cells))]


def recognise(columns: Sequence[str], rows: Sequence[Numbered] = ()) -> Shape | None:
    """The format these columns belong to, or None; `rows` tell tagged text from plain text."""
    spelled = {column.strip().lower(): column for column in columns}
    for name, parts in _KNOWN:
        needed = [column for part, column in parts.items() if part not in _OPTIONAL]
        if not all(column in spelled for column in needed) or (
            name == "preferences" and "rejected" not in spelled
        ):
            continue
        if name == "rated" and not all(_is_flag(record.get(spelled["label"])) for _, record in rows[:20]):
            continue
        if name == "text" and any(
            _TAGS.search(str(record.get(spelled["text"], ""))) for _, record in rows[:20]
        ):
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
    if not (
        {"messages"} <= chosen.keys() or {"text"} <= chosen.keys() or {"prompt", "response"} <= chosen.keys()
    ):
        raise AfinaError("data.mapping_incomplete", given=", ".join(chosen) or "-")
    return Shape("mapped", chosen)


def guess_mapping(columns: Sequence[str]) -> dict[str, str]:
    """A first suggestion for the mapping form: part -> column."""
    spelled = {column.strip().lower(): column for column in columns}
    guesses = (
        (part, next((spelled[n] for n in names if n in spelled), "")) for part, names in _GUESSES.items()
    )
    found = {part: column for part, column in guesses if column}
    if "prompt" in found and "response" in found:
        return {part: column for part, column in found.items() if part not in ("messages", "text")}
    whole = next((part for part in ("messages", "text") if part in found), None)
    return {whole: found[whole]} if whole else found


class _Cells:
    """One record's fields by part, with errors that name row and column."""

    def __init__(self, number: int, record: Record, columns: Mapping[str, str]) -> None:
        self.number, self.record, self.columns = number, record, columns

    def error(self, key: str, part: str, **params: object) -> AfinaError:
        return AfinaError(key, row=self.number, column=self.columns.get(part, part), **params)

    def value(self, part: str, optional: bool = False) -> Any:
        column = self.columns.get(part)
        if column is None or column not in self.record:
            if optional:
                return None
            raise self.error("data.missing_field", part)
        value = self.record[column]
        if not optional and (
            value is None or (isinstance(value, str | list | dict) and not _stripped(value))
        ):
            raise self.error("data.empty_field", part)
        return value

    def text(self, part: str, optional: bool = False) -> str:
        value = self.value(part, optional)
        if isinstance(value, list | dict):
            parts = _parts_text(value)
            if parts is None:
                raise self.error(
                    "data.not_text", part, found=json.dumps(value, ensure_ascii=False, default=str)[:80]
                )
            return parts
        return _clean("" if value is None else str(value))


def _row(cells: _Cells, messages: list[dict[str, str]]) -> Row:
    """Same-role neighbours are joined, what follows the last reply is dropped."""
    joined: list[dict[str, str]] = []
    for message in messages:
        if joined and joined[-1]["role"] == message["role"]:
            joined[-1]["content"] += "\n\n" + message["content"]
        else:
            joined.append(dict(message))
    while joined and joined[-1]["role"] != "assistant":
        joined.pop()
    if not joined:
        part = next(
            (part for part in ("messages", "transcript", "response") if part in cells.columns), "response"
        )
        raise cells.error("data.no_assistant", part)
    return Row(messages=tuple(joined), number=cells.number)


def _text_row(cells: _Cells) -> Row:
    text = cells.text("text")
    tagged = _TAGS.findall(text)
    if tagged:
        messages = []
        for instruction, context, response in tagged:
            if not instruction.strip() or not response.strip():
                raise cells.error("data.empty_field", "text")
            messages += _pair(
                "\n".join(filter(None, (instruction.strip(), context.strip()))), response.strip()
            )
        return _row(cells, messages)
    if re.search(r"<instruction>", text, re.IGNORECASE):
        raise cells.error("data.tags", "text", found=text[:80])
    return Row(text=text, number=cells.number)


def _conversation(cells: _Cells) -> list[dict[str, str]]:
    if "transcript" in cells.columns:
        value = cells.value("transcript")
        return _transcript(cells, value) if isinstance(value, str) else _turns(cells, "transcript", value)
    messages = []
    system = cells.text("system", optional=True)
    if system:
        messages.append({"role": "system", "content": system})
    for past in cells.value("history", optional=True) or []:
        if isinstance(past, list | tuple) and len(past) == 2:
            messages += _pair(_clean(str(past[0])), _clean(str(past[1])))
    first = "messages" if "messages" in cells.columns else "prompt"
    value = cells.value(first)
    if first == "messages" or isinstance(value, list):
        messages += _turns(cells, first, value)
    else:
        question = "\n".join(filter(None, (cells.text("prompt"), cells.text("context", optional=True))))
        messages.append({"role": "user", "content": question})
    if "response" in cells.columns:
        reply = cells.value("response")
        is_turns = isinstance(reply, list) and reply and isinstance(reply[0], dict) and "role" in reply[0]
        if is_turns:
            messages += _turns(cells, "response", reply)
        else:
            messages.append({"role": "assistant", "content": cells.text("response")})
    return messages


def _turns(cells: _Cells, part: str, value: Any) -> list[dict[str, str]]:
    """Messages in any of the known spellings: role/content, from/value, role/parts; or a JSON text of them."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except json.JSONDecodeError:
            raise cells.error("data.not_messages", part, found=value[:80]) from None
    if not isinstance(value, list) or not all(isinstance(turn, dict) for turn in value):
        raise cells.error("data.not_messages", part, found=str(value)[:80])
    messages = []
    for turn in value:
        said = str(turn.get("role") or turn.get("from") or "")
        role = _ROLES.get(said.strip().lower())
        if role is None:
            raise cells.error("data.role", part, role=said or "-", roles=", ".join(_ROLES))
        given = next(
            (turn[key] for key in ("content", "value", "parts", "text") if turn.get(key) is not None), ""
        )
        text = _parts_text(given)
        if text is None:
            raise cells.error("data.not_text", part, found=str(given)[:80])
        if not text and role != "system":
            raise cells.error("data.empty_turn", part, role=said)
        if text:
            messages.append({"role": role, "content": text})
    return messages


def _transcript(cells: _Cells, text: str) -> list[dict[str, str]]:
    """`\\n\\nHuman: … \\n\\nAssistant: …` (Anthropic HH)."""
    pieces = _TURN.split("\n\n" + text.strip())
    if len(pieces) < 3:
        raise cells.error("data.not_messages", "transcript", found=text[:80])
    messages = []
    for speaker, said in zip(pieces[1::2], pieces[2::2], strict=True):
        if said.strip():
            role = "user" if speaker.lower() == "human" else "assistant"
            messages.append({"role": role, "content": _clean(said)})
    return messages


def _instances(cells: _Cells) -> list[list[dict[str, str]]]:
    conversations = []
    for instance in cells.value("instances"):
        if not isinstance(instance, dict) or not _stripped(instance.get("output") or ""):
            raise cells.error("data.empty_field", "instances")
        given = _clean(str(instance.get("input") or ""))
        question = "\n".join(filter(None, (cells.text("prompt"), given)))
        conversations.append(_pair(question, _clean(str(instance["output"]))))
    return conversations


def _pair(question: str, reply: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": reply}]


def _parts_text(value: Any) -> str | None:
    """The text of a content: a string, or a list (or one) of `{"text": …}` parts; None where it holds anything else."""
    if isinstance(value, dict):
        value = value.get("parts") or value.get("content") or value.get("value") or value.get("text") or value
    if isinstance(value, list):
        texts = [part if isinstance(part, str) else part.get("text") if isinstance(part, dict) else None
                 for part in value]  # fmt: skip
        return _clean("\n".join(texts)) if all(isinstance(text, str) for text in texts) else None
    return None if isinstance(value, dict) else _clean(str(value))


def _clean(text: str) -> str:
    """Without outer white space; halves of surrogate pairs (broken JSON escapes) are joined or replaced."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text.replace("\r\n", "\n").strip()


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool) or str(value).strip().lower() in ("true", "false")


def _is_true(value: Any) -> bool:
    return value is True or str(value).strip().lower() == "true"


Converter = Callable[[int, Record], list[Row]]
