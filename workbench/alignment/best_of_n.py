"""Pairs that a reward model labels: of several fresh replies to each prompt the best against the worst.

The votes teach the reward model, the reward model reads many more replies than a class can: best of n as data for DPO
(rejection sampling, Touvron et al. 2023, "Llama 2", section 3.2.3; its pairs for DPO, Xiong et al. 2024, "Iterative
preference learning from human feedback"). What the reward model has wrong it teaches too. Knows no page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from common import hashing
from common.errors import AfinaError
from tuning.data.examples import Pair, PairSet
from tuning.inference.reply_engine import ReplyEngine, Sampling
from workbench.alignment.reward_training import MOST

if TYPE_CHECKING:
    from labeling.schema import Message
    from tuning.rewards.reward_model import Rewards

# Many prompts seen twice move a policy further than few seen often, the best of four further than the better of two;
# what it costs in facts differs little (benchmarks/README.md). So many pairs need smaller steps than a class's forty.
PROMPTS, REPLIES = 300, 4
SETTINGS: Mapping[str, float] = {"epochs": 2, "learning_rate": 2e-4, "sft_weight": 0.5}
# Where people saw a tie in most comparisons, most fresh pairs would be ties to them too: there a reward model guesses,
# and DPO would learn its guesses. Below this share of decided comparisons the rehearsal takes the votes alone.
DECIDED = 0.5


def best_against_worst(
    engine: ReplyEngine,
    model: Rewards,
    policy: str,
    prompts: Sequence[Sequence[Message]],
    n_replies: int = REPLIES,
    seed: int = 0,
    max_new_tokens: int = 64,
    name: str = "",
) -> PairSet:
    """One pair a prompt: of `n_replies` sampled at temperature 1, what `model` likes most and what it likes least.

    A prompt whose replies are all the same gives none. Raises: AfinaError `label.number` for another number of
    replies than 2 to MOST, `align.no_contrast` where no prompt gives a pair.
    """
    if isinstance(n_replies, bool) or not isinstance(n_replies, int) or not 2 <= n_replies <= MOST:
        raise AfinaError("label.number", name="replies", value=n_replies, low=2, high=MOST)
    talks = [[dict(turn) for turn in prompt] for prompt in prompts for _ in range(n_replies)]
    sampling = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=max_new_tokens, seed=seed)
    replies = [reply.text.strip() for reply in engine.generate([policy] * len(talks), talks, sampling)]
    rewards = model.scores(list(zip(talks, replies, strict=True)))
    rows = []
    for number, prompt in enumerate(prompts):
        mine = slice(number * n_replies, (number + 1) * n_replies)
        ranked = sorted(zip(rewards[mine], replies[mine], strict=True), key=lambda pair: pair[0])
        (_, worst), (_, best) = ranked[0], ranked[-1]
        if best and worst != best:
            rows.append(Pair(tuple(prompt), best, worst, None, number + 1))
    if not rows:
        raise AfinaError("align.no_contrast", policy=policy, n=len(prompts))
    return PairSet(tuple(rows), name, "reward model", fingerprint=hashing.of_json([row.content for row in rows]))
