"""Reward modelling: preference pairs in, a model that gives the better reply the higher number out.

The loss is Bradley and Terry's (1952), as in Ouyang et al. 2022: -log sigmoid(r(chosen) - r(rejected) - margin), the
margin (Touvron et al. 2023) where people said how much better. The model is the policy with its adapter merged, a
linear head on the last token, and a new LoRA; adapter and head are kept. Knows no votes.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel, get_peft_model
from transformers import PrinterCallback, set_seed
from trl import RewardConfig as TrainerConfig
from trl import RewardTrainer

from tuning import adapters, card
from tuning.config import RewardConfig
from tuning.methods.base import (
    Start,
    Warm,
    keep_adapter,
    last_checkpoint,
    parent_adapter,
    save_adapter,
    start_of,
)
from tuning.methods.live import announce, finish
from tuning.methods.preference import MOST_EVALUATED, Ids, PreferencePlan, arguments, plan_of, tokenised
from tuning.methods.reporting import Recorder
from tuning.runs import Run

METRICS = {"accuracy": "accuracy", "margin": "margin", "mean_reward": "mean_reward"}
MARGIN = 0.3  # of the loss, for each step of stated strength


def train(run: Run, home: Path, warm: Warm | None = None) -> bool:
    """Trains `run` to its end (True), or until it is stopped (False). Raises: as `sft.train`, `pairs.too_long`."""
    config = RewardConfig(**run.info.config)
    start = start_of(run, config, home, warm)
    parent = parent_adapter(run, home)
    body = with_head(start.model, parent, start.tokenizer.pad_token_id)
    torch.manual_seed(config.seed)
    model = get_peft_model(body, adapters.lora(config, modules_to_save=["score"], task_type="SEQ_CLS"))
    assert isinstance(model, PeftModel)
    pairs, heldout = run.pairs("train"), run.pairs("heldout")
    plan = plan_of(config, start, len(pairs))
    ids = tokenised(start.tokenizer, pairs, plan.max_length)
    held = tokenised(start.tokenizer, heldout, plan.max_length)[:MOST_EVALUATED] if heldout else []
    checkpoint = last_checkpoint(run)
    announce(run, start, plan, model, len(held), checkpoint)
    evaluate = (lambda: measure(model, held, start.tokenizer.pad_token_id)) if held else None
    recorder = Recorder(run, plan.eval_every, config.save_every, evaluate, METRICS)
    trainer = HeadTrainer(start, model, config, plan, ids, run.checkpoints_dir, [recorder])
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    keep_adapter(model, run, start, card.write(run, start, plan))
    finish(run, recorder, trainer.state.global_step, plan.steps)
    return not recorder.stopped


def with_head(model: Any, adapter: Path | None, pad: int) -> Any:
    """The policy's body, its adapter merged in float32, under a new head of one number.

    An adapter of a language model does not load on a model with a head: it is merged first.
    """
    from transformers import AutoModelForSequenceClassification

    if adapter is not None:
        model = PeftModel.from_pretrained(model.float(), str(adapter)).merge_and_unload()
    config = type(model.config).from_dict(model.config.to_dict())
    config.num_labels, config.pad_token_id = 1, pad
    torch.manual_seed(0)
    headed = AutoModelForSequenceClassification.from_config(config, dtype=model.dtype)
    prefix = model.base_model_prefix
    getattr(headed, headed.base_model_prefix).load_state_dict(getattr(model, prefix).state_dict())
    torch.nn.init.zeros_(headed.score.weight)  # every reply begins at the same reward
    return headed.to(model.device)


class HeadTrainer(RewardTrainer):
    """RewardTrainer on token ids; checkpoints hold adapter and head alone."""

    def __init__(
        self,
        start: Start,
        model: PeftModel,
        config: RewardConfig,
        plan: PreferencePlan,
        ids: list[Ids],
        folder: Path,
        callbacks: list,
    ) -> None:
        self._base = start.base
        margins = config.use_margin and any(each.margin is not None for each in ids)
        rows: list[dict[str, Any]] = []
        for each in ids:
            row = {"chosen_ids": each.prompt + each.chosen, "rejected_ids": each.prompt + each.rejected}
            rows.append(row | ({"margin": MARGIN * (each.margin or 0.0)} if margins else {}))
        set_seed(config.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            super().__init__(
                model=model,
                args=TrainerConfig(**arguments(folder, config, plan, start.device.kind)),
                train_dataset=Dataset.from_list(rows),
                processing_class=start.tokenizer,
                callbacks=callbacks,
            )
        self.remove_callback(PrinterCallback)

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        assert isinstance(self.model, PeftModel) and output_dir is not None
        save_adapter(self.model, Path(output_dir), self._base)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """The run's own card is written at its end."""


def measure(model: Any, ids: list[Ids], pad: int) -> dict[str, float]:
    """Held-out loss, accuracy (a draw counts half) and margin."""
    chosen = scores(model, [each.prompt + each.chosen for each in ids], pad)
    rejected = scores(model, [each.prompt + each.rejected for each in ids], pad)
    margin = chosen - rejected
    wins = (margin > 0).float() + 0.5 * (margin == 0).float()
    return {
        "heldout_loss": float(-torch.nn.functional.logsigmoid(margin).mean()),
        "heldout_accuracy": float(wins.mean()),
        "heldout_margin": float(margin.mean()),
    }


@torch.no_grad()
def scores(model: Any, rows: list[list[int]], pad: int, batch_size: int = 16) -> torch.Tensor:
    """(N,) rewards of whole conversations as token ids; dropout off, mode unchanged."""
    was_training = model.training
    model.eval()
    found = torch.zeros(len(rows))
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for first in range(0, len(order), batch_size):
        part = order[first : first + batch_size]
        width = max(len(rows[i]) for i in part)
        ids = torch.tensor([rows[i] + [pad] * (width - len(rows[i])) for i in part])
        mask = torch.tensor([[1] * len(rows[i]) + [0] * (width - len(rows[i])) for i in part])
        out = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device)).logits  # (B, 1)
        found[part] = out.squeeze(-1).float().cpu()
    model.train(was_training)
    return found
