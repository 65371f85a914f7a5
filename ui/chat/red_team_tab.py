"""The red team: how often models refuse adversarial and harmless prompts, before and after. Lays out and wires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from ui.chat import safety_view
from ui.components import background_task, shipped_data
from ui.forms import named
from ui.request import QUIET, actor, language_of, shown
from ui.translations import t
from workbench.training.experiments import REDTEAM

if TYPE_CHECKING:
    from workbench.services import Services


def build_redteam_tab(services: Services, tab: gr.Tab) -> None:
    """Lays the page out in the Blocks context it is called in; `tab` is its own."""
    gr.Markdown(t("redteam.intro"))
    with gr.Column(visible=False) as form:
        with gr.Row(equal_height=True):
            before = gr.Dropdown([], label=t("redteam.before"), allow_custom_value=True, min_width=180, scale=3)
            after = gr.Dropdown([], label=t("redteam.after"), allow_custom_value=True, min_width=180, scale=3)
            start = gr.Button(t("redteam.measure"), variant="primary", scale=1, min_width=120, elem_id="redteam-start")
            stop = gr.Button(t("studies.stop"), variant="stop", scale=1, min_width=90, visible=False)
        own = gr.Textbox(label=t("redteam.own"), lines=2, max_lines=8)
    report = gr.HTML("", padding=False, elem_id="redteam-told")
    timer = gr.Timer(background_task.SECONDS, active=False)

    @shown
    def arrive(first: str, second: str, request: gr.Request) -> dict[Any, Any]:
        who = actor(services, request)
        choices = services.comparing.policies(who)
        names, tuned = [choice.name for choice in choices], [each for each in choices if not each.is_base]
        safe = [each.name for each in tuned if "safety" in services.course.data_of(each.name)]
        last = [*safe, *(each.name for each in tuned), ""][0]
        return {
            form: gr.update(visible=who.is_teacher),
            before: gr.update(choices=named(names), value=first if first in names else names[0]),
            after: gr.update(choices=["", *named(names)], value=second if second in names else last),
            own: gr.update(**shipped_data.info(language_of(request))),
            timer: gr.Timer(active=True),
        }

    @shown
    def attack(first: str, second: str, lines: str, request: gr.Request) -> gr.Timer:
        attacks = [line.strip() for line in (lines or "").splitlines() if line.strip()]
        services.course.red_team(actor(services, request), [first, second], language_of(request), attacks)
        return gr.Timer(active=True)

    tab.select(arrive, [before, after], [form, before, after, own, timer], queue=False, **QUIET)
    start.click(attack, [before, after, own], timer, **QUIET)
    background_task.wire(services, REDTEAM, safety_view.redteam, report, stop, timer)
