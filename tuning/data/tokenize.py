"""From conversations to token ids and back to what a person can see: chat template, loss mask, preview.

Training, chat and comparisons all render conversations here, in segments cut where a reply begins and ends:
a generation prompt is token for token the beginning of what was trained. Knows nothing of models or trainers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from common.errors import AfinaError
from tuning.data.examples import Row

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

Message = dict[str, str]
IGNORED = -100  # the label of a position that is not trained (PyTorch's cross-entropy skips it)

# The generation prompt ends in "Assistant:", the space belongs to the reply: byte-level BPE writes it as one
# token with the reply's first word, and so it was pretrained.
DEFAULT_TEMPLATE = (
    "{{- bos_token or '' }}"
    "{%- for message in messages %}"
    "{%- set content = (message['content'] or '') | trim %}"
    "{%- if message['role'] == 'system' %}{{ content + '\\n' }}"
    "{%- elif message['role'] == 'assistant' %}{{ 'Assistant: ' + content + (eos_token or '') + '\\n' }}"
    "{%- else %}{{ 'User: ' + content + '\\n' }}"
    "{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)


@dataclass(frozen=True)
class Encoded:
    input_ids: list[int]  # (T,)
    labels: list[int]  # (T,), IGNORED where not trained
    truncated: bool = False  # whether the row was longer than max_length

    @property
    def n_trained(self) -> int:
        return sum(label != IGNORED for label in self.labels)


@dataclass(frozen=True)
class Segment:
    text: str
    is_reply: bool


def with_template(tokenizer: Tokenizer) -> Tokenizer:
    """The same tokenizer; DEFAULT_TEMPLATE is set where it brings no chat template of its own."""
    if not getattr(tokenizer, "chat_template", None):
        tokenizer.chat_template = DEFAULT_TEMPLATE
    return tokenizer


def encode(tokenizer: Tokenizer, row: Row, max_length: int, reply_only: bool = True) -> Encoded:
    """Token ids and labels of one row, cut after `max_length` tokens (0: not cut).

    With `reply_only` only the assistant's replies, each with its end token, carry labels; a `text` row has no
    replies and is trained whole. A reply that is cut loses its end token, and rightly: it did not end there.
    """
    ids: list[int] = []
    labels: list[int] = []
    for segment in _segments_of(tokenizer, row):
        tokens = _ids(tokenizer, segment.text, at_start=not ids)
        trained = segment.is_reply or not reply_only
        ids += tokens
        labels += tokens if trained else [IGNORED] * len(tokens)
    limit = max_length or len(ids)
    return Encoded(ids[:limit], labels[:limit], truncated=len(ids) > limit)


def render_prompt(tokenizer: Tokenizer, messages: Sequence[Message]) -> list[int]:
    """Token ids after which the model is to write its reply to `messages` (the last one is the user's)."""
    with_template(tokenizer)
    ids: list[int] = []
    for segment in _segments(tokenizer, list(messages), open_end=True):
        ids += _ids(tokenizer, segment.text, at_start=not ids)
    return ids


def end_token_ids(tokenizer: Tokenizer, declared: int | list[int] | None = None) -> list[int]:
    """The tokens that end a reply: the template's end marker, the eos token, and those a model's files declare."""
    found = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(_end_marker(with_template(tokenizer)))]
    found += declared if isinstance(declared, list) else [declared]
    return list(dict.fromkeys(token for token in found if isinstance(token, int)))


def preview(
    tokenizer: Tokenizer, rows: Iterable[Row], max_length: int, n: int = 3, reply_only: bool = True
) -> list[list[tuple[str, bool]]]:
    """For the first `n` rows: pieces of text and whether they are trained, exactly from `encode`.

    A piece is as many tokens as make whole characters (a byte-level token can be half a letter).
    """
    shown = []
    for row, _ in zip(rows, range(n), strict=False):
        encoded = encode(tokenizer, row, max_length, reply_only)
        trained = [label != IGNORED for label in encoded.labels]
        shown.append(_pieces(tokenizer, encoded.input_ids, trained))
    return shown


def _pieces(tokenizer: Tokenizer, ids: list[int], trained: list[bool]) -> list[tuple[str, bool]]:
    pieces: list[tuple[str, bool]] = []
    decoded, start = "", 0
    for end in range(1, len(ids) + 1):
        closes = end == len(ids) or trained[end] != trained[end - 1]
        # Decoded from the beginning of a window, because decoders strip a leading space.
        window = max(0, start - 4)
        before = str(tokenizer.decode(ids[window:start])) if window < start else ""
        decoded = str(tokenizer.decode(ids[window:end]))
        text = decoded[len(before) :] if decoded.startswith(before) else str(tokenizer.decode(ids[start:end]))
        if text.endswith("\ufffd") and not closes:
            continue
        pieces.append((text, trained[end - 1]))
        start = end
    return pieces


