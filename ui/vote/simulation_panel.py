"""Simulated annotators vote in the round at hand: a lesson tried before the class. Wires `services.rehearsing`."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from labeling.rounds.simulated_annotators import MOST, Habits
from ui.request import QUIET, actor, language_of, shown
from ui.translations import t, word
from workbench.voting.simulated_preferences import KEYWORD, NAMES

if TYPE_CHECKING:
    from workbench.services import Services


class Rehearse:
    """The panel's components, laid out in the Blocks context it is made in."""

    def __init__(self) -> None:
        gr.Markdown(t("vote.rehearse.about"))
        with gr.Row():
            choices = [(t(f"vote.rehearse.likes.{name}"), name) for name in NAMES]
            choices.append((t("vote.rehearse.likes.keyword"), KEYWORD))
            self.likes = gr.Dropdown(choices, value="polite", label=t("vote.rehearse.likes"), elem_id="vote-likes")
            self.word = gr.Textbox(label=t("vote.rehearse.word"), max_lines=1, visible=False, elem_id="vote-likes-word")
            self.annotators = gr.Number(
                5, precision=0, minimum=1, maximum=MOST, label=t("vote.rehearse.annotators"), min_width=120
            )
            self.noise = gr.Slider(
                0, 0.5, 0.15, step=0.05, label=t("vote.rehearse.noise"), info=t("vote.rehearse.noise_info")
            )
            self.lapses = gr.Slider(
                0, 1, 0, step=0.05, label=t("vote.rehearse.lapses"), info=t("vote.rehearse.lapses_info")
            )
        self.start = gr.Button(t("vote.rehearse.start"), elem_id="vote-rehearse-start")
        self.done = gr.HTML("", padding=False, elem_id="vote-rehearsed")


def wire(services: Services, panel: Rehearse, choice: gr.Dropdown) -> None:
    @shown
    def vote(values: dict[Any, Any], request: gr.Request) -> str:
        who, language = actor(services, request), language_of(request)
        likes, habits = values[panel.likes], Habits(values[panel.noise], values[panel.lapses])
        liked = f"{KEYWORD}{values[panel.word] or ''}" if likes == KEYWORD else likes
        annotators = int(values[panel.annotators] or 0)
        found = services.rehearsing.vote(who, values[choice], liked, annotators, habits, language)
        key = "vote.rehearse.done" if found.cast else "vote.rehearse.none"
        return f"<p>{escape(word(key, language, cast=found.cast, votes=found.votes))}</p>"

    panel.likes.change(lambda likes: gr.update(visible=likes == KEYWORD), panel.likes, panel.word, queue=False, **QUIET)
    inputs: set[Any] = {choice, panel.likes, panel.word, panel.annotators, panel.noise, panel.lapses}
    panel.start.click(vote, inputs, panel.done, **{**QUIET, "show_progress": "minimal"})
    choice.change(lambda: "", None, panel.done, queue=False, **QUIET)
