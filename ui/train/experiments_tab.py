"""A course's demonstrations, one click each: choose, see what it takes here and what it shows, start, compare.

Lays out and wires; what is shown is made in `ui/train/experiments_view.py`, what is done in `training.experiments`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from common import hashing
from tuning.data import uploads
from tuning.data.file_types import KINDS
from tuning.experiments.recipes import RECIPES
from ui.chat import alternatives_view
from ui.request import QUIET, actor, language_of, shown
from ui.train import experiments_view
from ui.translations import t, word
from workbench.training.experiments import RECIPE

if TYPE_CHECKING:
    from workbench.services import Services

_SECONDS = 1.0
_BUSY = ("queued", "starting", "running", "stopping")


class Form:
    """Laid out in the Blocks context it is made in."""

    def __init__(self) -> None:
        with gr.Row():
            with gr.Column(scale=4, min_width=320):
                named = [(t(f"experiments.{name}"), name) for name in RECIPES]
                self.recipe = gr.Radio(
                    named, value=next(iter(RECIPES)), label=t("experiments.choose"), elem_id="recipe"
                )
                self.about = gr.HTML("", padding=False, elem_id="recipe-about")
                with gr.Group(visible=False) as self.own:
                    self.data = gr.Dropdown(
                        [(t("experiments.own.none"), "")],
                        value="",
                        allow_custom_value=True,
                        label=t("experiments.own.data"),
                        info=t("experiments.own.info"),
                        elem_id="recipe-data",
                    )
                    self.upload = gr.UploadButton(t("train.upload"), size="sm", file_types=list(KINDS))
                self.share = gr.Slider(0, 1, 0.5, step=0.05, label=t("experiments.share"), visible=False)
                self.start = gr.Button(t("experiments.start"), variant="primary", visible=False, elem_id="recipe-start")
            with gr.Column(scale=7, min_width=320):
                self.report = gr.HTML("", padding=False, elem_id="recipe-told")
        self.seen = gr.State("")
        self.timer = gr.Timer(_SECONDS, active=False)


def build_experiments_tab(services: Services, tab: gr.Tab) -> None:
    """Lays the page out in the Blocks context it is called in; `tab` is its own."""
    gr.Markdown(t("experiments.intro"))
    form = Form()
    _wire_choice(services, tab, form)
    _wire_run(services, form)


def _own_data(name: str, data: str | None) -> str:
    """The data of one's own that count: what stays chosen from another recipe may not be for this one."""
    return (data or "").strip() if RECIPES[name].takes else ""


def _wire_choice(services: Services, tab: gr.Tab, form: Form) -> None:
    @shown
    def describe(name: str, data: str | None, request: gr.Request) -> str:
        used = services.course.uses(actor(services, request), name, language_of(request), _own_data(name, data))
        return experiments_view.about(name, used, language_of(request))

    @shown
    def choose(name: str, request: gr.Request) -> dict[Any, Any]:
        recipe, teaches = RECIPES[name], actor(services, request).is_teacher
        return {
            form.about: describe(name, "", request),
            form.share: gr.update(visible=recipe.uses_share),
            form.own: gr.update(visible=bool(recipe.takes) and teaches),
            form.data: "",
        }

    @shown
    def arrive(name: str, request: gr.Request) -> dict[Any, Any]:
        teaches = actor(services, request).is_teacher
        return {**choose(name, request), form.start: gr.update(visible=teaches), form.timer: gr.Timer(active=True)}

    @shown
    def uploaded(file: str, request: gr.Request) -> Any:
        services.roles.require_teacher(actor(services, request))
        place = uploads.keep(Path(file), services.settings.home)
        return gr.update(
            choices=[(word("experiments.own.none", language_of(request)), ""), (place.name, str(place))],
            value=str(place),
        )

    chosen = [form.about, form.share, form.own, form.data]
    described: dict[str, Any] = {"fn": describe, "inputs": [form.recipe, form.data], "outputs": form.about}
    tab.select(arrive, form.recipe, [*chosen, form.start, form.timer], queue=False, **QUIET)
    form.recipe.input(choose, form.recipe, chosen, queue=False, **QUIET)
    form.upload.upload(uploaded, form.upload, form.data, **QUIET).success(**described, **QUIET)
    form.data.input(**described, queue=False, **QUIET)


def _wire_run(services: Services, form: Form) -> None:
    @shown
    def begin(name: str, of: float, data: str | None, request: gr.Request) -> gr.Timer:
        who = actor(services, request)
        services.course.start_recipe(who, name, language_of(request), float(of), _own_data(name, data))
        return gr.Timer(active=True)

    @shown
    def watch(mark: str, request: gr.Request) -> list[Any]:
        text, busy = _report(services, request)
        now = hashing.of_json([language_of(request), text])
        return [gr.skip() if now == mark else text, now, gr.Timer(active=busy)]

    form.start.click(begin, [form.recipe, form.share, form.data], form.timer, **QUIET)
    form.timer.tick(watch, form.seen, [form.report, form.seen, form.timer], queue=False, **QUIET)


def _report(services: Services, request: gr.Request) -> tuple[str, bool]:
    """(HTML of the newest recipe's runs, whether anything is still going on)."""
    who, language = actor(services, request), language_of(request)
    study = services.course.latest(who, RECIPE)
    busy = study is not None and study.running
    above = alternatives_view.state(study, language, "experiments.preparing")
    groups = services.course.recipe_groups(who)
    if not groups:
        return above or f'<div class="train-empty">{word("experiments.none", language)}</div>', busy
    found = services.course.parts(who, next(iter(groups)))
    busy = busy or any(part.state in _BUSY for part in found)
    return above + experiments_view.parts(found, language), busy
