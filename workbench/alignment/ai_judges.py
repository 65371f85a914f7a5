"""Machines that judge, criticise and revise: a reward model, a policy of ours, or an endpoint (`endpoint.py`).

A *speaker* answers conversations; a judge asks it twice about each pair, in both orders, and takes a disagreement for
a tie: models like what stands first (Zheng et al. 2023, "Judging LLM-as-a-judge"). A reward model gives each reply
its own number, so its order cannot matter. Knows no rounds and no votes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from common.languages import ENGLISH, texts_of
from labeling.schema import Winner
from tuning.inference.reply_engine import ReplyEngine, Sampling

if TYPE_CHECKING:
    from collections.abc import Callable

    from tuning.rewards.reward_model import Rewards

Message = dict[str, str]
Talk = list[Message]
REWARD = "reward model "


@dataclass(frozen=True)
class Item:
    """Two replies to one prompt."""

    prompt: tuple[Message, ...]
    a: str
    b: str


@dataclass(frozen=True)
class Judgement:
    winner: Winner
    why: Literal["agreed", "orders_differ", "unclear", "tie"]
    said: str = ""


class Speaker(Protocol):
    """Answers conversations."""

    @property
    def name(self) -> str: ...

    def say(self, talks: Sequence[Talk], most_tokens: int) -> list[str]: ...


class Judge(Protocol):
    """Says of pairs which reply is better."""

    @property
    def name(self) -> str: ...

    def judge(self, items: Sequence[Item]) -> list[Judgement]: ...


@dataclass
class PolicySpeaker:
    """A policy of this installation, greedy."""

    policy: str
    engine: Callable[[], ReplyEngine]

    @property
    def name(self) -> str:
        return f"policy {self.policy}"

    def say(self, talks: Sequence[Talk], most_tokens: int) -> list[str]:
        sampling = Sampling(greedy=True, max_new_tokens=most_tokens)
        replies = self.engine().generate([self.policy] * len(talks), talks, sampling)
        return [reply.text for reply in replies]


@dataclass
class RubricJudge:
    """A speaker that is asked for a letter, by a rubric, in both orders."""

    speaker: Speaker
    rubric: str
    language: str = ENGLISH

    @property
    def name(self) -> str:
        return self.speaker.name

    def judge(self, items: Sequence[Item]) -> list[Judgement]:
        talks = []
        for item in items:
            talks += [
                question(item.prompt, *pair, self.rubric, self.language)
                for pair in ((item.a, item.b), (item.b, item.a))
            ]
        said = self.speaker.say(talks, 16)
        return [verdict(said[2 * i], said[2 * i + 1]) for i in range(len(items))]


@dataclass
class RewardJudge:
    """A reward model: the higher reward wins."""

    model: Rewards
    run: str  # its name

    @property
    def name(self) -> str:
        return f"{REWARD}{self.run}"

    def judge(self, items: Sequence[Item]) -> list[Judgement]:
        rewards = self.model.scores([(item.prompt, text) for item in items for text in (item.a, item.b)])
        judgements = []
        for i in range(len(items)):
            a, b = rewards[2 * i : 2 * i + 2]
            winner: Winner = "tie" if a == b else "model_a" if a > b else "model_b"
            judgements.append(Judgement(winner, "tie" if a == b else "agreed", f"{a:.3f} / {b:.3f}"))
        return judgements


def question(prompt: Sequence[Message], first: str, second: str, rubric: str, language: str) -> Talk:
    """What a judge is asked about two replies."""
    wording = texts_of("workbench", language)["judge.question"]
    text = wording.format(rubric=rubric, talk=_transcript(prompt), first=first, second=second)
    return [{"role": "user", "content": text}]


def letter(said: str) -> Literal["A", "B", "T", ""]:
    """What an answer says: A, B, T for a tie; empty where it says none of them."""
    text = said.strip().strip("*_`\"'([ ")
    if re.match(r"(?i)(it is |it's |es )?(an? |un )?(tie|empate|draw)\b", text):
        return "T"
    for pattern in (
        r"([ABT])(?![\w'’])(?! \w+ is\b)",
        r"(?i)(?:reply|respuesta|answer|option|opción)\W+([ab])\b",
    ):
        if found := (re.match(pattern, text) or (re.search(pattern, text) if pattern.startswith("(?i)") else None)):
            return found.group(1).upper()  # type: ignore[return-value]
    last = re.findall(r"(?<![\w'])([ABT])(?![\w'])\W*$", text)
    return last[-1] if last else ""


def verdict(first_order: str, second_order: str) -> Judgement:
    """Of the answers to (a, b) and to (b, a): who wins, and why it is a tie where it is one."""
    turned = {"A": "B", "B": "A", "T": "T", "": ""}
    one, other = letter(first_order), turned[letter(second_order)]
    said = f"{first_order[:200]} | {second_order[:200]}"
    if not one or not other:
        return Judgement("tie", "unclear", said)
    if one != other:
        return Judgement("tie", "orders_differ", said)
    winners: dict[str, Winner] = {"A": "model_a", "B": "model_b", "T": "tie"}
    return Judgement(winners[one], "tie" if one == "T" else "agreed", said)


def revise(
    speaker: Speaker, prompts: Sequence[Sequence[Message]], replies: Sequence[str], rubric: str, language: str
) -> list[tuple[str, str]]:
    """(critique, revised reply) for each reply: the speaker criticises, then rewrites (Bai et al. 2022)."""
    texts = texts_of("workbench", language)
    talks = [
        [
            {
                "role": "user",
                "content": texts["judge.critique"].format(rubric=rubric, talk=_transcript(prompt), reply=reply),
            }
        ]
        for prompt, reply in zip(prompts, replies, strict=True)
    ]
    critiques = speaker.say(talks, 128)
    again = [
        [
            *talk,
            {"role": "assistant", "content": critique or "-"},
            {"role": "user", "content": texts["judge.revision"]},
        ]
        for talk, critique in zip(talks, critiques, strict=True)
    ]
    return list(zip(critiques, speaker.say(again, 256), strict=True))


def _transcript(prompt: Sequence[Message]) -> str:
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in prompt)
