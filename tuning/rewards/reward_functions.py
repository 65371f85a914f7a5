"""Rewards that a policy gradient can follow: programmed ones by name, else the reward model of a run.

    sum       +1 where the last number in the reply is the sum's result, else -1
    answer    +1 where the reply names a known answer, else -1
    shorter   a tenth less for each word
    longer    a tenth more for each word

What a reward overlooks, a policy finds. Knows tasks and replies, no trainer; torch only behind a reward model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from tuning.config.training import PROGRAMMED
from tuning.data.examples import Task
from tuning.data.prompts import result_of
from tuning.runs import reward_names
from tuning.runs.run_store import RunStore

NEED_ANSWERS = ("sum", "answer")
Reward = Callable[[Sequence[Task], Sequence[str]], list[float]]  # tasks, a reply to each -> rewards
_WORD = 0.1  # of reward for each word of length
_NUMBER = re.compile(r"\d+")


def reward_of(name: str, home: Path) -> Reward:
    """The reward called `name`. Raises: as `check`, and as a reward model's loading does."""
    reward_names.check(name, RunStore(home))
    if name in NEED_ANSWERS:
        return lambda tasks, replies: [
            1.0 if right(task, reply) else -1.0 for task, reply in zip(tasks, replies, strict=True)
        ]
    if name in PROGRAMMED:
        sign = _WORD if name == "longer" else -_WORD
        return lambda tasks, replies: [sign * len(reply.split()) for reply in replies]
    from tuning.rewards.reward_model import RewardModel

    model = RewardModel(name, home)
    return lambda tasks, replies: model.scores(
        [(task.prompt, reply) for task, reply in zip(tasks, replies, strict=True)]
    )


def usable(name: str, tasks: Sequence[Task]) -> list[Task]:
    """The tasks that `name` can judge: sums, those with known answers, or all."""
    if name == "sum":
        return [task for task in tasks if result_of(task.prompt[-1]["content"]) is not None]
    return [task for task in tasks if task.answers] if name == "answer" else list(tasks)


def right(task: Task, reply: str) -> bool:
    """Whether `reply` names an answer of `task`; a sum's result has to be the last number in it."""
    if result_of(task.prompt[-1]["content"]) is not None:
        numbers = _NUMBER.findall(reply)
        return bool(numbers) and numbers[-1] == task.answers[0]
    folded = reply.casefold()
    return any(re.search(r"(?<!\w)" + re.escape(answer.casefold()), folded) for answer in task.answers)
