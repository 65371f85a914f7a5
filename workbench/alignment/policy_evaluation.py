"""What a DPO round has done, beside the policy it began from: win rate, reply length, what was forgotten.

On held-out prompts: a reward model judges fresh replies of both; the held-out rows of the fine-tuning before it are
measured again. People judge too, in a new blind round. Knows no page.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from common.errors import AfinaError
from common.settings import Settings
from common.split import split
from labeling.statistics import wilson
from tuning.data.examples import Loaded, Pair, Row
from tuning.inference.reply_engine import ReplyEngine, Sampling
from tuning.pocket.world.shipped import SETS, spoken_in
from tuning.runs.run_store import Run, RunStore
from workbench.voting.prompt_sources import read_prompts

if TYPE_CHECKING:
    from pathlib import Path

    from tuning.rewards.reward_model import Rewards

MOST_PROMPTS = 100
_MOST_ROWS = 100
_MOST_SHOWN = 12


@dataclass(frozen=True)
class Outcome:
    """`new` against `old`; shares 0 to 1, losses in nats per token, None where it was not measured."""

    new: str
    old: str
    n: int  # held-out prompts
    same: int  # of them, those to which both write the same: half a win each
    win_rate: float | None  # by the reward model, ties half
    low: float | None
    high: float | None
    words_old: float
    words_new: float
    loss_old: float | None  # on the held-out rows of the fine-tuning
    loss_new: float | None
    general_old: float | None  # perplexity of general text, which the base learned in pretraining
    general_new: float | None
    replies: tuple[tuple[str, str, str], ...]  # prompt, old, new: some to look at, first those that differ


def parent_sft(store: RunStore, run: Run) -> Run | None:
    """The fine-tuning run that `run` goes back to."""
    at: Run | None = run
    while at is not None and at.info.method != "sft":
        at = store.get(at.info.parent) if at.info.parent else None
    return at


def compare(
    store: RunStore, engine: ReplyEngine, home: Path, name: str, reward_model: Rewards | None, seed: int = 0
) -> Outcome:
    """Measures a DPO run against its parent. Raises: AfinaError `align.no_parent`; as generation does."""
    run = store.get(name)
    if not run.info.parent:
        raise AfinaError("align.no_parent", name=run.name)
    old = store.get(run.info.parent).name
    prompts = heldout_prompts(run, MOST_PROMPTS, seed)
    talks = [list(prompt) for prompt in prompts]
    sampling = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=64, seed=seed)
    both = [
        [reply.text for reply in engine.generate([policy] * len(talks), talks, sampling)] for policy in (old, run.name)
    ]
    rate, low, high = _win_rate(reward_model, prompts, *both)
    replies = [(prompt[-1]["content"], first, second) for prompt, first, second in zip(prompts, *both, strict=True)]
    replies.sort(key=lambda row: row[1] == row[2])
    losses = _losses(store, run, (old, run.name), home)
    general_old, general_new = _general(run, (old, run.name), home)
    return Outcome(
        new=run.name,
        old=old,
        n=len(prompts),
        same=sum(first == second for _, first, second in replies),
        win_rate=rate,
        low=low,
        high=high,
        words_old=_words(both[0]),
        words_new=_words(both[1]),
        loss_old=losses[0],
        loss_new=losses[1],
        general_old=general_old,
        general_new=general_new,
        replies=tuple(replies[:_MOST_SHOWN]),
    )


def heldout_prompts(run: Run, n: int, seed: int = 0) -> list[tuple[dict[str, str], ...]]:
    """Held-out prompts of the run's own pairs, and where these are fewer than `n`, of the shipped set (of `pocket`).

    A class's round has ten, on which a win rate says nothing. Raises: AfinaError `align.no_heldout`.
    """
    draw = random.Random(seed)
    own = list({str(pair.prompt): pair.prompt for pair in run.examples("heldout", Pair)}.values())
    more = _shipped(run) if len(own) < n and run.info.base.get("name") == "pocket" else []
    for prompts in (own, more):
        draw.shuffle(prompts)
    found = list({str(prompt): prompt for prompt in (*own, *more)}.values())
    if not found:
        raise AfinaError("align.no_heldout", name=run.name)
    return found[:n]


def _shipped(run: Run) -> list[tuple[dict[str, str], ...]]:
    """Held-out prompts of the shipped set in the language of the run's prompts."""
    said = [pair.prompt[-1]["content"] for pair in run.examples("train", Pair)[:50]]
    path = SETS / f"prompts.{spoken_in(said)}.jsonl"
    every = read_prompts(path, Settings(home=run.path))
    return [({"role": "user", "content": text},) for text in every if split(text) == "heldout"]


def _win_rate(
    model: Rewards | None, prompts: list, old: list[str], new: list[str]
) -> tuple[float | None, float | None, float | None]:
    """Wilson's 95 % interval, one comparison a prompt; ties count half."""
    if model is None:
        return None, None, None
    pairs = [Pair(prompt, second, first) for prompt, first, second in zip(prompts, old, new, strict=True)]
    shares = [
        0.5 if pair.chosen == pair.rejected else p for pair, p in zip(pairs, model.preferences(pairs), strict=True)
    ]
    wins = sum(1.0 if share > 0.5 else 0.5 if share == 0.5 else 0.0 for share in shares)
    return wins / len(pairs), *wilson.interval(round(wins), len(pairs))


def _losses(store: RunStore, run: Run, policies: tuple[str, str], home: Path) -> tuple[float | None, float | None]:
    """Loss of both policies on the held-out rows of the fine-tuning before: higher after means forgotten."""
    from tuning.evaluation.evaluate import evaluate

    tuned = parent_sft(store, run)
    rows = tuple(tuned.examples("heldout", Row)[:_MOST_ROWS]) if tuned else ()
    if not rows:
        return None, None
    data = Loaded(rows, tuned.name if tuned else "", "messages")
    first, second = (evaluate(policy, data, home, side="all").loss for policy in policies)
    return first, second


def _general(run: Run, policies: tuple[str, str], home: Path) -> tuple[float, float]:
    """Perplexity of both policies on text that no run trains on: of `pocket` held-out documents of its pretraining."""
    from tuning.data import general_text
    from tuning.evaluation.evaluate import evaluate

    rows = tuple(general_text.probe(run.info.base.get("kind") == "pocket"))
    first, second = (evaluate(each, Loaded(rows, "general", "text"), home, side="all") for each in policies)
    return first.perplexity, second.perplexity


def _words(replies: list[str]) -> float:
    return sum(len(reply.split()) for reply in replies) / max(1, len(replies))
