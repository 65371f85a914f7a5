"""What the Train tab shows of a data set: facts, remarks, masked tokens, rows, length histogram.

Pure functions from `Loaded` and `DataReport` to values of components. Knows no service and no event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from common.errors import AfinaError
from common.number_format import compact, number, size
from common.split import split
from tuning.data.row_formats import guess_mapping
from ui.translations import word

if TYPE_CHECKING:
    from tuning.data.examples import Loaded, Row
    from tuning.data.report import DataReport
    from tuning.executors.gpu_leases import Quote
    from tuning.runs.estimate import Estimate

N_ROWS = 8
_CELL = 160  # characters of a prompt or a reply in the table


def facts(loaded: Loaded, report: DataReport, language: str) -> str:
    """HTML: the set's name and format, and its counts, each with what it means."""
    tiles = [
        (number(report.n_rows, language), word("train.data.rows", language)),
        (number(report.n_train, language), word("train.data.train", language)),
        (number(report.n_heldout, language), word("train.data.heldout", language)),
        (number(report.tokens_median, language), word("train.data.median", language)),
        (number(report.trained_share, language, ".0%"), word("train.data.learned_share", language)),
    ]
    if report.n_skipped:
        tiles.append((number(report.n_skipped, language), word("train.data.skipped", language)))
    if report.n_duplicates:
        tiles.append((number(report.n_duplicates, language), word("train.data.duplicates", language)))
    title = word("train.data.title", language, name=loaded.name, format=format_name(loaded.format, language))
    cells = "".join(tile(value, label) for value, label in tiles)
    return f'<div class="train-head">{escape(title)}</div><div class="train-tiles">{cells}</div>'


def remarks(report: DataReport, language: str) -> str:
    """HTML: notes first, then the rows that were skipped; empty where all is well."""
    parts = [_remark(note.words(language)) for note in report.notes]
    if report.problems:
        shown = "".join(f"<li>{escape(problem.words(language))}</li>" for problem in report.problems[:5])
        more = report.n_skipped - min(5, len(report.problems))
        tail = f"<li>{escape(word('train.data.more', language, n=more))}</li>" if more > 0 else ""
        head = escape(word("train.data.skipped_rows", language, n=report.n_skipped))
        parts.append(f'<details class="train-remark" open><summary>{head}</summary><ul>{shown}{tail}</ul></details>')
    return "".join(parts)


def tokens(preview: Sequence[Sequence[tuple[str, bool]]], language: str) -> str:
    """HTML: the first rows token by token; those that carry loss are coloured."""
    learned, read = word("train.mask.learned", language), word("train.mask.read", language)
    legend = f'<span class="tok learned">{escape(learned)}</span> <span class="tok">{escape(read)}</span>'
    rows = "".join(f'<div class="tok-row">{"".join(_token(*piece) for piece in row)}</div>' for row in preview)
    return f'<div class="tok-legend">{legend}</div>{rows}'


def table(rows: Iterable[Row], language: str, fraction: float) -> dict[str, Any]:
    """Value of a Dataframe: number, side, prompt, reply of the first rows."""
    shown = [row for row, _ in zip(rows, range(N_ROWS), strict=False)]
    sides = {side: word(f"train.side.{side}", language) for side in ("train", "heldout")}
    data = [[row.number, sides[split(row.prompt, fraction)], *_texts(row)] for row in shown]
    columns = ("number", "side", "prompt", "reply")
    return {"headers": [word(f"train.table.{column}", language) for column in columns], "data": data}


def bars(report: DataReport, language: str) -> dict[str, Any]:
    """The histogram of token lengths: properties of a BarPlot."""
    import pandas as pd

    shown = report.histogram
    title = word("train.lengths.x", language)
    if shown and shown[-1].is_open:
        title = word("train.lengths.x_open", language, low=shown[-1].low)
    width = min((bar.high - bar.low + 1 for bar in shown), default=1)
    value = pd.DataFrame({"tokens": [bar.low for bar in shown], "rows": [bar.n for bar in shown]})
    return {
        "value": value,
        "x": "tokens",
        "y": "rows",
        "x_bin": width,
        "y_aggregate": "sum",
        "x_title": title,
        "y_title": word("train.lengths.y", language),
    }


