"""Classification: labelled texts and a config in, a head on a body out, with transformers' Trainer.

Three strategies on one path: the head alone (feature extraction), head and LoRA, everything. At the end the held-out
texts are classified once, whole, and `classification.json` says how well, beside two baselines. The body's own
adapter (a run to start from) is merged first. Knows a run's folder and events, no queue.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import PeftModel
from transformers import PrinterCallback, Trainer, TrainingArguments, set_seed

from common import files
from tuning.classification import classifier_model, metrics
from tuning.config.classification import ClassifyConfig
from tuning.config.planner import auto_learning_rate, dtype_for, threads_for
from tuning.data.examples import Labelled
from tuning.methods.batching import SimilarLengths
from tuning.methods.recorder import Recorder, note_if_nothing_learned
from tuning.methods.start import last_checkpoint, parent_adapter
from tuning.methods.trainer_arguments import arguments
from tuning.models import loader, model_info
from tuning.models.references import neutral_id
from tuning.runs import card, resolver
from tuning.runs.run_store import Run

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

    from tuning.methods.start import Preloaded
    from tuning.models.model_info import ModelInfo
    from tuning.models.references import Base, Device

CURVE_ROWS = 256  # held-out texts that the curve is measured on
REPORT_ROWS = 5000  # and that the report is made of
EPOCHS = {"feature": 6.0, "lora": 3.0, "full": 3.0}
MOST_TOKENS = 512
_TIMED = 20  # texts that are classified one by one, to say how long one takes


@dataclass(frozen=True)
class ClassifyPlan:
    """A config without zeros."""

    steps: int
    epochs: float
    batch_size: int
    max_length: int
    learning_rate: float
    warmup_steps: int
    eval_every: int
    dtype: str


@dataclass
class Setup:
    """The model in memory and what belongs to it."""

    base: Base
    info: ModelInfo
    device: Device
    tokenizer: Tokenizer
    model: Any
    labels: list[str]
    adapter: Path | None
    dtype: str


def train(run: Run, home: Path, preloaded: Preloaded | None = None) -> bool:
    """Trains `run` to its end (True), or until it is stopped (False). Raises: AfinaError, and what torch raises."""
    config = ClassifyConfig.stored(run.info.config)
    rows, heldout = run.examples("train", Labelled), run.examples("heldout", Labelled)
    labels = sorted({row.label for row in (*rows, *heldout)})
    setup = _setup(run, config, home, labels)
    ids = [encode(setup.tokenizer, row.text) for row in rows]
    plan = plan_of(config, setup, len(rows), max(len(row) for row in ids))
    ids = [row[: plan.max_length] for row in ids]
    held = [encode(setup.tokenizer, row.text, plan.max_length) for row in heldout]
    checkpoint = last_checkpoint(run)
    _announce(run, setup, plan, len(heldout), checkpoint)
    targets = [labels.index(row.label) for row in rows]
    recorder = Recorder(run, plan.eval_every, config.save_every, _curve(setup, heldout, held))
    trainer = ClassifierTrainer(setup, config, plan, ids, targets, run.checkpoints_dir, recorder)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    step = trainer.state.global_step
    if not recorder.stopped:
        note_if_nothing_learned(run, step)
    _keep(run, setup, config, plan)
    figures = _report(run, setup, held) if heldout else {}
    _finish(run, recorder, step, plan, figures)
    return not recorder.stopped


def encode(tokenizer: Tokenizer, text: str, max_length: int | None = None) -> list[int]:
    """Token ids with the model's own special tokens; never empty."""
    ids = tokenizer(text, truncation=bool(max_length), max_length=max_length or None)["input_ids"]
    return list(ids) or [int(tokenizer.pad_token_id)]


def plan_of(config: ClassifyConfig, setup: Setup, n: int, longest: int) -> ClassifyPlan:
    batch = min(config.batch_size, n)
    per_epoch = math.ceil(n / batch)
    steps = max(1, math.ceil((config.epochs or EPOCHS[config.strategy]) * per_epoch))
    room = min(setup.info.context or MOST_TOKENS, MOST_TOKENS)
    length = min(config.max_length or room, setup.info.context or MOST_TOKENS, max(longest, 1))
    return ClassifyPlan(
        steps=steps,
        epochs=steps / per_epoch,
        batch_size=batch,
        max_length=max(1, length),
        learning_rate=config.learning_rate or rate_for(config.strategy, setup.info.parameters),
        warmup_steps=round(config.warmup_ratio * steps),
        eval_every=config.eval_every or max(1, steps // 8),
        dtype=setup.dtype,
    )


def rate_for(strategy: str, parameters: int) -> float:
    """A new head bears large steps, an adapter middling ones, pretrained weights small ones."""
    if strategy == "feature":
        return 1e-2
    if strategy == "lora":
        return auto_learning_rate(parameters) / 2
    return 3e-4 if parameters < 20e6 else 5e-5 if parameters < 250e6 else 2e-5


class Texts(torch.utils.data.Dataset):
    def __init__(self, ids: Sequence[list[int]], targets: Sequence[int]) -> None:
        self.ids, self.targets = ids, targets

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"ids": self.ids[index], "target": self.targets[index]}


