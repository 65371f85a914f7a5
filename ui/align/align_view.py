"""What the Align tab shows: the fork, usable pairs, the changing reply, curves, measures. Knows no events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from common.number_format import number
from tuning.config.training_methods import METHODS
from ui.components import run_view, svg_charts
from ui.components.data_view import tile
from ui.components.token_heatmap import heat
from ui.translations import word
from ui.vote.presenter_view import rates

if TYPE_CHECKING:
    import pandas as pd

    from tuning.executors.gpu_leases import Quote
    from tuning.runs.status import RunStatus
    from tuning.runs.summary import RunSummary
    from workbench.alignment.policy_evaluation import Outcome
    from workbench.alignment.preference_training import Measured, RoundPairs
    from workbench.alignment.reward_training import Disagreement

_COLOURS = {
    "chosen_reward": "#22854d",
    "rejected_reward": "#c0392b",
    "accuracy": "#4f7cff",
    "loss": "#4f7cff",
    "kl": "#8a63d2",
    "reward": "#22854d",
    "reply_tokens": "#4f7cff",
    "heldout_pearson": "#4f7cff",
    "heldout_rmse": "#22854d",
    "heldout_mae": "#8a63d2",
}
_HELDOUT = "#f08c2e"


def runs(found: Iterable[RunSummary]) -> list[str]:
    """Names of those that are watched here."""
    return [each.name for each in found if METHODS[each.method].first_curves]


def empty(is_teacher: bool, language: str) -> str:
    """Before the first run from votes."""
    text = word("align.empty" if is_teacher else "align.empty_visitor", language)
    return f'<div class="train-empty">{escape(text)}</div>'


def fork(language: str) -> str:
    """Votes lead to a better policy in two ways; one does not need the other."""

    def box(key: str, kind: str = "") -> str:
        return f'<span class="box {kind}">{escape(word(f"align.fork.{key}", language))}</span>'

    upper = f"{box('reward', 'reward')}<i>→</i>{box('gradient', 'gradient')}"
    roads = f'<div class="roads"><div>{upper}</div><div>{box("dpo", "dpo")}</div></div>'
    return f'<div class="fork">{box("votes")}<i class="split"></i>{roads}<i class="join"></i>{box("policy")}</div>'


def head(status: RunStatus, method: str, language: str) -> str:
    """The run's state and the numbers of the moment, in the colours of the curve."""
    tiles = [
        tile(
            f"{number(status.step, language)} / {number(status.total_steps, language)}",
            word("train.live.step", language),
            "",
        )
    ]
    for name in METHODS[method].tiles or ("loss",):
        if name in status.metrics:
            value = status.metrics[name]
            text = (
                number(value, language, ".0%")
                if "accuracy" in name
                else number(value, language, "+.2f")
                if "reward" in name
                else number(value, language, ".2f")
            )
            colour = _COLOURS.get(name, _HELDOUT) if name in METHODS[method].first_curves else ""
            tiles.append(tile(text, word(f"align.tile.{name}", language, n=status.plan.get("heldout_rows", 0)), colour))
    shown = "".join(tiles) if status.total_steps else ""
    return (
        f'{run_view.title(status, language)}<div class="train-tiles">{shown}</div>{run_view.remarks(status, language)}'
    )


def quoted(quotes: Mapping[str, Quote], language: str) -> str:
    """HTML: what each run asks of the visitor's GPU quota, before the click; empty where no GPU is lent."""
    if not quotes:
        return ""
    text = "; ".join(
        word(f"align.quote.{method}", language, seconds=quote.seconds, slices=quote.slices)
        for method, quote in quotes.items()
    )
    return f'<p class="quiet" id="align-quote">{escape(word("align.quote", language, quotes=text))}</p>'


def usable(counts: Mapping[Any, int], pairs: RoundPairs, language: str) -> str:
    """How many pairs each way of putting votes together gives; what a reward model learns besides; what gave none."""
    ways = " · ".join(f"{escape(word(f'vote.files.{way}', language))}: <b>{n}</b>" for way, n in counts.items())
    held = escape(word("align.heldout", language, n=pairs.n_heldout))
    lines = (
        [word("align.ties" if pairs.n_train else "align.only_ties", language, n=pairs.n_ties)] if pairs.n_ties else []
    )
    measured_ties = sum(row.tie for row in pairs.data.rows) - pairs.n_ties
    lines += [word("align.heldout_ties", language, n=measured_ties)] if measured_ties else []
    dropped = sorted(pairs.dropped.items())
    lines += [f"{word(f'align.dropped.{why}', language)}: {n}" for why, n in dropped if n]
    out = escape(" · ".join(lines))
    return f'<p>{escape(word("align.usable", language))} {ways} · {held}</p><p class="quiet">{out}</p>'


def sample(status: RunStatus, language: str) -> str:
    """One fixed prompt, and its reply from the beginning until now."""
    prompt, samples = status.changing
    if not samples:
        return ""
    rows = ""
    for index, (first, last, reply) in enumerate(samples):
        now = "now" if index == len(samples) - 1 else ""
        key = "align.step" if first == last else "align.steps"
        when = escape(word(key, language, step=first, last=last))
        rows += f'<li class="{now}"><small>{when}</small><span>{escape(reply)}</span></li>'
    n = len({watched for _, watched, _ in status.samples})
    about = escape(word("align.watched" if n == 1 else "align.watched.many", language, n=n))
    return f'<div class="changing"><small>{about}</small><p class="prompt">{escape(prompt)}</p><ol>{rows}</ol></div>'


