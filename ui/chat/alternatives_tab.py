"""When to use which: base, examples, documents, tuning, measured on the models at hand. Lays out and wires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from ui.chat import alternatives_view
from ui.components import background_task, shipped_data
from ui.forms import named
from ui.request import QUIET, actor, language_of, shown
from ui.translations import t
from workbench.training.experiments import WHICH

if TYPE_CHECKING:
    from workbench.services import Services


def build_which_tab(services: Services, tab: gr.Tab) -> None:
    """Lays the page out in the Blocks context it is called in; `tab` is its own."""
    gr.Markdown(t("alternatives.intro"))
    rules = gr.HTML("", padding=False)
    with gr.Row(visible=False, equal_height=True) as form:
        base = gr.Dropdown([], label=t("alternatives.base"), allow_custom_value=True, min_width=180, scale=3)
        tuned = gr.Dropdown(
            [], label=t("alternatives.tuned"), allow_custom_value=True, min_width=180, scale=3, elem_id="which-tuned"
        )
        limit = gr.Slider(5, 100, 20, step=5, label=t("alternatives.limit"), min_width=160, scale=2)
        start = gr.Button(t("alternatives.measure"), variant="primary", scale=1, min_width=120, elem_id="which-start")
        stop = gr.Button(t("studies.stop"), variant="stop", scale=1, min_width=90, visible=False)
    with gr.Accordion(t("alternatives.own"), open=False, visible=False) as own_box:
        own = gr.Textbox(
            label=t("alternatives.own"),
            show_label=False,
            lines=4,
            max_lines=12,
            placeholder=t("alternatives.own.hint"),
            elem_id="which-own",
        )
    report = gr.HTML("", padding=False, elem_id="which-told")
    timer = gr.Timer(background_task.SECONDS, active=False)

    @shown
    def arrive(base_: str, tuned_: str, request: gr.Request) -> dict[Any, Any]:
        who = actor(services, request)
        choices = services.comparing.policies(who)
        bases = [choice.name for choice in choices if choice.is_base]
        runs = [choice.name for choice in choices if not choice.is_base]
        newest = runs[0] if runs else ""
        return {
            rules: alternatives_view.rules(language_of(request)),
            form: gr.update(visible=who.is_teacher),
            own_box: gr.update(visible=who.is_teacher),
            own: gr.update(**shipped_data.info(language_of(request))),
            base: gr.update(choices=named(bases), value=base_ if base_ in bases else bases[0]),
            tuned: gr.update(choices=["", *runs], value=tuned_ if tuned_ in runs else newest),
            timer: gr.Timer(active=True),
        }

    @shown
    def measure(base_: str, tuned_: str, n: float, tasks: str, request: gr.Request) -> Any:
        who, language = actor(services, request), language_of(request)
        services.course.compare_ways(who, base_ or "", tuned_ or "", language, int(n or 0), tasks or "")
        return gr.Timer(active=True)

    tab.select(arrive, [base, tuned], [rules, form, own_box, own, base, tuned, timer], queue=False, **QUIET)
    start.click(measure, [base, tuned, limit, own], timer, **QUIET)
    background_task.wire(services, WHICH, alternatives_view.which, report, stop, timer)
