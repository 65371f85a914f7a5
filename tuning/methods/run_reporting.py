"""What a run that learns from feedback tells while it goes: start, end, and replies that everybody sees change.

Knows runs and events; no loss and no trainer.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import GenerationConfig

from tuning.data.tokenize import end_token_ids, render_prompt
from tuning.methods.start import keep_adapter
from tuning.runs import card
from tuning.runs.run_store import Run

if TYPE_CHECKING:
    from tuning.methods.preference_data import PreferencePlan
    from tuning.methods.recorder import Recorder
    from tuning.methods.start import Start

WATCHED = 4  # prompts: of one alone the likeliest reply may never change
_SHOWN_TOKENS = 48


class ReplyWatcher:
    """Fixed prompts whose replies everybody watches changing: `sample` events at each measuring."""

    def __init__(self, run: Run, model: Any, start: Start, prompts: Iterable[Sequence[dict[str, str]]]) -> None:
        """Of `prompts`, the first WATCHED that differ and leave the model room for a reply."""
        self._run, self._model, self._start = run, model, start
        self._asked: dict[str, list[int]] = {}  # prompt: its tokens
        for prompt in prompts:
            ids = render_prompt(start.tokenizer, list(prompt))
            if not start.info.context or len(ids) + _SHOWN_TOKENS <= start.info.context:
                self._asked.setdefault(str(prompt[-1]["content"]), ids)
            if len(self._asked) == WATCHED:
                break

    @torch.no_grad()
    def __call__(self) -> None:
        """The likeliest replies of the policy as it is, in one batch."""
        if not self._asked:
            return
        tokenizer, was_training = self._start.tokenizer, self._model.training
        self._model.eval()
        rows, pad, device = list(self._asked.values()), tokenizer.pad_token_id, self._model.device
        width = max(map(len, rows))
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows], device=device)
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows], device=device)
        config = GenerationConfig(
            max_new_tokens=_SHOWN_TOKENS,
            do_sample=False,
            eos_token_id=end_token_ids(tokenizer),
            pad_token_id=pad,
        )
        out = self._model.generate(input_ids=ids, attention_mask=mask, generation_config=config)
        self._model.train(was_training)
        step = self._run.status().step
        for prompt, row in zip(self._asked, out, strict=True):
            reply = str(tokenizer.decode(row[width:], skip_special_tokens=True)).strip()
            self._run.append("sample", step, prompt=prompt, reply=reply)


def announce(run: Run, start: Start, plan: PreferencePlan, model: Any, heldout: int, checkpoint: Path | None) -> None:
    """The `start` event, and the state `running`."""
    step = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
    run.append(
        "start",
        step,
        **asdict(plan),
        total_steps=plan.steps,
        parameters=start.info.parameters,
        trainable=sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        device=start.device.kind,
        device_label=start.device.label,
        base_sha256=start.base.sha256,
        heldout_rows=heldout,
        elapsed_seconds=run.status().elapsed_seconds if checkpoint else 0.0,
    )
    begun = run.move("running", ("starting",))  # else it is the next slice of one sitting
    if checkpoint and begun:
        run.note("note.resumed", step, step=step)
    elif not checkpoint and not heldout:
        run.note("note.no_heldout", 0)


def train_to_end(
    run: Run, start: Start, model: Any, plan: PreferencePlan, trainer: Any, recorder: Recorder, checkpoint: Path | None
) -> bool:
    """Trains from `checkpoint` (None: from the beginning) and keeps the adapter with its card.

    `trainer`: one of Transformers, with `recorder` among its callbacks. False where it was stopped before its end.
    """
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    keep_adapter(model, run, start, card.write(run, start.base, start.info, vars(plan)))
    _finish(run, recorder, trainer.state.global_step, plan.steps)
    return not recorder.stopped


def _finish(run: Run, recorder: Recorder, step: int, total: int) -> None:
    """The `end` event; the checkpoints go once nothing is left to resume."""
    status = run.status()
    if run.silent:
        return
    if recorder.stopped:
        if not run.paused:
            run.note("note.stopped", step, step=step, total=total)
    else:
        shutil.rmtree(run.checkpoints_dir, ignore_errors=True)
        if status.metrics.get("chosen_reward", 0.0) < 0:
            run.note("note.negative_chosen", step, value=f"{status.metrics['chosen_reward']:.2f}")
    run.append("end", step, seconds=status.elapsed_seconds, **status.metrics)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