def frame(series: Mapping[str, Sequence[tuple[int, float]]], names: Sequence[str], language: str) -> pd.DataFrame:
    """Curves as LinePlot takes them: step, value, which."""
    import pandas as pd

    points: list[tuple[int, float | None, str]] = []
    for name in names:
        shown = word(f"align.curve.{name}", language)
        points += [(step, value, shown) for step, value in series.get(name, ())] or [(0, None, shown)]
    return pd.DataFrame(points, columns=["step", "value", "which"]).astype({"value": float})


def colours(names: Sequence[str], language: str) -> dict[str, str]:
    return {word(f"align.curve.{name}", language): _COLOURS.get(name, _HELDOUT) for name in names}


def measured(measures: Measured, language: str) -> str:
    """A reward model beside its yardsticks."""
    if measures.accuracy is None:
        return f'<p class="quiet">{escape(word("align.nothing_to_measure", language))}</p>'
    rows: list[dict[str, Any]] = [
        {
            "name": word("align.measure.model", language),
            "value": measures.accuracy,
            "low": measures.low,
            "high": measures.high,
        }
    ]
    for name in ("always_longer", "always_shorter", "human"):
        value = getattr(measures, name)
        if value is not None:
            rows.append({"name": word(f"align.measure.{name}", language), "value": value, "low": None, "high": None})
    bars = rates([row | {"n": measures.n} for row in rows], language, "align.n")
    over = f"<p>{escape(word('align.measure.over', language))}</p>"
    extra = ""
    if measures.length_correlation is not None:
        extra = word("align.measure.length", language, value=number(measures.length_correlation, language, "+.2f"))
    figure = svg_charts.calibration(measures.calibration, language)
    title = f"<h4>{escape(word('align.calibration', language))}</h4>" if figure else ""
    return f'{over}{bars}<p class="quiet">{escape(extra)}</p>{title}{figure}'


def disagreements(comparisons: Sequence[Disagreement], language: str) -> str:
    """Comparisons on which the reward model contradicts the class, both replies side by side."""
    title = f"<h4>{escape(word('align.disagree', language))}</h4>"
    if not comparisons:
        return f'{title}<p class="quiet">{escape(word("align.disagree.none", language))}</p>'
    rows = ""
    for comparison in comparisons:
        mark = (
            f'<small class="mark">{escape(word("align.heldout_mark", language))}</small>' if comparison.heldout else ""
        )
        model = escape(word("align.disagree.line", language, p=number(100 * comparison.probability, language, ".0f")))
        people = escape(word("align.disagree.class", language, votes=comparison.votes, of=comparison.of))
        other, preferred = (
            coloured or f"<p>{escape(text)}</p>"
            for coloured, text in zip(
                heat(comparison.words or ((), ())), (comparison.other, comparison.preferred), strict=True
            )
        )
        rows += (
            f'<div class="against"><p class="prompt">{escape(comparison.prompt)} {mark}</p>'
            f'<div class="pair"><div class="reply"><small>{model}</small>{other}</div>'
            f'<div class="reply"><small>{people}</small>{preferred}</div></div></div>'
        )
    read = any(any(comparison.words) for comparison in comparisons)
    legend = f'<p class="quiet">{escape(word("chat.reward.words", language))}</p>' if read else ""
    return f'{title}{legend}<div class="disagree">{rows}</div>'


def outcome(result: Outcome, language: str) -> str:
    """What a DPO round did: win rate, length, forgetting, and replies to look at."""
    parts = []
    if result.win_rate is not None:
        row = {"name": result.new, "value": result.win_rate, "low": result.low, "high": result.high, "n": result.n}
        parts.append(
            f"<p>{escape(word('align.outcome.win', language, old=result.old))}</p>{rates([row], language, 'align.n')}"
        )
    if result.same and result.win_rate is not None:
        lines = word("align.outcome.same", language, n=result.n, same=result.same)
        parts.append(f"<p>{escape(lines)}</p>")
    words = word(
        "align.outcome.words",
        language,
        old=number(result.words_old, language, ".1f"),
        new=number(result.words_new, language, ".1f"),
    )
    parts.append(f"<p>{escape(words)}</p>")
    if result.loss_old is not None and result.loss_new is not None:
        lines = word(
            "align.outcome.loss",
            language,
            old=number(result.loss_old, language, ".3f"),
            new=number(result.loss_new, language, ".3f"),
        )
        parts.append(f"<p>{escape(lines)}</p>")
    if result.general_old is not None and result.general_new is not None:
        lines = word(
            "align.outcome.general",
            language,
            old=number(result.general_old, language, ".2f"),
            new=number(result.general_new, language, ".2f"),
        )
        parts.append(f"<p>{escape(lines)}</p>")
    head = "".join(f"<th>{escape(each)}</th>" for each in ("", result.old, result.new))
    rows = "".join(f"<tr>{''.join(f'<td>{escape(each)}</td>' for each in row)}</tr>" for row in result.replies)
    parts.append(f'<div class="scroll"><table class="replies"><tr>{head}</tr>{rows}</table></div>')
    return f'<div class="worth">{"".join(parts)}</div>'
