"""Simulated annotators vote in the round at hand: a lesson tried before the class. Wires `services.rehearsing`."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import gradio as gr

from labeling.rounds.simulated_annotators import MOST, Habits
from ui.request import QUIET, actor, language_of, shown
from ui.translations import t, word
from workbench.voting.simulated_preferences import KEYWORD, NAMES

if TYPE_CHECKING:
    from workbench.services import Services


@dataclass(frozen=True)
class Rehearse:
    likes: gr.Dropdown
    word: gr.Textbox
    annotators: gr.Number
    noise: gr.Slider
    lapses: gr.Slider
    start: gr.Button
    done: gr.HTML


def lay_out() -> Rehearse:
    gr.Markdown(t("vote.rehearse.about"))
    with gr.Row():
        choices = [(t(f"vote.rehearse.likes.{name}"), name) for name in NAMES]
        choices.append((t("vote.rehearse.likes.keyword"), KEYWORD))
        likes = gr.Dropdown(choices, value="polite", label=t("vote.rehearse.likes"), elem_id="vote-likes")
        keyword = gr.Textbox(label=t("vote.rehearse.word"), max_lines=1, visible=False, elem_id="vote-likes-word")
        annotators = gr.Number(
            5, precision=0, minimum=1, maximum=MOST, label=t("vote.rehearse.annotators"), min_width=120
        )
        noise = gr.Slider(0, 0.5, 0.15, step=0.05, label=t("vote.rehearse.noise"), info=t("vote.rehearse.noise_info"))
        lapses = gr.Slider(0, 1, 0, step=0.05, label=t("vote.rehearse.lapses"), info=t("vote.rehearse.lapses_info"))
    start = gr.Button(t("vote.rehearse.start"), elem_id="vote-rehearse-start")
    done = gr.HTML("", padding=False, elem_id="vote-rehearsed")
    return Rehearse(likes, keyword, annotators, noise, lapses, start, done)


def wire(services: Services, panel: Rehearse, choice: gr.Dropdown) -> None:
    @shown
    def vote(
        name: str,
        likes: str,
        keyword: str,
        annotators: float,
        noise: float,
        lapses: float,
        request: gr.Request,
    ) -> str:
        who, language = actor(services, request), language_of(request)
        liked = f"{KEYWORD}{keyword or ''}" if likes == KEYWORD else likes
        found = services.rehearsing.vote(who, name, liked, int(annotators or 0), Habits(noise, lapses), language)
        key = "vote.rehearse.done" if found.cast else "vote.rehearse.none"
        return f"<p>{escape(word(key, language, cast=found.cast, votes=found.votes))}</p>"

    panel.likes.change(lambda likes: gr.update(visible=likes == KEYWORD), panel.likes, panel.word, queue=False, **QUIET)
    given = [choice, panel.likes, panel.word, panel.annotators, panel.noise, panel.lapses]
    panel.start.click(vote, given, panel.done, **{**QUIET, "show_progress": "minimal"})
    choice.change(lambda: "", None, panel.done, queue=False, **QUIET)
