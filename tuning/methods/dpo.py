"""Direct preference optimisation (Rafailov et al. 2023): preference pairs and a policy in, its better self out.

With the policy pi, its frozen copy pi_ref and h = [log pi(chosen) - log pi_ref(chosen)] - [the same of rejected]:

    sigmoid   -log sigmoid(beta h)                                             starts at ln 2
    robust    the same, unbiased if a share `noise` of the votes is wrong      starts at ln 2   (Chowdhury et al. 2024)
    hinge     max(0, 1 - beta h)                                               starts at 1      (Zhao et al. 2023)
    ipo       (h per token - 1 / (2 beta))^2                            starts at 1/(4 beta^2)  (Azar et al. 2023)

`sft_weight` times the plain loss on the chosen replies is added: it holds the content. The adapter that the class
voted on is trained further; log-probabilities under the reference are worked out once. Knows no votes.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from transformers import PrinterCallback, set_seed
from trl import DPOConfig as TrainerConfig
from trl import DPOTrainer

from tuning.config.training import DPOConfig
from tuning.data.examples import Pair
from tuning.methods.preference_data import (
    MOST_EVALUATED,
    Ids,
    PreferencePlan,
    arguments,
    fitting,
    log_probabilities,
    longest,
    tokenised,
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
    "rewards/accuracies": "accuracy",
}


def train(run: Run, home: Path, preloaded: Preloaded | None = None) -> bool:
    """Trains `run` to its end (True), or until it is stopped (False). Raises: as `sft.train`, `pairs.too_long`."""
    config = DPOConfig.stored(run.info.config)
    start = start_of(run, config, home, preloaded)
    model = add_adapter(start, config, run, home)
    pairs, heldout = run.examples("train", Pair), run.examples("heldout", Pair)
    length = longest(config, start)
    ids, held = (tokenised(start.tokenizer, each, length) for each in (pairs, heldout))
    plan, held = fitting(run, config, start, ids, len(pairs), "pairs.too_long"), held[:MOST_EVALUATED]
    checkpoint = last_checkpoint(run)
    announce(run, start, plan, model, len(held), checkpoint)
    pad = start.tokenizer.pad_token_id
    reference = log_probabilities(model, ids, pad)
    shown = ReplyWatcher(run, model, start, (each.prompt for each in heldout or pairs))
    evaluate = _Heldout(model, held, pad, config, shown)
    recorder = Recorder(run, plan.eval_every, config.save_every, evaluate, METRICS)
    recorder.derive = lambda measures: _kl(measures, config.beta)
    trainer = PolicyTrainer(start, model, config, plan, ids, reference, run.checkpoints_dir, [recorder])
    return train_to_end(run, start, model, plan, trainer, recorder, checkpoint)


class PolicyTrainer(KnownReference, DPOTrainer):
    """DPOTrainer on token ids, with the reference's log-probabilities given; checkpoints hold the policy alone."""

    def __init__(
        self,
        start: Start,
        model: PeftModel,
        config: DPOConfig,
        plan: PreferencePlan,
        ids: list[Ids],
        reference: torch.Tensor,
        folder: Path,
        callbacks: list,
    ) -> None:
        self._base = start.base
        rows = [
            {
                "prompt_ids": pair.prompt,
                "chosen_ids": pair.chosen,
                "rejected_ids": pair.rejected,
                "ref_chosen_logps": float(logps[0]),
                "ref_rejected_logps": float(logps[1]),
            }
            for pair, logps in zip(ids, reference, strict=True)
        ]
        set_seed(config.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice for programmers, not for whoever looks at a run
            super().__init__(
                model=model,
                args=TrainerConfig(**arguments(folder, config, plan, start.device.kind), **losses(config)),
                train_dataset=Dataset.from_list(rows),
                processing_class=start.tokenizer,
                callbacks=callbacks,
            )
        self.remove_callback(PrinterCallback)


def losses(config: DPOConfig) -> dict[str, Any]:
    """TRL's arguments for the kind of loss."""
    kinds, weights = [config.loss], [1.0]
    if config.sft_weight:
        kinds, weights = [config.loss, "sft"], [1.0, config.sft_weight]
    smoothing = config.noise if config.loss == "robust" else 0.0
    return {
        "beta": config.beta,
        "loss_type": kinds,
        "loss_weights": weights,
        "label_smoothing": smoothing,
        "precompute_ref_log_probs": True,
    }


class _Heldout:
    """Held-out accuracy, margin and loss of the policy as it is, against the policy as it began."""

    def __init__(self, model: Any, ids: list[Ids], pad: int, config: DPOConfig, shown: ReplyWatcher) -> None:
        self._model, self._ids, self._pad, self._beta, self._shown = model, ids, pad, config.beta, shown
        self._reference = log_probabilities(model, ids, pad) if ids else None

    def __call__(self) -> dict[str, float]:
        self._shown()
        if self._reference is None:
            return {}
        ratios = log_probabilities(self._model, self._ids, self._pad) - self._reference  # (N, 2)
        margin = self._beta * (ratios[:, 0] - ratios[:, 1])
        wins = (margin > 0).float() + 0.5 * (margin == 0).float()
        return {
            "heldout_loss": float(-torch.nn.functional.logsigmoid(margin).mean()),
            "heldout_accuracy": float(wins.mean()),
            "heldout_margin": float(margin.mean()),
        }


def _kl(measures: dict[str, float], beta: float) -> dict[str, float]:
    """KL(reference || policy), in nats a reply: both replies were drawn from the reference, so the mean of
    log pi_ref - log pi over them estimates it (it may dip below zero by chance)."""
    if "chosen_reward" not in measures:
        return {}
    return {"kl": -(measures["chosen_reward"] + measures["rejected_reward"]) / (2 * beta)}
