"""Methods compared on the same data: chosen in the Train tab, shown in the Runs tab as a table and a figure."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import gradio as gr

from common import hashing
from common.number_format import compact, number, size
from tuning.experiments.method_comparison import USUAL
from tuning.models.peft_methods import METHODS, PEFT_METHODS
from ui.components import data_view, run_view
from ui.components.plotly_charts import COLOURS, curves
from ui.request import QUIET, actor, language_of, on_open, shown
from ui.train import experiments_view
from ui.translations import t, word
from workbench.training.experiments import SEARCH

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from tuning.experiments.method_comparison import Compared
    from ui.train.train_handlers import Train
    from ui.train.train_layout import LivePanel, Setup
    from workbench.services import Services

_COLUMNS = ("method", "heldout", "trained", "share", "size", "memory", "time", "state")
"""What tells methods apart first: a phone shows two or three columns."""


def build_chooser(train: Train, setup: Setup, live: LivePanel, pages: gr.Tabs) -> None:
    """Under the form: which methods, and the one click that queues a run of each."""
    with setup.column, gr.Accordion(t("compare.title"), open=False, elem_id="compare-methods"):
        gr.Markdown(t("compare.help"))
        choices = [(PEFT_METHODS[method].label, method) for method in METHODS]
        methods = gr.CheckboxGroup(choices, value=list(USUAL), show_label=False)
        start = gr.Button(t("compare.start"))

    @shown
    def begin(values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        who = actor(train.services, request)
        train.compare(who, setup.form(values), values[methods])
        return {
            live.choice: gr.update(choices=train.run_choices(language_of(request)), value=""),
            pages: gr.update(selected="live"),
            setup.name: "",
        }

    start.click(begin, {*setup.inputs, methods}, [live.choice, pages, setup.name], **QUIET)


def build_results(services: Services, seconds: float) -> None:
    """In the Runs tab: runs that belong together (methods, a recipe, a search) as a table and a figure.

    What changes is shown anew every so many `seconds`.
    """
    with gr.Accordion(t("side.title"), open=True, visible=False, elem_id="compare-results") as box:
        with gr.Row():
            # Any value is taken: its runs may have been deleted on another page.
            group = gr.Dropdown([], label=t("side.group"), allow_custom_value=True, scale=4, min_width=240)
            refresh = gr.Button(t("runs.refresh"), size="sm", scale=0, min_width=120)
        table = gr.HTML(padding=False)
        plot = gr.Plot(show_label=False)
    seen = gr.State("")
    outputs = [box, group, table, plot, seen]

    @shown
    def look(key: str, mark: str, request: gr.Request) -> dict[Any, Any]:
        who, language = actor(services, request), language_of(request)
        offered = _offered(services, who, language)
        if not offered:
            return {box: gr.update(visible=False), table: "", plot: None, seen: ""}
        keys = [value for _, value in offered]
        chosen = key if key in keys else keys[0]
        table_html, drawn = _shown(services, who, chosen, language)
        now = hashing.of_json([chosen, offered, table_html])
        if now == mark:
            return gr.skip()
        # A choice that still holds is left as it is: who chooses quickly is ahead of what comes back.
        choice = gr.update(choices=offered) if key == chosen else gr.update(choices=offered, value=chosen)
        return {
            box: gr.update(visible=True),
            group: choice,
            table: table_html,
            plot: gr.update(value=drawn, visible=drawn is not None),
            seen: now,
        }

    on_open(look, [group, seen], outputs, queue=False, **QUIET)
    gr.on([group.input, refresh.click, gr.Timer(seconds).tick], look, [group, seen], outputs, queue=False, **QUIET)


def _offered(services: Services, who: Any, language: str) -> list[tuple[str, str]]:
    """(label, key) of all that can be laid side by side; a key is its kind, a slash and its name."""
    offers = [("methods", name, name) for name in services.training.comparisons(who)]
    for group, recipe in services.course.recipe_groups(who).items():
        offers.append(("experiment", group, f"{word(f'experiments.{recipe}', language)} · {group[-6:]}"))
    offers += [("search", name, name) for name in services.course.searches(who)]
    return [(word(f"side.{kind}", language, name=label), f"{kind}/{name}") for kind, name, label in offers]


def _shown(services: Services, who: Any, key: str, language: str) -> tuple[str, go.Figure | None]:
    kind, _, name = key.partition("/")
    if kind == "methods":
        lines = services.training.compared(who, name)
        return table_of(lines, language), figure(lines, language)
    if kind == "search":
        search = services.course.found(who, name)
        if search is None:
            return "", None
        study = services.course.latest(who, SEARCH)
        going = study is not None and study.running and study.about.get("search_id") == name
        return experiments_view.trials(search, language, going), experiments_view.trials_figure(search, language)
    series = {
        experiments_view.part_name(part, language): points
        for part, points in services.course.part_series(who, name).items()
    }
    words = {each: word(f"runs.curve.{each}", language) for each in ("heldout", "train", "step", "loss")}
    drawn = any(each.get("heldout_loss") for each in series.values())
    table = experiments_view.parts(services.course.parts(who, name), language)
    return table, curves(series, words) if drawn else None


def table_of(lines: list[Compared], language: str) -> str:
    """HTML: one row a method, with its number in the figure; the lowest held-out loss stands out."""
    known = [line.heldout_after for line in lines if line.heldout_after is not None and line.state == "done"]
    best = min(known, default=None)
    head = "".join(f"<th>{word(f'compare.column.{name}', language)}</th>" for name in _COLUMNS)
    body = "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in _cells(place, line, best, language))}</tr>"
        for place, line in enumerate(lines, 1)
    )
    table = f'<table class="runs"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    note = html.escape(word("compare.note", language))
    return f'<div class="runs-scroll">{table}</div><p class="train-hint">{note}</p>'


def _cells(place: int, line: Compared, best: float | None, language: str) -> list[str]:
    def loss(value: float | None) -> str:
        return "–" if value is None else number(value, language, ".3f")

    state = f'<span class="badge {line.state}">{html.escape(run_view.state(line.state, language))}</span>'
    after = loss(line.heldout_after)
    if best is not None and line.heldout_after == best:
        after = f"<b>{after}</b>"
    share = number(line.trainable / line.parameters, language, ".2%") if line.parameters else "–"
    return [
        f"<b>{place}</b>\N{NO-BREAK SPACE}{html.escape(line.label)}",
        f"{loss(line.heldout_before)} → {after}",
        compact(line.trainable, language) if line.trainable else "–",
        share,
        size(line.saved_bytes, language) if line.saved_bytes else "–",
        size(line.peak_memory_bytes, language) if line.peak_memory_bytes else "–",
        data_view.duration(line.seconds, language) if line.seconds else "–",
        state,
    ]


def figure(lines: list[Compared], language: str) -> go.Figure | None:
    """Held-out loss over trained parameters, a dot a method with its number; None before there is anything to draw."""
    import plotly.graph_objects as go

    drawn = [(place, line) for place, line in enumerate(lines, 1) if line.heldout_after is not None and line.trainable]
    if not drawn:
        return None
    plot = go.Figure()
    for place, line in drawn:
        plot.add_scatter(
            x=[line.trainable],
            y=[line.heldout_after],
            name=line.label,
            mode="markers+text",
            text=[str(place)],  # names would lie over each other on a phone
            textposition="middle center",
            textfont={"size": 13, "color": "#fff"},
            marker={"size": 24, "color": COLOURS[0], "opacity": 0.85},
            hovertemplate=f"{line.label}<br>%{{x:,}} · %{{y:.3f}}<br>"
            f"{data_view.duration(line.seconds, language)}<extra></extra>",
        )
    plot.update_layout(
        xaxis={"title": word("compare.axis.trained", language), "type": "log", "automargin": True},
        yaxis={"title": word("compare.axis.loss", language), "automargin": True},
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 15, "color": "#7a8194"},
        showlegend=False,
        margin={"l": 60, "r": 30, "t": 30, "b": 60},
        height=400,
    )
    plot.update_xaxes(gridcolor="rgba(128,128,128,.2)", zeroline=False)
    plot.update_yaxes(gridcolor="rgba(128,128,128,.2)", zeroline=False)
    return plot
