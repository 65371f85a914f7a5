"""The components of the Train tab: setup form on the left, data and run on the right. Wires nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from common.languages import ENGLISH
from tuning.config.training import PRESETS
from tuning.data.file_types import KINDS
from tuning.data.row_formats import PARTS
from ui import forms
from ui.train import remedy_panel
from ui.train.train_handlers import ADVANCED, BASIC, METHOD, Form
from ui.translations import t

if TYPE_CHECKING:
    from ui.train.train_handlers import Train


class Setup:
    """The left column."""

    def __init__(self, train: Train) -> None:
        with gr.Column(scale=5, min_width=340, elem_id="train-setup") as self.column:
            self.model = gr.Dropdown(
                train.models(ENGLISH),
                value=train.services.settings.base_model,
                allow_custom_value=True,
                label=t("train.model"),
                info=t("train.model.info"),
            )
            self.about_model = gr.HTML(elem_classes="train-hint", visible=False, padding=False)
            with gr.Group():
                self.dataset = gr.Dropdown(
                    train.datasets(ENGLISH),
                    value=None,
                    allow_custom_value=True,
                    label=t("train.dataset"),
                    info=t("train.dataset.info"),
                )
                self.upload = gr.UploadButton(t("train.upload"), size="sm", file_types=list(KINDS))
            self.about = gr.HTML(elem_classes="train-hint", visible=False, padding=False)
            with gr.Group(visible=False) as self.mapping_box:
                gr.Markdown(t("train.mapping.help"), elem_classes="train-pad")
                self.mapping_table = gr.Dataframe(interactive=False, wrap=True, show_label=False)
                with gr.Row():
                    self.mapping = {
                        part: gr.Dropdown([""], value="", label=t(f"train.mapping.{part}"), min_width=140)
                        for part in PARTS
                    }
                self.mapping_apply = gr.Button(t("train.mapping.apply"), variant="primary", size="sm")
            self.preset = gr.Radio(
                [(t(f"train.preset.{name}"), name) for name in PRESETS], value="balanced", label=t("train.preset")
            )
            self.knobs: dict[str, Any] = forms.build(METHOD, "train.field", columns=1)
            self.knobs |= forms.build(BASIC, "train.field", columns=len(BASIC))
            with gr.Accordion(t("train.more"), open=False):
                self.knobs |= forms.build(ADVANCED, "train.field")
            with gr.Accordion(t("numbers.formula.title"), open=False, elem_id="train-formula"):
                self.formula = gr.HTML(padding=False)
            self.name = gr.Textbox(label=t("train.name"), placeholder=t("train.name.info"), max_lines=1)
            self.estimate = gr.HTML(elem_classes="train-estimate")
            self.start = gr.Button(t("train.start"), variant="primary", size="lg")

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


class DataPanel:
    """Right column, first page: the data as the model sees it."""

    def __init__(self) -> None:
        self.facts = gr.HTML()
        self.tokens_title = gr.Markdown(t("train.mask.title"), visible=False, elem_classes="train-title")
        self.tokens = gr.HTML(visible=False)
        with gr.Accordion(t("train.table.title"), open=True, visible=False) as self.details:
            self.lengths = gr.BarPlot(show_label=False, height=220)
            self.table = gr.Dataframe(
                interactive=False, wrap=True, show_label=False, column_widths=["52px", "110px", "34%", "43%"]
            )


class LivePanel:
    """Right column, second page: the run."""

    def __init__(self) -> None:
        # Any value is taken: a run may have been deleted, or be younger than the choices the page has.
        self.choice = gr.Dropdown(
            [(t("train.run.newest"), "")], value="", label=t("train.run"), allow_custom_value=True
        )
        self.seen = gr.State(None)
        self.head = gr.HTML()
        with gr.Row():
            self.stop = gr.Button(t("train.stop"), variant="stop", visible=False)
            self.resume = gr.Button(t("train.resume"), variant="primary", visible=False)
            self.cancel = gr.Button(t("train.cancel"), visible=False)
        self.mend = remedy_panel.lay_out()
        # No labels: a labelled plot is cut off at the bottom by the label's height.
        self.losses = gr.LinePlot(x="step", y="loss", color="which", height=330, show_label=False, visible=False)
        with gr.Accordion(t("train.live.inner"), open=False, visible=False) as self.details, gr.Row():
            with gr.Column(min_width=280):
                gr.Markdown(t("train.live.lr"))
                self.rate = gr.LinePlot(x="step", y="value", height=200, show_label=False)
            with gr.Column(min_width=280):
                gr.Markdown(t("train.live.grad_norm"))
                self.norm = gr.LinePlot(x="step", y="value", height=200, show_label=False)
        self.queue = gr.HTML()

    @property
    def outputs(self) -> list[Any]:
        """What changes as the run goes on."""
        return [each for each in vars(self).values() if each is not self.mend] + [self.mend.box]
