"""Kahneman-Tversky optimisation (Ethayarajh et al. 2024): replies found good or bad, each by itself, and a policy in.

With r = log pi(reply) - log pi_ref(reply) and z, how far the policy has moved on average:

    good   w_good (1 - sigmoid(beta (r - z)))        bad   w_bad (1 - sigmoid(beta (z - r)))

Both start at half their weight, as r = z = 0. z is KL(pi || pi_ref), estimated on the replies of a batch put behind
one another's prompts, and never below 0. A thumb is enough: no second reply to compare with. Knows no votes.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from transformers import PrinterCallback, set_seed
from trl import KTOConfig as TrainerConfig
from trl import KTOTrainer

from common.errors import AfinaError
from tuning.config.training import KTOConfig
from tuning.data.examples import Rated
from tuning.methods.preference_data import (
    MOST_EVALUATED,
    PreferencePlan,
    arguments,
    fitting,
    longest,
    prompt_and_reply,
    reply_log_probabilities,
)
from tuning.methods.recorder import Recorder
from tuning.methods.run_reporting import ReplyWatcher, announce, train_to_end
from tuning.methods.start import (
    Preloaded,
    Start,
    add_adapter,
    last_checkpoint,
    start_of,
)
from tuning.methods.trl_patches import KnownReference
from tuning.runs.run_store import Run

# What TRL logs -> what our events call it. A test pins both sides.
METRICS = {
    "rewards/chosen": "chosen_reward",
    "rewards/rejected": "rejected_reward",
    "rewards/margins": "margin",
    "kl": "kl",
}
Ids = tuple[list[int], list[int], bool]  # the prompt's tokens, the reply's, whether it was found good


def train(run: Run, home: Path, preloaded: Preloaded | None = None) -> bool:
    """Trains `run` to its end (True), or until it is stopped (False).

    Raises: as `sft.train`; AfinaError `rated.one_kind` where all replies are good or all are bad, `rated.too_long`.
    """
    config = KTOConfig.stored(run.info.config)
    start = start_of(run, config, home, preloaded)
    model = add_adapter(start, config, run, home)
    rated, heldout = run.examples("train", Rated), run.examples("heldout", Rated)
    length = longest(config, start)
    ids, held = (tokenised(start, each, length) for each in (rated, heldout))
    plan = fitting(run, config, start, ids, len(rated), "rated.too_long")
    ids, held = mixed(ids, plan.batch_size, config.seed), held[: 2 * MOST_EVALUATED]
    checkpoint = last_checkpoint(run)
    announce(run, start, plan, model, len(held), checkpoint)
    shown = ReplyWatcher(run, model, start, (each.prompt for each in heldout or rated))
    evaluate = _Heldout(model, held, start.tokenizer.pad_token_id, config, shown)
    recorder = Recorder(run, plan.eval_every, config.save_every, evaluate, METRICS)
    trainer = RatedTrainer(start, model, config, plan, ids, run.checkpoints_dir, [recorder])
    return train_to_end(run, start, model, plan, trainer, recorder, checkpoint)


def tokenised(start: Start, rated: Sequence[Rated], max_length: int) -> list[Ids]:
    """The replies of which the cut leaves something."""
    ids: list[Ids] = []
    for row in rated:
        both = prompt_and_reply(start.tokenizer, row.conversation(), max_length)
        if both is not None:
            ids.append((*both, row.good))
    return ids


def mixed(ids: Sequence[Ids], batch_size: int, seed: int) -> list[Ids]:
    """In the order of training: shuffled, good and bad spread evenly over the batches, no batch of one reply.

    Raises: AfinaError `rated.one_kind` unless there are both.
    """
    kinds = [[each for each in ids if each[2] is good] for good in (True, False)]
    if not all(kinds):
        raise AfinaError("rated.one_kind", good=len(kinds[0]), bad=len(kinds[1]))
    chance, placed = random.Random(seed), []
    for kind in kinds:
        chance.shuffle(kind)
        placed += [((place + chance.random()) / len(kind), each) for place, each in enumerate(kind)]
    order = [each for _, each in sorted(placed, key=lambda one: one[0])]
    return order[:-1] if len(order) % batch_size == 1 else order


def weights(config: KTOConfig, n_good: int, n_bad: int) -> tuple[float, float]:
    """(w_good, w_bad), the zeros resolved: the rarer kind weighs more, so that both weigh the same together."""
    rarer = max(n_good, n_bad)
    return config.good_weight or rarer / max(1, n_good), config.bad_weight or rarer / max(1, n_bad)


class RatedTrainer(KnownReference, KTOTrainer):
    """KTOTrainer on token ids, the reference's log-probabilities worked out once; checkpoints hold the policy alone."""

    def __init__(
        self,
        start: Start,
        model: PeftModel,
        config: KTOConfig,
        plan: PreferencePlan,
        ids: list[Ids],
        folder: Path,
        callbacks: list,
    ) -> None:
        self._base = start.base
        n_good = sum(good for _, _, good in ids)
        good, bad = weights(config, n_good, len(ids) - n_good)
        settings = arguments(folder, config, plan, start.device.kind)
        set_seed(config.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice for programmers, not for whoever looks at a run
            super().__init__(
                model=model,
                args=TrainerConfig(
                    **settings,
                    beta=config.beta,
                    desirable_weight=good,
                    undesirable_weight=bad,
                    precompute_ref_log_probs=True,
                ),
                train_dataset=Dataset.from_list(rows(model, ids, plan.batch_size, start.tokenizer.pad_token_id)),
                processing_class=start.tokenizer,
                callbacks=callbacks,
            )
        self.remove_callback(PrinterCallback)


def rows(model: Any, ids: list[Ids], batch_size: int, pad: int) -> list[dict[str, Any]]:
    """What the trainer reads: each reply, and behind the same prompt its batch neighbour's, for z."""
    neighbours: list[list[int]] = []
    for first in range(0, len(ids), batch_size):
        replies = [reply for _, reply, _ in ids[first : first + batch_size]]
        neighbours += [replies[-1], *replies[:-1]]
    own = reply_log_probabilities(model, [(prompt, reply) for prompt, reply, _ in ids], pad)
    other = reply_log_probabilities(
        model, [(prompt, reply) for (prompt, _, _), reply in zip(ids, neighbours, strict=True)], pad
    )
    return [
        {
            "prompt_ids": prompt,
            "completion_ids": reply,
            "KL_completion_ids": neighbour,
            "label": good,
            "ref_logps": float(own[index]),
            "ref_KL_logps": float(other[index]),
        }
        for index, ((prompt, reply, good), neighbour) in enumerate(zip(ids, neighbours, strict=True))
    ]


class _Heldout:
    """Held-out margin and accuracy of the policy as it is, against the policy as it began."""

    def __init__(self, model: Any, ids: list[Ids], pad: int, config: KTOConfig, shown: ReplyWatcher) -> None:
        self._model, self._pad, self._beta, self._shown = model, pad, config.beta, shown
        self._rows = [(prompt, reply) for prompt, reply, _ in ids]
        self._good = torch.tensor([good for _, _, good in ids], dtype=torch.bool)
        self._reference = reply_log_probabilities(model, self._rows, pad) if ids else None

    def __call__(self) -> dict[str, float]:
        self._shown()
        if self._reference is None:
            return {}
        rewards = self._beta * (reply_log_probabilities(self._model, self._rows, self._pad) - self._reference)
        return measured(rewards, self._good)


def measured(rewards: torch.Tensor, good: torch.Tensor) -> dict[str, float]:
    """From rewards (N,) and what was found good (N,): the loss without z, how often a good reply is above a bad one
    (ties half), and the gap between their means. The last two need both kinds."""
    signs = torch.where(good, 1.0, -1.0)
    metrics = {"heldout_loss": float((1 - torch.sigmoid(signs * rewards)).mean())}
    if good.any() and (~good).any():
        gaps = rewards[good][:, None] - rewards[~good][None, :]  # (good, bad)
        metrics["heldout_accuracy"] = float(((gaps > 0).float() + 0.5 * (gaps == 0).float()).mean())
        metrics["heldout_margin"] = float(rewards[good].mean() - rewards[~good].mean())
    return metrics
