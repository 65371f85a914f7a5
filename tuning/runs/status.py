"""Events -> what a person wants to see of a run: state, step, time left, curves, notes.

A pure fold over the log: the page, the command line and the Python API all show what comes out here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.errors import AfinaError, Conflict, messages
from common.records import is_number
from tuning.runs.events import Event

ACTIVE = ("starting", "running", "stopping")  # a process works on it
WAITING = ("queued",)
ENDED = ("stopped", "done", "failed", "interrupted", "cancelled")
_STATES = (*ACTIVE, *WAITING, *ENDED)  # a newer version may know others
RESUMABLE = ("stopped", "failed", "interrupted", "cancelled")

_MOST_CURVES = 64  # a run measures about thirty numbers
_MOST_POINTS = 1000
# What a run's plan holds as numbers: read by whoever shows it.
_NUMBERS = (
    "total_steps",
    "elapsed_seconds",
    "trainable",
    "parameters",
    "learning_rate",
    "batch_size",
    "gradient_accumulation",
    "memory_bytes",
)
# What an event leads to whose metrics are not those that we write: such an event says nothing.
_NOT_AS_WRITTEN = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


class WrongState(Conflict):
    """The run's state (parameter `state`) does not allow it."""

    def words(self, language: str) -> str:
        state = str(self.params.get("state"))
        params = {**self.params, "state": messages(language).get(f"state.{state}", state)}
        return Conflict(self.key, **params).words(language)


@dataclass(frozen=True)
class RunStatus:
    """What stands in a run's events, as of now."""

    run_id: str
    name: str
    state: str
    step: int = 0
    total_steps: int = 0
    eta_seconds: float | None = None  # while running
    tokens_per_second: float | None = None
    elapsed_seconds: float = 0.0  # time trained, over all its sittings
    metrics: dict[str, float] = field(default_factory=dict)  # the latest of each: loss, heldout_loss, …
    first: dict[str, float] = field(default_factory=dict)  # the first of each, heldout_loss before step 0
    series: dict[str, list[tuple[int, float]]] = field(default_factory=dict)  # metric -> [(step, value)]
    plan: dict[str, Any] = field(default_factory=dict)  # the `start` event: device, dtype, batch, parameters …
    samples: tuple[tuple[int, str, str], ...] = ()  # (step, prompt, reply) of fixed prompts, as they change
    notes: tuple[AfinaError, ...] = ()
    error: AfinaError | None = None

    @property
    def changing(self) -> tuple[str, list[tuple[int, int, str]]]:
        """The fixed prompt whose reply changed first (else the first), and its replies: (from step, to step, reply)."""
        replies: dict[str, list[tuple[int, int, str]]] = {}
        for step, prompt, reply in self.samples:
            samples = replies.setdefault(prompt, [])
            if samples and samples[-1][2] == reply:
                samples[-1] = (samples[-1][0], step, reply)
            else:
                samples.append((step, step, reply))
        changed = {prompt: samples[1][0] for prompt, samples in replies.items() if len(samples) > 1}
        prompt = min(changed, key=lambda each: changed[each], default=next(iter(replies), ""))
        return prompt, replies.get(prompt, [])

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def resumable(self) -> bool:
        return self.state in RESUMABLE


def state_of(events: Sequence[Event]) -> str:
    """The last state in the log (it may be out of date when its process was killed).

    Every log begins with "queued": a run whose log tells no state has lost it, and does not train by itself again.
    """
    states = (event.metrics.get("state") for event in reversed(events) if event.kind == "state")
    return next((state for state in states if state in _STATES), "interrupted")


def fold(run_id: str, name: str, state: str, events: Iterable[Event]) -> RunStatus:
    """The status of a run in `state` with these `events`."""
    folded = _Fold()
    for event in events:
        with contextlib.suppress(*_NOT_AS_WRITTEN):
            folded.take(event)
    return RunStatus(
        run_id=run_id,
        name=name,
        state=state,
        step=folded.step,
        total_steps=int(folded.plan.get("total_steps", 0)),
        eta_seconds=folded.latest.get("eta_seconds") if state in ACTIVE else None,
        tokens_per_second=folded.latest.get("tokens_per_second"),
        elapsed_seconds=folded.elapsed,
        metrics=folded.latest,
        first={name: points[min(points)] for name, points in folded.points.items() if points},
        series={name: _thin(sorted(points.items())) for name, points in folded.points.items() if points},
        plan=folded.plan,
        samples=tuple(folded.samples.values()),
        notes=tuple(folded.notes.values()),
        error=folded.error if state in ("failed", "interrupted") else None,
    )


class _Fold:
    def __init__(self) -> None:
        self.step = 0
        self.latest: dict[str, float] = {}
        self.plan: dict[str, Any] = {}
        self.points: dict[str, dict[int, float]] = {"heldout_loss": {}}
        self.samples: dict[tuple[int, str], tuple[int, str, str]] = {}
        self.notes: dict[str, AfinaError] = {}
        self.error: AfinaError | None = None
        self.elapsed = 0.0
        self._began: float | None = None

    def take(self, event: Event) -> None:
        if event.kind == "start":
            self._start(event)
        elif event.kind in ("train", "eval"):
            self._measure(event)
        elif event.kind == "sample":
            step, prompt = event.step or 0, str(event.metrics["prompt"])
            self.samples[step, prompt] = (step, prompt, str(event.metrics["reply"]))
        elif event.kind == "note":
            note = _worded(event.metrics)
            self.notes[note.key] = note
        elif event.kind == "error":
            self.error = _worded(event.metrics)
        elif event.kind == "state" and event.metrics.get("state") == "queued":
            self.error, self._began = None, None
            for key in ("note.stopped", "note.forgetting"):  # told again of what comes of it
                self.notes.pop(key, None)

    def _start(self, event: Event) -> None:
        """A sitting begins at `event.step`: what was measured beyond it is measured again."""
        metrics = event.metrics
        self.plan = {name: metrics[name] for name in metrics if name not in _NUMBERS or is_number(metrics[name])}
        self.step = event.step or 0
        self._began = event.time - float(self.plan.get("elapsed_seconds", 0.0))
        for points in self.points.values():
            for step in [step for step in points if step > self.step]:
                del points[step]

    def _measure(self, event: Event) -> None:
        step = event.step or 0
        self.step = max(self.step, step)
        if self._began is not None:
            self.elapsed = max(0.0, event.time - self._began)
        lowest = min(self.points["heldout_loss"].values(), default=None)
        loss = event.metrics.get("heldout_loss")
        if lowest is not None and is_number(loss) and loss < lowest:
            self.notes.pop("note.overfitting", None)
        for name, value in event.metrics.items():
            if isinstance(value, (int, float)):
                self.latest[name] = float(value)
                if name in self.points or len(self.points) < _MOST_CURVES:
                    self.points.setdefault(name, {})[step] = float(value)


def _worded(metrics: dict[str, Any]) -> AfinaError:
    params = {str(name): value for name, value in (metrics.get("params") or {}).items()}
    return AfinaError(str(metrics.get("key", "engine.unexpected")), **params)


def _thin(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most 1,000 points, evenly over the run, the last one always."""
    if len(points) <= _MOST_POINTS:
        return points
    kept = [points[index * len(points) // _MOST_POINTS] for index in range(_MOST_POINTS)]
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]
