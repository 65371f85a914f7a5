"""A course's demonstrations, one click each: choose, see what it takes here and what it shows, start, compare.

Lays out and wires; what is shown is made in `ui/experiment_words.py`, what is done in `workbench.course`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from common import hashing
from tuning.experiments import RECIPES
from ui import experiment_words, study_words
from ui.context import actor, language, shown
from ui.translations import t, word
from workbench.course import RECIPE

if TYPE_CHECKING:
    from workbench.services import Services

_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_SECONDS = 1.0
_BUSY = ("queued", "starting", "running", "stopping")


def build_experiments_tab(services: Services, tab: gr.Tab) -> None:
    """Lays the page out in the Blocks context it is called in; `tab` is its own."""
    gr.Markdown(t("experiments.intro"))
    with gr.Row():
        with gr.Column(scale=4, min_width=320):
            named = [(t(f"experiments.{name}"), name) for name in RECIPES]
            recipe = gr.Radio(
                named, value=next(iter(RECIPES)), label=t("experiments.choose"), elem_id="recipe"
            )
            about = gr.HTML("", padding=False, elem_id="recipe-about")
            share = gr.Slider(0, 1, 0.5, step=0.05, label=t("experiments.share"), visible=False)
            start = gr.Button(
                t("experiments.start"), variant="primary", visible=False, elem_id="recipe-start"
            )
        with gr.Column(scale=7, min_width=320):
            told = gr.HTML("", padding=False, elem_id="recipe-told")
    seen = gr.State("")
    timer = gr.Timer(_SECONDS, active=False)

    def describe(name: str, request: gr.Request) -> str:
        used = services.course.uses(actor(services, request), name, language(request))
        return experiment_words.about(name, used, language(request))

    @shown
    def choose(name: str, request: gr.Request) -> list[Any]:
        return [describe(name, request), gr.update(visible=RECIPES[name].uses_share)]

    @shown
    def arrive(name: str, request: gr.Request) -> list[Any]:
        teaches = actor(services, request).is_teacher
        return [*choose(name, request), gr.update(visible=teaches), gr.Timer(active=True)]

    @shown
    def begin(name: str, of: float, request: gr.Request) -> gr.Timer:
        services.course.start_recipe(actor(services, request), name, language(request), float(of))
        return gr.Timer(active=True)

    @shown
    def watch(mark: str, request: gr.Request) -> list[Any]:
        text, busy = _told(services, request)
        now = hashing.of_json([language(request), text])
        return [gr.skip() if now == mark else text, now, gr.Timer(active=busy)]

    tab.select(arrive, recipe, [about, share, start, timer], queue=False, **_QUIET)
    recipe.input(choose, recipe, [about, share], queue=False, **_QUIET)
    start.click(begin, [recipe, share], timer, **_QUIET)
    timer.tick(watch, seen, [told, seen, timer], queue=False, **_QUIET)


def _told(services: Services, request: gr.Request) -> tuple[str, bool]:
    """(HTML of the newest recipe's runs, whether anything is still going on)."""
    who, tongue = actor(services, request), language(request)
    study = services.course.told(who, RECIPE)
    busy = study is not None and study.running
    above = study_words.state(study, tongue, "experiments.preparing")
    groups = services.course.recipe_groups(who)
    if not groups:
        return above or f'<div class="train-empty">{word("experiments.none", tongue)}</div>', busy
    found = services.course.parts(who, next(iter(groups)))
    busy = busy or any(part.state in _BUSY for part in found)
    return above + experiment_words.parts(found, tongue), busy
