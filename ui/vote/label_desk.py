"""The components of the Label tab: the way in, one comparison with every field, and what was judged before."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ui.translations import t

CHOICES = {"left": "left_wins", "right": "right_wins", "tie": "tie", "both_bad": "both_bad"}


class Desk:
    """Laid out in the Blocks context it is made in."""

    def __init__(self) -> None:
        self.token = gr.BrowserState("", storage_key="afina-label", secret="afina-label")
        with gr.Row(elem_classes="ends") as self.door:
            self.code = gr.Textbox(
                label=t("label.code"), max_lines=1, max_length=64, scale=1, min_width=140, elem_id="label-code"
            )
            self.join = gr.Button(t("label.join"), variant="primary", scale=1, elem_id="label-join")
            self.link = gr.Textbox(label=t("label.link"), max_lines=1, scale=3, elem_id="label-link")
            self.resume = gr.Button(t("label.resume"), scale=0, min_width=120)
        self.status = gr.HTML("", padding=False, elem_id="label-told")
        with gr.Column(visible=False) as self.work:
            self.prompt = gr.HTML("", padding=False, elem_classes="stage-prompt", elem_id="label-prompt")
            with gr.Row(equal_height=True, elem_id="label-pair"):
                self.left = gr.HTML("", padding=False, elem_id="label-left")
                self.right = gr.HTML("", padding=False, elem_id="label-right")
            self.choice = gr.Radio(
                [(t(f"label.{text}"), value) for value, text in CHOICES.items()],
                label=t("label.choice"),
                elem_id="label-choice",
            )
            with gr.Row():
                self.strength = gr.Radio([(t(f"label.strength_{n}"), n) for n in (1, 2, 3)], label=t("label.strength"))
                self.edit_side = gr.Radio(
                    [("A", "left"), ("B", "right"), (t("label.edit_none"), "")], value="", label=t("label.edit_side")
                )
            self.edited = gr.Textbox(label=t("label.edited"), lines=3, visible=False)
            with gr.Row():
                self.ratings = gr.Dataframe(
                    headers=["", "A", "B"],
                    datatype=["str", "number", "number"],
                    interactive=True,
                    elem_id="label-ratings",
                    static_columns=[0],
                    label=t("label.ratings"),
                    column_count=3,
                )
                self.rationale = gr.Textbox(label=t("label.rationale"), lines=3)
            with gr.Row():
                self.send = gr.Button(t("label.send"), variant="primary", elem_id="label-send")
                self.skip = gr.Button(t("label.skip"), elem_id="label-skip")
                self.report = gr.Button(t("label.report"))
        self.look = gr.Button(t("label.look"), size="sm", visible=False, elem_id="label-look")
        with gr.Row(visible=False, elem_classes="ends") as self.history:
            self.past = gr.Dropdown([], label=t("label.history"), scale=4, elem_id="label-past")
            self.correct = gr.Button(t("label.correct"), size="sm", scale=0, min_width=200, elem_id="label-correct")
        with gr.Accordion(t("label.guidelines"), open=False):
            self.guidelines = gr.Markdown("")
        self.item = gr.State(None)  # what is being judged: ids and texts, and what it supersedes

    @property
    def shown(self) -> list[Any]:
        """What a comparison changes."""
        fields = [self.choice, self.strength, self.ratings, self.rationale, self.edit_side, self.edited]
        pair = [self.prompt, self.left, self.right]
        return [
            self.door,
            self.status,
            self.work,
            *pair,
            *fields,
            self.look,
            self.history,
            self.past,
            self.guidelines,
            self.item,
        ]
