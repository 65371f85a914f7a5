"""What a round's end tells: who won and how surely, what was liked, and each annotator's own card.

Numbers from `Findings` put into a sentence and rows; the words are in `common/locales`. Knows no store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.errors import messages
from common.wording import fill
from labeling.schema import Round

if TYPE_CHECKING:
    from workbench.voting.vote_results import Findings

_MOST_TRAITS = 6


def reveal(this: Round, findings: Findings, language: str) -> dict[str, Any]:
    """`{"winner_line", "rows": [{"name", "value", "low", "high", "n"}]}`: names for the first time."""
    rows = _traits(findings, language) if this.purpose == "collect" else _policies(findings)
    return {"winner_line": _line(this, rows, language), "rows": rows}


def shown_name(policy: str) -> str:
    """A policy's name without its adapter's hash."""
    return policy.rpartition("@")[0] or policy


def card(findings: Findings, annotator_id: str) -> dict[str, Any]:
    """One annotator's own numbers; None where there is nothing to say."""
    mine = findings.annotators.get(annotator_id, {})
    room = findings.report["position_bias"]["value"]
    return {
        "agreement": mine.get("agreement_with_others"),
        "left_share": mine.get("left_share"),
        "votes": mine.get("n", 0),
        "room_left_share": room,
    }


def _policies(findings: Findings) -> list[dict[str, Any]]:
    rates = findings.report["win_rate"]
    rows = [{"name": shown_name(name), **rate} for name, rate in rates.items() if rate["value"] is not None]
    return sorted(rows, key=lambda row: -row["value"])


def _traits(findings: Findings, language: str) -> list[dict[str, Any]]:
    """Each trait told from the side that was preferred: "shorter, 85 %", never "longer, 15 %"."""
    texts = messages(language)
    rows = []
    for name, estimate in list(findings.traits.items())[:_MOST_TRAITS]:
        row = estimate.to_dict()
        if row["value"] is None:
            continue
        key = f"trait.{name}"
        if row["value"] < 0.5:
            key += ".less"
            low, high = row["low"], row["high"]
            row["value"] = 1 - row["value"]
            row |= {"low": None if high is None else 1 - high, "high": None if low is None else 1 - low}
        rows.append({"name": texts[key], **row})
    return rows


def _line(round_: Round, rows: list[dict[str, Any]], language: str) -> str:
    texts = messages(language)
    if not rows:
        return texts["reveal.nothing"]
    first = rows[0]
    if first["low"] is None:
        return fill(texts["reveal.too_few"], {"n": first["n"]})
    if round_.purpose == "judge":
        key = "reveal.winner" if first["low"] > 0.5 else "reveal.no_winner"
    else:
        key = "reveal.liked" if first["low"] > 0.5 else "reveal.nothing_clear"
    numbers = {name: f"{100 * first[name]:.0f}" for name in ("value", "low", "high")}
    return fill(texts[key], {"name": first["name"], **numbers})