class ClassifierTrainer(Trainer):
    """Trainer on token ids; checkpoints hold what is trained alone."""

    def __init__(
        self,
        setup: Setup,
        config: ClassifyConfig,
        plan: ClassifyPlan,
        ids: list[list[int]],
        targets: list[int],
        folder: Path,
        recorder: Recorder,
    ) -> None:
        self._strategy = config.strategy
        self._lengths = [len(row) for row in ids]
        self._weights = class_weights(targets, len(setup.labels)) if config.class_weights == "balanced" else None
        pad = int(setup.tokenizer.pad_token_id)
        set_seed(config.seed)
        super().__init__(
            model=setup.model,
            args=TrainingArguments(**arguments(folder, config, plan, setup.device.kind, plan.batch_size)),
            train_dataset=Texts(ids, targets),
            data_collator=lambda rows: {
                **classifier_model.padded([row["ids"] for row in rows], pad),
                "labels": torch.tensor([row["target"] for row in rows]),
            },
            callbacks=[recorder],
        )
        self.remove_callback(PrinterCallback)

    def _get_train_sampler(self, train_dataset: Any = None) -> torch.utils.data.Sampler | None:
        return SimilarLengths(self._lengths, self.args.per_device_train_batch_size, self.args.seed)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        targets = inputs["labels"]  # (B,)
        outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        weights = None if self._weights is None else self._weights.to(targets.device)
        loss = torch.nn.functional.cross_entropy(outputs.logits.float(), targets, weight=weights)
        return (loss, outputs) if return_outputs else loss

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        assert output_dir is not None
        folder = Path(output_dir)
        classifier_model.save_weights(self.model, folder, self._strategy)
        if self._strategy == "feature":  # by the name that the trainer looks for when it resumes
            (folder / classifier_model.HEAD).rename(folder / "model.safetensors")
        torch.save(self.args, folder / "training_args.bin")


def class_weights(targets: Sequence[int], n_classes: int) -> torch.Tensor:
    """(C,) n / (C * n_c), as scikit-learn's "balanced"; a class without texts weighs nothing."""
    counts = torch.bincount(torch.tensor(targets), minlength=n_classes).float()
    return torch.where(counts > 0, len(targets) / (n_classes * counts.clamp(min=1)), torch.zeros_like(counts))


def _setup(run: Run, config: ClassifyConfig, home: Path, labels: list[str]) -> Setup:
    base = resolver.resolve(run.info.base["name"], home).base
    adapter = parent_adapter(run, home)
    info, device = model_info.describe(base), loader.device()
    if device.kind == "cpu":
        threads = threads_for(info.parameters, torch.get_num_threads())
        torch.set_num_threads(min(threads, torch.get_num_threads()))
    tokenizer = classifier_model.tokenizer_of(base)
    model = classifier_model.build(base, adapter, labels, int(tokenizer.pad_token_id), config.seed)
    dtype = dtype_for(config.dtype, device.dtype, info.parameters)
    return Setup(base, info, device, tokenizer, classifier_model.prepare(model, config), labels, adapter, dtype)


