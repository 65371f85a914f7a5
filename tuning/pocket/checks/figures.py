"""Shares with their intervals, and how a check's figures are printed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from scipy.stats import binomtest


@dataclass(frozen=True)
class Share:
    """`hits` of `n`; `share` and the ends of Wilson's 95 % interval from 0 to 1 (0 to 1 where there is none)."""

    hits: int
    n: int
    share: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.share:.0%} of {self.n} ({self.low:.0%} to {self.high:.0%})"


def share(flags: Iterable[bool]) -> Share:
    """The share of `flags` that are true."""
    known = [bool(flag) for flag in flags]
    if not known:
        return Share(0, 0, 0.0, 0.0, 1.0)
    interval = binomtest(sum(known), len(known)).proportion_ci(method="wilson")
    low, high = (round(float(end), 4) for end in (interval.low, interval.high))
    return Share(sum(known), len(known), round(sum(known) / len(known), 4), low, high)


def as_json(figures: dict[str, Any]) -> dict[str, Any]:
    """`figures` with shares as dictionaries."""
    return {name: asdict(value) if isinstance(value, Share) else value for name, value in figures.items()}


def line(check: str, language: str, figures: dict[str, Any]) -> str:
    """One line for people: the shares and the numbers, not the lists."""
    shown = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in figures.items()
        if isinstance(value, (Share, int, float, str)) and not isinstance(value, bool)
    ]
    return f"{check} {language}: " + "; ".join(shown)
