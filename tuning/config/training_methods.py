"""The training methods, one description each: everything that lists methods reads this table.

A new method needs its configuration, its trainer, an entry here, texts in each language, a test, and a row in the
reference. Names of modules are texts: nothing is loaded before a method runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tuning.config.classification import ClassifyConfig
from tuning.config.training import (
    Config,
    DialConfig,
    DPOConfig,
    HeadConfig,
    KTOConfig,
    RewardConfig,
    RLOOConfig,
    SFTConfig,
    knob,
)

Data = Literal["rows", "pairs", "rated", "scored", "tasks", "labels", "none"]
"""What a method learns from: conversations, preference pairs, replies found good or bad, replies with a score each,
prompts, labelled texts."""
Result = Literal["policy", "reward_model", "classifier"]


@dataclass(frozen=True)
class ScoredConfig(HeadConfig):
    """A reward model from single replies with a score each: the reward is the score, standardised."""

    batch_size: int = knob(8, "Replies per optimiser step.", unit="replies", min=1, max=1024)
    loss: str = knob(
        "mse", "mse: squared error; huber: a few wild scores weigh less.", group="basic", choices=("mse", "huber")
    )


@dataclass(frozen=True)
class TrainingMethod:
    """What the queue, the command line, the page and the model card need to know of a method."""

    config: type[Config]
    trainer: str
    """Module with `train(run, home, preloaded) -> bool`: True where the run came to its end, False if stopped."""
    learns_from: Data
    result: Result
    card: str
    """The first words of the model card."""
    paper: str
    command: str = ""
    """Help of the command `python -m tuning <name>`; without it there is none."""
    first_curves: tuple[str, ...] = ()
    """Metrics of the first plot of the Align tab, which shows a method only if it has some."""
    second_curves: tuple[str, ...] = ()
    tiles: tuple[str, ...] = ()
    parallel: bool = False
    """Whether several processes can divide a batch."""
    loss: str = "Losses are nats per token of the replies."
    """For the model card: what the numbers called loss are."""
    measures: Mapping[str, str] = field(default_factory=dict)
    """For the model card: further metrics, and what they are called."""
    planned: tuple[str, ...] = ()
    """For the model card: further numbers of the run's plan."""


METHODS: dict[str, TrainingMethod] = {
    "sft": TrainingMethod(
        SFTConfig,
        "tuning.methods.sft",
        "rows",
        "policy",
        "An adapter, trained by supervised fine-tuning",
        "Ouyang et al. 2022, https://arxiv.org/abs/2203.02155",
        "Fine-tune an adapter on prompts and replies.",
        parallel=True,
    ),
    "reward": TrainingMethod(
        RewardConfig,
        "tuning.methods.reward",
        "pairs",
        "reward_model",
        "A reward model (an adapter and a head of one number), trained on preference pairs",
        "Bradley and Terry 1952; Ouyang et al. 2022, https://arxiv.org/abs/2203.02155",
        "Train a reward model on preference pairs.",
        ("accuracy", "heldout_accuracy"),
        ("loss", "heldout_loss", "heldout_margin"),
        ("accuracy", "heldout_accuracy", "loss"),
        parallel=True,
        loss="Losses are nats per pair: −log of the probability given to the preferred reply.",
        measures={"heldout_accuracy": "Validation pairs in the right order, as a share"},
    ),
    "scored": TrainingMethod(
        ScoredConfig,
        "tuning.methods.scored_reward",
        "scored",
        "reward_model",
        "A reward model (an adapter and a head of one number), trained on replies with a score each",
        "Wang et al. 2024, https://arxiv.org/abs/2410.01257",
        "Train a reward model on single replies with a score each.",
        ("heldout_spearman", "heldout_pearson"),
        ("heldout_rmse", "heldout_mae", "heldout_loss", "loss"),
        ("heldout_spearman", "heldout_rmse", "loss"),
        loss="Losses are of standardised scores; an error of one standard deviation gives a squared error of 1.",
        measures={
            "heldout_rmse": "Validation RMSE, in points of the score (before: as if all had the mean)",
            "heldout_mae": "Validation mean absolute error, in points of the score",
            "heldout_pearson": "Validation correlation of reward and score (Pearson)",
            "heldout_spearman": "Validation rank correlation of reward and score (Spearman)",
        },
        planned=("score_mean", "score_spread"),
    ),
    "dpo": TrainingMethod(
        DPOConfig,
        "tuning.methods.dpo",
        "pairs",
        "policy",
        "An adapter, trained by direct preference optimisation (DPO)",
        "Rafailov et al. 2023, https://arxiv.org/abs/2305.18290",
        "Optimise a policy on preference pairs (DPO).",
        ("chosen_reward", "rejected_reward", "heldout_margin"),
        ("loss", "kl", "heldout_loss"),
        ("chosen_reward", "rejected_reward", "heldout_margin", "accuracy"),
        parallel=True,
    ),
    "classify": TrainingMethod(
        ClassifyConfig,
        "tuning.classification.train",
        "labels",
        "classifier",
        "A text classifier (a head of one number per class, and the trained part of the body)",
        "Devlin et al. 2019, https://arxiv.org/abs/1810.04805",
        "Train a classifier on labelled texts.",
    ),
    "kto": TrainingMethod(
        KTOConfig,
        "tuning.methods.kto",
        "rated",
        "policy",
        "An adapter, trained on replies rated one by one (KTO)",
        "Ethayarajh et al. 2024, https://arxiv.org/abs/2402.01306",
        "Optimise a policy on replies rated good or bad (KTO).",
        ("chosen_reward", "rejected_reward", "heldout_margin"),
        ("loss", "kl", "heldout_loss"),
        ("chosen_reward", "rejected_reward", "heldout_margin", "heldout_accuracy"),
    ),
    "rloo": TrainingMethod(
        RLOOConfig,
        "tuning.rewards.rloo",
        "tasks",
        "policy",
        "An adapter, trained by a policy gradient on its own replies (RLOO)",
        "Ahmadian et al. 2024, https://arxiv.org/abs/2402.14740",
        "Optimise a policy by the reward of its own replies (RLOO).",
        ("reward", "heldout_reward"),
        ("kl", "reply_tokens", "heldout_right", "heldout_accuracy"),
        ("reward", "heldout_reward", "kl", "reply_tokens"),
    ),
    "dial": TrainingMethod(
        DialConfig,
        "tuning.methods.scaled_adapter",
        "none",
        "policy",
        "An adapter: the change that its parent learned, scaled without training (`strength`)",
        "Zheng et al. 2024, https://arxiv.org/abs/2404.16792",
    ),
}

NO_POLICY = tuple(name for name, method in METHODS.items() if method.result != "policy")
"""Methods whose runs give numbers, not replies."""
REWARD_MODELS = tuple(name for name, method in METHODS.items() if method.result == "reward_model")
"""Methods whose runs give a reply a reward: what best of n, RLOO and the judges take."""


def from_votes() -> dict[str, TrainingMethod]:
    """The methods that the Align tab shows."""
    return {name: method for name, method in METHODS.items() if method.first_curves}
