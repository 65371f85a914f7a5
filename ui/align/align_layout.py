"""The Align tab's components: the form that turns votes into runs, the live panel, what is asked of a run that is done.

Each class lays its part out in the Blocks context it is made in; `align_tab` wires.
"""

from __future__ import annotations

from typing import Any, get_args

import gradio as gr

from labeling.schema import Sources
from tuning.config.training import DPOConfig, RewardConfig
from tuning.config.training_methods import from_votes
from ui.translations import t

_WAYS = ("majority", "every", "minimum")


class Setup:
    """The form, for the teacher: a round, and the two kinds of run that its votes can start."""

    def __init__(self) -> None:
        with gr.Column(scale=5, min_width=340, visible=False) as self.box:
            self.round = gr.Dropdown([], label=t("align.round"), allow_custom_value=True, elem_id="align-round")
            self.way = gr.Radio(
                [(t(f"vote.files.{each}"), each) for each in _WAYS],
                value="majority",
                label=t("align.way"),
                info=t("align.way.about"),
            )
            self.sources = gr.Radio(
                [(t(f"judges.sources.{each}"), each) for each in get_args(Sources)],
                value="people",
                label=t("judges.sources"),
                elem_id="align-sources",
            )
            self.facts = gr.HTML("", padding=False, elem_id="align-facts")
            with gr.Group():
                self._reward_model(RewardConfig())
            with gr.Group():
                self._dpo(DPOConfig())
        self.data: set[Any] = {self.round, self.way, self.sources}

    def _reward_model(self, usual: RewardConfig) -> None:
        gr.Markdown(t("align.reward.about"), elem_classes="train-pad")
        with gr.Accordion(t("align.more"), open=False):
            with gr.Row():
                self.reward_from = gr.Dropdown(
                    [(t(f"align.reward.from.{each}"), each) for each in ("policy", "base")],
                    value="policy",
                    label=t("align.reward.from"),
                    min_width=190,
                    elem_id="align-reward-from",
                )
                self.reward_name = gr.Textbox(label=t("train.name"), max_lines=1, min_width=140)
            with gr.Row():
                self.reward_epochs = gr.Number(usual.epochs, label=t("align.epochs"), minimum=0, min_width=110)
                self.reward_rate = gr.Number(usual.learning_rate, label=t("align.rate"), minimum=0, min_width=110)
        self.reward = gr.Button(t("align.reward.start"), variant="primary", elem_id="align-reward")

    def _dpo(self, usual: DPOConfig) -> None:
        gr.Markdown(t("align.dpo.about"), elem_classes="train-pad")
        with gr.Row():
            self.loss = gr.Dropdown(
                ["sigmoid", "ipo", "hinge", "robust"],
                value=usual.loss,
                label=t("align.loss"),
                info=t("align.loss.about"),
                min_width=110,
            )
            self.beta = gr.Number(usual.beta, label="β", info=t("align.beta"), minimum=0.001, min_width=110)
        with gr.Accordion(t("align.more"), open=False), gr.Row():
            self.epochs = gr.Number(usual.epochs, label=t("align.epochs"), minimum=0, min_width=110)
            self.rate = gr.Number(usual.learning_rate, label=t("align.rate"), minimum=0, min_width=110)
            self.sft_weight = gr.Number(usual.sft_weight, label=t("align.sft_weight"), minimum=0, min_width=110)
            self.name = gr.Textbox(label=t("train.name"), max_lines=1, min_width=140)
        self.dpo = gr.Button(t("align.dpo.start"), variant="primary", elem_id="align-dpo")


class Live:
    """The run that is watched."""

    def __init__(self) -> None:
        self.choice = gr.Dropdown([], label=t("train.run"), allow_custom_value=True, elem_id="align-run")
        self.head = gr.HTML("", elem_id="align-head")
        with gr.Row():
            self.stop = gr.Button(t("train.stop"), variant="stop", visible=False)
            self.resume = gr.Button(t("train.resume"), variant="primary", visible=False)
        self.sample = gr.HTML("", padding=False, elem_id="align-sample")
        # By method: a plot keeps the curves that it was drawn with.
        self.first = {method: _plot(360) for method in from_votes()}
        with gr.Accordion(t("align.curves"), open=False, visible=False) as self.more:
            self.second = {method: _plot(280) for method in from_votes()}
            gr.Markdown(t("align.curves.kl"), elem_classes="train-hint")
        self.seen = gr.State("")


def _plot(height: int) -> gr.LinePlot:
    return gr.LinePlot(x="step", y="value", color="which", show_label=False, visible=False, height=height)


class After:
    """What can be asked of a run that is done."""

    def __init__(self) -> None:
        with gr.Row():
            self.measure = gr.Button(t("align.measure"), visible=False, elem_id="align-measure")
            self.reward_run = gr.Dropdown([], label=t("align.judge"), visible=False, allow_custom_value=True)
            self.outcome = gr.Button(t("align.outcome"), visible=False, elem_id="align-outcome")
            self.again = gr.Button(t("align.again"), visible=False, elem_id="align-again")
        self.result = gr.HTML("", padding=False, elem_id="align-result")
