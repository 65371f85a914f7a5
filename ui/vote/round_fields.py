"""The components of the form of a new round, and the places beside them for why a form was refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from labeling.schema import CRITERIA
from ui.translations import t

_ASKS = ("ask_strength", "ask_ratings", "ask_rationale", "ask_edit")
_AROUND = {"plan", "more", "problems", "make"}  # what stands around the fields


class Form:
    """Laid out in the Blocks context it is made in. A field is named as in what scripts send."""

    def __init__(self) -> None:
        self.problems: dict[str, gr.HTML] = {}  # a field (`form_errors`) -> the words under it
        self._name_and_purpose()
        self._policies_and_prompts()
        self._numbers()
        self._more()
        self._problem("rest")
        self.make = gr.Button(t("vote.form.make"), variant="primary", elem_id="vote-make")

    def _name_and_purpose(self) -> None:
        with gr.Row():
            with gr.Column(scale=2, min_width=240):
                self.name = gr.Textbox(
                    label=t("vote.form.name"), info=t("vote.form.name_info"), max_lines=1, elem_id="vote-name"
                )
                self._problem("name")
            self.purpose = gr.Radio(
                [(t("vote.purpose.collect"), "collect"), (t("vote.purpose.judge"), "judge")],
                value="collect",
                label=t("vote.form.purpose"),
                info=t("vote.form.purpose_info"),
                scale=3,
            )

    def _policies_and_prompts(self) -> None:
        with gr.Row():
            with gr.Column(min_width=240):
                self.policies = gr.Dropdown(
                    [],
                    multiselect=True,
                    label=t("vote.form.policies"),
                    info=t("vote.form.policies_info"),
                    elem_id="vote-policies",
                )
                self._problem("policies")
            with gr.Column(min_width=240):
                self.source = gr.Dropdown(
                    [], label=t("vote.form.prompts"), info=t("vote.form.prompts_info"), elem_id="vote-source"
                )
                self.typed = gr.Textbox(label=t("vote.form.typed"), lines=4, visible=False, elem_id="vote-typed")
                self.upload = gr.File(
                    label=t("vote.form.upload"),
                    visible=False,
                    file_types=[".jsonl", ".json", ".csv", ".txt", ".parquet"],
                )
                self._problem("prompts")

    def _numbers(self) -> None:
        with gr.Row():
            self.people = gr.Number(20, precision=0, label=t("vote.form.people"), min_width=120)
            self.minutes = gr.Number(5, label=t("vote.form.minutes"), min_width=120)
            self.votes_wanted = gr.Number(3, precision=0, label=t("vote.form.votes_wanted"), min_width=120)
            self.n_train = gr.Number(40, precision=0, label=t("vote.form.n_train"), min_width=120, elem_id="vote-train")
            self.n_heldout = gr.Number(
                10, precision=0, label=t("vote.form.n_heldout"), min_width=120, elem_id="vote-heldout"
            )
        self._problem("numbers")
        self.plan = gr.HTML("", padding=False, elem_id="vote-plan")

    def _more(self) -> None:
        with gr.Accordion(t("vote.form.more"), open=False) as self.more:
            self.asks = gr.CheckboxGroup([(t(f"vote.form.{each}"), each) for each in _ASKS], label=t("vote.form.asks"))
            self.criteria = gr.Textbox(", ".join(CRITERIA), label=t("vote.form.criteria"), max_lines=1)
            self.guidelines = gr.Textbox(label=t("vote.form.guidelines"), lines=3)
            with gr.Row():
                self.temperature = gr.Slider(0.1, 2, 1.0, step=0.05, label=t("chat.temperature"))
                self.top_p = gr.Slider(0.1, 1, 1.0, step=0.05, label=t("chat.top_p"))
                self.max_new_tokens = gr.Slider(8, 512, 64, step=8, label=t("chat.max_new_tokens"))
                self.seed = gr.Number(0, precision=0, label=t("chat.seed"), min_width=100)
            with gr.Row():
                self.common_items = gr.Number(5, precision=0, label=t("vote.form.common_items"), min_width=120)
                self.repeat_every = gr.Number(0, precision=0, label=t("vote.form.repeat_every"), min_width=120)
                self.quota = gr.Number(0, precision=0, label=t("vote.form.quota"), min_width=120)
            gr.Markdown(t("vote.form.gold_about"), elem_classes="train-hint")
            with gr.Row():
                self.gold = gr.File(
                    label=t("vote.form.gold"), file_types=[".jsonl", ".json", ".gz"], height=150, scale=3
                )
                self.gold_every = gr.Number(8, precision=0, label=t("vote.form.gold_every"), min_width=120)
            self.uncertain_by = gr.Dropdown(
                [],
                label=t("vote.form.uncertain"),
                info=t("vote.form.uncertain_info"),
                allow_custom_value=True,
                elem_id="vote-uncertain",
            )
            self._problem("more")

    def _problem(self, field: str) -> None:
        self.problems[field] = gr.HTML("", padding=False, visible=False, elem_id=f"vote-problem-{field}")

    @property
    def fields(self) -> dict[str, Any]:
        """name -> component of everything that makes a round."""
        return {name: part for name, part in vars(self).items() if name not in _AROUND}

    def filled(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        """What stands in the fields."""
        return {name: values[part] for name, part in self.fields.items()}