def _curve(setup: Setup, heldout: Sequence[Any], ids: list[list[int]]) -> Any:
    if not heldout:
        return None
    every = max(1, len(heldout) // CURVE_ROWS)
    targets = [setup.labels.index(row.label) for row in heldout[::every][:CURVE_ROWS]]
    shown, pad = ids[::every][:CURVE_ROWS], int(setup.tokenizer.pad_token_id)

    def measure() -> dict[str, float]:
        found = classifier_model.logits(setup.model, shown, pad)
        loss = torch.nn.functional.cross_entropy(found, torch.tensor(targets))
        figures = metrics.scores(targets, found.argmax(-1).tolist(), len(setup.labels))
        return {
            "heldout_loss": float(loss),
            "heldout_accuracy": figures["accuracy"],
            "heldout_macro_f1": figures["macro_f1"],
        }

    return measure


def _announce(run: Run, setup: Setup, plan: ClassifyPlan, n_heldout: int, checkpoint: Path | None) -> None:
    step = int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0
    weights = list(setup.model.parameters())
    run.append(
        "start",
        step,
        **asdict(plan),
        total_steps=plan.steps,
        parameters=sum(weight.numel() for weight in weights),
        trainable=sum(weight.numel() for weight in weights if weight.requires_grad),
        device=setup.device.kind,
        device_label=setup.device.label,
        base_sha256=setup.base.sha256,
        heldout_rows=min(n_heldout, CURVE_ROWS),
        labels=setup.labels,
        elapsed_seconds=run.status().elapsed_seconds if checkpoint else 0.0,
    )
    if checkpoint:
        run.note("note.resumed", step, step=step)
    elif not n_heldout:
        run.note("note.no_heldout", 0)
    run.move("running", ("starting",))


def _keep(run: Run, setup: Setup, config: ClassifyConfig, plan: ClassifyPlan) -> None:
    """The run's `adapter/` (what was trained, tokenizer, labels, card), whole or not there."""
    beside, old = run.path / ".adapter.new", run.path / ".adapter.old"
    for folder in (beside, old):
        shutil.rmtree(folder, ignore_errors=True)
    if isinstance(setup.model, PeftModel):
        setup.model.peft_config["default"].base_model_name_or_path = neutral_id(setup.base)
    classifier_model.save_weights(setup.model, beside, config.strategy)
    classifier_model.save_about(
        beside, classifier_model.About(setup.labels, config.strategy, plan.max_length, config.seed)
    )
    setup.tokenizer.save_pretrained(str(beside))
    card_text = card.write(run, setup.base, setup.info, vars(plan))
    origin = {
        "run_id": run.id,
        "name": run.name,
        "method": "classify",
        "data": run.info.data,
        "base": {"name": neutral_id(setup.base), "sha256": setup.base.sha256},
    }
    files.write_json(beside / "afina.json", origin)
    files.write_text(beside / "README.md", card_text)
    files.write_text(run.card, card_text)
    if run.adapter_dir.exists():
        run.adapter_dir.rename(old)
    beside.rename(run.adapter_dir)
    shutil.rmtree(old, ignore_errors=True)


def _report(run: Run, setup: Setup, ids: list[list[int]]) -> dict[str, float]:
    """Writes `classification.json` of the held-out texts, and gives its main figures."""
    heldout = run.examples("heldout", Labelled)[:REPORT_ROWS]
    pad = int(setup.tokenizer.pad_token_id)
    probabilities = classifier_model.logits(setup.model, ids[:REPORT_ROWS], pad).softmax(-1)  # (N, C)
    began = time.monotonic()
    for row in ids[:_TIMED]:
        classifier_model.logits(setup.model, [row], pad)
    seconds = (time.monotonic() - began) / len(ids[:_TIMED])
    report = metrics.report(run.examples("train", Labelled), heldout, setup.labels, probabilities.tolist())
    size = sum(
        path.stat().st_size for path in run.adapter_dir.glob("*.safetensors")
    )  # what has to be kept besides the base
    plan = run.status().plan
    files.write_json(
        run.path / metrics.FILE,
        {
            **asdict(report),
            "strategy": run.info.config["strategy"],
            "milliseconds": 1000 * seconds,
            "adapter_bytes": size,
            "trainable": plan["trainable"],
            "parameters": plan["parameters"],
            "seconds": run.status().elapsed_seconds,
            "untrained_accuracy": run.status().first.get("heldout_accuracy"),
            "peak_memory_bytes": run.status().metrics.get("peak_memory_bytes", 0),
        },
    )
    return {"accuracy": report.accuracy, "macro_f1": report.macro_f1}


def _finish(run: Run, recorder: Recorder, step: int, plan: ClassifyPlan, figures: dict[str, float]) -> None:
    status = run.status()
    if recorder.stopped and run.paused:
        pass  # its next slice goes on
    elif recorder.stopped:
        run.note("note.stopped", step, step=step, total=plan.steps)
    else:
        shutil.rmtree(run.checkpoints_dir, ignore_errors=True)
    run.append("end", step, seconds=status.elapsed_seconds, **{**status.metrics, **figures})
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
