"""Under the data of the Train tab: leaks, near-duplicates and odd rows at a click, and rows taken out."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError
from ui.chat import safety_view
from ui.request import QUIET, actor, inform, language_of, shown
from ui.translations import t, word

if TYPE_CHECKING:
    from ui.train.train_handlers import Form, Train
    from ui.train.train_layout import Setup


def build(train: Train, setup: Setup, checks: dict[str, Any]) -> None:
    """Lays the panel out in the Blocks context it is called in; `checks` looks at newly chosen data."""
    with gr.Accordion(t("quality.box"), open=False, elem_id="data-quality") as box:
        look = gr.Button(t("quality.look"), size="sm", elem_id="quality-look")
        report = gr.HTML("", padding=False, elem_id="quality-told")
        with gr.Row():
            rule = gr.Textbox(label=t("quality.rule"), max_lines=1, min_width=160, elem_id="quality-rule")
            judge = gr.Dropdown([""], value="", label=t("quality.judge"), min_width=160)
            sift = gr.Button(t("quality.sift"), size="sm", min_width=120, elem_id="quality-sift")

    def rows_of(form: Form, request: gr.Request) -> Any:
        who = actor(train.services, request)
        train.services.roles.require_teacher(who)
        if not form.source:
            raise AfinaError("data.none_chosen")
        return train.check(who, form)[0]

    @shown
    def inspect(values: dict[Any, Any], request: gr.Request) -> Iterator[str]:
        language, form = language_of(request), setup.form(values)
        loaded = rows_of(form, request)
        yield f'<p class="train-hint">{escape(word("quality.looking", language))}</p>'
        who = actor(train.services, request)
        found = train.services.course.inspect(who, loaded.rows, form.config().heldout_fraction)
        yield safety_view.quality(found, language)

    @shown
    def take_out(values: dict[Any, Any], request: gr.Request) -> list[Any]:
        who, loaded = actor(train.services, request), rows_of(setup.form(values), request)
        path, kept, out = train.services.course.sift(who, loaded, values[rule] or "", values[judge] or "")
        inform(word("quality.sifted", language_of(request), out=len(out), kept=kept), 6)
        choices = [*train.datasets(language_of(request)), (path.name, str(path))]
        return [gr.update(choices=choices, value=str(path)), safety_view.taken_out(out, language_of(request))]

    @shown
    def opened(request: gr.Request) -> Any:
        return gr.update(choices=["", *train.services.course.judges(actor(train.services, request))])

    box.expand(opened, None, judge, queue=False, **QUIET)
    look.click(inspect, setup.inputs, report, **QUIET)
    sift.click(take_out, {*setup.inputs, rule, judge}, [setup.dataset, report], **QUIET).success(**checks)
