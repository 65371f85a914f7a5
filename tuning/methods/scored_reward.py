"""Reward modelling from single scores: replies with a number each in, a model that predicts the number out.

The regression reward model (Wang et al. 2024, HelpSteer2-Preference, https://arxiv.org/abs/2410.01257, which compares
it with Bradley and Terry's on the same replies). With s the scores of the training rows made standard, (score - mean) /
standard deviation, and r the reward, the loss is the mean of (r - s)^2, or of Huber's function of r - s (1964): beyond
one standard deviation it grows linearly, so that a few wild scores weigh less. The head starts at 0, which predicts the
mean: the first RMSE is the one to beat. The model is that of `tuning.methods.reward`. Knows no votes.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from common.errors import AfinaError
from tuning.config.training_methods import ScoredConfig
from tuning.data.examples import Scored
from tuning.methods.preference_data import MOST_EVALUATED, PreferencePlan, fitting, longest, prompt_and_reply
from tuning.methods.recorder import Recorder
from tuning.methods.reward import HeadTrainer, Reply, config_of, padded, reward_model, scores
from tuning.methods.run_reporting import announce, train_to_end
from tuning.methods.start import Preloaded, Start, last_checkpoint, start_of
from tuning.runs.run_store import Run

METRICS = {"mean_reward": "mean_reward"}
FEWEST = 3  # replies of which a correlation is told


@dataclass(frozen=True)
class ScoredPlan(PreferencePlan):
    """A plan, and what turns rewards into scores: score = score_mean + score_spread * reward."""

    score_mean: float
    score_spread: float


def train(run: Run, home: Path, preloaded: Preloaded | None = None) -> bool:
    """Trains `run` to its end (True), or until it is stopped (False).

    Raises: as `sft.train`; AfinaError `scored.constant` where all training rows have one score, `rated.too_long`.
    """
    config = config_of(run)
    assert isinstance(config, ScoredConfig)
    start = start_of(run, config, home, preloaded)
    model, pad = reward_model(run, start, config, home), start.tokenizer.pad_token_id
    rows = run.examples("train", Scored)
    ids, score = tokenised(start, rows, longest(config, start))
    held, held_score = tokenised(start, run.examples("heldout", Scored)[:MOST_EVALUATED], longest(config, start))
    plan = fitting(run, config, start, ids, len(rows), "rated.too_long")
    mean, spread = statistics.fmean(score), statistics.pstdev(score)
    if not spread:
        raise AfinaError("scored.constant", name=run.info.data["name"], n=len(score), value=f"{mean:g}")
    plan = ScoredPlan(**asdict(plan), score_mean=mean, score_spread=spread)
    checkpoint = last_checkpoint(run)
    announce(run, start, plan, model, len(held), checkpoint)

    def evaluate() -> dict[str, float]:
        return measured(scores(model, held, pad), torch.tensor(held_score), plan, config.loss)

    recorder = Recorder(run, plan.eval_every, config.save_every, evaluate if held else None, METRICS)
    examples = [
        {"prompt": prompt, "reply": reply, "target": (value - mean) / spread}
        for (prompt, reply), value in zip(ids, score, strict=True)
    ]
    trainer = ScoreTrainer(start, model, config, plan, examples, run.checkpoints_dir, [recorder])
    trainer.loss = config.loss
    return train_to_end(run, start, model, plan, trainer, recorder, checkpoint)


def tokenised(start: Start, rows: Sequence[Scored], max_length: int) -> tuple[list[Reply], list[float]]:
    """Token ids and scores of the replies of which the cut at `max_length` tokens leaves something."""
    both = [(prompt_and_reply(start.tokenizer, row.conversation(), max_length), row.score) for row in rows]
    kept = [(ids, score) for ids, score in both if ids is not None]
    return [ids for ids, _ in kept], [score for _, score in kept]


class ScoreTrainer(HeadTrainer):
    """HeadTrainer on replies with a standardised score each."""

    loss = "mse"

    @staticmethod
    def collate(examples: Sequence[dict[str, Any]], pad: int) -> dict[str, torch.Tensor]:
        """As `padded`, and `target`, (B,)."""
        batch = padded([(each["prompt"], each["reply"]) for each in examples], pad)
        return batch | {"target": torch.tensor([each["target"] for each in examples], dtype=torch.float32)}

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean loss of a batch."""
        target = inputs.pop("target")
        out = model(**inputs)
        rewards = out.logits.squeeze(-1)  # (B,)
        loss = loss_of(rewards, target, self.loss).mean()
        self._count(inputs)
        self._metrics["train"]["mean_reward"].append(rewards.detach().mean().item())
        return (loss, out) if return_outputs else loss


def loss_of(rewards: torch.Tensor, target: torch.Tensor, kind: str) -> torch.Tensor:
    """(N,) losses of rewards against standardised scores: the squared error, or Huber's function."""
    if kind == "huber":
        return torch.nn.functional.smooth_l1_loss(rewards, target, reduction="none")
    return (rewards - target) ** 2


def measured(rewards: torch.Tensor, score: torch.Tensor, plan: ScoredPlan, kind: str = "mse") -> dict[str, float]:
    """From rewards (N,) and true scores (N,): the loss, RMSE and mean absolute error in points of the score, and the
    correlations of Pearson and Spearman. A correlation needs FEWEST replies, and rewards and scores that vary."""
    from scipy.stats import pearsonr, spearmanr

    error = plan.score_mean + plan.score_spread * rewards - score
    metrics = {
        "heldout_loss": float(loss_of(rewards, (score - plan.score_mean) / plan.score_spread, kind).mean()),
        "heldout_rmse": float((error**2).mean().sqrt()),
        "heldout_mae": float(error.abs().mean()),
    }
    if len(score) >= FEWEST and rewards.std() > 0 and score.std() > 0:
        metrics["heldout_pearson"] = float(pearsonr(rewards, score).statistic)
        metrics["heldout_spearman"] = float(spearmanr(rewards, score).statistic)
    return metrics
