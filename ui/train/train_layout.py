"""The components of the Train tab: setup form on the left, data and run on the right. Wires nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from tuning.config.training import PRESETS
from tuning.data.file_types import KINDS
from tuning.data.row_formats import PARTS
from ui import forms
from ui.train import remedy_panel
from ui.train.remedy_panel import Mend
from ui.train.train_handlers import ADVANCED, BASIC, METHOD, Form
from ui.translations import t

if TYPE_CHECKING:
    from ui.train.train_handlers import Train


@dataclass(frozen=True)
class Setup:
    """The left column."""

    column: gr.Column
    model: gr.Dropdown
    about_model: gr.HTML
    dataset: gr.Dropdown
    upload: gr.UploadButton
    about: gr.HTML
    mapping_box: gr.Group
    mapping_table: gr.Dataframe
    mapping: dict[str, gr.Dropdown]
    mapping_apply: gr.Button
    preset: gr.Radio
    knobs: dict[str, Any]  # components, each with its own events
    name: gr.Textbox
    formula: gr.HTML
    estimate: gr.HTML
    start: gr.Button

    @property
    def inputs(self) -> set[Any]:
        """Everything that makes a `Form`."""
        return {self.model, self.dataset, self.name, *self.mapping.values(), *self.knobs.values()}

    def form(self, values: dict[Any, Any]) -> Form:
        """What stands in the form."""
        mapping = {part: values[box] for part, box in self.mapping.items() if values[box]}
        knobs = {name: values[box] for name, box in self.knobs.items()}
        name = values[self.name] or ""
        return Form(values[self.model] or "", values[self.dataset] or "", name.strip(), mapping, knobs)


@dataclass(frozen=True)
class DataPanel:
    """Right column, first page: the data as the model sees it."""

    facts: gr.HTML
    tokens_title: gr.Markdown
    tokens: gr.HTML
    details: gr.Accordion
    table: gr.Dataframe
    lengths: gr.BarPlot


@dataclass(frozen=True)
class LivePanel:
    """Right column, second page: the run."""

    choice: gr.Dropdown
    seen: gr.State
    head: gr.HTML
    stop: gr.Button
    resume: gr.Button
    cancel: gr.Button
    losses: gr.LinePlot
    details: gr.Accordion
    rate: gr.LinePlot
    norm: gr.LinePlot
    queue: gr.HTML
    mend: Mend

    @property
    def outputs(self) -> list[Any]:
        """What changes as the run goes on."""
        return [each for each in vars(self).values() if each is not self.mend] + [self.mend.box]


def setup_form(train: Train) -> Setup:
    with gr.Column(scale=5, min_width=340, elem_id="train-setup") as column:
        model = gr.Dropdown(
            train.models(),
            value=train.services.settings.base_model,
            allow_custom_value=True,
            label=t("train.model"),
            info=t("train.model.info"),
        )
        about_model = gr.HTML(elem_classes="train-hint", visible=False, padding=False)
        with gr.Group():
            dataset = gr.Dropdown(
                train.datasets("en"),
                value=None,
                allow_custom_value=True,
                label=t("train.dataset"),
                info=t("train.dataset.info"),
            )
            upload = gr.UploadButton(t("train.upload"), size="sm", file_types=list(KINDS))
        about = gr.HTML(elem_classes="train-hint", visible=False, padding=False)
        with gr.Group(visible=False) as mapping_box:
            gr.Markdown(t("train.mapping.help"), elem_classes="train-pad")
            mapping_table = gr.Dataframe(interactive=False, wrap=True, show_label=False)
            with gr.Row():
                mapping = {
                    part: gr.Dropdown([""], value="", label=t(f"train.mapping.{part}"), min_width=140) for part in PARTS
                }
            mapping_apply = gr.Button(t("train.mapping.apply"), variant="primary", size="sm")
        preset = gr.Radio(
            [(t(f"train.preset.{name}"), name) for name in PRESETS], value="balanced", label=t("train.preset")
        )
        knobs = forms.build(METHOD, "train.field", columns=1)
        knobs |= forms.build(BASIC, "train.field", columns=len(BASIC))
        with gr.Accordion(t("train.more"), open=False):
            knobs |= forms.build(ADVANCED, "train.field")
        with gr.Accordion(t("numbers.formula.title"), open=False, elem_id="train-formula"):
            formula = gr.HTML(padding=False)
        name = gr.Textbox(label=t("train.name"), placeholder=t("train.name.info"), max_lines=1)
        estimate = gr.HTML(elem_classes="train-estimate")
        start = gr.Button(t("train.start"), variant="primary", size="lg")
    return Setup(
        column=column,
        model=model,
        about_model=about_model,
        dataset=dataset,
        upload=upload,
        about=about,
        mapping_box=mapping_box,
        mapping_table=mapping_table,
        mapping=mapping,
        mapping_apply=mapping_apply,
        preset=preset,
        knobs=knobs,
        name=name,
        formula=formula,
        estimate=estimate,
        start=start,
    )


def data_panel() -> DataPanel:
    facts = gr.HTML()
    title = gr.Markdown(t("train.mask.title"), visible=False, elem_classes="train-title")
    tokens = gr.HTML(visible=False)
    with gr.Accordion(t("train.table.title"), open=True, visible=False) as details:
        lengths = gr.BarPlot(show_label=False, height=220)
        table = gr.Dataframe(
            interactive=False, wrap=True, show_label=False, column_widths=["52px", "110px", "34%", "43%"]
        )
    return DataPanel(facts, title, tokens, details, table, lengths)


def live_panel() -> LivePanel:
    # Any value is taken: a run may have been deleted, or be younger than the choices the page has.
    choice = gr.Dropdown([(t("train.run.newest"), "")], value="", label=t("train.run"), allow_custom_value=True)
    head = gr.HTML()
    with gr.Row():
        stop = gr.Button(t("train.stop"), variant="stop", visible=False)
        resume = gr.Button(t("train.resume"), variant="primary", visible=False)
        cancel = gr.Button(t("train.cancel"), visible=False)
    mend = remedy_panel.lay_out()
    # No labels: a labelled plot is cut off at the bottom by the label's height.
    losses = gr.LinePlot(x="step", y="loss", color="which", height=330, show_label=False, visible=False)
    with gr.Accordion(t("train.live.inner"), open=False, visible=False) as details, gr.Row():
        with gr.Column(min_width=280):
            gr.Markdown(t("train.live.lr"))
            rate = gr.LinePlot(x="step", y="value", height=200, show_label=False)
        with gr.Column(min_width=280):
            gr.Markdown(t("train.live.grad_norm"))
            norm = gr.LinePlot(x="step", y="value", height=200, show_label=False)
    queue = gr.HTML()
    return LivePanel(choice, gr.State(None), head, stop, resume, cancel, losses, details, rate, norm, queue, mend)
