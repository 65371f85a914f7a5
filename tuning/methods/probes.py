"""What an SFT run measures besides its held-out loss, where the config asks: general text, and fixed prompts.

The probe is text that the base already knows (`data.general_text`): its loss rises where the run forgets. Knows a model
and a run's events, no trainer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from transformers import GenerationConfig

from tuning.config.training import SFTConfig
from tuning.data import general_text
from tuning.data.examples import Row
from tuning.data.tokenize import encode, end_token_ids, render_prompt
from tuning.methods.loss import Batches, heldout_loss, row_losses
from tuning.runs.run_store import Run

if TYPE_CHECKING:
    from tuning.methods.start import Start

Evaluate = Callable[[], dict[str, float]]
SHOWN_TOKENS = 48
_FORGOTTEN = 0.05  # rise of the probe's loss that is worth a remark, as a share


def watched(
    run: Run, start: Start, model: Any, config: SFTConfig, max_length: int, evaluate: Evaluate | None
) -> Evaluate | None:
    """`evaluate`, and with it general text (`probe_loss`, of pocket `probe_right`) and `sample` events, where asked."""
    parts: list[Evaluate] = [evaluate] if evaluate else []
    if config.probe:
        parts.append(_probe(start, model, max_length))
        parts += [_facts(start, model, max_length)] if start.base.kind == "pocket" else []
    prompts = dict.fromkeys(line.strip() for line in config.sample_prompt.splitlines() if line.strip())
    parts += [_sample(run, start, model, prompt) for prompt in prompts]
    if not parts:
        return None
    return lambda: {name: value for part in parts for name, value in part().items()}


def rehearsed(rows: list[Row], config: SFTConfig, start: Start) -> list[Row]:
    """`rows`, with as many general texts mixed in as make up the share that `config.rehearsal` says."""
    if not config.rehearsal:
        return rows
    n_general = round(len(rows) * config.rehearsal / (1 - config.rehearsal))
    return [*rows, *general_text.rehearsal(start.base.kind == "pocket", max(1, n_general))]


def note_if_forgotten(run: Run, step: int) -> None:
    """The remark when the loss on general text has clearly risen, with what helps."""
    status = run.status()
    points = status.series.get("probe_loss", [])
    if len(points) < 2:
        return
    before, after = points[0][1], status.metrics["probe_loss"]  # the last told: of what is kept
    if after > before * (1 + _FORGOTTEN):
        share = f"{after / before - 1:.0%}"
        run.note("note.forgetting", step, before=f"{before:.3f}", after=f"{after:.3f}", share=share)


def _probe(start: Start, model: Any, max_length: int) -> Evaluate:
    rows = [encode(start.tokenizer, row, max_length) for row in general_text.probe(start.base.kind == "pocket")]
    batches = Batches(rows, start.tokenizer.pad_token_id, start.info.vocabulary)
    return lambda: {"probe_loss": heldout_loss(model, batches)}


def _facts(start: Start, model: Any, max_length: int) -> Evaluate:
    """`probe_right`: the share of held-out questions whose right answer is likelier than each false one."""
    groups = [[encode(start.tokenizer, row, max_length) for row in rows] for rows in general_text.facts()]

    def share_right() -> dict[str, float]:
        losses = (row_losses(model, rows, start.tokenizer.pad_token_id) for rows in groups)
        right = [first < min(false, default=first) for first, *false in losses]
        return {"probe_right": sum(right) / len(right)}

    return share_right


def _sample(run: Run, start: Start, model: Any, prompt: str) -> Evaluate:
    tokenizer = start.tokenizer
    ids = torch.tensor([render_prompt(tokenizer, [{"role": "user", "content": prompt}])], device=model.device)
    config = GenerationConfig(
        max_new_tokens=SHOWN_TOKENS,
        do_sample=False,
        eos_token_id=end_token_ids(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
    )

    @torch.no_grad()
    def write() -> dict[str, float]:
        was_training = model.training
        model.eval()
        out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config)
        model.train(was_training)
        reply = str(tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)).strip()
        run.append("sample", run.status().step, prompt=prompt, reply=reply)
        return {}

    return write
