"""The Align tab's parts: the form that turns votes into runs, the live panel, what is asked of a run that is done.

Lays out; `align_tab` wires.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import gradio as gr

from labeling.schema import Sources
from tuning.config.training import DPOConfig, RewardConfig
from tuning.config.training_methods import from_votes
from ui.translations import t

_WAYS = ("majority", "every", "minimum")


@dataclass(frozen=True)
class Setup:
    box: gr.Column
    round: gr.Dropdown
    way: gr.Radio
    sources: gr.Radio
    facts: gr.HTML
    reward_epochs: gr.Number
    reward_rate: gr.Number
    reward_name: gr.Textbox
    reward_from: gr.Dropdown
    reward: gr.Button
    loss: gr.Dropdown
    beta: gr.Number
    epochs: gr.Number
    rate: gr.Number
    sft_weight: gr.Number
    name: gr.Textbox
    dpo: gr.Button


@dataclass(frozen=True)
class Live:
    choice: gr.Dropdown
    head: gr.HTML
    stop: gr.Button
    resume: gr.Button
    sample: gr.HTML
    first: dict[str, gr.LinePlot]  # by method: a plot keeps the curves that it was drawn with
    more: gr.Accordion
    second: dict[str, gr.LinePlot]
    seen: gr.State

    @property
    def outputs(self) -> list[Any]:
        """In the order in which `_look` gives them."""
        plots = [*self.first.values(), self.more, *self.second.values()]
        return [self.choice, self.head, self.stop, self.resume, self.sample, *plots, self.seen]


@dataclass(frozen=True)
class After:
    measure: gr.Button
    reward_run: gr.Dropdown
    outcome: gr.Button
    again: gr.Button
    result: gr.HTML


def setup() -> Setup:
    reward, dpo = RewardConfig(), DPOConfig()
    with gr.Column(scale=5, min_width=340, visible=False) as box:
        round_ = gr.Dropdown([], label=t("align.round"), allow_custom_value=True, elem_id="align-round")
        way = gr.Radio(
            [(t(f"vote.files.{each}"), each) for each in _WAYS],
            value="majority",
            label=t("align.way"),
            info=t("align.way.about"),
        )
        sources = gr.Radio(
            [(t(f"judges.sources.{each}"), each) for each in get_args(Sources)],
            value="people",
            label=t("judges.sources"),
            elem_id="align-sources",
        )
        facts = gr.HTML("", padding=False, elem_id="align-facts")
        with gr.Group():
            gr.Markdown(t("align.reward.about"), elem_classes="train-pad")
            with gr.Accordion(t("align.more"), open=False):
                with gr.Row():
                    reward_from = gr.Dropdown(
                        [(t(f"align.reward.from.{each}"), each) for each in ("policy", "base")],
                        value="policy",
                        label=t("align.reward.from"),
                        min_width=190,
                        elem_id="align-reward-from",
                    )
                    reward_name = gr.Textbox(label=t("train.name"), max_lines=1, min_width=140)
                with gr.Row():
                    reward_epochs = gr.Number(reward.epochs, label=t("align.epochs"), minimum=0, min_width=110)
                    reward_rate = gr.Number(reward.learning_rate, label=t("align.rate"), minimum=0, min_width=110)
            start_reward = gr.Button(t("align.reward.start"), variant="primary", elem_id="align-reward")
        with gr.Group():
            gr.Markdown(t("align.dpo.about"), elem_classes="train-pad")
            with gr.Row():
                loss = gr.Dropdown(
                    ["sigmoid", "ipo", "hinge", "robust"],
                    value=dpo.loss,
                    label=t("align.loss"),
                    info=t("align.loss.about"),
                    min_width=110,
                )
                beta = gr.Number(dpo.beta, label="β", info=t("align.beta"), minimum=0.001, min_width=110)
            with gr.Accordion(t("align.more"), open=False), gr.Row():
                epochs = gr.Number(dpo.epochs, label=t("align.epochs"), minimum=0, min_width=110)
                rate = gr.Number(dpo.learning_rate, label=t("align.rate"), minimum=0, min_width=110)
                sft_weight = gr.Number(dpo.sft_weight, label=t("align.sft_weight"), minimum=0, min_width=110)
                name = gr.Textbox(label=t("train.name"), max_lines=1, min_width=140)
            start_dpo = gr.Button(t("align.dpo.start"), variant="primary", elem_id="align-dpo")
    return Setup(
        box,
        round_,
        way,
        sources,
        facts,
        reward_epochs,
        reward_rate,
        reward_name,
        reward_from,
        start_reward,
        loss,
        beta,
        epochs,
        rate,
        sft_weight,
        name,
        start_dpo,
    )


def live() -> Live:
    choice = gr.Dropdown([], label=t("train.run"), allow_custom_value=True, elem_id="align-run")
    head = gr.HTML("", elem_id="align-head")
    with gr.Row():
        stop = gr.Button(t("train.stop"), variant="stop", visible=False)
        resume = gr.Button(t("train.resume"), variant="primary", visible=False)
    sample = gr.HTML("", padding=False, elem_id="align-sample")
    plot: dict[str, Any] = {
        "x": "step",
        "y": "value",
        "color": "which",
        "show_label": False,
        "visible": False,
    }
    first = {method: gr.LinePlot(height=360, **plot) for method in from_votes()}
    with gr.Accordion(t("align.curves"), open=False, visible=False) as more:
        second = {method: gr.LinePlot(height=280, **plot) for method in from_votes()}
        gr.Markdown(t("align.curves.kl"), elem_classes="train-hint")
    return Live(choice, head, stop, resume, sample, first, more, second, gr.State(""))


def after() -> After:
    with gr.Row():
        measure = gr.Button(t("align.measure"), visible=False, elem_id="align-measure")
        reward_run = gr.Dropdown([], label=t("align.judge"), visible=False, allow_custom_value=True)
        outcome = gr.Button(t("align.outcome"), visible=False, elem_id="align-outcome")
        again = gr.Button(t("align.again"), visible=False, elem_id="align-again")
    return After(measure, reward_run, outcome, again, gr.HTML("", padding=False, elem_id="align-result"))
