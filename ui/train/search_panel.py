"""Under the form of the Train tab: settings searched by Optuna on the chosen data, each trial a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from tuning.experiments.search import SPACE
from ui.request import QUIET, actor, inform, language_of, shown
from ui.translations import t, word
from workbench.training.experiments import SEARCH

if TYPE_CHECKING:
    from ui.train.train_handlers import Train
    from ui.train.train_layout import LivePanel, Setup


def build(train: Train, setup: Setup, live: LivePanel, pages: gr.Tabs) -> None:
    """Lays the panel out, closed, and wires it."""
    with setup.column, gr.Accordion(t("search.title"), open=False, elem_id="search-settings"):
        gr.Markdown(t("search.help"))
        named = [(t(f"search.over.{name}"), name) for name in SPACE]
        over = gr.CheckboxGroup(named, value=["learning_rate", "rank"], label=t("search.for"))
        with gr.Row():
            trials = gr.Number(8, precision=0, minimum=1, maximum=200, label=t("search.trials"), min_width=100)
            start = gr.Button(t("search.start"), min_width=100, elem_id="search-start")
            stop = gr.Button(t("studies.stop"), variant="stop", min_width=90)

    @shown
    def search(values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        who = actor(train.services, request)
        name = train.search(who, setup.form(values), values[over], int(values[trials] or 0))
        inform(word("search.started", language_of(request), name=name), 6)
        return {
            live.choice: gr.update(choices=train.run_choices(language_of(request)), value=""),
            pages: gr.update(selected="live"),
        }

    def halt(request: gr.Request) -> None:
        train.services.course.stop(actor(train.services, request), SEARCH)

    inputs = {*setup.inputs, over, trials}
    start.click(search, inputs, [live.choice, pages], **QUIET)
    stop.click(shown(halt), None, None, queue=False, **QUIET)
