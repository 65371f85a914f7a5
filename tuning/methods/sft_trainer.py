"""TRL's SFTTrainer on rows that are tokenised when their turn comes, with our adapters in its checkpoints.

Knows TRL's arguments and hooks; no run, no plan's reasons, no events.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import PrinterCallback
from trl import SFTConfig as TrainerConfig
from trl import SFTTrainer

from tuning.config.planner import Plan
from tuning.config.training import SFTConfig
from tuning.data.examples import Row
from tuning.data.tokenize import Encoded
from tuning.methods import batching, distributed
from tuning.methods.start import Start
from tuning.methods.trainer_arguments import arguments
from tuning.methods.trl_patches import NoCard
from tuning.models import adapter_io


class LazyRows(torch.utils.data.Dataset):
    """Rows, each tokenised when its turn comes."""

    def __init__(self, rows: Sequence[Row], encoded: Callable[[Row], Encoded]) -> None:
        self.rows, self.encoded = rows, encoded

    def __len__(self) -> int:
        return len(self.rows)

    def lengths(self) -> list[int]:
        """In characters: near enough to sort by, and nothing has to be tokenised for it."""
        return [len(row.text) + sum(len(message["content"]) for message in row.messages) for row in self.rows]

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        row = self.encoded(self.rows[index])
        return {"input_ids": row.input_ids, "labels": row.labels}


class AdapterTrainer(NoCard, SFTTrainer):
    """SFTTrainer on tokenised rows, which writes adapters our way into its checkpoints."""

    def __init__(
        self,
        start: Start,
        model: Any,
        arguments: TrainerConfig,
        examples: LazyRows | Dataset,
        callbacks: list,
        collator: Any = None,
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice for programmers, not for whoever looks at a run
            super().__init__(
                model=model,
                args=arguments,
                train_dataset=Dataset.from_list([examples[0]]),  # TRL looks at one, and takes this type only
                processing_class=start.tokenizer,
                data_collator=collator,
                callbacks=callbacks,
            )
        self.train_dataset = examples
        kind = getattr(model, "peft_config", {}).get("default")
        self._is_soft = bool(getattr(kind, "is_prompt_learning", False))
        # TRL's loss without whole logits looks for the output layer where this one's wrapper hides it.
        self._fused = getattr(kind, "peft_type", "") != "ADAPTION_PROMPT"
        self.remove_callback(PrinterCallback)

    def _get_train_sampler(self, train_dataset: Any = None) -> torch.utils.data.Sampler | None:
        # Joined rows leave nothing to pad. Soft prompts cannot be joined, and are worth their padding: batches of one
        # length are of one kind of text, the loss leapt (0.4 to 6 on `pocket`) and ended 0.06 to 0.2 nats higher.
        if self._is_soft or isinstance(self.data_collator, batching.Collator):
            return super()._get_train_sampler(train_dataset)
        assert isinstance(self.train_dataset, LazyRows)
        batch_size = self.args.per_device_train_batch_size * self.args.gradient_accumulation_steps
        batch_size *= distributed.processes()
        return batching.SimilarLengths(self.train_dataset.lengths(), batch_size, self.args.seed)

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if "attention_mask" not in inputs:  # TRL counts the tokens of the first joined row only
            self._total_train_tokens += inputs["input_ids"][1:].numel()
        if self._fused:
            return super().compute_loss(model, inputs, *args, **kwargs)
        self._total_train_tokens += inputs["input_ids"].numel()
        self._metrics["train"]["num_tokens"] = [self._total_train_tokens]
        return super(SFTTrainer, self).compute_loss(model, inputs, *args, **kwargs)

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        assert output_dir is not None
        adapter_io.keep(self.model, Path(output_dir))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        folder = Path(resume_from_checkpoint)
        if (folder / adapter_io.STATE).is_file():
            adapter_io.restore(self.model, folder)
        else:  # a checkpoint of PEFT's kind, from before
            super()._load_from_checkpoint(resume_from_checkpoint, model)


def trainer_config(folder: Path, config: SFTConfig, plan: Plan, device: str) -> TrainerConfig:
    """TRL's arguments for `plan`."""
    return TrainerConfig(
        **arguments(folder, config, plan, device, distributed.share(plan.micro_batch)),
        gradient_accumulation_steps=plan.gradient_accumulation,
        gradient_checkpointing=plan.gradient_checkpointing,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
    )
