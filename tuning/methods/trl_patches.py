"""What the trainers here replace of TRL's (1.10 to 1.16) and of Transformers' Trainer, where several replace the same.

Mixins, to stand before TRL's class: one method for each change. What one trainer alone replaces stands in that trainer
(CONTRIBUTING.md, "What depends on library internals"). `tests/tuning/methods/test_trl_patches.py` fails when a method
is called no longer, is called otherwise, or does the same as ours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tuning.methods.start import save_adapter
from tuning.models.references import Base


class NoCard:
    """Checkpoints without TRL's model card."""

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Writes nothing: the run's own card is written at its end.

        TRL makes a card from its template with each checkpoint, beside the checkpoints, where a run that has ended is
        to leave nothing. Can go when a training argument turns it off.
        """


class AdapterCheckpoints(NoCard):
    """Checkpoints that hold the adapter called "default" alone."""

    _base: Base
    model: Any

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        """Writes the adapter as a finished run has it.

        Transformers saves every adapter, names the base by its path on this machine, and asks the Hub whether its
        vocabulary has grown. Can go when training arguments reach `save_pretrained`.
        """
        assert output_dir is not None
        save_adapter(self.model, Path(output_dir), self._base)


class TokenRows(AdapterCheckpoints):
    """Trainers of feedback on rows of token ids."""

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        """Leaves the rows as they are, tokenised as for chat.

        TRL reads texts alone: rows of token ids raise KeyError. Its SFTTrainer has `skip_prepare_dataset` for this; can
        go when the others have it.
        """
        return dataset


class KnownReference(TokenRows):
    """DPO and KTO on rows that have the reference's log-probabilities."""

    def _precompute_ref_logps(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        """Leaves the rows as they are.

        TRL computes the columns again, one more forward pass over all replies, and fails to add what is there. Can go
        when it looks for the columns first.
        """
        return dataset
