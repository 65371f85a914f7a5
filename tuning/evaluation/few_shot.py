"""Few-shot examples drawn from a data set, questions with known answers, and the length of a prompt."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

from common.errors import AfinaError
from tuning.data import loading
from tuning.data.splits import divide
from tuning.evaluation.alternatives import Example, Message, Question
from tuning.pocket.world import shipped

_SHOWN_EXAMPLES = 3
_LONGEST_EXAMPLE = 160  # characters of prompt and reply: a small model has a small context


def counter(home: Path) -> Callable[[str, list[Message]], int]:
    """How many tokens a conversation has for a policy."""
    from tuning.data.tokenize import render_prompt, with_template
    from tuning.models import loader
    from tuning.runs import resolver

    known: dict = {}

    def count(policy: str, talk: list[Message]) -> int:
        if policy not in known:
            known[policy] = with_template(loader.load_tokenizer(resolver.resolve(policy, home).base))
        return len(render_prompt(known[policy], talk))

    return count


def questions(language: str, limit: int = 0) -> list[Question]:
    """Questions about the village facts that pretraining left out, for readers of `language`."""
    path = shipped.SETS / f"withheld.{shipped.shipped_language(language)}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines][: limit or None]
    return [Question(row["prompt"], tuple(row["answers"]), tuple(row["rivals"])) for row in rows]


def written(text: str) -> list[Question]:
    """Questions of one's own, one a line: `question | answer`, and `| another right answer` where there is one.

    Raises: AfinaError `alternatives.question` for a line without an answer.
    """
    own = []
    for number, line in enumerate(text.splitlines(), 1):
        prompt, *answers = (part.strip() for part in line.split("|"))
        answers = [each for each in answers if each]
        if line.strip() and not (prompt and answers):
            raise AfinaError("alternatives.question", row=number, line=line.strip())
        if prompt:
            own.append(Question(prompt, tuple(answers)))
    return own


def drawn(source: str, max_mb: int = 200, seed: int = 0) -> list[Example]:
    """Short training rows of a data set, never held-out ones; the same for the same `seed`."""
    train, _ = divide(loading.load(source, max_mb=max_mb).rows)
    short = [
        Example(row.messages[-2]["content"], row.messages[-1]["content"])
        for row in train
        if len(row.messages) >= 2 and sum(len(turn["content"]) for turn in row.messages) <= _LONGEST_EXAMPLE
    ]
    return random.Random(seed).sample(short, min(_SHOWN_EXAMPLES, len(short)))
