"""Supervised fine-tuning: rows and a config in, an adapter out, with TRL's SFTTrainer (`tuning.methods.sft_trainer`).

Rows are tokenised by `tuning.data.tokenize`, when their turn comes, so the trainer sees exactly what the form
showed and 60,000 rows start as fast as 60. Knows a run's folder and events, no queue and no process.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from transformers import set_seed

from common.errors import AfinaError
from tuning.config.planner import HELDOUT_ROWS, Facts, Plan, make
from tuning.config.training import SFTConfig
from tuning.data.examples import Row
from tuning.data.tokenize import Encoded, encode
from tuning.methods import batching, distributed
from tuning.methods.loss import Batches, heldout_loss
from tuning.methods.probes import note_if_forgotten, rehearsed, watched
from tuning.methods.recorder import Recorder, measure_again, note_if_nothing_learned
from tuning.methods.sft_trainer import AdapterTrainer, LazyRows, trainer_config
from tuning.methods.start import (
    Preloaded,
    Start,
    add_adapter,
    keep_adapter,
    last_checkpoint,
    save_adapter,
    start_of,
)
from tuning.models import adapter_io
from tuning.models.peft_methods import PEFT_METHODS
from tuning.runs import card
from tuning.runs.estimate import free_memory, row_lengths
from tuning.runs.run_store import Run


def train(run: Run, home: Path, preloaded: Preloaded | None = None) -> bool:
    """Trains `run` from its last checkpoint, or from the beginning. Gives whether it came to its end (or was stopped).

    Raises: AfinaError for what a person can mend; whatever torch raises (out of memory, for one).
    """
    config = SFTConfig.stored(run.info.config)
    start = start_of(run, config, home, preloaded)
    rows, heldout = rehearsed(run.examples("train", Row), config, start), run.examples("heldout", Row)
    model = add_adapter(start, config, run, home)
    checkpoint = last_checkpoint(run)
    plan = distributed.agree(_plan(run, config, start, model, rows, resumed=checkpoint is not None))
    _announce(run, start, plan, model, heldout, checkpoint)
    trainer, recorder = _trainer(run, config, start, plan, model, rows, heldout)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    step = trainer.state.global_step
    if recorder.best_step is not None:
        _take_back(run, model, recorder)
    if not recorder.stopped:
        note_if_nothing_learned(run, step)
    if not run.paused:
        note_if_forgotten(run, step)  # of a stopped one too: that is why it was stopped, perhaps
    keep_adapter(model, run, start, card.write(run, start.base, start.info, vars(plan)))
    _finish(run, recorder, step, plan)
    return not recorder.stopped


def rehearse(start: Start) -> None:
    """One optimiser step on a copy of the model: loads what is loaded late, and builds the first kernels."""
    row = Row(messages=({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}))
    encoded = encode(start.tokenizer, row, 0)
    from peft import LoraConfig, get_peft_model

    copied = copy.deepcopy(start.model)
    model = get_peft_model(copied, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    plan = Plan(1, 1, 2, 1, 0, 1e-4, 0, 1, False, False, start.dtype, 0)
    with tempfile.TemporaryDirectory() as folder:
        arguments = trainer_config(Path(folder), SFTConfig(), plan, start.device.kind)
        trainer = AdapterTrainer(start, model, arguments, LazyRows([row] * 2, lambda _: encoded), [])
        trainer.train()
        save_adapter(model, Path(folder) / "adapter", start.base)
    heldout_loss(model, Batches([encoded], start.tokenizer.pad_token_id, start.info.vocabulary))


def _plan(run: Run, config: SFTConfig, start: Start, model: Any, rows: list[Row], resumed: bool) -> Plan:
    """The plan; a resumed run keeps the one it began with, whatever memory is free now."""
    names = [field.name for field in fields(Plan)]
    begun = next((event.metrics for event in run.events() if event.kind == "start"), {})
    if resumed and all(name in begun for name in names):
        return Plan(**{name: begun[name] for name in names})
    facts = Facts(
        parameters=start.info.parameters,
        trainable=adapter_io.n_trained(model),
        layers=start.info.layers,
        hidden=start.info.hidden,
        context=start.info.context,
        n_train=len(rows),
        lengths=row_lengths(start.tokenizer, rows, config.reply_only),
        device=start.device.kind,
        dtype=start.dtype,
        free_memory=free_memory(start.device.kind),
    )
    plan = make(config, facts)
    cut = sum(length > plan.max_length for length in facts.lengths)
    if cut:
        run.note("note.truncated", 0, n=cut, of=len(facts.lengths), max_length=plan.max_length)
    return plan


def _announce(run: Run, start: Start, plan: Plan, model: Any, heldout: list[Row], checkpoint: Path | None) -> None:
    step = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
    earlier = run.status().elapsed_seconds if checkpoint else 0.0
    run.append(
        "start",
        step,
        **asdict(plan),
        total_steps=plan.steps,
        parameters=start.info.parameters,
        trainable=adapter_io.n_trained(model),
        device=start.device.kind,
        device_label=start.device.label,
        base_sha256=start.base.sha256,
        heldout_rows=min(len(heldout), HELDOUT_ROWS),
        elapsed_seconds=earlier,
    )
    begun = run.move("running", ("starting",))  # else it is the next slice of one sitting
    if checkpoint and begun:
        run.note("note.resumed", step, step=step)
    elif not checkpoint and not heldout:
        run.note("note.no_heldout", 0)


def _trainer(
    run: Run,
    config: SFTConfig,
    start: Start,
    plan: Plan,
    model: Any,
    rows: list[Row],
    heldout: list[Row],
) -> tuple[AdapterTrainer, Recorder]:
    def encoded(row: Row) -> Encoded:
        return encode(start.tokenizer, row, plan.max_length, config.reply_only)

    evaluate = watched(run, start, model, config, plan.max_length, _evaluation(start, model, heldout, encoded))
    recorder = Recorder(run, plan.eval_every, config.save_every, evaluate)
    recorder.patience = config.patience
    if config.patience:
        recorder.keep_best = lambda: adapter_io.keep(model, _best(run))
    set_seed(config.seed)
    arguments = trainer_config(run.checkpoints_dir, config, plan, start.device.kind)
    if plan.packing:
        dataset = batching.packed_dataset((encoded(row) for row in rows), plan.max_length)
        collator = batching.Collator(start.tokenizer.pad_token_id)
        return AdapterTrainer(start, model, arguments, dataset, [recorder], collator), recorder
    if not any(encoded(row).n_trained for row in rows[:200]):
        raise AfinaError("engine.nothing_trained", max_length=plan.max_length)
    apart = not PEFT_METHODS[config.peft].is_soft and batching.keeps_rows_apart(model)
    joiner = batching.SequencePacker(start.tokenizer.pad_token_id) if apart else None
    return AdapterTrainer(start, model, arguments, LazyRows(rows, encoded), [recorder], joiner), recorder


def _best(run: Run) -> Path:
    """Where a run that may stop early keeps what it had learned at its lowest held-out loss."""
    return run.checkpoints_dir / "best"


def _take_back(run: Run, model: Any, recorder: Recorder) -> None:
    """Puts `model` back to its lowest held-out loss, which came before it stopped early."""
    if (_best(run) / adapter_io.STATE).is_file():
        adapter_io.restore(model, _best(run))
        measure_again(recorder)


def _evaluation(start: Start, model: Any, heldout: list[Row], encoded: Any) -> Any:
    """The held-out loss as a function, always of the same rows, spread over the held-out side."""
    if not heldout:
        return None
    every = max(1, len(heldout) // HELDOUT_ROWS)
    examples = [encoded(row) for row in heldout[::every][:HELDOUT_ROWS]]
    batches = Batches(examples, start.tokenizer.pad_token_id, start.info.vocabulary)
    if not batches.n_trained:
        return None
    return lambda: {"heldout_loss": heldout_loss(model, batches)}


def _finish(run: Run, recorder: Recorder, step: int, plan: Plan) -> None:
    status = run.status()
    if run.silent:
        return
    if recorder.stopped:
        if not run.paused:
            run.note("note.stopped", step, step=step, total=plan.steps)
    else:
        shutil.rmtree(run.checkpoints_dir, ignore_errors=True)  # nothing is left to resume
    run.append("end", step, seconds=status.elapsed_seconds, **status.metrics)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
