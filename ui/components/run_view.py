"""What the Train tab shows of a run: its state, numbers, curves, remarks.

Pure functions from a `RunStatus` to values of components. Knows no service and no event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from common import hashing
from common.number_format import number
from tuning.runs.fit_diagnosis import verdict
from ui.components.data_view import duration, tile
from ui.translations import word

if TYPE_CHECKING:
    import pandas as pd

    from tuning.runs.status import RunStatus

COLOURS = {"train": "#4f7cff", "heldout": "#f08c2e"}
_CURVE = {"loss": COLOURS["train"], "heldout_loss": COLOURS["heldout"]}


def head(status: RunStatus, language: str) -> str:
    """HTML of a fine-tuning: name, state, progress bar, the numbers of the moment, and the verdict on its losses."""
    tiles = "".join(
        tile(value, _label(label, status, language), _CURVE.get(label, ""))
        for label, value in _numbers(status, language)
    )
    judged = verdict(status)
    good = f'<div class="train-remark good">{escape(judged.words(language))}</div>' if judged else ""
    remarks_html = good + remarks(status, language) + samples(status, language)
    return f'{title(status, language)}<div class="train-tiles">{tiles}</div>{remarks_html}'


def title(status: RunStatus, language: str) -> str:
    """HTML: name, state and progress bar."""
    share = min(1.0, status.step / status.total_steps) if status.total_steps else 0.0
    badge = f'<span class="badge {status.state}">{escape(word(f"train.state.{status.state}", language))}</span>'
    bar = f'<div class="bar {status.state}"><i style="width:{share:.1%}"></i></div>'
    return f'<div class="run-head"><b>{escape(status.name)}</b>{badge}</div>{bar}'


def _numbers(status: RunStatus, language: str) -> list[tuple[str, str]]:
    latest = status.metrics
    if not status.total_steps:  # it waits, or has only just begun
        return []
    numbers = [("step", f"{number(status.step, language)} / {number(status.total_steps, language)}")]
    if status.active:
        left = status.eta_seconds
        numbers.append(("eta", "—" if left is None else duration(left, language)))
    if status.tokens_per_second:
        numbers.append(("speed", number(round(status.tokens_per_second), language)))
    for name, places in (("loss", 3), ("heldout_loss", 3), ("probe_loss", 3)):
        if name in latest:
            numbers.append((name, number(latest[name], language, f".{places}f")))
    if "probe_right" in latest:
        numbers.append(("probe_right", number(latest["probe_right"], language, ".0%")))
    return numbers


def _label(name: str, status: RunStatus, language: str) -> str:
    before = status.first.get(name)
    if name == "probe_loss" and before is not None:
        return word("train.live.probe_loss_before", language, before=number(before, language, ".3f"))
    if name == "probe_right" and before is not None:
        return word("train.live.probe_right", language, before=number(before, language, ".0%"))
    return word(f"train.live.{name}", language)


def remarks(status: RunStatus, language: str) -> str:
    """HTML: the run's notes (overfitting, nothing learned, …) and its error, worded."""
    parts = [f'<div class="train-remark">{escape(note.words(language))}</div>' for note in status.notes]
    if status.error:
        parts.append(f'<div class="train-problem">{escape(status.error.words(language))}</div>')
    return "".join(parts)


def samples(status: RunStatus, language: str) -> str:
    """HTML: the watched prompts, each with its replies as they changed, the newest first; empty without any."""
    shown = []
    for prompt in dict.fromkeys(prompt for _, prompt, _ in status.samples):
        samples_by_step: list[tuple[int, str]] = []
        for step, _, reply in (each for each in status.samples if each[1] == prompt):
            if not samples_by_step or samples_by_step[-1][1] != reply:
                samples_by_step.append((step, reply))
        rows = "".join(
            f"<li><small>{escape(word('train.live.sample_step', language, step=step))}</small> "
            f"{escape(reply) or '∅'}</li>"
            for step, reply in reversed(samples_by_step)
        )
        shown.append(f'<div class="train-sample"><b>{escape(prompt)}</b><ul>{rows}</ul></div>')
    return "".join(shown)


def losses(series: Mapping[str, Sequence[tuple[int, float]]], language: str) -> pd.DataFrame:
    """Train and held-out loss as LinePlot takes them: step, loss, which rows.

    Both are in it from the beginning, with an empty point at first: the plot fixes its colours when it is drawn.
    """
    import pandas as pd

    nothing: list[tuple[int, float | None]] = [(0, None)]
    points = [
        (step, value, word(f"train.series.{name}", language))
        for name, metric in (("train", "loss"), ("heldout", "heldout_loss"))
        for step, value in series.get(metric) or nothing
    ]
    frame = pd.DataFrame(points, columns=["step", "loss", "which"])
    return frame.astype({"loss": float})


def curve(series: Mapping[str, Sequence[tuple[int, float]]], name: str) -> pd.DataFrame:
    """One series (`learning_rate`, `grad_norm`) as LinePlot takes it: step and value."""
    import pandas as pd

    points = series.get(name, ())
    return pd.DataFrame({"step": [step for step, _ in points], "value": [value for _, value in points]})


def loss_words(language: str) -> dict[str, Any]:
    """What LinePlot writes beside the losses, and in which colours."""
    names = {name: word(f"train.series.{name}", language) for name in COLOURS}
    return {
        "color_map": {names[name]: colour for name, colour in COLOURS.items()},
        "x_title": word("train.axis.step", language),
        "y_title": word("train.axis.loss", language),
        "colors_in_legend": [],  # the tiles above are the legend
    }


def queue_line(names: Iterable[str], language: str) -> str:
    """HTML: who waits, in order; empty where nobody does."""
    names = list(names)
    if not names:
        return ""
    text = word("train.queue", language, names=", ".join(names))
    return f'<div class="train-queue">{escape(text)}</div>'


def empty(language: str, teaches: bool = True) -> str:
    text = word("train.live.empty" if teaches else "train.live.empty_watching", language)
    return f'<div class="train-empty">{escape(text)}</div>'


def state(state: str, language: str) -> str:
    return word(f"train.state.{state}", language)


def mark(status: RunStatus | None, *others: Any) -> str:
    """Changes when anything that is shown changes: a page that holds the same mark is up to date."""
    shown = status and (
        status.run_id,
        status.state,
        status.step,
        status.eta_seconds,
        len(status.notes),
        status.metrics,
        str(status.error),
    )
    return hashing.of_json([shown, *others])[:16]
