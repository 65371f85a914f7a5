"""What the classification task shows: data, a table of strategies, plots, mistakes, probabilities. No service."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from common.number_format import compact, number, size
from labeling.statistics import wilson
from tuning.runs.status import ACTIVE, RESUMABLE
from ui.components.data_view import duration, tile
from ui.components.plotly_charts import COLOURS
from ui.translations import word

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from tuning.classification.compare import StrategyRow
    from tuning.data.labelled import LabelledSet

ENCODERS = ("google-bert/bert-base-uncased", "distilbert/distilbert-base-uncased", "openai-community/gpt2")
_BARS = 12  # classes whose counts are drawn
_COLUMNS = (
    "strategy",
    "state",
    "accuracy",
    "macro_f1",
    "trainable",
    "memory",
    "time",
    "size",
    "milliseconds",
)


def data(labelled: LabelledSet, language: str) -> str:
    """HTML: rows, classes and how often each occurs; rows that were skipped."""
    counts, most = labelled.counts, max(labelled.counts.values())
    tiles = tile(number(len(labelled.rows), language), word("classify.data.rows", language))
    tiles += tile(number(len(counts), language), word("classify.data.classes", language))
    if labelled.n_skipped:
        tiles += tile(number(labelled.n_skipped, language), word("train.data.skipped", language))
    bars = "".join(
        f'<div class="class-bar"><span>{escape(label)}</span><i style="width:{60 * n / most:.1f}%"></i>'
        f"<b>{number(n, language)}</b></div>"
        for label, n in list(counts.items())[:_BARS]
    )
    notes = ""
    if most > 4 * min(counts.values()):
        notes += _remark(word("classify.data.imbalanced", language))
    notes += "".join(_remark(problem.words(language)) for problem in labelled.skipped[:3])
    return f'<div class="train-head">{escape(labelled.name)}</div><div class="train-tiles">{tiles}</div>{bars}{notes}'


def table(lines: Sequence[StrategyRow], language: str) -> str:
    """HTML: every strategy of a group, then what is reached without a model."""
    if not lines:
        return f'<div class="train-empty">{escape(word("classify.empty_page", language))}</div>'
    head = "".join(f"<th>{escape(word(f'classify.column.{name}', language))}</th>" for name in _COLUMNS)
    rows = "".join(f"<tr>{_cells(line, language)}</tr>" for line in lines)
    report = next((line.report for line in lines if line.report), None)
    if report:
        rows += "".join(_baseline(name, report[name], language) for name in ("majority", "bag_of_words"))
    ended = [line for line in lines if line.report and line.state == "done"]
    waiting = any(line.state in (*ACTIVE, "queued") for line in lines)  # the best may be still to come
    verdict = ""
    if report and ended and not waiting:
        left_out = [line for line in lines if line.state in RESUMABLE]
        verdict = _remark(_verdict(ended, report, language)) + _left_out(left_out, language)
    verdict += _unmeasured(report or {}, language)
    body = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="runs-scroll"><table class="runs strategies">{body}</table></div>{verdict}'


def _cells(line: StrategyRow, language: str) -> str:
    state = word(f"train.state.{line.state}", language)
    if line.state == "running":
        state = number(line.share, language, ".0%")
    cells = [
        escape(word(f"classify.strategy.{line.strategy}", language)),
        f'<span class="badge {line.state}">{escape(state)}</span>',
    ]
    report = line.report
    if report is None or line.state in (*ACTIVE, "queued"):  # resumed: its report is of before
        now = line.metrics.get("heldout_accuracy")
        cells += ["–" if now is None else number(now, language, ".1%"), *["–"] * (len(_COLUMNS) - 3)]
    else:
        share = report["trainable"] / max(1, report["parameters"])
        cells += [
            f"<b>{number(report['accuracy'], language, '.1%')}</b>",
            number(report["macro_f1"], language, ".3f"),
            f"{compact(report['trainable'], language)}<br><small>{number(share, language, '.2%')}</small>",
            size(report["peak_memory_bytes"], language),
            duration(report["seconds"], language),
            size(report["adapter_bytes"], language),
            f"{number(report['milliseconds'], language, '.1f')} ms",
        ]
    return "".join(f"<td>{cell}</td>" for cell in cells)


def _baseline(name: str, figures: Mapping[str, float] | None, language: str) -> str:
    if not figures:
        return ""
    rest = "<td>–</td>" * (len(_COLUMNS) - 4)
    accuracy, f1 = number(figures["accuracy"], language, ".1%"), number(figures["macro_f1"], language, ".3f")
    return (
        f"<tr class='baseline'><td>{escape(word(f'classify.baseline.{name}', language))}</td><td></td>"
        f"<td>{accuracy}</td><td>{f1}</td>{rest}</tr>"
    )


def _verdict(lines: Sequence[StrategyRow], report: Mapping[str, Any], language: str) -> str:
    """Whether the best of these, which came to their end, beats a bag of words on the held-out texts, in words.

    By Wilson's 95 % interval: where every text is right, the usual one has no width at all.
    """
    best = max(lines, key=lambda line: (line.report or {})["accuracy"])
    figures = best.report or {}
    bag = report["bag_of_words"] or report["majority"]
    low, high = wilson.interval(round(figures["accuracy"] * figures["n"]), figures["n"])
    key = "even"
    if not low <= bag["accuracy"] <= high:
        key = "better" if figures["accuracy"] > bag["accuracy"] else "worse"
    return word(
        f"classify.verdict.{key}",
        language,
        best=word(f"classify.strategy.{best.strategy}", language),
        accuracy=number(figures["accuracy"], language, ".1%"),
        bag=number(bag["accuracy"], language, ".1%"),
        n=figures["n"],
        low=number(low, language, ".1%"),
        high=number(high, language, ".1%"),
    )


def _left_out(lines: Sequence[StrategyRow], language: str) -> str:
    """A remark on the strategies that did not come to their end: the verdict is not on them."""
    text = ", ".join(
        f"{word(f'classify.strategy.{line.strategy}', language)} ({word(f'train.state.{line.state}', language)})"
        for line in lines
    )
    return _remark(word("classify.verdict.left_out", language, strategies=text)) if text else ""


def _unmeasured(report: Mapping[str, Any], language: str) -> str:
    """A remark on the classes that no held-out text has: accuracy and F1 know nothing of them."""
    rows = zip(report.get("labels", ()), report.get("confusion", ()), strict=True)
    missing = ", ".join(label for label, row in rows if not sum(row))
    return _remark(word("classify.unmeasured", language, labels=missing)) if missing else ""


def comparison(reports: Mapping[str, Mapping[str, Any]], language: str) -> go.Figure:
    """Accuracy and macro-F1 of each strategy, and of both baselines, as bars."""
    import plotly.graph_objects as go

    first = next(iter(reports.values()))
    bars = {_wrapped(f"classify.strategy.{name}", language): report for name, report in reports.items()}
    bars |= {
        _wrapped(f"classify.baseline.{name}", language): first[name]
        for name in ("bag_of_words", "majority")
        if first[name]
    }
    figure = go.Figure()
    for index, measure in enumerate(("accuracy", "macro_f1")):
        values = [report[measure] for report in bars.values()]
        faint = [1.0] * len(reports) + [0.45] * (len(bars) - len(reports))
        figure.add_bar(
            x=values,
            y=list(bars),
            orientation="h",
            name=word(f"classify.column.{measure}", language),
            marker={"color": COLOURS[index], "opacity": faint},
            text=[number(value, language, ".2f") for value in values],
        )
    _style(figure, 70 * len(bars) + 120)
    figure.update_xaxes(range=[0, 1.05], tickformat=".0%", gridcolor="rgba(128,128,128,.2)")
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom", "traceorder": "normal"})
    return figure


def _wrapped(key: str, language: str) -> str:
    """A label beside its bars, in lines that a phone has room for."""
    return "<br>".join(textwrap.wrap(word(key, language), 15, break_long_words=False))


def confusion(report: Mapping[str, Any], language: str) -> go.Figure:
    """Rows: the true class; columns: what was said."""
    import plotly.graph_objects as go

    labels, counts = report["labels"], report["confusion"]
    text = [[str(n) for n in row] for row in counts] if len(labels) <= 15 else None
    figure = go.Figure(
        go.Heatmap(
            z=counts,
            x=labels,
            y=labels,
            text=text,
            texttemplate="%{text}" if text else None,
            colorscale="Blues",
            showscale=False,
            textfont={"size": 18},
        )
    )
    _style(figure, max(300, min(700, 60 * len(labels) + 180)))
    figure.update_xaxes(title={"text": word("classify.axis.said", language), "standoff": 10}, type="category")
    figure.update_yaxes(
        title={"text": word("classify.axis.true", language), "standoff": 10},
        type="category",
        autorange="reversed",
    )
    return figure


def mistakes(report: Mapping[str, Any], language: str) -> str:
    """HTML: the most confident mistakes."""
    if not report["mistakes"]:
        return ""
    rows = "".join(
        f"<li><b>{escape(mistake['said'])}</b> {number(mistake['probability'], language, '.0%')}, "
        f"{escape(word('classify.but', language))} <b>{escape(mistake['label'])}</b>: "
        f"{escape(word('classify.quoted', language, text=mistake['text'][:240]))} "
        f"<span class='train-hint'>({escape(word('classify.row', language, n=mistake['row']))})</span></li>"
        for mistake in report["mistakes"][:8]
    )
    title = escape(word("classify.mistakes", language))
    return f'<div class="train-head">{title}</div><ul class="mistakes">{rows}</ul>'


def probabilities(found: Mapping[str, Mapping[str, float]], language: str) -> str:
    """HTML: each class's probability, before and after training, the likeliest first."""
    tuned, untrained = found["tuned"], found["untrained"]
    order = sorted(tuned, key=lambda label: -tuned[label])[:_BARS]
    rows = "".join(
        f"<tr><td>{escape(label)}</td>"
        f"{_bar(tuned[label], COLOURS[0], language)}{_bar(untrained[label], '#9aa1b2', language)}</tr>"
        for label in order
    )
    heads = "".join(f"<th>{escape(word(f'classify.head.{name}', language))}</th>" for name in ("tuned", "untrained"))
    return f'<table class="runs probabilities"><thead><tr><th></th>{heads}</tr></thead><tbody>{rows}</tbody></table>'


def _bar(value: float, colour: str, language: str) -> str:
    return (
        f'<td><span class="class-bar"><i style="width:{70 * value:.1f}%;background:{colour}"></i>'
        f"<b>{number(value, language, '.1%')}</b></span></td>"
    )


def _style(figure: Any, height: int) -> None:
    figure.update_layout(
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 15, "color": "#7a8194"},
        margin={"l": 20, "r": 20, "t": 50, "b": 20},
        height=height,
        legend={"orientation": "h", "y": -0.2},
    )
    figure.update_yaxes(gridcolor="rgba(128,128,128,.2)", zeroline=False)
    figure.update_xaxes(automargin=True)  # room for labels and title, whatever the classes are called
    figure.update_yaxes(automargin=True)


def _remark(text: str) -> str:
    return f'<div class="train-remark">{escape(text)}</div>'