def raw_table(records: Sequence[dict[str, Any]], columns: Sequence[str]) -> dict[str, Any]:
    """Value of a Dataframe for the mapping form: the first records as they are."""
    return {
        "headers": list(columns),
        "data": [[_short(str(row.get(c, ""))) for c in columns] for row in records],
    }


def empty(language: str, teaches: bool = True) -> str:
    """HTML: what to do first; who only watches is told so."""
    text = word("train.data.empty" if teaches else "train.watching", language)
    return f'<div class="train-empty">{escape(text)}</div>'


def asks(language: str) -> str:
    """HTML: the columns have to be told apart first."""
    return f'<div class="train-remark">{escape(word("train.mapping.asks", language))}</div>'


def guess(columns: Sequence[str]) -> dict[str, str]:
    """What the mapping form suggests: part -> column."""
    return guess_mapping(columns)


def estimate(cost: Estimate, language: str, quote: Quote | None = None) -> str:
    """HTML: what a run will take, before the click; `quote`: of the visitor's GPU quota."""
    plan = cost.plan
    trainable, total = compact(cost.trainable, language), compact(cost.total_parameters, language)
    share = number(cost.trainable / max(1, cost.total_parameters), language, ".1%")
    steps = {
        "steps": number(plan.steps, language),
        "rows": number(plan.batch_size, language),
        "epochs": number(round(plan.epochs, 1), language, ".4g"),
    }
    facts = {
        "parameters": word("train.estimate.of", language, n=trainable, total=total, share=share),
        "steps": word("train.estimate.steps_of", language, **steps),
        "rate": number(plan.learning_rate, language, ".2g"),
        "time": duration(cost.seconds, language),
        "memory": size(cost.memory_bytes, language),
        "device": f"{device(cost.device, language)} · {cost.dtype}",
    }
    if quote is not None:
        lots = {"seconds": quote.seconds, "slices": quote.slices}
        facts["gpu"] = word("train.estimate.gpu_of", language, **lots)
    cells = "".join(
        f"<dt>{escape(word(f'train.estimate.{name}', language))}</dt><dd>{escape(value)}</dd>"
        for name, value in facts.items()
    )
    tight = "" if cost.fits else _remark(word("train.estimate.tight", language))
    return f'<dl class="train-estimate">{cells}</dl>{tight}'


def device(name: str, language: str) -> str:
    """`name` as `tuning.models.loader` calls it; it counts a CPU's cores in English."""
    return name.replace(" cores", f" {word('train.estimate.cores', language)}")


def problem(error: AfinaError, language: str) -> str:
    """HTML: why the data cannot be used."""
    return f'<div class="train-problem">{escape(error.words(language))}</div>'


def tile(value: str, label: str, colour: str = "") -> str:
    """HTML: one number and what it is; `colour` is that of its curve."""
    dot = f'<i style="background:{colour}"></i>' if colour else ""
    return f'<div class="tile"><b>{escape(value)}</b><span>{dot}{escape(label)}</span></div>'


def duration(seconds: float, language: str) -> str:
    """Seconds, minutes or hours, in few digits."""
    if seconds < 90:
        return word("train.time.seconds", language, n=max(1, round(seconds)))
    if seconds < 5400:
        return word("train.time.minutes", language, n=round(seconds / 60))
    return word("train.time.hours", language, n=number(seconds / 3600, language, ".1f"))


def format_name(format: str, language: str) -> str:
    return word(f"train.format.{format}", language)


def _remark(text: str) -> str:
    return f'<div class="train-remark">{escape(text)}</div>'


def _token(text: str, learned: bool) -> str:
    shown = escape(text).replace("\n", '<i>↵</i><br class="brk">')
    return f'<span class="tok{" learned" if learned else ""}">{shown or "∅"}</span>'


def _texts(row: Row) -> tuple[str, str]:
    if not row.messages:
        return "", _short(row.text)
    turns = [message for message in row.messages if message["role"] != "system"]
    prompt = " ⏎ ".join(message["content"] for message in turns[:-1])
    return _short(prompt), _short(turns[-1]["content"])


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"
