"""Reward modelling: preference pairs in, a model that gives the better reply the higher number out.

The loss is Bradley and Terry's (1952), as in Ouyang et al. 2022: -log sigmoid(r(chosen) - r(rejected) - margin), the
margin (Touvron et al. 2023) where people said how much better; a tie is half a win for each side, as in the report's
ratings. The model is the policy with its adapter merged, a linear head, and a new LoRA; adapter and head are kept. A
reply's reward is the mean of the head over the reply's tokens: with a dozen pairs to learn from, its last token alone
says too little of a reply's manner (benchmarks/README.md). Knows no votes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel, get_peft_model
from transformers import PrinterCallback, set_seed
from transformers.modeling_outputs import SequenceClassifierOutput
from trl import RewardConfig as TrainerConfig
from trl import RewardTrainer

from tuning.config.training import HeadConfig, RewardConfig
from tuning.config.training_methods import METHODS
from tuning.data.examples import Pair
from tuning.methods.preference_data import (
    MOST_EVALUATED,
    Ids,
    PreferencePlan,
    arguments,
    fitting,
    longest,
    tokenised,
)
from tuning.methods.recorder import Recorder
from tuning.methods.run_reporting import announce, train_to_end
from tuning.methods.start import (
    Preloaded,
    Start,
    last_checkpoint,
    parent_adapter,
    start_of,
)
from tuning.methods.trl_patches import TokenRows
from tuning.models import adapter_io
from tuning.runs.run_store import Run

METRICS = {"accuracy": "accuracy", "margin": "margin", "mean_reward": "mean_reward"}
MARGIN = 0.3  # of the loss, for each step of stated strength
HEAD_RATE = 10.0  # the head is new and learns this much faster than the adapter on the body (Howard and Ruder 2018)
Reply = tuple[list[int], list[int]]  # token ids of a prompt and of the reply to it


def train(run: Run, home: Path, preloaded: Preloaded | None = None) -> bool:
    """Trains `run` to its end (True), or until it is stopped (False). Raises: as `sft.train`, `pairs.too_long`."""
    config = config_of(run)
    assert isinstance(config, RewardConfig)
    start = start_of(run, config, home, preloaded)
    model, pad = reward_model(run, start, config, home), start.tokenizer.pad_token_id
    pairs, heldout = run.examples("train", Pair), [pair for pair in run.examples("heldout", Pair) if not pair.tie]
    length = longest(config, start)
    ids, held = (tokenised(start.tokenizer, each, length) for each in (pairs, heldout))
    plan, held = fitting(run, config, start, ids, len(pairs), "pairs.too_long"), held[:MOST_EVALUATED]
    checkpoint = last_checkpoint(run)
    announce(run, start, plan, model, len(held), checkpoint)
    evaluate = (lambda: measure(model, held, pad)) if held else None
    recorder = Recorder(run, plan.eval_every, config.save_every, evaluate, METRICS)
    trainer = PairTrainer(start, model, config, plan, rows_of(config, ids), run.checkpoints_dir, [recorder])
    return train_to_end(run, start, model, plan, trainer, recorder, checkpoint)


def config_of(run: Run) -> HeadConfig:
    """The settings of a reward model's run; runs from before replies were read whole read their last token."""
    config = METHODS[run.info.method].config.stored({"pooling": "last", **run.info.config})
    assert isinstance(config, HeadConfig)
    return config


def reward_model(run: Run, start: Start, config: HeadConfig, home: Path) -> PeftModel:
    """What a run trains: the body of the policy that it starts from, a new head, and a new LoRA."""
    body = with_head(start.model, parent_adapter(run, home), start.tokenizer.pad_token_id, config.pooling)
    torch.manual_seed(config.seed)
    model = get_peft_model(body, adapter_io.lora(config, modules_to_save=["score"], task_type="SEQ_CLS"))
    assert isinstance(model, PeftModel)
    return model


def with_head(model: Any, adapter: Path | None, pad: int, pooling: str) -> Any:
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
    headed.__class__ = type(f"Reward{type(headed).__name__}", (_OverReply, type(headed)), {"pooling": pooling})
    return headed.to(model.device)


