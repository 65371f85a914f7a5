"""The report on a round's votes as tables: every number with its interval, its formula one click away.

Made from the report's JSON. Knows how to show, not how to count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from common.number_format import number
from ui.translations import word
from ui.vote.presenter_view import rates, simulated
from workbench.voting.reveal import shown_name

_PERSON = (
    "n",
    "median_ms",
    "fast_share",
    "left_share",
    "tie_share",
    "both_bad_share",
    "gold_accuracy",
    "agreement_with_others",
    "self_consistency",
)
_OUTSIDE = (
    "late",
    "skip",
    "report",
    "withdrawn",
    "undone",
    "superseded",
    "retract",
)  # others are a person's own reasons
_ITEM = ("n", "model_a", "model_b", "tie", "both_bad", "entropy", "skips", "flags")


def table(report: Mapping[str, Any], names: bool, language: str) -> str:
    """The whole report. Without `names` policies are called by letters: it may be looked at before the reveal."""
    called = {
        name: shown_name(name) if names else word("vote.worth.policy", language, letter=chr(65 + i))
        for i, name in enumerate(sorted(report["win_rate"]))
    }
    parts = [_summary(report, language)]
    if len(called) > 1:
        rows = [
            {"name": called[name], **rate} for name, rate in report["win_rate"].items() if rate["value"] is not None
        ]
        parts += [
            _title("win_rate", report, language),
            rates(rows, language),
            _ratings(report, called, language),
        ]
        parts.append(_signs(report, called, language))
    parts += [_agreement(report, language), _biases(report, language), _discussion(report, language)]
    parts += [_people(report, language), _items(report, language)]
    return "".join(parts)


def _summary(report: Mapping[str, Any], language: str) -> str:
    numbers = {key: report[f"n_{key}"] for key in ("votes", "comparisons", "prompts", "annotators")}
    text = word("vote.worth.summary", language, **numbers, ties=report["ties"], both_bad=report["both_bad"])
    outside: Counter[str] = Counter()
    for name, n in report["left_out"].items():
        outside[name if name in _OUTSIDE else "excluded"] += n
    left = ", ".join(f"{word(f'vote.left_out.{name}', language)}: {n}" for name, n in outside.items())
    badge = simulated(report["sources"] == "simulated", language)
    return f"<p>{badge} {escape(text)}{' · ' + escape(left) if left else ''}</p>"


def _title(key: str, report: Mapping[str, Any], language: str) -> str:
    """A number's name; a click shows how it is worked out."""
    formula = escape(report["formulas"][key])
    name = escape(word(f"vote.worth.{key}", language))
    return f"<details><summary><b>{name}</b></summary><p class='quiet'>{formula}</p></details>"


def _ratings(report: Mapping[str, Any], called: Mapping[str, str], language: str) -> str:
    rows = [
        [called[name], _span(each, "rating", ".0f", language), str(each["n"])]
        for name, each in sorted(report["bradley_terry"].items(), key=lambda pair: -(pair[1]["rating"] or 0))
    ]
    head = [word(f"vote.worth.{key}", language) for key in ("policy_head", "rating", "votes")]
    return _title("bradley_terry", report, language) + _html(head, rows)


def _signs(report: Mapping[str, Any], called: Mapping[str, str], language: str) -> str:
    keys = ("a", "b", "prompts_for_a", "prompts_for_b", "prompts_even", "p")
    rows = [
        [
            called.get(test["a"], test["a"]),
            called.get(test["b"], test["b"]),
            *(str(test[key]) for key in keys[2:5]),
            _p(test["p"], language),
        ]
        for test in report["sign_test"]
    ]
    if not rows:
        return ""
    head = [word(f"vote.worth.sign.{key}", language) for key in keys]
    return _title("sign_test", report, language) + _html(head, rows)


def _agreement(report: Mapping[str, Any], language: str) -> str:
    agreement = report["agreement"]
    pairs = sum(each["kappa"] is not None for each in agreement["cohen_kappa"])
    rows = "".join(
        f"<tr><td>{_title(key, report, language)}</td><td>{_between(agreement, name, language)}</td>"
        f"<td>{escape(word(counted, language, n=n))}</td></tr>"
        for key, name, n, counted in (
            ("krippendorff_alpha", "krippendorff_alpha", agreement["n_items"], "vote.worth.n_items"),
            ("pairwise_agreement", "pairwise_agreement", agreement["n_items"], "vote.worth.n_items"),
            ("cohen_kappa", "cohen_kappa_mean", pairs, "vote.worth.n_pairs"),
        )
    )
    return f"<table>{rows}</table>"


