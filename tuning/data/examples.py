"""What a data set is once it is read: rows of messages or text. Knows nothing of files, formats or tokens."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from common import records
from common.errors import AfinaError
from common.files import BrokenFile, read_lines, write_text

T = TypeVar("T")
_MESSAGE = {"role", "content"}


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
class Pair:
    """A preference: two replies to one prompt, of which `chosen` was found better. `margin`: by how much, 1 to 3.

    `tie`: neither was found better, and they stand in no order. A reward model learns from it; DPO does not.
    """

    prompt: tuple[dict[str, str], ...]
    chosen: str
    rejected: str
    margin: float | None = None
    number: int = 0
    tie: bool = False

    @property
    def content(self) -> object:
        known: list[object] = [list(self.prompt), self.chosen, self.rejected, self.margin]
        return [*known, "tie"] if self.tie else known

    def conversation(self, reply: str) -> Row:
        """The prompt with one of its replies, to be tokenised as every other row."""
        return Row(messages=(*self.prompt, {"role": "assistant", "content": reply}), number=self.number)


@dataclass(frozen=True)
class Labelled:
    """A text and its class."""

    text: str
    label: str
    number: int = 0

    @property
    def prompt(self) -> str:
        """What `common.split` decides by."""
        return self.text

    @property
    def content(self) -> object:
        return [self.text, self.label]


@dataclass(frozen=True)
class SingleReply:
    """A prompt and a reply to it; how people found it is added below."""

    prompt: tuple[dict[str, str], ...]
    completion: str

    def conversation(self) -> Row:
        """Prompt and reply, to be tokenised as every other row."""
        return Row(messages=(*self.prompt, {"role": "assistant", "content": self.completion}))


@dataclass(frozen=True)
class Rated(SingleReply):
    """A reply found good or bad by itself: what KTO learns from."""

    good: bool
    number: int = 0

    @property
    def content(self) -> object:
        return [list(self.prompt), self.completion, self.good]


@dataclass(frozen=True)
class Scored(SingleReply):
    """A reply with a score of its own, the higher the better; scores of one set are on one scale."""

    score: float
    number: int = 0

    @property
    def content(self) -> object:
        return [list(self.prompt), self.completion, self.score]


@dataclass(frozen=True)
class Task:
    """A prompt for a policy to answer, and what is known of good answers: the data of a policy gradient.

    `answers`: texts of which a right reply names one. `better`, `worse`: a judged pair of replies, or empty.
    """

    prompt: tuple[dict[str, str], ...]
    answers: tuple[str, ...] = ()
    better: str = ""
    worse: str = ""
    number: int = 0

    @property
    def content(self) -> object:
        return [list(self.prompt), list(self.answers), self.better, self.worse]


Example = Row | Pair | Labelled | Rated | Scored | Task
E = TypeVar("E", Pair, Rated, Scored, Task)


@dataclass(frozen=True)
class ExampleSet(Generic[E]):
    """What feedback gives to learn from, as read, and what was wrong with the other rows."""

    rows: tuple[E, ...]
    name: str
    format: str = "trl"
    columns: tuple[str, ...] = ()
    skipped: tuple[AfinaError, ...] = ()
    n_skipped: int = 0
    needs_mapping: bool = False
    fingerprint: str = ""


class PairSet(ExampleSet[Pair]):
    """Preference pairs."""


class RatedSet(ExampleSet[Rated]):
    """Replies found good or bad, each by itself."""


class ScoredSet(ExampleSet[Scored]):
    """Replies with a score each."""


class TaskSet(ExampleSet[Task]):
    """Prompts to answer."""


@dataclass(frozen=True)
class Loaded:
    """A data set as read: usable rows, and what was wrong with the others."""

    rows: tuple[Row, ...]
    name: str
    format: str  # alpaca, dolly, flan, tags, prompt_completion, messages, sharegpt, vertex, preferences, text …
    columns: tuple[str, ...] = ()
    skipped: tuple[AfinaError, ...] = ()  # the first problems, each with `row` and, as a rule, `column`
    n_skipped: int = 0
    needs_mapping: bool = False  # the columns were not recognised: `load` again with a mapping
    first_records: tuple[dict[str, Any], ...] = field(default=(), repr=False)  # raw, for the mapping form
    fingerprint: str = ""  # sha256 of the rows' content and order
    cut: bool = False  # there was more than was read (a large data set of the Hub)


def write_rows(path: Path, rows: Iterable[Example]) -> None:
    """Examples as JSON lines, whole or not there; `read_rows` gives them back unchanged."""
    write_text(path, "".join(json.dumps(_record(row), ensure_ascii=False) + "\n" for row in rows))


def _record(row: Example) -> dict[str, Any]:
    if isinstance(row, Labelled):
        return {"text": row.text, "label": row.label, "number": row.number}
    if isinstance(row, (Rated, Scored, Task)):
        return asdict(row)
    if isinstance(row, Pair):
        record: dict[str, Any] = {"prompt": list(row.prompt), "chosen": row.chosen, "rejected": row.rejected}
        return record | {"margin": row.margin, "number": row.number} | ({"tie": True} if row.tie else {})
    if row.messages:
        return {"messages": list(row.messages), "number": row.number}
    return {"text": row.text, "number": row.number}


def read_rows(path: Path, kind: type[T]) -> list[T]:
    """The examples of one `kind` (`Row`, `Pair`, …) that `write_rows` wrote. Raises: BrokenFile."""
    if not path.exists():
        raise BrokenFile(path, "missing")
    rows = []
    for number, each in read_lines(path):
        row = records.build(kind, each, path)
        messages = row.messages if isinstance(row, Row) else getattr(row, "prompt", ())
        if not isinstance(messages, str) and any(_MESSAGE - message.keys() for message in messages):
            raise BrokenFile(path, "line", number=number, what="role, content")
        rows.append(row)
    return rows