class _OverReply:
    """A forward pass in which the head reads the reply and not the prompt: its tokens' mean, or the last one."""

    pooling: str
    base_model: Any
    score: torch.nn.Linear

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, reply_mask: torch.Tensor, **_: Any
    ) -> SequenceClassifierOutput:
        """All (B, T); `reply_mask` is 1 on the reply's tokens. Logits: (B, 1), the rewards."""
        rewards = self.per_token(input_ids, attention_mask)  # (B, T)
        weights = reply_mask.to(rewards.dtype)
        if self.pooling == "last":
            places = torch.arange(weights.shape[1], device=weights.device)
            last = (weights * places).argmax(dim=1, keepdim=True)  # (B, 1)
            weights = torch.zeros_like(weights).scatter(1, last, 1.0)
        return SequenceClassifierOutput(logits=(rewards * weights).sum(1, keepdim=True) / weights.sum(1, keepdim=True))

    def per_token(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """(B, T): what the head gives at each token; a reply's reward is the mean of its tokens'."""
        hidden = self.base_model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False)[0]
        return self.score(hidden).squeeze(-1).float()


class HeadTrainer(TokenRows, RewardTrainer):
    """RewardTrainer on token ids, its head faster than its body; checkpoints hold adapter and head alone.

    `collate` (static) makes a batch of rows, given the pad token.
    """

    collate: Callable[[Sequence[dict[str, Any]], int], dict[str, torch.Tensor]]

    def __init__(
        self,
        start: Start,
        model: PeftModel,
        config: HeadConfig,
        plan: PreferencePlan,
        rows: list[dict[str, Any]],
        folder: Path,
        callbacks: list,
    ) -> None:
        self._base = start.base
        pad = start.tokenizer.pad_token_id
        set_seed(config.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            super().__init__(
                model=model,
                args=TrainerConfig(**arguments(folder, config, plan, start.device.kind)),
                train_dataset=Dataset.from_list(rows),
                processing_class=start.tokenizer,
                data_collator=lambda examples: self.collate(examples, pad),
                callbacks=callbacks,
            )
        self.remove_callback(PrinterCallback)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW, its step `HEAD_RATE` times larger on the head."""
        if self.optimizer is None:
            kind, options = self.get_optimizer_cls_and_kwargs(self.args)
            assert isinstance(self.model, PeftModel)
            free = [(name, each) for name, each in self.model.named_parameters() if each.requires_grad]
            head = [weight for name, weight in free if ".score." in name]
            body = [weight for name, weight in free if ".score." not in name]
            decay, rate = self.args.weight_decay, self.args.learning_rate
            groups = [
                {"params": body, "weight_decay": decay},
                {"params": head, "weight_decay": decay, "lr": HEAD_RATE * rate},
            ]
            self.optimizer = kind(groups, **options)
        return self.optimizer

    def _count(self, inputs: dict[str, Any]) -> None:
        """Notes the batch's tokens."""
        self._total_train_tokens += self.accelerator.gather_for_metrics(inputs["attention_mask"].sum()).sum().item()
        self._metrics["train"]["num_tokens"] = [self._total_train_tokens]


class PairTrainer(HeadTrainer):
    """HeadTrainer on preference pairs, with ties."""

    @staticmethod
    def collate(examples: Sequence[dict[str, Any]], pad: int) -> dict[str, torch.Tensor]:
        """The chosen replies, then the rejected ones, as `padded`; `margin` and `tie`, (B,) each."""
        rows = [(each["prompt"], each[side]) for side in ("chosen", "rejected") for each in examples]
        margins, ties = ([each[name] for each in examples] for name in ("margin", "tie"))
        return padded(rows, pad) | {"margin": torch.tensor(margins), "tie": torch.tensor(ties)}

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean loss of a batch; accuracy and margin are of its decided pairs."""
        margin, tie = inputs.pop("margin"), inputs.pop("tie")
        out = model(**inputs)
        chosen, rejected = out.logits.squeeze(-1).chunk(2)  # (B,) each
        losses = loss_of(chosen - rejected, margin, tie)
        self._note(inputs, chosen.detach(), rejected.detach(), ~tie)
        return (losses.mean(), out) if return_outputs else losses.mean()

    def _note(
        self, inputs: dict[str, Any], chosen: torch.Tensor, rejected: torch.Tensor, decided: torch.Tensor
    ) -> None:
        self._count(inputs)
        gather, noted = self.accelerator.gather_for_metrics, self._metrics["train"]
        chosen, rejected, decided = gather(chosen), gather(rejected), gather(decided)
        noted["mean_reward"].append(((chosen + rejected) / 2).mean().item())
        if decided.any():
            noted["accuracy"].append((chosen > rejected)[decided].float().mean().item())
            noted["margin"].append((chosen - rejected)[decided].mean().item())


def rows_of(config: RewardConfig, ids: list[Ids]) -> list[dict[str, Any]]:
    """The pairs as PairTrainer takes them; margins only where they are asked for and some pair has one."""
    margins = config.use_margin and any(each.margin is not None for each in ids)
    return [vars(each) | {"margin": MARGIN * (each.margin or 0.0) if margins else 0.0} for each in ids]


def loss_of(difference: torch.Tensor, margin: torch.Tensor, tie: torch.Tensor) -> torch.Tensor:
    """(B,) losses of r(chosen) - r(rejected): -log sigmoid of it less the margin; for a tie the mean of both orders."""
    decided = -torch.nn.functional.logsigmoid(difference - margin)
    tied = -(torch.nn.functional.logsigmoid(difference) + torch.nn.functional.logsigmoid(-difference)) / 2
    return torch.where(tie, tied, decided)


def padded(rows: Sequence[Reply], pad: int) -> dict[str, torch.Tensor]:
    """`input_ids`, `attention_mask`, `reply_mask`, (B, T) each, padded on the right."""
    width = max(len(prompt) + len(reply) for prompt, reply in rows)
    blank = [width - len(prompt) - len(reply) for prompt, reply in rows]
    both = list(zip(rows, blank, strict=True))
    return {
        "input_ids": torch.tensor([[*prompt, *reply, *[pad] * rest] for (prompt, reply), rest in both]),
        "attention_mask": torch.tensor([[1] * (width - rest) + [0] * rest for rest in blank]),
        "reply_mask": torch.tensor([[0] * len(p) + [1] * len(r) + [0] * rest for (p, r), rest in both]),
    }


def measure(model: Any, ids: list[Ids], pad: int) -> dict[str, float]:
    """Held-out loss, accuracy (equal rewards count half) and margin, of decided pairs."""
    chosen = scores(model, [(each.prompt, each.chosen) for each in ids], pad)
    rejected = scores(model, [(each.prompt, each.rejected) for each in ids], pad)
    margin = chosen - rejected
    wins = (margin > 0).float() + 0.5 * (margin == 0).float()
    return {
        "heldout_loss": float(-torch.nn.functional.logsigmoid(margin).mean()),
        "heldout_accuracy": float(wins.mean()),
        "heldout_margin": float(margin.mean()),
    }


@torch.no_grad()
def scores(model: Any, rows: Sequence[Reply], pad: int, batch_size: int = 16) -> torch.Tensor:
    """(N,) rewards of replies as token ids; dropout off, mode unchanged."""
    was_training = model.training
    model.eval()
    rewards = torch.zeros(len(rows))
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]) + len(rows[i][1]))
    for first in range(0, len(order), batch_size):
        part = order[first : first + batch_size]
        batch = padded([rows[i] for i in part], pad)
        out = model(**{name: value.to(model.device) for name, value in batch.items()}).logits  # (B, 1)
        rewards[part] = out.squeeze(-1).float().cpu()
    model.train(was_training)
    return rewards


@torch.no_grad()
def token_scores(model: Any, rows: Sequence[Reply], pad: int, batch_size: int = 16) -> list[list[float]]:
    """What the head gives at each token of the replies, one list a reply; dropout must be off."""
    by_reply: list[list[float]] = []
    for first in range(0, len(rows), batch_size):
        part = rows[first : first + batch_size]
        batch = {name: value.to(model.device) for name, value in padded(part, pad).items()}
        scored = model.get_base_model().per_token(batch["input_ids"], batch["attention_mask"]).cpu()  # (B, T)
        by_reply += [
            each[len(prompt) : len(prompt) + len(reply)].tolist()
            for each, (prompt, reply) in zip(scored, part, strict=True)
        ]
    return by_reply
