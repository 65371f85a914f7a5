"""The components of the Chat tab: the columns side by side, and below them the message and its settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from ui.translations import t


class Column:
    """One policy and its talk. Two columns are shown at first."""

    def __init__(self, index: int) -> None:
        with gr.Column(visible=index < 2, min_width=300, elem_classes="chat-column") as self.box:
            self.policy = gr.Dropdown(
                [],
                label=t("chat.policy"),
                show_label=False,
                container=False,
                filterable=False,
                elem_id=f"chat-policy-{index}",
            )
            self.talk = gr.Chatbot(
                show_label=False,
                height="46vh",
                min_height=260,
                placeholder=t("chat.empty_column"),
                sanitize_html=True,
                render_markdown=False,
                buttons=["copy"],
                elem_id=f"chat-talk-{index}",
                group_consecutive_messages=False,
            )
            self.facts = gr.HTML("", elem_classes="chat-facts", padding=False)


class Controls:
    """The message, its buttons, and how replies are sampled."""

    def __init__(self) -> None:
        with gr.Row(equal_height=True):
            self.message = gr.Textbox(
                label=t("chat.message"),
                placeholder=t("chat.message"),
                show_label=False,
                lines=1,
                max_lines=6,
                scale=8,
                autofocus=True,
                elem_id="chat-message",
            )
            self.send = gr.Button(t("chat.send"), variant="primary", scale=1, min_width=90, elem_id="chat-send")
            self.stop = gr.Button(
                t("chat.stop"), variant="stop", scale=1, min_width=90, visible=False, elem_id="chat-stop"
            )
        self.examples = gr.Dataset(
            components=[gr.Textbox(visible=False)],
            samples=[[""]],
            label=t("chat.examples"),
            visible=False,
            elem_id="chat-examples",
        )
        with gr.Row():
            self.retry = gr.Button(t("chat.retry"), size="sm")
            self.clear = gr.Button(t("chat.clear"), size="sm")
            self.star = gr.Button(t("chat.star"), size="sm", elem_id="chat-star")
        with gr.Accordion(t("chat.settings"), open=False):
            with gr.Row():
                self.n_columns = gr.Radio([1, 2, 3, 4], value=2, label=t("chat.columns"), elem_id="chat-columns")
                self.greedy = gr.Checkbox(False, label=t("chat.greedy"), info=t("chat.greedy_info"))
            with gr.Row():
                self.temperature = gr.Slider(0.05, 2, 0.8, step=0.05, label=t("chat.temperature"))
                self.top_p = gr.Slider(0.05, 1, 0.95, step=0.05, label=t("chat.top_p"))
                self.max_new_tokens = gr.Slider(8, 512, 96, step=8, label=t("chat.max_new_tokens"))
                self.seed = gr.Number(0, precision=0, label=t("chat.seed"), info=t("chat.seed_info"))
            self.system = gr.Textbox(label=t("chat.system"), placeholder=t("chat.system_hint"), lines=2)
        self.drawing: set[Any] = {self.temperature, self.top_p, self.max_new_tokens, self.seed}

    def sampling(self, values: Mapping[Any, Any]) -> dict[str, Any]:
        """How replies are sampled, but for `greedy`, from the values of `drawing`."""
        return {
            "temperature": values[self.temperature],
            "top_p": values[self.top_p],
            "max_new_tokens": int(values[self.max_new_tokens]),
            "seed": int(values[self.seed] or 0),
        }

    def busy(self, writing: bool) -> dict[Any, Any]:
        """Updates of the buttons while replies are being written, and else."""
        off = gr.update(interactive=not writing)
        return {
            self.send: gr.update(visible=not writing),
            self.stop: gr.update(visible=writing),
            self.retry: off,
            self.clear: off,
        }
