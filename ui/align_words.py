"""What the Align tab shows: the fork, usable pairs, the changing reply, curves, measures. Knows no events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ui.translations import word
from ui.vote_stage import rates

if TYPE_CHECKING:
    import pandas as pd

    from tuning.progress import RunStatus
    from workbench.aligning import Measured
    from workbench.outcomes import Outcome

# Which curves come first, by method; all of them are measured.
FIRST = {
    "dpo": ("chosen_reward", "rejected_reward", "heldout_margin"),
    "reward": ("accuracy", "heldout_accuracy"),
}
SECOND = {"dpo": ("loss", "kl", "heldout_loss"), "reward": ("loss", "heldout_loss", "heldout_margin")}
_COLOURS = {"chosen_reward": "#22854d", "rejected_reward": "#c0392b", "accuracy": "#4f7cff", "loss": "#4f7cff",
            "kl": "#8a63d2"}  # fmt: skip
_HELDOUT = "#f08c2e"


def fork(language: str) -> str:
    """Votes lead to a better policy in two ways; one does not need the other."""

    def box(key: str, kind: str = "") -> str:
        return f'<span class="box {kind}">{escape(word(f"align.fork.{key}", language))}</span>'

    upper = f"{box('votes')}<i>→</i>{box('reward', 'reward')}<i>→</i>{box('gradient', 'later')}<i>→</i>{box('policy')}"
    lower = f"{box('votes')}<i>→</i>{box('dpo', 'dpo')}<i>→</i>{box('policy')}"
    return f'<div class="fork"><div>{upper}</div><div>{lower}</div></div>'


def usable(counts: Mapping[Any, int], heldout: int, dropped: Mapping[str, int], language: str) -> str:
    """How many pairs each way of putting votes together gives, and what gave none."""
    ways = " · ".join(
        f"{escape(word(f'vote.files.{way}', language))}: <b>{n}</b>" for way, n in counts.items()
    )
    held = escape(word("align.heldout", language, n=heldout))
    out = ", ".join(
        f"{escape(word(f'align.dropped.{why}', language))}: {n}" for why, n in sorted(dropped.items()) if n
    )
    return f'<p>{escape(word("align.usable", language))} {ways} · {held}</p><p class="quiet">{out}</p>'


def sample(status: RunStatus, language: str) -> str:
    """One fixed prompt, and its reply from the beginning until now."""
    if not status.samples:
        return ""
    _, prompt, _ = status.samples[0]
    told: list[tuple[int, str]] = []
    for step, _, reply in status.samples:
        if not told or told[-1][1] != reply:
            told.append((step, reply))
    rows = ""
    for index, (step, reply) in enumerate(told):
        now = "now" if index == len(told) - 1 else ""
        when = escape(word("align.step", language, step=step))
        rows += f'<li class="{now}"><small>{when}</small>{escape(reply)}</li>'
    return f'<div class="changing"><p class="prompt">{escape(prompt)}</p><ol>{rows}</ol></div>'


def frame(
    series: Mapping[str, Sequence[tuple[int, float]]], names: Sequence[str], language: str
) -> pd.DataFrame:
    """Curves as LinePlot takes them: step, value, which."""
    import pandas as pd

    points: list[tuple[int, float | None, str]] = []
    for name in names:
        shown = word(f"align.curve.{name}", language)
        points += [(step, value, shown) for step, value in series.get(name, ())] or [(0, None, shown)]
    return pd.DataFrame(points, columns=["step", "value", "which"]).astype({"value": float})


def colours(names: Sequence[str], language: str) -> dict[str, str]:
    return {word(f"align.curve.{name}", language): _COLOURS.get(name, _HELDOUT) for name in names}


def measured(found: Measured, language: str) -> str:
    """A reward model beside its yardsticks."""
    if found.accuracy is None:
        return f'<p class="quiet">{escape(word("align.nothing_to_measure", language))}</p>'
    rows: list[dict[str, Any]] = [
        {
            "name": word("align.measure.model", language),
            "value": found.accuracy,
            "low": found.low,
            "high": found.high,
        }
    ]
    for name in ("always_longer", "always_shorter", "human"):
        value = getattr(found, name)
        if value is not None:
            rows.append(
                {"name": word(f"align.measure.{name}", language), "value": value, "low": None, "high": None}
            )
    bars = rates([row | {"n": found.n} for row in rows], language, "align.n")
    told = ""
    if found.length_correlation is not None:
        told = word("align.measure.length", language, value=f"{found.length_correlation:+.2f}")
    return f'{bars}<p class="quiet">{escape(told)}</p>'


def outcome(found: Outcome, language: str) -> str:
    """What a DPO round did: win rate, length, forgetting, and replies to look at."""
    parts = []
    if found.win_rate is not None:
        row = {"name": found.new, "value": found.win_rate, "low": found.low, "high": found.high, "n": found.n}
        parts.append(
            f"<p>{escape(word('align.outcome.win', language, old=found.old))}</p>{rates([row], language, 'align.n')}"
        )
    words = word("align.outcome.words", language, old=f"{found.words_old:.1f}", new=f"{found.words_new:.1f}")
    parts.append(f"<p>{escape(words)}</p>")
    if found.loss_old is not None and found.loss_new is not None:
        told = word("align.outcome.loss", language, old=f"{found.loss_old:.3f}", new=f"{found.loss_new:.3f}")
        parts.append(f"<p>{escape(told)}</p>")
    head = "".join(f"<th>{escape(each)}</th>" for each in ("", found.old, found.new))
    rows = "".join(f"<tr>{''.join(f'<td>{escape(each)}</td>' for each in row)}</tr>" for row in found.replies)
    parts.append(f'<div class="scroll"><table><tr>{head}</tr>{rows}</table></div>')
    return f'<div class="worth">{"".join(parts)}</div>'
