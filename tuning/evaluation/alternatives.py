"""Ways to make a model answer well without, or besides, training it: few-shot examples, retrieved passages, both.

A way changes the conversation, never the model. `compare` measures the ways on questions with known answers. Knows an
engine that generates and an index that retrieves, no page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from common.errors import AfinaError
from tuning.evaluation import text_metrics
from tuning.inference.reply_engine import ReplyEngine, Sampling

if TYPE_CHECKING:
    from tuning.evaluation.retrieval import Documents, Passage

WAYS = ("plain", "few_shot", "rag")
SEPARATOR = " + "  # between a policy's name and its way: "pocket + rag"
PASSAGES = 2
_TIMED = 5  # questions asked alone, for the time of one
Message = dict[str, str]


@dataclass(frozen=True)
class Example:
    """A question with a good reply, shown before the real question (Brown et al. 2020)."""

    prompt: str
    reply: str


@dataclass(frozen=True)
class Question:
    """`answers`: texts one of which a right reply names, none of `rivals` beside it."""

    prompt: str
    answers: tuple[str, ...]
    rivals: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """A way on all questions: shares 0 to 1, means over questions; `milliseconds`: median of one reply alone."""

    policy: str
    way: str
    n: int
    accuracy: float
    token_f1: float
    prompt_tokens: float
    milliseconds: float
    replies: tuple[str, ...]


def named(policy: str, way: str) -> str:
    return policy if way == "plain" else f"{policy}{SEPARATOR}{way}"


def parted(name: str) -> tuple[str, str]:
    """(policy, way) of a name that `named` made, or of a policy's name."""
    policy, sign, way = name.rpartition(SEPARATOR)
    return (policy, way) if sign and way in WAYS else (name, "plain")


def with_examples(talk: Sequence[Message], examples: Sequence[Example]) -> list[Message]:
    """`talk` with `examples` as turns before its first question; a system message stays first."""
    opening = [turn for turn in talk[:1] if turn["role"] == "system"]
    shown = [
        {"role": role, "content": content}
        for example in examples
        for role, content in (("user", example.prompt), ("assistant", example.reply))
    ]
    return [*opening, *shown, *talk[len(opening) :]]


def with_passages(talk: Sequence[Message], passages: Sequence[Passage]) -> list[Message]:
    """`talk` with `passages` before its last question (Lewis et al. 2020)."""
    if not passages:
        return list(talk)
    found = "\n".join(passage.text for passage in passages)
    last = {**talk[-1], "content": f"{found}\n{talk[-1]['content']}"}
    return [*talk[:-1], last]


def altered(
    talk: Sequence[Message],
    way: str,
    examples: Sequence[Example],
    documents: Documents | None,
    k: int = PASSAGES,
) -> tuple[list[Message], list[Passage]]:
    """The conversation that `way` sends, and the passages in it."""
    if way == "few_shot":
        return with_examples(talk, examples), []
    if way == "rag" and documents is not None:
        passages = documents.search(talk[-1]["content"], k)
        return with_passages(talk, passages), passages
    return list(talk), []


def compare(
    engine: ReplyEngine,
    choices: Sequence[tuple[str, str]],
    questions: Sequence[Question],
    examples: Sequence[Example],
    documents: Documents | None,
    count_tokens: Callable[[str, list[Message]], int],
    seen: Callable[[list[Measured], int], None] = lambda measured, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Measured]:
    """Measures each (policy, way) of `choices` on `questions`, greedily, 48 tokens at most.

    `count_tokens(policy, conversation)` says how long a prompt is; `seen` gets what is measured so far and how many
    ways there are. Raises: AfinaError `alternatives.no_questions`.
    """
    if not questions:
        raise AfinaError("alternatives.no_questions")
    sampling = Sampling(greedy=True, max_new_tokens=48)
    measured: list[Measured] = []
    for policy, way in choices:
        if should_stop():
            break
        talks = [altered([{"role": "user", "content": each.prompt}], way, examples, documents)[0] for each in questions]
        replies = [reply.text for reply in engine.generate([policy] * len(talks), talks, sampling)]
        seconds = median(_seconds(engine, policy, talk, sampling) for talk in talks[:_TIMED])
        measured.append(
            Measured(
                policy,
                way,
                len(questions),
                accuracy=sum(map(is_right, replies, questions)) / len(questions),
                token_f1=sum(
                    max(text_metrics.token_f1(reply, answer) for answer in each.answers)
                    for reply, each in zip(replies, questions, strict=True)
                )
                / len(questions),
                prompt_tokens=sum(count_tokens(policy, talk) for talk in talks) / len(talks),
                milliseconds=1000 * seconds,
                replies=tuple(replies),
            )
        )
        seen(measured, len(choices))
    return measured


def _seconds(engine: ReplyEngine, policy: str, talk: list[Message], sampling: Sampling) -> float:
    """Of one reply, asked for alone."""
    began = time.monotonic()
    engine.generate([policy], [talk], sampling)
    return time.monotonic() - began


def is_right(reply: str, question: Question) -> bool:
    """Whether `reply` names an answer and no rival."""
    from tuning.pocket.world.answer_check import names

    right = any(names(reply, answer, whole=True) for answer in question.answers)
    return right and not any(names(reply, rival, whole=True) for rival in question.rivals)
