"""One row of a file, whatever its shape, as a comparison and what was said about it.

Generic rows (`prompt`, `completion_a`, `completion_b`, `model_a`, `model_b`, `winner`, `annotator_id`, and
our own export's further columns), TRL and ShareGPT preference pairs (`chosen`, `rejected`), Anthropic HH
text. Knows nothing of files.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import orjson

from common.errors import AfinaError
from labeling.schema import WINNERS, Message, Winner, messages_of
from labeling.statistics.vote_table import FLIPPED

_ROLES = {"human": "user", "gpt": "assistant"}
_TURN = re.compile(r"\n\n(Human|Assistant):")
_ARENA = {"tie (bothbad)": "both_bad", "bothbad": "both_bad"}


class VoteRow(NamedTuple):
    """One row, with its replies in an order that does not depend on where they stood."""

    key: str | tuple  # of the comparison
    prompt: str | tuple[Message, ...]
    prompt_key: str
    completions: tuple[str | None, str | None]
    models: tuple[str, str]
    winner: Winner | None  # None: not judged
    flipped: bool  # the file's a is our b
    paired: bool  # a preference pair: nobody says what stood where
    fields: dict[str, Any]
    number: int


def row_of(fields: dict, number: int) -> VoteRow:
    """Reads one object. Raises: AfinaError `exchange.row_…` with the row, the column and the remedy."""
    if "chosen" in fields or "rejected" in fields:
        return _preference(fields, number)
    if isinstance(fields.get("label"), bool) and "completion_a" not in fields:
        raise AfinaError("exchange.row_unpaired", row=number)
    if "conversation_a" in fields:
        fields = _from_battle(fields)
    return _generic(fields, number)


def _generic(fields: dict, number: int) -> VoteRow:
    """A row of the generic format. The models' order, then the replies', decides which is a."""
    models = (_text(fields, "model_a", number), _text(fields, "model_b", number))
    replies = (_reply(fields, "completion_a", number), _reply(fields, "completion_b", number))
    winner: Any = fields.get("winner")
    winner = _ARENA.get(winner, winner) if isinstance(winner, str) else winner
    if winner is not None and winner not in WINNERS:
        allowed = ", ".join(WINNERS)
        raise AfinaError("exchange.row_winner", row=number, found=winner, allowed=allowed)
    prompt = _prompt(fields, number)
    prompt_key = prompt if isinstance(prompt, str) else orjson.dumps(prompt).decode()
    key = fields.get("comparison_id")
    flipped = key is None and (models[1], replies[1] or "") < (models[0], replies[0] or "")
    if flipped:
        models, replies = models[::-1], replies[::-1]
        winner = FLIPPED[winner] if winner else None
    if key is None:
        key = (prompt_key, *models, *replies)
    elif not isinstance(key, str):
        raise AfinaError("exchange.row_text", row=number, column="comparison_id", found=type(key).__name__)
    return VoteRow(key, prompt, prompt_key, replies, models, winner, flipped, False, fields, number)


def _from_battle(fields: dict) -> dict:
    """An Arena battle (`conversation_a`, `conversation_b`, `judge`, `question_id`) in our columns."""
    first, second = fields["conversation_a"], fields.get("conversation_b")
    if not all(isinstance(turns, list) and len(turns) > 1 for turns in (first, second)):
        return fields
    names = {"comparison_id": fields.get("question_id"), "annotator_id": fields.get("judge")}
    turns = {"prompt": first[:-1], "completion_a": first[-1:], "completion_b": (second or [])[-1:]}
    return names | fields | turns


def _preference(fields: dict, number: int) -> VoteRow:
    """A preference pair: its chosen reply is a and won, unless it is a tie. Nobody says what stood where."""
    sides: list[tuple[tuple[Message, ...], str]] = []
    if isinstance(fields.get("chosen"), str) and str(fields["chosen"]).startswith("\n\nHuman:"):
        sides = [_hh(fields, name, number) for name in ("chosen", "rejected")]
    else:
        before = fields.get("prompt", fields.get("conversations", fields.get("messages")))
        start = _turns(before, number, "prompt") if before is not None else ()
        sides = [_trl(fields, name, start, number) for name in ("chosen", "rejected")]
    (prompt, chosen), (other_prompt, rejected) = sides
    if prompt != other_prompt:
        raise AfinaError("exchange.row_prompts", row=number)
    if chosen == rejected:
        raise AfinaError("exchange.row_identical", row=number)
    prompt_key = orjson.dumps(prompt).decode()
    key = (prompt_key, chosen, rejected)
    replies, names = (chosen, rejected), ("chosen", "rejected")
    winner: Winner = "tie" if fields.get("tie") is True else "model_a"
    return VoteRow(key, prompt, prompt_key, replies, names, winner, False, True, fields, number)


def _hh(fields: dict, column: str, number: int) -> tuple[tuple[Message, ...], str]:
    parts = _TURN.split(_text(fields, column, number))
    speakers, texts = parts[1::2], [text.strip() for text in parts[2::2]]
    if not speakers or speakers[-1] != "Assistant" or not texts[-1] or len(texts) < 2:
        raise AfinaError("exchange.row_hh", row=number, column=column)
    turns = tuple(
        {"role": "user" if speaker == "Human" else "assistant", "content": text}
        for speaker, text in zip(speakers, texts, strict=True)
    )
    return turns[:-1], texts[-1]


def _trl(fields: dict, column: str, start: tuple[Message, ...], number: int) -> tuple[tuple[Message, ...], str]:
    value = fields.get(column)
    if isinstance(value, str) and start:
        return start, _text(fields, column, number)
    turns = start + _turns([value] if isinstance(value, dict) else value, number, column)
    if len(turns) < 2 or turns[-1]["role"] != "assistant" or not turns[-1]["content"].strip():
        raise AfinaError("exchange.row_reply", row=number, column=column)
    return turns[:-1], turns[-1]["content"]


def _turns(value: Any, number: int, column: str) -> tuple[Message, ...]:
    """A text, or turns as `role`/`content` or ShareGPT's `from`/`value`."""
    if isinstance(value, list):
        value = [
            {"role": _ROLES.get(str(turn.get("from")), str(turn.get("from"))), "content": turn.get("value")}
            if isinstance(turn, dict) and "from" in turn
            else turn
            for turn in value
        ]
    try:
        return messages_of(column, value)
    except AfinaError as problem:
        raise AfinaError("exchange.row_bad", row=number, reason=problem) from None


def _prompt(fields: dict, number: int) -> str | tuple[Message, ...]:
    prompt = fields.get("prompt")
    if isinstance(prompt, str) and prompt.strip():
        return prompt
    if isinstance(prompt, list) and prompt:
        return _turns(prompt, number, "prompt")
    raise AfinaError("exchange.row_missing", row=number, column="prompt")


def _text(fields: dict, column: str, number: int) -> str:
    value = fields.get(column)
    if value is None or value == "":
        raise AfinaError("exchange.row_missing", row=number, column=column)
    if not isinstance(value, str):
        raise AfinaError("exchange.row_text", row=number, column=column, found=type(value).__name__)
    return value


def _reply(fields: dict, column: str, number: int) -> str | None:
    """A reply's text; a report can do without, training cannot."""
    value = fields.get(column)
    if isinstance(value, list) and value and isinstance(value[-1], dict):
        value = value[-1].get("content")
    if value is None or isinstance(value, str):
        return value
    raise AfinaError("exchange.row_text", row=number, column=column, found=type(value).__name__)
