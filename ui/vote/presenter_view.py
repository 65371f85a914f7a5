"""What the presenter's screen shows of a round: HTML for each state, large enough for the back of the room.

Pure functions. Until the reveal nothing in here tells a policy's name, nor the round's own. Knows no service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import segno

from common.number_format import number
from labeling.rounds import round_names
from ui.translations import word

if TYPE_CHECKING:
    from workbench.voting.rounds import Stage

_CHOICES = ("left", "right", "tie", "both_bad")


@dataclass(frozen=True)
class Discussed:
    """The comparison before the class, and how it was voted on in each phase; A is the reply on the left."""

    prompt: Sequence[Mapping[str, str]]
    sides: tuple[str, str]
    shares: Mapping[str, Mapping[str, int]]  # phase -> left, right, tie, both_bad -> votes
    change: Mapping[str, Any] | None  # agreement before and after, as in the report


def empty(language: str) -> str:
    return f'<div class="train-empty">{escape(word("vote.empty", language))}</div>'


def visitor(link: str, language: str) -> str:
    """What somebody sees who does not run rounds: the way to the voting page."""
    text = word("vote.visitor", language)
    return f'<div class="train-empty">{escape(text)} <a href="/vote" target="_blank">{escape(link)}</a></div>'


def screen(
    stage: Stage,
    link: str,
    language: str,
    discussed: Discussed | None = None,
    reveal: Mapping[str, Any] | None = None,
) -> str:
    """The whole stage of a round."""
    state = stage.this.state
    body = {
        "draft": lambda: _ready(stage, link, language),
        "generating": lambda: _generating(stage, language),
        "open": lambda: _voting(stage, link, language),
        "open_again": lambda: _voting(stage, link, language),
        "locked": lambda: _locked(stage, language, discussed),
        "discussing": lambda: _discussing(discussed, language),
        "revealed": lambda: _revealed(stage, language, reveal, discussed),
        "done": lambda: _revealed(stage, language, reveal, discussed),
    }[state]()
    return f'<section class="stage {state}">{_head(stage, language)}{body}</section>'


def _head(stage: Stage, language: str) -> str:
    badge = escape(word(f"vote.state.{stage.this.state}", language))
    key, n = f"vote.purpose.{stage.this.purpose}", len(stage.this.policies)
    purpose = escape(word(f"{key}_many" if stage.this.purpose == "judge" and n > 2 else key, language, n=n))
    name = escape(round_names.public(stage.this, language))
    return (
        f'<div class="run-head"><b>{name}</b><span class="badge {stage.this.state}">{badge}</span>'
        f'<span class="quiet">{purpose}</span>{simulated(stage.counters.simulated, language)}</div>'
    )


def simulated(is_so: bool, language: str) -> str:
    """The badge of a round in which simulated annotators voted."""
    return f'<span class="badge simulated">{escape(word("vote.simulated", language))}</span>' if is_so else ""


def _ready(stage: Stage, link: str, language: str) -> str:
    n = sum(stage.prompts.values()) - stage.prompts["waiting"]
    problem = f'<div class="train-problem">{escape(stage.error.words(language))}</div>' if stage.error else ""
    text = word("vote.ready", language, n=stage.counters.comparisons) if n or stage.counters.comparisons else ""
    return f"{problem}<p>{escape(text)} {_dropped(stage, language)}</p>{_join(stage, link, language)}"


def _dropped(stage: Stage, language: str) -> str:
    """What came of the sampling besides comparisons."""
    counts = {name: n for name, n in stage.this.counts.items() if n}
    if not counts:
        return ""
    reasons = ", ".join(f"{word(f'vote.count.{name}', language)}: {n}" for name, n in sorted(counts.items()))
    return f'<span class="quiet">({escape(reasons)})</span>'


def _generating(stage: Stage, language: str) -> str:
    every = sum(stage.prompts.values())
    done = every - stage.prompts["waiting"]
    problem = f'<div class="train-problem">{escape(stage.error.words(language))}</div>' if stage.error else ""
    text = word("vote.generating", language, done=done, n=every)
    return f"<p>{escape(text)}</p>{_bar(done / every if every else 0)}{problem}"


def _voting(stage: Stage, link: str, language: str) -> str:
    now = stage.counters
    text = word("vote.coverage", language, complete=now.complete, n=now.comparisons)
    if now.seconds_left:
        minutes = max(1, round(now.seconds_left / 60))
        text += " · " + word("vote.forecast", language, minutes=minutes)
    return f'{_join(stage, link, language)}{_bar(now.coverage)}<p class="quiet">{escape(text)}</p>'


def _join(stage: Stage, link: str, language: str) -> str:
    """QR code, address, room code, and the counters beside them."""
    url = f"{link}/vote#room={stage.code}"
    code = segno.make(url, error="m").svg_inline(scale=1, border=3, omitsize=True, dark="#111", light="#fff")
    now = stage.counters
    numbers = "".join(
        f"<div><b>{value}</b><span>{escape(word(f'vote.counter.{name}', language))}</span></div>"
        for name, value in (("joined", now.joined), ("votes", now.votes), ("voting", now.voting))
    )
    return (
        f'<div class="join"><div class="qr" role="img" aria-label="{escape(url)}">{code}</div><div class="where">'
        f'<p class="address">{escape(link.split("://", 1)[-1])}/vote</p>'
        f'<p>{escape(word("vote.code", language))} <b class="code">{stage.code}</b></p>'
        f'<div class="counters">{numbers}</div></div></div>'
    )


def _locked(stage: Stage, language: str, discussed: Discussed | None) -> str:
    now = stage.counters
    text = word("vote.locked", language, votes=now.votes, people=now.voting)
    again = _twice(discussed, language) if discussed and stage.this.phase == "discussed" else ""
    return f'<p class="large">{escape(text)}</p>{again}'


def _discussing(discussed: Discussed | None, language: str) -> str:
    if discussed is None:
        return ""
    return f'<p class="large">{escape(word("vote.discuss", language))}</p>{_pair(discussed)}'


def _pair(discussed: Discussed) -> str:
    """One comparison, large, without names."""
    prompt = "".join(f'<p class="{turn["role"]}">{escape(turn["content"])}</p>' for turn in discussed.prompt)
    replies = "".join(
        f'<div class="reply"><h3>{name}</h3><p>{escape(text)}</p></div>'
        for name, text in zip("AB", discussed.sides, strict=True)
    )
    return f'<div class="prompt">{prompt}</div><div class="pair">{replies}</div>'


def _twice(discussed: Discussed, language: str) -> str:
    """Both distributions, and what the discussion changed."""
    rows = ""
    for phase in ("blind", "discussed"):
        name, shares = word(f"vote.phase.{phase}", language), _shares(discussed.shares[phase], language)
        rows += f"<tr><th>{escape(name)}</th><td>{shares}</td></tr>"
    change = ""
    if discussion := discussed.change:
        change = word(
            "vote.changed",
            language,
            changed=number(100 * discussion["changed"], language, ".0f"),
            before=_agreement(discussion["before"], language),
            after=_agreement(discussion["after"], language),
        )
    return f'{_pair(discussed)}<table class="phases">{rows}</table><p class="large">{escape(change)}</p>'


def _agreement(of: Mapping[str, Any], language: str) -> str:
    value = of["pairwise_agreement"]
    return "–" if value is None else number(value, language, ".0%")


def _shares(counts: Mapping[str, int], language: str) -> str:
    """One stacked bar: A, B, tie, both bad."""
    n = sum(counts.values())
    if not n:
        return f'<span class="quiet">{escape(word("vote.no_votes", language))}</span>'
    parts = "".join(
        f'<i class="{name}" style="flex:{counts[name]}" title="{escape(word(f"vote.choice.{name}", language))}">'
        f"{escape(word(f'vote.short.{name}', language))} {counts[name]}</i>"
        for name in _CHOICES
        if counts[name]
    )
    return f'<div class="shares">{parts}</div>'


def _revealed(stage: Stage, language: str, reveal: Mapping[str, Any] | None, discussed: Discussed | None) -> str:
    line = escape(reveal["winner_line"]) if reveal else ""
    bars = rates(reveal["rows"], language) if reveal else ""
    again = _twice(discussed, language) if discussed and stage.this.phase == "discussed" else ""
    fold = f"<details><summary>{escape(word('vote.discussed', language))}</summary>{again}</details>" if again else ""
    return f'<p class="huge">{line}</p>{bars}{fold}'


def rates(rows: Sequence[Mapping[str, Any]], language: str, counted: str = "vote.n") -> str:
    """Shares with their intervals as bars around one half."""
    return f'<div class="rates">{"".join(_rate(row, language, counted) for row in rows)}</div>'


def _rate(row: Mapping[str, Any], language: str, counted: str) -> str:
    low, high, value = row["low"], row["high"], 100 * row["value"]
    span, between = "", ""
    if low is not None:
        span = f'<u style="left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%"></u>'
        between = f" ({100 * low:.0f}–{number(high, language, '.0%')})"
    track = f'<div class="track"><i style="width:{value:.1f}%"></i>{span}</div>'
    n = escape(word(counted, language, n=row["n"]))
    name = escape(row["name"])
    share = number(row["value"], language, ".0%")
    return f'<div class="rate"><span>{name}</span>{track}<b>{share}{between}</b><small>{n}</small></div>'


def _bar(share: float) -> str:
    return f'<div class="bar"><i style="width:{100 * share:.1f}%"></i></div>'
