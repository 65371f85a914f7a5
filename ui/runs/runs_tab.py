"""The Runs tab: every run in a table, curves laid over each other, settings, card, download, delete."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import gradio as gr

from common import hashing
from common.number_format import number
from tuning.config.training_methods import NO_POLICY
from tuning.models.peft_methods import PEFT_METHODS
from ui.components import data_view, run_view
from ui.components.plotly_charts import curves
from ui.request import UNQUEUED, actor, language_of, on_open, shown, warn
from ui.runs import evaluation_panel
from ui.train import methods_panel
from ui.translations import t, word

if TYPE_CHECKING:
    from workbench.actors import Actor
    from workbench.services import Services
    from workbench.training.training_service import RunSummary

_COLUMNS = ("name", "state", "parent", "base", "data", "rows", "before", "after", "time")
_SECONDS = 3.0
_NAMED = 5  # broken runs that are named one by one


class Layout:
    """Laid out in the Blocks context it is made in."""

    def __init__(self, services: Services) -> None:
        with gr.Row():
            # Any value is taken: another page may have deleted a run that is chosen here.
            self.chosen = gr.Dropdown(
                [],
                multiselect=True,
                label=t("runs.chosen"),
                info=t("runs.chosen_info"),
                scale=5,
                min_width=280,
                allow_custom_value=True,
                elem_id="runs-chosen",
            )
            self.refresh = gr.Button(t("runs.refresh"), size="sm", scale=0, min_width=120)
        self.table = gr.HTML("", elem_id="runs-table", padding=False)
        self.plot = gr.Plot(visible=False, show_label=False)
        self.details = gr.HTML("", padding=False)
        with gr.Row(visible=False) as self.danger:
            self.sure = gr.Checkbox(False, label=t("runs.sure"))
            self.delete = gr.Button(t("runs.delete"), variant="stop", size="sm", scale=0, min_width=160)
        evaluation_panel.build(services, self.chosen)
        methods_panel.build_results(services, _SECONDS)
        self.seen = gr.State(("", ""))


def build_runs_tab(services: Services) -> None:
    """Lays the tab out in the Blocks context it is called in."""
    layout = Layout(services)
    _wire_choice(services, layout)
    _wire_watch(services, layout)


def _wire_choice(services: Services, layout: Layout) -> None:
    def about(names: list[str], request: gr.Request) -> dict[Any, Any]:
        """Updates of all but the choice, for the runs called `names`."""
        language, who = language_of(request), actor(services, request)
        runs = services.training.runs(who)
        there = _chosen(runs, names)
        return {
            layout.table: _table(runs, language) + _left_out(services, who, language),
            layout.plot: _drawn(services, who, there, language),
            layout.details: _all_details(services, there, who, language),
            layout.danger: gr.update(visible=bool(there) and who.is_teacher),
            layout.sure: False,
        }

    @shown
    def look(names: list[str], request: gr.Request) -> dict[Any, Any]:
        # The choice is left as it is: who chooses quickly is ahead of what comes back.
        return {layout.chosen: gr.update(choices=_names(services, request)), **about(names or [], request)}

    @shown
    def arrive(request: gr.Request) -> dict[Any, Any]:
        newest = [run.name for run in services.training.runs(actor(services, request))[:1]]
        return {layout.chosen: gr.update(choices=_names(services, request), value=newest), **about(newest, request)}

    @shown
    def remove(names: list[str], is_sure: bool, request: gr.Request) -> dict[Any, Any]:
        if not is_sure:
            warn(word("runs.be_sure", language_of(request)))
            return gr.skip()
        who = actor(services, request)
        by_name = {run.name: run.run_id for run in services.training.runs(who)}
        for name in names or []:
            services.training.delete(who, by_name.get(name, name))
        return {layout.chosen: gr.update(choices=_names(services, request), value=[]), **about([], request)}

    outputs = [layout.chosen, layout.table, layout.plot, layout.details, layout.danger, layout.sure]
    on_open(arrive, None, outputs, **UNQUEUED)
    gr.on([layout.chosen.change, layout.refresh.click], look, layout.chosen, outputs, **UNQUEUED)
    # In the queue: outside it no warning reaches the page.
    layout.delete.click(remove, [layout.chosen, layout.sure], outputs, api_visibility="private", show_progress="hidden")


def _wire_watch(services: Services, layout: Layout) -> None:
    @shown
    def watch(names: list[str], mark: tuple[str, str], request: gr.Request) -> dict[Any, Any]:
        who, language = actor(services, request), language_of(request)
        runs = services.training.runs(who)
        there, table_html = _chosen(runs, names), _table(runs, language) + _left_out(services, who, language)
        more = _all_details(services, there, who, language)
        now = (hashing.of_json([names, table_html]), hashing.of_json(more))
        if now == tuple(mark):
            return gr.skip()
        # What somebody has unfolded stays so until the run has something new to say, its download for one.
        more = more if now[1] != mark[1] else gr.skip()
        return {
            layout.chosen: gr.update(choices=[run.name for run in runs]),
            layout.table: table_html,
            layout.plot: _drawn(services, who, there, language),
            layout.details: more,
            layout.seen: now,
        }

    outputs = [layout.chosen, layout.table, layout.plot, layout.details, layout.seen]
    gr.Timer(_SECONDS).tick(watch, [layout.chosen, layout.seen], outputs, **UNQUEUED)


def _names(services: Services, request: gr.Request) -> list[str]:
    return [run.name for run in services.training.runs(actor(services, request))]


def _chosen(runs: list[RunSummary], names: list[str] | None) -> list[RunSummary]:
    return [run for run in runs if run.name in (names or [])]


def _drawn(services: Services, who: Actor, runs: list[RunSummary], language: str) -> Any:
    """The curves of `runs` over each other; hidden where there is nothing to draw yet."""
    series = {run.name: services.training.status(who, run.run_id).series for run in runs}
    words = {key: word(f"runs.curve.{key}", language) for key in ("heldout", "train", "step", "loss")}
    drawn = any(each.get("loss") or each.get("heldout_loss") for each in series.values())
    return gr.update(value=curves(series, words) if drawn else None, visible=drawn)


def _table(runs: list[RunSummary], language: str) -> str:
    """All runs, the newest first."""
    if not runs:
        return f'<div class="train-empty">{word("runs.empty", language)}</div>'
    head = "".join(f"<th>{word(f'runs.column.{name}', language)}</th>" for name in _COLUMNS)
    body = "".join(f"<tr>{''.join(_cells(run, language))}</tr>" for run in runs)
    table = f'<table class="runs"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="runs-scroll">{table}</div>'


def _left_out(services: Services, who: Actor, language: str) -> str:
    """A line for each run that the table leaves out; what its files hold is for the teacher alone."""
    broken = services.training.broken(who)
    lines = [each.words(language) for each in broken[:_NAMED]] if who.is_teacher else []
    if len(broken) > len(lines):
        lines.append(word("runs.left_out", language, n=len(broken) - len(lines)))
    return "".join(f'<div class="train-problem">{html.escape(line)}</div>' for line in lines)


def _cells(run: RunSummary, language: str) -> list[str]:
    def loss(value: float | None) -> str:
        return "–" if value is None else number(value, language, ".3f")

    state = f'<span class="badge {run.state}">{html.escape(run_view.state(run.state, language))}</span>'
    texts = [
        run.name,
        state,
        run.parent or "–",
        run.base,
        run.data_name,
        f"{run.n_train} + {run.n_heldout}",
        loss(run.heldout_before),
        loss(run.heldout_after),
        data_view.duration(run.elapsed_seconds, language) if run.elapsed_seconds else "–",
    ]
    return [f"<td>{text if text is state else html.escape(str(text))}</td>" for text in texts]


def _all_details(services: Services, runs: list[RunSummary], who: Actor, language: str) -> str:
    return "".join(_details(services, run, who, language) for run in runs)


def _details(services: Services, run: RunSummary, who: Any, language: str) -> str:
    """Settings, fingerprints, card and download of one run."""
    knobs = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>" for name, value in run.config.items()
    )
    prints = word("runs.prints", language, data=run.data_fingerprint[:16], base=run.base_sha256[:16])
    link = ""
    if run.downloadable and who.is_teacher:
        label = word("runs.download", language)
        link = f'<a class="runs-download" href="/files/runs/{run.run_id}" download>{label}</a>'
        if run.method not in NO_POLICY and PEFT_METHODS[str(run.config.get("peft", "lora"))].merges:
            note = word("runs.merged", language)
            link += f'<a class="runs-download" href="/files/merged/{run.run_id}" download>{note}</a>'
    card = html.escape(services.training.card(who, run.run_id) or "")
    shown_card = f"<details><summary>{word('runs.card', language)}</summary><pre>{card}</pre></details>" if card else ""
    return (
        f'<section class="runs-details"><h3>{html.escape(run.name)}</h3><p>{html.escape(prints)}</p>{link}'
        f"<details><summary>{word('runs.settings', language)}</summary><dl>{knobs}</dl></details>{shown_card}</section>"
    )
