"""What a set of votes is worth, in one JSON object: every number with its interval, and how it was worked
out.

The keys are a contract with scripts. Knows nothing of where the votes came from, nor of pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.errors import messages
from common.languages import ENGLISH
from common.number_format import number
from common.wording import fill
from labeling.statistics import agreement, annotator_quality, ranking
from labeling.statistics.bootstrap import LEVEL, Estimate
from labeling.statistics.vote_table import UNKNOWN, Votes

SHOWN_ITEMS = 50
FORMULAS = (
    "win_rate",
    "sign_test",
    "bradley_terry",
    "krippendorff_alpha",
    "cohen_kappa",
    "pairwise_agreement",
    "position_bias",
    "length_bias",
    "annotators",
    "items",
    "discussion",
)


def report(
    every: Votes,
    n_bootstrap: int | None = None,
    seed: int = 0,
    shown_items: int | None = SHOWN_ITEMS,
    language: str = ENGLISH,
) -> dict[str, Any]:
    """The whole report on `every` vote (all phases; the discussed ones only enter `discussion`)."""
    votes = every.counted()
    biases = {
        "position_bias": annotator_quality.position(votes),
        "length_bias": annotator_quality.length(votes),
    }
    ranked = ranking.rank(votes, n_bootstrap, seed, biases)
    judged = every.judged_models
    return {
        "n_votes": len(votes),
        "n_comparisons": len(set(votes.item.tolist())),
        "n_prompts": len(set(votes.prompt[votes.item].tolist())),
        "n_annotators": len(set(votes.annotator[votes.annotator != UNKNOWN].tolist())),
        "ties": ranked.ties,
        "both_bad": ranked.both_bad,
        "left_out": dict(sorted(every.left_out.items())),
        "win_rate": {name: estimate.to_dict() for name, estimate in ranked.win_rate.items() if name in judged},
        "win_rate_by_split": {
            side: {name: estimate.to_dict() for name, estimate in rates.items() if name in judged}
            for side, rates in ranked.win_rate_by_split.items()
        },
        "sign_test": ranked.sign_test,
        "bradley_terry": {name: _rating(estimate) for name, estimate in ranked.bradley_terry.items() if name in judged},
        "bradley_terry_settings": {
            "scale": ranking.SCALE,
            "tie": 0.5,
            "virtual_ties_per_pair": ranking.VIRTUAL_TIES,
        },
        "bootstrap": {"resamples": ranked.n_bootstrap, "level": LEVEL, "seed": seed},
        "agreement": agreement.agreement(votes),
        "discussion": agreement.change(every),
        "position_bias": ranked.shares["position_bias"].to_dict(),
        "length_bias": ranked.shares["length_bias"].to_dict(),
        "annotators": annotator_quality.annotators(every),
        "items": annotator_quality.items(votes, shown_items),
        "formulas": formulas(language),
    }


def formulas(language: str) -> dict[str, str]:
    """How each number is worked out, in words."""
    texts: Mapping[str, str] = messages(language)
    return {name: texts[f"formula.{name}"] for name in FORMULAS}


def _rating(estimate: Estimate) -> dict[str, Any]:
    return {"rating": estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n}


def lines(figures: Mapping[str, Any], language: str) -> list[str]:
    """The report's main numbers as lines for a terminal."""
    texts = messages(language)
    report_lines = [fill(texts["report.votes"], figures)]
    for model, rate in figures["win_rate"].items():
        rating = figures["bradley_terry"][model]
        row = {"model": model, "rate": _shown(rate, "value", 100, language), "n": rate["n"]}
        report_lines.append(fill(texts["report.model"], row | {"rating": _shown(rating, "rating", 1, language)}))
    for key in ("krippendorff_alpha", "pairwise_agreement"):
        value = figures["agreement"][key]
        report_lines.append(
            fill(texts[f"report.{key}"], {"value": "-" if value is None else number(value, language, ".3f")})
        )
    for key in ("position_bias", "length_bias"):
        report_lines.append(fill(texts[f"report.{key}"], {"value": _shown(figures[key], "value", 100, language)}))
    return report_lines


def _shown(estimate: Mapping[str, Any], key: str, scale: int, language: str) -> str:
    if estimate[key] is None:
        return "-"
    ends = [estimate[name] for name in (key, "low", "high")]
    value, low, high = ("?" if end is None else number(end * scale, language, ".1f") for end in ends)
    return f"{value} [{low}, {high}]"
