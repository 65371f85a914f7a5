"""Prompts to answer -> `TaskSet`: what a policy gradient learns on.

Takes a column `prompt` (a text or messages) with `answers` where they are known, whole conversations (their last reply
is taken off), preference pairs (their prompts, and what was judged of them), lines of text, and shipped sets. Answers
that the embedded world knows, and those of sums, are filled in. Knows nothing of rewards or models.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import hashing
from common.bounded import Problems, lines_of
from common.errors import AfinaError, NotFound
from tuning.data import file_types, preference_pairs
from tuning.data.examples import Task, TaskSet
from tuning.pocket.world.facts import LANGUAGES, Language
from tuning.pocket.world.shipped import SETS

SUMS = 240  # questions of each of `SUM_SETS`
SUM_SETS: dict[str, Language] = {f"sums.{language}": language for language in LANGUAGES}
"""Shipped sets without a file."""
_KEPT_PROBLEMS = 100
_SUM = re.compile(r"(\d+)\s*(plus|más|mas|\+|minus|menos|-|−|times|por|x|×|\*)\s*(\d+)", re.IGNORECASE)
_MINUS, _TIMES = ("minus", "menos", "-", "−"), ("times", "por", "x", "×", "*")


def load(source: str | Path, max_mb: int = 200) -> TaskSet:
    """Reads prompts from a shipped set's name (`prompts.en`, `questions.en`, `sums.en`, …) or a file.

    Raises: NotFound; AfinaError for what cannot be read, and `tasks.none` where no row can be used.
    """
    if str(source) in SUM_SETS:
        return sums(str(source))
    shipped = str(source) in {each.stem for each in SETS.glob("*.jsonl")}
    path = SETS / f"{source}.jsonl" if shipped else Path(source).expanduser()
    if not path.is_file():
        raise NotFound("data.not_found", source=str(source), sets="prompts.en, sums.en")
    if path.suffix == ".txt":
        lines = lines_of(path, max_mb)
        return from_python([{"prompt": line} for line in lines], path.name)
    records = file_types.read(path, max_mb)
    return from_records(records.rows, path.name, tuple(records.columns))


def from_python(records: Iterable[Mapping[str, Any]], name: str = "python") -> TaskSet:
    """Tasks from dictionaries. Raises: as `load`."""
    return from_records(enumerate(records, 1), name)


def from_records(records: Iterable[tuple[int, Mapping[str, Any]]], name: str, columns: tuple[str, ...] = ()) -> TaskSet:
    tasks: list[Task] = []
    problems = Problems()
    for number, record in records:
        try:
            tasks.append(task_of(record, number))
        except AfinaError as problem:
            problems.add(problem)
    if not tasks:
        raise AfinaError("tasks.none", name=name, n=problems.n, first=problems.example)
    return task_set(tasks, name, columns, problems)


def task_set(
    tasks: Iterable[Task], name: str, columns: tuple[str, ...] = (), problems: Problems | None = None
) -> TaskSet:
    """Each prompt once (what was judged of it is kept), with the answers that are known."""
    by_prompt: dict[str, Task] = {}
    problems = problems or Problems()
    for task in tasks:
        key = hashing.of_json(list(task.prompt))
        if key not in by_prompt or (task.better and not by_prompt[key].better):
            by_prompt[key] = with_answers(task)
    rows = tuple(by_prompt.values())
    return TaskSet(
        rows,
        name,
        "prompts",
        columns,
        tuple(problems.first[:_KEPT_PROBLEMS]),
        problems.n,
        fingerprint=hashing.of_json([task.content for task in rows]),
    )


def task_of(record: Mapping[str, Any], number: int = 0) -> Task:
    """One record as a task. Raises: AfinaError naming row and column."""
    if record.get("chosen") and record.get("rejected"):
        pair = preference_pairs.pair_of(record, number)
        return Task(pair.prompt, (), pair.chosen, pair.rejected, number)
    opening = record.get("prompt", record.get("messages", record.get("conversations")))
    if not opening:
        raise AfinaError("tasks.missing", row=number)
    messages = preference_pairs.messages_of(opening, number, "prompt")
    prompt = messages[:-1] if messages[-1]["role"] == "assistant" else messages
    if not prompt:
        raise AfinaError("tasks.missing", row=number)
    answers = record.get("answers") or ()
    listed = [answers] if isinstance(answers, (str, int, float)) else list(answers)
    return Task(prompt, tuple(str(answer) for answer in listed), number=number)


def with_answers(task: Task) -> Task:
    """The task with its answers, where they are told, it is a sum, or the embedded world knows them."""
    if task.answers:
        return task
    question = task.prompt[-1]["content"]
    result = result_of(question)
    if result is not None:
        return replace(task, answers=(str(result),))
    from tuning.data.withheld_facts import answers

    return replace(task, answers=answers(question))


def result_of(text: str) -> int | None:
    """The result of the one sum, difference or product of two numbers that `text` asks for, else None."""
    found = _SUM.findall(text)
    if len(found) != 1 or len(re.findall(r"\d+", text)) != 2:
        return None
    first, sign, second = int(found[0][0]), found[0][1].lower(), int(found[0][2])
    return first - second if sign in _MINUS else first * second if sign in _TIMES else first + second


def sums(name: str) -> TaskSet:
    """Questions like those of the embedded world's sums, each once."""
    from tuning.pocket.world.prose import sum_question

    chance = random.Random(0)
    answers: dict[str, str] = {}
    while len(answers) < SUMS:
        question, result = sum_question(chance, SUM_SETS[name])
        answers[question] = result
    return from_python([{"prompt": question, "answers": [result]} for question, result in answers.items()], name)
