"""The Numbers tab: what training takes in memory, how large a corpus is, what an adapter costs when it answers.

Figures are made in `ui/laboratory/numbers_view.py`; this file lays out and wires.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError
from tuning.config import memory_math
from tuning.config.training_methods import NO_POLICY
from ui.laboratory import numbers_view
from ui.request import UNQUEUED, actor, language_of, on_open, shown
from ui.translations import t

if TYPE_CHECKING:
    from workbench.services import Services

_CUSTOM = "…"


def build_numbers_tab(services: Services) -> None:
    """Lays the tab out in the Blocks context it is called in."""
    with gr.Accordion(t("numbers.memory"), open=True):
        _memory()
    with gr.Accordion(t("numbers.corpus"), open=True):
        _corpus()
    with gr.Accordion(t("numbers.latency"), open=True):
        _latency(services)


def _memory() -> None:
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            shapes = [shape.name for shape in memory_math.SHAPES]
            named = [(name, name) for name in shapes] + [(t("numbers.own"), _CUSTOM)]
            model = gr.Dropdown(named, value=shapes[0], label=t("numbers.model"), filterable=False)
            with gr.Row():
                billions = gr.Number(175, label=t("numbers.billions"), minimum=0.001, maximum=100_000, min_width=110)
                layers = gr.Number(96, label=t("numbers.layers"), precision=0, minimum=1, maximum=1000, min_width=110)
                hidden = gr.Number(
                    12288, label=t("numbers.hidden"), precision=0, minimum=1, maximum=200_000, min_width=110
                )
            rank = gr.Slider(1, 256, 8, step=1, label=t("train.field.rank"))
            precision = gr.Radio(
                [(t(f"numbers.precision.{name}"), name) for name in memory_math.PRECISIONS],
                value="mixed",
                label=t("numbers.precision"),
            )
            with gr.Row():
                batch = gr.Number(1, label=t("numbers.batch"), precision=0, minimum=1, maximum=100_000, min_width=130)
                length = gr.Number(
                    2048, label=t("numbers.length"), precision=0, minimum=1, maximum=10_000_000, min_width=130
                )
            recompute = gr.Checkbox(True, label=t("numbers.recompute"))
        with gr.Column(scale=7, min_width=320):
            shown_as = gr.HTML(padding=False)
    sizes = [billions, layers, hidden]
    order = [*sizes, rank, precision, batch, length, recompute]
    inputs = set(order)  # of which Gradio makes a dictionary

    @shown
    def calculate(values: dict[Any, Any], request: gr.Request) -> str:
        return numbers_view.memory([values[box] for box in order], language_of(request))

    @shown
    def choose(name: str) -> list[Any]:
        found = next((shape for shape in memory_math.SHAPES if shape.name == name), None)
        if found is None:
            return [gr.skip()] * 3
        return [found.parameters / 1e9, found.layers, found.hidden]

    model.input(choose, model, sizes, **UNQUEUED)  # what changes then is calculated anew
    changed = [box.change for box in (billions, layers, hidden, rank, precision, batch, length, recompute)]
    gr.on(changed, calculate, inputs, shown_as, trigger_mode="always_last", **UNQUEUED)
    gr.on(None, calculate, inputs, shown_as, **UNQUEUED)


def _corpus() -> None:
    with gr.Row():
        with gr.Column(scale=5, min_width=320), gr.Row():
            tokens = gr.Number(30_000, label=t("numbers.tokens"), minimum=0.001, maximum=1e9, min_width=130)
            width = gr.Number(4, label=t("numbers.bytes"), minimum=0.5, maximum=16, min_width=130)
            billions = gr.Number(70, label=t("numbers.billions"), minimum=0.001, maximum=100_000, min_width=130)
        with gr.Column(scale=7, min_width=320):
            shown_as = gr.HTML(padding=False)

    @shown
    def calculate(tokens: float, width: float, billions: float, request: gr.Request) -> str:
        return numbers_view.corpus(tokens, width, billions, language_of(request))

    inputs = [tokens, width, billions]
    gr.on([box.change for box in inputs], calculate, inputs, shown_as, trigger_mode="always_last", **UNQUEUED)
    gr.on(None, calculate, inputs, shown_as, **UNQUEUED)


def _latency(services: Services) -> None:
    gr.Markdown(t("numbers.latency.help"))
    with gr.Row():
        run = gr.Dropdown([], label=t("numbers.run"), allow_custom_value=True, scale=4, min_width=240)
        measure = gr.Button(t("numbers.measure"), scale=1, min_width=160)
    shown_as = gr.HTML(padding=False)

    @shown
    def runs(request: gr.Request) -> Any:
        names = _timed(services, request)
        return gr.update(choices=names, value=names[0] if names else None)

    @shown
    def timed(name: str, request: gr.Request) -> str:
        if not name:
            raise AfinaError("latency.no_run")
        return numbers_view.latency(services.training.latency(actor(services, request), name), language_of(request))

    on_open(runs, None, run, **UNQUEUED)
    run.focus(runs_of(services), None, run, **UNQUEUED)
    measure.click(
        timed,
        run,
        shown_as,
        api_visibility="private",
        show_progress="minimal",
        concurrency_id="gpu",
        concurrency_limit=1,
    )


def runs_of(services: Services) -> Any:
    """A handler that brings the list up to date and leaves the choice alone."""

    @shown
    def names(request: gr.Request) -> Any:
        return gr.update(choices=_timed(services, request))

    return names


def _timed(services: Services, request: gr.Request) -> list[str]:
    """Runs that have an adapter beside a base that writes: the others have nothing to time."""
    lines = services.training.runs(actor(services, request))
    return [
        line.name
        for line in lines
        if line.downloadable and line.method not in NO_POLICY and line.config.get("peft") != "full"
    ]
