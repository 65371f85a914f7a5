"""One record's fields -> a conversation: every spelling of turns, tagged text, transcripts.

Each problem is an AfinaError that names row and column. Knows nothing of files, formats by name, or tokens.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from common.errors import AfinaError
from tuning.data.examples import Row
from tuning.data.file_types import Record

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
}
TAGS = re.compile(
    r"<instruction>(.*?)</instruction>\s*(?:<(?:input|context)>(.*?)</(?:input|context)>\s*)?"
    r"<(?:response|output)>(.*?)</(?:response|output)>",
    re.IGNORECASE | re.DOTALL,
)
_TURN = re.compile(r"\n\n(Human|Assistant):", re.IGNORECASE)


class Cells:
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
        if not optional and (value is None or (isinstance(value, str | list | dict) and not _stripped(value))):
            raise self.error("data.empty_field", part)
        return value

    def text(self, part: str, optional: bool = False) -> str:
        value = self.value(part, optional)
        if isinstance(value, list | dict):
            parts = _parts_text(value)
            if parts is None:
                raise self.error("data.not_text", part, found=json.dumps(value, ensure_ascii=False, default=str)[:80])
            return parts
        return _clean("" if value is None else str(value))


def row_of(cells: Cells, messages: list[dict[str, str]]) -> Row:
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
        part = next((part for part in ("messages", "transcript", "response") if part in cells.columns), "response")
        raise cells.error("data.no_assistant", part)
    return Row(messages=tuple(joined), number=cells.number)


def text_row(cells: Cells) -> Row:
    text = cells.text("text")
    tagged = TAGS.findall(text)
    if tagged:
        messages = []
        for instruction, context, response in tagged:
            if not instruction.strip() or not response.strip():
                raise cells.error("data.empty_field", "text")
            messages += _pair("\n".join(filter(None, (instruction.strip(), context.strip()))), response.strip())
        return row_of(cells, messages)
    if re.search(r"<instruction>", text, re.IGNORECASE):
        raise cells.error("data.tags", "text", found=text[:80])
    return Row(text=text, number=cells.number)


def conversation(cells: Cells) -> list[dict[str, str]]:
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


def _turns(cells: Cells, part: str, value: Any) -> list[dict[str, str]]:
    """Messages in any known spelling: role/content, from/value, role/parts; or a JSON text of them."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise cells.error("data.not_messages", part, found=value[:80]) from None
    if not isinstance(value, list) or not all(isinstance(turn, dict) for turn in value):
        raise cells.error("data.not_messages", part, found=str(value)[:80])
    messages = []
    for turn in value:
        said = str(turn.get("role") or turn.get("from") or "")
        role = _ROLES.get(said.strip().lower())
        if role is None:
            raise cells.error("data.role", part, role=said or "-", roles=", ".join(_ROLES))
        content = next((turn[key] for key in ("content", "value", "parts", "text") if turn.get(key) is not None), "")
        text = _parts_text(content)
        if text is None:
            raise cells.error("data.not_text", part, found=str(content)[:80])
        if not text and role != "system":
            raise cells.error("data.empty_turn", part, role=said)
        if text:
            messages.append({"role": role, "content": text})
    return messages


def _transcript(cells: Cells, text: str) -> list[dict[str, str]]:
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


def instances(cells: Cells) -> list[list[dict[str, str]]]:
    conversations = []
    for instance in cells.value("instances"):
        if not isinstance(instance, dict) or not _stripped(instance.get("output") or ""):
            raise cells.error("data.empty_field", "instances")
        input_text = _clean(str(instance.get("input") or ""))
        question = "\n".join(filter(None, (cells.text("prompt"), input_text)))
        conversations.append(_pair(question, _clean(str(instance["output"]))))
    return conversations


def _pair(question: str, reply: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": reply}]


def _parts_text(value: Any) -> str | None:
    """A content's text: a string, or one or more `{"text": …}` parts; None where it holds anything else."""
    if isinstance(value, dict):
        value = value.get("parts") or value.get("content") or value.get("value") or value.get("text") or value
    if isinstance(value, list):
        texts = [part.get("text") if isinstance(part, dict) else part for part in value]
        whole = [text for text in texts if isinstance(text, str)]
        return _clean("\n".join(whole)) if len(whole) == len(texts) else None
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