def _segments_of(tokenizer: Tokenizer, row: Row) -> list[Segment]:
    with_template(tokenizer)
    if row.messages:
        return _segments(tokenizer, list(row.messages))
    start = tokenizer.bos_token or ""
    return [Segment(start + row.text + (tokenizer.eos_token or ""), is_reply=True)]


def _segments(tokenizer: Tokenizer, messages: list[Message], open_end: bool = False) -> list[Segment]:
    """The rendered conversation, cut where each reply begins and behind its end token.

    A reply is found by rendering the conversation up to it. Templates that render earlier turns in another
    way than the last (Qwen3 drops thoughts) break that; there the reply's own text is searched.
    """
    messages = _accepted(tokenizer, messages)
    whole = _render(tokenizer, messages, open_end)
    segments: list[Segment] = []
    done = 0
    for turn, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        start = _reply_start(tokenizer, messages, turn, whole, done)
        if start is None:
            continue
        end = _reply_end(tokenizer, messages[turn]["content"].strip(), whole, start)
        segments += [Segment(whole[done:start], False), Segment(whole[start:end], True)]
        done = end
    # What follows the last reply's end token (a line break, as a rule) is no part of what is learned.
    rest = whole[done:]
    if open_end or rest.strip():
        segments.append(Segment(rest, False))
    return [segment for segment in segments if segment.text]


def _reply_start(tokenizer: Tokenizer, messages: list[Message], turn: int, whole: str, done: int) -> int | None:
    prompt = _render(tokenizer, messages[:turn], open_end=True)
    if turn and len(prompt) >= done and whole.startswith(prompt):
        return len(prompt)
    found = whole.find(messages[turn]["content"].strip(), done)
    return None if found < 0 else found


def _reply_end(tokenizer: Tokenizer, content: str, whole: str, start: int) -> int:
    """Behind the end marker that follows the reply's text: the eos token, or the template's own marker."""
    found = whole.find(content, start)
    end = start if found < 0 else found + len(content)
    marker = _end_marker(tokenizer)
    after = whole[end:]
    if marker and after.lstrip().startswith(marker):
        return end + after.index(marker) + len(marker)
    return end


@lru_cache(maxsize=8)
def _end_marker_of(tokenizer: Tokenizer, template: str) -> str:
    probe = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "(reply)"}]
    rendered = _render(tokenizer, probe)
    after = rendered[rendered.rindex("(reply)") + len("(reply)") :].strip()
    specials = sorted(set(tokenizer.all_special_tokens) | set(tokenizer.get_added_vocab()), key=len, reverse=True)
    return next((token for token in specials if token and after.startswith(token)), tokenizer.eos_token or "")


def _end_marker(tokenizer: Tokenizer) -> str:
    """What ends a reply in this template: `<|im_end|>`, `<|eot_id|>`, or the eos token."""
    return _end_marker_of(tokenizer, str(tokenizer.chat_template))


def _render(tokenizer: Tokenizer, messages: list[Message], open_end: bool = False) -> str:
    if not messages:
        return ""
    text: Any = tokenizer.apply_chat_template(
        messages, tokenize=False, add_generation_prompt=open_end, enable_thinking=False
    )
    return text


def _accepted(tokenizer: Tokenizer, messages: list[Message]) -> list[Message]:
    """The messages as this template takes them; without a system role (Gemma), that text opens the user's."""
    from jinja2.exceptions import TemplateError

    try:
        _render(tokenizer, messages)
        return messages
    except TemplateError as error:
        if messages[0]["role"] == "system" and len(messages) > 1 and messages[1]["role"] == "user":
            opening = f"{messages[0]['content']}\n\n{messages[1]['content']}"
            return _accepted(tokenizer, [{"role": "user", "content": opening}, *messages[2:]])
        raise AfinaError("data.template", reason=str(error)) from error


def _ids(tokenizer: Tokenizer, text: str, at_start: bool) -> list[int]:
    """Ids of one segment, tokenised by itself; special tokens written in it are recognised, none are added.

    SentencePiece-like tokenizers put a space before every text. Inside a conversation that would be a space
    too many, so there the segment is tokenised behind a line break, which is taken off again.
    """
    if at_start or not _adds_space(tokenizer):
        return _raw_ids(tokenizer, text)
    anchor = _raw_ids(tokenizer, "\n")
    anchored = _raw_ids(tokenizer, "\n" + text)
    return anchored[len(anchor) :] if anchored[: len(anchor)] == anchor else _raw_ids(tokenizer, text)


def _raw_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:  # a tenth of the time of calling the tokenizer
        return backend.encode(text, add_special_tokens=False).ids
    return tokenizer.encode(text, add_special_tokens=False)


@lru_cache(maxsize=8)
def _adds_space(tokenizer: Tokenizer) -> bool:
    anchor = _raw_ids(tokenizer, "\n")
    return _raw_ids(tokenizer, "\na") != anchor + _raw_ids(tokenizer, "a")
