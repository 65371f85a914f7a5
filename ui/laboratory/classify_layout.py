"""The components of the Classify tab: data, strategies and settings on the left, results on the right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from tuning.classification.compare import ALL
from tuning.config.classification import ClassifyConfig
from tuning.data.file_types import KINDS
from ui import forms
from ui.translations import t

if TYPE_CHECKING:
    from workbench.services import Services

KNOBS = [
    knob
    for knob in forms.fields_of(ClassifyConfig)
    if knob.name in ("rank", "epochs", "learning_rate", "batch_size", "class_weights", "seed")
]


class Source(NamedTuple):
    """Which labelled texts: a data set or a file, its columns ("": recognised by their names), most rows (0: all)."""

    name: str
    text: str
    label: str
    limit: int


class Form:
    """The left column."""

    def __init__(self, services: Services) -> None:
        base = services.settings.base_model
        with gr.Column(scale=5, min_width=340) as self.box:
            self.model = gr.Dropdown(
                [base], value=base, allow_custom_value=True, label=t("classify.model"), info=t("classify.model.info")
            )
            with gr.Group():
                self.dataset = gr.Dropdown(
                    services.classifying.sets(),
                    value=None,
                    allow_custom_value=True,
                    label=t("classify.dataset"),
                    info=t("classify.dataset.info"),
                )
                self.upload = gr.UploadButton(t("train.upload"), size="sm", file_types=list(KINDS))
            with gr.Row():
                self.text = _column_choice("text")
                self.label = _column_choice("label")
                self.limit = gr.Number(2000, precision=0, minimum=0, label=t("classify.limit"), min_width=110)
            self.strategies = gr.CheckboxGroup(
                [(t(f"classify.strategy.{name}"), name) for name in ALL],
                value=["feature", "lora", "full"],
                label=t("classify.strategies"),
                info=t("classify.strategies.info"),
            )
            with gr.Accordion(t("train.more"), open=False):
                self.knobs: dict[str, Any] = forms.build(KNOBS, "classify.field")
            self.name = gr.Textbox(label=t("train.name"), placeholder=t("classify.name.info"), max_lines=1)
            self.start = gr.Button(t("classify.start"), variant="primary", size="lg", elem_id="classify-start")
            self.stop = gr.Button(t("classify.stop"), variant="stop", size="sm", visible=False)
            self.resume = gr.Button(t("classify.resume"), size="sm", visible=False, elem_id="classify-resume")
        self.source_inputs: set[Any] = {self.dataset, self.text, self.label, self.limit}
        self.inputs: set[Any] = {
            self.model,
            self.strategies,
            self.name,
            *self.source_inputs,
            *self.knobs.values(),
        }

    def source(self, values: Mapping[Any, Any]) -> Source:
        """What the form says of the data; columns that are not among `values` are to be recognised."""
        text, label = (values.get(box) or "" for box in (self.text, self.label))
        return Source(values[self.dataset] or "", text, label, int(values[self.limit] or 0))

    def config(self, values: Mapping[Any, Any]) -> ClassifyConfig:
        """Raises: AfinaError where a setting is out of its limits."""
        settings = forms.settings(KNOBS, {name: values[box] for name, box in self.knobs.items()})
        return ClassifyConfig.from_settings({**settings, "source_model": values[self.model] or "pocket"})


def _column_choice(part: str) -> gr.Dropdown:
    return gr.Dropdown([""], value="", allow_custom_value=True, label=t(f"classify.{part}"), min_width=110)


class Results:
    """The right column."""

    def __init__(self) -> None:
        with gr.Column(scale=7, min_width=340):
            self.data = gr.HTML(padding=False)
            self.look = gr.Button(t("quality.look"), size="sm", visible=False, elem_id="classify-look")
            self.closer = gr.HTML(padding=False, elem_id="classify-closer")
            self.group = gr.Dropdown([], value="", allow_custom_value=True, label=t("classify.group"))
            self.table = gr.HTML(padding=False, elem_id="classify-table")
            self.written = gr.Button(t("classify.written"), size="sm", visible=False)
            self.plot = gr.Plot(visible=False, show_label=False)
            self.run = gr.Dropdown([], value="", allow_custom_value=True, label=t("classify.run"))
            self.sentence = gr.Textbox(
                label=t("classify.sentence"),
                placeholder=t("classify.sentence.hint"),
                max_lines=3,
                elem_id="classify-sentence",
            )
            self.ask = gr.Button(t("classify.ask"), variant="primary", size="sm")
            self.answer = gr.HTML(elem_id="classify-answer", padding=False)
            self.confusion = gr.Plot(visible=False, show_label=False)
            self.mistakes = gr.HTML(padding=False)
            self.seen = gr.State(None)
            self.picked = gr.State("")  # the classifier somebody chose
