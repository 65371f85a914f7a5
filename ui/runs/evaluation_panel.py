"""In the Runs tab: chosen runs beside their base on held-out rows, in the usual figures. Lays out and wires."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.number_format import number
from tuning.config.planner import HELDOUT_ROWS
from ui.chat import alternatives_view
from ui.components import background_task
from ui.request import QUIET, actor, shown
from ui.translations import t, word
from workbench.training.experiments import MEASURE

if TYPE_CHECKING:
    from workbench.background import Study
    from workbench.services import Services

_LOSSES = ("loss", "perplexity")  # the lower the better
_SHARES = ("exact_match", "token_f1", "rouge1", "rouge_l")


def build(services: Services, chosen: gr.Dropdown) -> None:
    """Lays the panel out, closed, and wires it; `chosen` names the runs."""
    with gr.Accordion(t("measure.title"), open=False, elem_id="measure") as box:
        gr.Markdown(t("measure.help"))
        with gr.Row(visible=False, equal_height=True) as form:
            limit = gr.Slider(5, 200, 40, step=5, label=t("measure.rows"), min_width=200, scale=3)
            start = gr.Button(t("measure.start"), variant="primary", scale=1, min_width=120, elem_id="measure-start")
            stop = gr.Button(t("studies.stop"), variant="stop", scale=1, min_width=90, visible=False)
        report = gr.HTML("", padding=False, elem_id="measure-told")
    timer = gr.Timer(background_task.SECONDS, active=False)

    @shown
    def opened(request: gr.Request) -> list[Any]:
        return [gr.update(visible=actor(services, request).is_teacher), gr.Timer(active=True)]

    @shown
    def measure(names: list[str], n: float, request: gr.Request) -> gr.Timer:
        services.course.measure(actor(services, request), names or [], int(n or 0))
        return gr.Timer(active=True)

    box.expand(opened, None, [form, timer], queue=False, **QUIET)
    start.click(measure, [chosen, limit], timer, **QUIET)
    background_task.wire(services, MEASURE, measured, report, stop, timer)


def measured(study: Study | None, language: str) -> str:
    """HTML: a row a policy, the base first; the best of each column stands out."""
    going = alternatives_view.state(study, language, "measure.running")
    if study is None or not study.result.get("policies"):
        return going or f'<div class="train-empty">{escape(word("measure.none_yet", language))}</div>'
    policies = study.result["policies"]
    best: dict[str, float] = {}
    for names, choose in ((_LOSSES, min), (_SHARES, max)):
        for name in names:
            known = [policy[name] for policy in policies if policy[name] is not None]
            best |= {name: choose(known)} if len(set(known)) > 1 else {}
    columns = ("policy", *_LOSSES, *_SHARES)
    head = "".join(f"<th>{escape(word(f'measure.column.{name}', language))}</th>" for name in columns)
    body = "".join(
        f"<tr><td>{escape(policy['model'])}</td>"
        f"{''.join(_cell(name, policy[name], best, language) for name in columns[1:])}</tr>"
        for policy in policies
    )
    about = word(
        "measure.about",
        language,
        n=policies[0]["n_rows"],
        matched=policies[0]["n_matched"],
        data=study.about["data"],
        run=study.about["run"],
        curve=HELDOUT_ROWS,
    )
    table = f'<table class="runs"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'{going}<div class="runs-scroll">{table}</div><p class="train-hint">{escape(about)}</p>'


def _cell(name: str, value: float | None, best: dict[str, float], language: str) -> str:
    if value is None:
        return "<td>–</td>"
    text = number(value, language, {"loss": ".3f", "perplexity": ",.3g"}.get(name, ".0%"))
    return f"<td><b>{text}</b></td>" if best.get(name) == value else f"<td>{text}</td>"
