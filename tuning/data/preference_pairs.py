"""Preference files and records -> `PairSet`: what a reward model and DPO learn from.

Takes TRL's explicit form (`prompt`, `chosen`, `rejected`, plain or conversational), its implicit form (two whole
conversations), ShareGPT pairs (`conversations`, `chosen`, `rejected`), Anthropic HH's dialogues; a `margin` where
there is one, and `tie`: true where neither reply was found better. Knows nothing of votes, tokens or models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from common import hashing
from common.bounded import Problems
from common.errors import AfinaError, NotFound
from tuning.data import file_types
from tuning.data.examples import Pair, PairSet

_ROLES = {"human": "user", "gpt": "assistant", "user": "user", "assistant": "assistant", "system": "system"}
_TURN = re.compile(r"\n\n(Human|Assistant):")
_KEPT_PROBLEMS = 100
Messages = tuple[dict[str, str], ...]


def load(source: str | Path, max_mb: int = 200) -> PairSet:
    """Reads a file of preference pairs.

    Raises: NotFound; AfinaError for what cannot be read, and `pairs.none` where no row is a pair, with the first
    row's problem.
    """
    path = Path(source).expanduser()
    if not path.is_file():
        raise NotFound("data.not_found", source=str(source), sets="-")
    records = file_types.read(path, max_mb)
    return from_records(records.rows, path.name, tuple(records.columns))


def from_python(records: Iterable[Mapping[str, Any]], name: str = "python") -> PairSet:
    """Pairs from dictionaries. Raises: as `load`."""
    return from_records(enumerate(records, 1), name)


def from_records(records: Iterable[tuple[int, Mapping[str, Any]]], name: str, columns: tuple[str, ...] = ()) -> PairSet:
    pairs: list[Pair] = []
    problems = Problems()
    for number, record in records:
        try:
            pairs.append(pair_of(record, number))
        except AfinaError as problem:
            problems.add(problem)
    if not pairs:
        raise AfinaError("pairs.none", name=name, n=problems.n, first=problems.example)
    fingerprint = hashing.of_json([pair.content for pair in pairs])
    return PairSet(
        tuple(pairs),
        name,
        columns=columns,
        skipped=tuple(problems.first[:_KEPT_PROBLEMS]),
        n_skipped=problems.n,
        fingerprint=fingerprint,
    )


def pair_of(record: Mapping[str, Any], number: int = 0) -> Pair:
    """One record as a pair. Raises: AfinaError naming row and column."""
    for column in ("chosen", "rejected"):
        if not record.get(column):
            raise AfinaError("pairs.missing", row=number, column=column)
    opening = record.get("prompt", record.get("conversations"))
    prompt = messages_of(opening, number, "prompt") if opening else None
    chosen, rejected = (reply_of(record[column], prompt, number, column) for column in ("chosen", "rejected"))
    if chosen[0] != rejected[0]:
        raise AfinaError("pairs.prompts", row=number)
    if not chosen[0]:
        raise AfinaError("pairs.missing", row=number, column="prompt")
    if chosen[1].strip() == rejected[1].strip():
        raise AfinaError("pairs.identical", row=number)
    margin = record.get("margin")
    if margin is not None and not isinstance(margin, (int, float)):
        raise AfinaError("pairs.margin", row=number, value=margin)
    tie = record.get("tie")
    if tie is not None and not isinstance(tie, bool):
        raise AfinaError("pairs.tie", row=number, value=tie)
    return Pair(chosen[0], chosen[1], rejected[1], None if margin is None or tie else float(margin), number, bool(tie))


def reply_of(value: Any, prompt: Messages | None, number: int, column: str) -> tuple[Messages, str]:
    """(the prompt's messages, the reply): a bare reply, its message, or a whole conversation that ends with it."""
    if isinstance(value, str) and prompt is not None:
        return prompt, value
    turns = messages_of(value, number, column)
    if turns[-1]["role"] != "assistant":
        raise AfinaError("pairs.reply", row=number, column=column)
    before = turns[:-1]
    if prompt is None or before[: len(prompt)] == prompt:
        return before, turns[-1]["content"]
    return (*prompt, *before), turns[-1]["content"]


def messages_of(value: Any, number: int, column: str) -> Messages:
    if isinstance(value, str):
        return _dialogue(value, number, column)
    turns = [value] if isinstance(value, Mapping) else value
    if not isinstance(turns, list) or not turns:
        raise AfinaError("pairs.text", row=number, column=column, found=type(value).__name__)
    messages = []
    for turn in turns:
        role = _ROLES.get(str(turn.get("role", turn.get("from")))) if isinstance(turn, Mapping) else None
        content = turn.get("content", turn.get("value")) if isinstance(turn, Mapping) else None
        if role is None or not isinstance(content, str):
            raise AfinaError("pairs.text", row=number, column=column, found=str(turn))
        messages.append({"role": role, "content": content})
    return tuple(messages)


def _dialogue(text: str, number: int, column: str) -> Messages:
    """Plain text as one user message; HH's `\\n\\nHuman: … \\n\\nAssistant: …` as its turns."""
    parts = _TURN.split(text)
    if len(parts) < 3:
        if column != "prompt":
            raise AfinaError("pairs.reply", row=number, column=column)
        return ({"role": "user", "content": text},)
    turns = zip(parts[1::2], parts[2::2], strict=True)
    return tuple({"role": "user" if who == "Human" else "assistant", "content": said.strip()} for who, said in turns)
