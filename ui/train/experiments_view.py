"""HTML and figures of recipes and searches: what one takes and shows, and its runs side by side. No components."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from common.number_format import number
from common.wording import placeless
from tuning.experiments.recipes import RECIPES
from ui.components import data_view, run_view, shipped_data
from ui.components.plotly_charts import COLOURS
from ui.translations import texts, word

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from tuning.experiments.recipes import Uses
    from tuning.experiments.results import Part


def about(recipe: str, used: Uses, language: str) -> str:
    """What a recipe shows, and the model and data that it takes here and now."""
    where = word(f"experiments.{'own' if used.own else 'hub' if used.from_hub else 'local'}", language)
    instead, hub = "", RECIPES[recipe].hub
    if hub and not used.from_hub:
        note = word("experiments.instead", language, model=hub.model, data=_data_name(used) if used.own else hub.data)
        instead = f'<p class="train-hint">{escape(note)}</p>'
    rows = "".join(
        f"<dt>{escape(word(f'experiments.{name}', language))}</dt><dd>{escape(value)}</dd>"
        for name, value in (
            ("model", used.model),
            ("data", f"{part_name(_data_name(used), language)} ({where})"),
        )
    )
    info = escape(word(f"experiments.{recipe}.info", language))
    spoken = "" if used.own or used.from_hub else escape(shipped_data.remark(language))
    return (
        f'<p class="recipe">{info}</p><dl class="train-estimate">{rows}</dl>{instead}'
        + f'<p class="train-hint">{spoken}</p>' * bool(spoken)
    )


def _data_name(used: Uses) -> str:
    return placeless(used.data) if used.own else used.data


def parts(runs: Sequence[Part], language: str) -> str:
    """A recipe's runs: what sets each apart, its figures, and its reply before and after."""
    classes = any(part.classifies for part in runs)
    measured = ("accuracy", "macro_f1") if classes else ("heldout",)
    columns = ("part", "state", "model", "data", "rows", "time", *measured)
    head = "".join(f"<th>{escape(word(f'experiments.column.{name}', language))}</th>" for name in columns)
    body = "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in _cells(part, classes, language))}</tr>" for part in runs
    )
    title = escape(word(f"experiments.{runs[0].recipe}", language))
    pages = {name: word(f"classify.task.{name}", language) for name in ("write", "classify")}
    where = escape(word("experiments.where", language, **pages))
    return (
        f'<h3>{title}</h3><div class="runs-scroll"><table class="runs"><thead><tr>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table></div>{_replies(runs, language)}<p class="train-hint">{where}</p>'
    )


def part_name(part: str, language: str) -> str:
    """What a part, or data that a recipe made, are called."""
    if part.endswith(" false"):
        return word("experiments.part.false", language, share=part.removesuffix(" false"))
    key = f"experiments.part.{part}"
    return word(key, language) if key in texts(language) else part


def _cells(part: Part, classes: bool, language: str) -> list[str]:
    state = escape(run_view.state(part.state, language))
    if part.state in ("starting", "running"):
        state += f" {number(part.share, language, '.0%')}"
    pairs = ((part.accuracy, ".1%"), (part.macro_f1, ".3f"))
    measured = [_number(value, language, spec) for value, spec in pairs]
    if not classes:
        measured = [" → ".join(_number(loss, language) for loss in (part.heldout_before, part.heldout_after))]
    return [
        f"<b>{escape(part_name(part.part, language))}</b>",
        f'<span class="badge {part.state}">{state}</span>',
        escape(part.model),
        escape(part_name(placeless(part.data), language)),
        str(part.n_train),
        data_view.duration(part.seconds, language) if part.seconds else "–",
        *measured,
    ]


def _number(value: float | None, language: str, spec: str = ".3f") -> str:
    return "–" if value is None else number(value, language, spec)


def _replies(found: Sequence[Part], language: str) -> str:
    """The watched prompt, answered by the first run's base and by each run."""
    watched = [part for part in found if part.prompt]
    if not watched:
        return ""
    first = watched[0]
    lines = [(word("experiments.before", language), first.reply_before)]
    lines += [(part_name(part.part, language), part.reply_after) for part in watched if part.reply_after]
    rows = "".join(f"<li><small>{escape(name)}</small> {escape(text) or '∅'}</li>" for name, text in lines)
    question = escape(word("experiments.asked", language, prompt=first.prompt))
    return f'<div class="train-sample"><b>{question}</b><ul>{rows}</ul></div>'