def _biases(report: Mapping[str, Any], language: str) -> str:
    rows = "".join(
        f"<tr><td>{_title(key, report, language)}</td><td>{_span(report[key], 'value', '.0%', language)}</td>"
        f"<td>{escape(word('vote.n', language, n=report[key]['n']))}</td></tr>"
        for key in ("position_bias", "length_bias")
    )
    return f"<table>{rows}</table>"


def _discussion(report: Mapping[str, Any], language: str) -> str:
    discussion = report["discussion"]
    if not discussion:
        return ""
    rows = [
        [
            word(f"vote.phase.{phase}", language),
            _between(discussion[key], "pairwise_agreement", language),
            _between(discussion[key], "krippendorff_alpha", language),
        ]
        for phase, key in (("blind", "before"), ("discussed", "after"))
    ]
    head = [
        "",
        word("vote.worth.pairwise_agreement", language),
        word("vote.worth.krippendorff_alpha", language),
    ]
    text = word(
        "vote.worth.changed",
        language,
        n=discussion["n_votes"],
        changed=number(100 * discussion["changed"], language, ".0f"),
    )
    return _title("discussion", report, language) + _html(head, rows) + f"<p>{escape(text)}</p>"


def _people(report: Mapping[str, Any], language: str) -> str:
    rows = []
    for annotator in sorted(report["annotators"], key=lambda one: -one["n"]):
        cells = [annotator["annotator_id"][:12]]
        for key in _PERSON:
            value = annotator[key]
            if key == "median_ms":
                cells.append("–" if value is None else f"{number(value / 1000, language, '.1f')} s")
            else:
                cells.append(str(value) if key == "n" else _share(annotator, key, language))
        rows.append(cells)
    head = [
        word("vote.worth.annotator", language),
        *(word(f"vote.worth.person.{key}", language) for key in _PERSON),
    ]
    return _title("annotators", report, language) + _fold(
        word("vote.worth.show_people", language, n=len(rows)), _html(head, rows)
    )


def _items(report: Mapping[str, Any], language: str) -> str:
    rows = [
        [_first_words(each["prompt"]), *(_number(each[key], language) for key in _ITEM)] for each in report["items"]
    ]
    head = [word("vote.worth.prompt", language), *(word(f"vote.worth.item.{key}", language) for key in _ITEM)]
    return _title("items", report, language) + _fold(
        word("vote.worth.show_items", language, n=len(rows)), _html(head, rows)
    )


def _fold(summary: str, inside: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{inside}</details>"


def _html(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(each)}</th>" for each in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(each)}</td>" for each in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{top}</tr>{body}</table></div>'


def _first_words(prompt: str) -> str:
    """The question of a prompt that the report keeps as JSON."""
    import json

    try:
        turns = json.loads(prompt)
        prompt = turns[-1]["content"] if isinstance(turns, list) else str(turns)
    except (ValueError, KeyError, IndexError, TypeError):
        pass
    return prompt if len(prompt) <= 80 else prompt[:79] + "…"


def _span(of: Mapping[str, Any], key: str, spec: str, language: str) -> str:
    """A number with its interval, where there is one."""
    value, low, high = (None if of[name] is None else number(of[name], language, spec) for name in (key, "low", "high"))
    if value is None:
        return "–"
    return value if low is None else f"{value} ({low} … {high})"


def _between(of: Mapping[str, Any], key: str, language: str) -> str:
    """A number from 0 to 1 with its interval, where there is one."""
    interval = of[f"{key}_interval"]
    between = " … ".join(number(end, language, ".2f") for end in interval or ())
    return _number(of[key], language) + (f" ({between})" if between else "")


def _share(of: Mapping[str, Any], key: str, language: str) -> str:
    if of[key] is None:
        return "–"
    low, high = of[f"{key}_interval"]
    return f"{number(of[key], language, '.0%')} ({100 * low:.0f}–{100 * high:.0f})"


def _p(value: float | None, language: str) -> str:
    """A probability by chance: never a bare 0."""
    return (
        "–"
        if value is None
        else f"< {number(0.001, language, '.3f')}"
        if value < 0.001
        else number(value, language, ".3f")
    )


def _number(value: Any, language: str) -> str:
    if value is None:
        return "–"
    return number(value, language, ".2f") if isinstance(value, float) else str(value)
