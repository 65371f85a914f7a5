"""A trainer's callback that writes a run's events, and obeys its `stop` file. Knows no method and no model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import psutil
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from common.errors import AfinaError
from tuning.methods import distributed
from tuning.runs.run_store import Run

SAVE_SECONDS = 20.0
_SMOOTH = 0.9  # weight of the past in speeds


class Recorder(TrainerCallback):
    """Events of one sitting. `evaluate` gives the held-out metrics of the model as it is, None without such rows."""

    def __init__(
        self,
        run: Run,
        eval_every: int,
        save_every: int,
        evaluate: Callable[[], dict[str, float]] | None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        self.run = run
        self.names = names or {}  # further metrics: the trainer's name -> ours
        self.derive: Callable[[dict[str, float]], dict[str, float]] = lambda measures: {}
        self.eval_every = eval_every
        self.save_every = save_every
        self.evaluate = evaluate
        self.patience = 0  # held-out losses without a new lowest before it ends by itself; 0: it does not
        self.keep_best: Callable[[], None] | None = None  # called at each new lowest held-out loss
        self.best_step: int | None = None  # where that was, once it has ended by itself
        self.stopped = False
        self._process = psutil.Process()
        self._peak = 0
        self._saved_at = self._last = time.monotonic()
        self._tokens = 0.0
        self._step_seconds = 0.0  # smoothed, evaluations left out
        self._speed = 0.0  # tokens a second, smoothed
        self._eval_seconds = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step == 0:
            self._evaluate(state)
        self._saved_at = self._last = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        stop = state.global_step < state.max_steps and self._must_stop()
        if self.save_every:
            save = state.global_step % self.save_every == 0
        else:
            save = time.monotonic() - self._saved_at > SAVE_SECONDS
        self.stopped, save = distributed.agree((stop, save or stop))
        control.should_training_stop |= self.stopped
        control.should_save |= save

    def _must_stop(self) -> bool:
        """Somebody asked for it, or this sitting's time is up (`Run.deadline`)."""
        if self.run.stop_file.exists():
            return True
        self.run.paused = self.run.deadline is not None and time.monotonic() > self.run.deadline
        return self.run.paused

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if not logs or "loss" not in logs:
            return
        if not math.isfinite(logs["loss"]):
            raise AfinaError("engine.diverged", step=state.global_step, rate=f"{args.learning_rate:g}")
        self._clock(logs)
        self.run.append("train", state.global_step, **self._measures(state, logs))
        last = (self.stopped and not self.run.paused) or state.global_step == state.max_steps
        if last or state.global_step % self.eval_every == 0:
            self._evaluate(state)
            if not last and self._has_waited_enough(state.global_step):
                control.should_training_stop = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self.run.append("checkpoint", state.global_step, folder=f"checkpoint-{state.global_step}")
        self._saved_at = time.monotonic()

    def _clock(self, logs: dict[str, Any]) -> None:
        now = time.monotonic()
        seconds, self._last = now - self._last, now
        tokens, self._tokens = logs.get("num_tokens", 0.0) - self._tokens, logs.get("num_tokens", 0.0)
        past = _SMOOTH if self._step_seconds else 0.0
        self._step_seconds = past * self._step_seconds + (1 - past) * seconds
        self._speed = past * self._speed + (1 - past) * tokens / max(seconds, 1e-6)

    def _measures(self, state: TrainerState, logs: dict[str, Any]) -> dict[str, float]:
        left = state.max_steps - state.global_step
        evaluations = left / self.eval_every if self.evaluate else 0
        measures = {
            "loss": logs["loss"],
            "learning_rate": logs.get("learning_rate"),
            "grad_norm": logs.get("grad_norm"),
            "token_accuracy": logs.get("mean_token_accuracy"),
            "epoch": state.epoch,
            "tokens_per_second": self._speed,
            "eta_seconds": left * self._step_seconds + evaluations * self._eval_seconds,
            "peak_memory_bytes": self._memory(),
        }
        measures |= {ours: logs[theirs] for theirs, ours in self.names.items() if theirs in logs}
        known = {name: value for name, value in measures.items() if value is not None}
        return {name: _short(value) for name, value in (known | self.derive(known)).items()}

    def _has_waited_enough(self, step: int) -> bool:
        points = self.run.status().series.get("heldout_loss", []) if self.patience else []
        if len(points) <= self.patience:
            return False
        best_step, best = min(points, key=lambda point: point[1])
        if sum(at > best_step for at, _ in points) < self.patience:
            return False
        self.best_step = best_step
        self.run.note("note.early", step, step=step, best_step=best_step, best=f"{best:.3f}")
        return True

    def _memory(self) -> int:
        if torch.cuda.is_available():
            return torch.cuda.max_memory_allocated()
        self._peak = max(self._peak, self._process.memory_info().rss)
        return self._peak

    def _evaluate(self, state: TrainerState) -> None:
        if self.evaluate is None or self.run.silent:
            return
        began = time.monotonic()
        metrics = self.evaluate()
        self._eval_seconds = time.monotonic() - began
        self._last += self._eval_seconds  # a step's time is without it
        if not metrics:
            return
        measures = {name: _short(value) for name, value in metrics.items()}
        self.run.append("eval", state.global_step, **measures)
        if self.keep_best and _is_lowest(self.run, state.global_step):
            self.keep_best()
        warn_if_overfitting(self.run, state.global_step)


def measure_again(recorder: Recorder) -> None:
    """Measures the model as it was at `best_step`, so that what is told last is told of what is kept."""
    if recorder.evaluate is None or recorder.run.silent:
        return
    measures = {name: _short(value) for name, value in recorder.evaluate().items()}
    recorder.run.append("eval", recorder.best_step, **measures)


def _is_lowest(run: Run, step: int) -> bool:
    points = run.status().series.get("heldout_loss", [])
    return bool(points) and min(points, key=lambda point: point[1])[0] == step


def warn_if_overfitting(run: Run, step: int) -> None:
    """The note when the held-out loss has clearly risen from its best; once, and again when it has grown worse.

    It is taken back (in `tuning.runs.status`) when a later held-out loss is the lowest after all.
    """
    points = run.status().series.get("heldout_loss", [])
    if len(points) < 3:
        return
    best_step, best = min(points, key=lambda point: point[1])
    margin = max(0.03, 0.03 * best)
    before, now = points[-2][1], points[-1][1]
    if min(before, now) <= best + margin and now <= best + 4 * margin:  # one bad number is chance
        return
    earlier = next((note for note in run.status().notes if note.key == "note.overfitting"), None)
    if earlier is None or now > float(str(earlier.params["now"])) * 1.05:
        run.note("note.overfitting", step, step=best_step, best=f"{best:.3f}", now=f"{now:.3f}")


def note_if_nothing_learned(run: Run, step: int) -> None:
    """The note when the loss ended where it began (less than 2 % lower), measured on held-out rows if there are any."""
    status = run.status()
    if any(note.key == "note.overfitting" for note in status.notes):
        return
    points = status.series.get("heldout_loss") or status.series.get("loss", [])
    if len(points) < 2:
        return
    before, after = points[0][1], min(value for _, value in points[1:])
    if after > 0.98 * before:
        run.note("note.nothing_learned", step, before=f"{before:.3f}", after=f"{after:.3f}", steps=step)


def _short(value: float) -> float:
    """Six significant digits: enough for a curve, and the log stays small."""
    return float(f"{value:.6g}")