def trials(search: Mapping[str, Any], language: str, going: bool = False) -> str:
    """A search's trials, the best one (so far, while it is `going` on), and what explains the differences."""
    over = list(search["trials"][0]["settings"]) if search["trials"] else []
    keys = ["search.column.trial", "search.column.loss", *(f"train.field.{name}" for name in over)]
    heads = [word(key, language) for key in (*keys, "search.column.state")]
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    best, body = search["best"], ""
    for trial in search["trials"]:
        loss = "–" if trial["loss"] is None else number(trial["loss"], language, ".3f")
        loss = f"<b>{loss}</b>" if best and trial["run_id"] == best["run_id"] else loss
        state = escape(run_view.state(trial["state"], language))
        cells = [
            escape(trial["name"]),
            loss,
            *(number(trial["settings"][name], language, ".4g") for name in over),
            f'<span class="badge {trial["state"]}">{state}</span>',
        ]
        body += f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    table = f'<table class="runs"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="runs-scroll">{table}</div>{_best(search, language, going)}'


def _best(search: Mapping[str, Any], language: str, going: bool) -> str:
    best = search["best"]
    if not best:
        return f'<p class="train-hint">{escape(word("search.begun", language))}</p>' if going else ""
    over = "search.best" if search.get("ended", True) else "search.broken_off"
    key = "search.so_far" if going else over
    lines = [word(key, language, name=best["name"], loss=number(best["loss"], language, ".3f"))]
    if search["importance"]:
        shares = ", ".join(
            f"{word(f'train.field.{name}', language)} {number(share, language, '.0%')}"
            for name, share in search["importance"].items()
        )
        lines.append(word("search.importance", language, shares=shares))
    lines.append(word("search.chosen_on", language))
    return f'<ul class="told">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>'


def _wrapped(title: str) -> str:
    """In lines that do not reach under the next figure on a phone."""
    return "<br>".join(textwrap.wrap(title, 12, break_long_words=False))


def _ticks(tried: Sequence[float]) -> list[float]:
    """Of what was tried (not powers of ten: a search is narrow) what a phone has room for beside each other."""
    apart = (tried[-1] / tried[0]) ** (1 / 4)
    ticks = [tried[0]]
    for each in tried[1:]:
        if each >= ticks[-1] * apart:
            ticks.append(each)
    return ticks


def trials_figure(found: Mapping[str, Any], language: str) -> go.Figure | None:
    """Held-out loss over each setting that was searched, a dot a trial; None before there are two."""
    ended = [trial for trial in found["trials"] if trial["loss"] is not None]
    if len(ended) < 2:
        return None
    from plotly.subplots import make_subplots

    over = list(ended[0]["settings"])
    figure = make_subplots(rows=1, cols=len(over), shared_yaxes=True, horizontal_spacing=0.03)
    losses = [trial["loss"] for trial in ended]
    for column, name in enumerate(over, 1):
        figure.add_scatter(
            x=[trial["settings"][name] for trial in ended],
            y=losses,
            mode="markers",
            marker={"size": 13, "color": COLOURS[(column - 1) % len(COLOURS)]},
            text=[trial["name"] for trial in ended],
            hovertemplate="%{text}<br>%{x:.4g} · %{y:.3f}<extra></extra>",
            row=1,
            col=column,
        )
        ticks = _ticks(sorted({trial["settings"][name] for trial in ended}))
        figure.update_xaxes(
            type="log",
            title=_wrapped(word(f"train.field.{name}", language)),
            automargin=True,
            tickvals=ticks,
            ticktext=[number(each, language, ".2g") for each in ticks],
            row=1,
            col=column,
        )
    figure.update_yaxes(title=word("search.column.loss", language), automargin=True, row=1, col=1)
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        font={"size": 15, "color": "#7a8194"},
        margin={"l": 60, "r": 20, "t": 20, "b": 60},
        height=360,
    )
    figure.update_xaxes(gridcolor="rgba(128,128,128,.2)", zeroline=False)
    figure.update_yaxes(gridcolor="rgba(128,128,128,.2)", zeroline=False)
    return figure
