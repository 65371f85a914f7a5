"""What the votes are worth: every number with its interval, its formula one click away; leaving somebody out.

Tables made from the report's JSON. Knows how to show, not how to count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from ui.context import actor, language, shown
from ui.translations import t, word
from ui.vote_stage import rates
from workbench.revealing import shown_name

if TYPE_CHECKING:
    from workbench.services import Services

_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_PERSON = ("n", "median_ms", "fast_share", "left_share", "tie_share", "both_bad_share", "gold_accuracy",
           "agreement_with_others", "self_consistency")  # fmt: skip
_OUTSIDE = (
    "late",
    "skip",
    "report",
    "withdrawn",
    "superseded",
    "retract",
)  # others are a person's own reasons
_ITEM = ("n", "model_a", "model_b", "tie", "both_bad", "entropy", "skips", "flags")


@dataclass(frozen=True)
class Worth:
    names: gr.Checkbox
    refresh: gr.Button
    report: gr.HTML
    target: gr.Dropdown
    reason: gr.Textbox
    exclude: gr.Button
    include: gr.Button
    revoke: gr.Button


def lay_out(services: Services, choice: gr.Dropdown) -> Worth:
    with gr.Row():
        names = gr.Checkbox(False, label=t("vote.worth.names"), info=t("vote.worth.names_info"))
        refresh = gr.Button(
            t("vote.worth.refresh"), size="sm", scale=0, min_width=140, elem_id="vote-refresh"
        )
    report = gr.HTML("", elem_classes="worth", elem_id="vote-report", padding=False)
    with gr.Row():
        target = gr.Dropdown([], label=t("vote.worth.annotator"), allow_custom_value=True)
        reason = gr.Textbox(label=t("vote.worth.reason"), max_lines=1)
        exclude = gr.Button(t("vote.worth.exclude"), size="sm", scale=0, min_width=140)
        include = gr.Button(t("vote.worth.include"), size="sm", scale=0, min_width=140)
        revoke = gr.Button(t("vote.worth.revoke"), size="sm", scale=0, min_width=140)
    return Worth(names, refresh, report, target, reason, exclude, include, revoke)


def wire(services: Services, worth: Worth, choice: gr.Dropdown) -> None:
    @shown
    def look(name: str, names: bool, request: gr.Request) -> list[Any]:
        if not name:
            return [f'<p class="quiet">{word("vote.empty", language(request))}</p>', gr.skip()]
        report = services.results.report(actor(services, request), name, language(request))
        people = [(each["annotator_id"][:12], each["annotator_id"]) for each in report["annotators"]]
        return [table(report, names, language(request)), gr.update(choices=people)]

    def leave(out: bool) -> Any:
        @shown
        def change(target: str, reason: str, request: gr.Request) -> None:
            why = (reason or "") if out else None
            services.results.exclude(actor(services, request), "annotator", target or "", why)

        return change

    @shown
    def revoke(target: str, request: gr.Request) -> None:
        services.rounds.revoke(actor(services, request), target or "")

    worth.revoke.click(revoke, worth.target, None, **_QUIET)
    inputs, outputs = [choice, worth.names], [worth.report, worth.target]
    gr.on([worth.refresh.click, worth.names.change], look, inputs, outputs, **_QUIET)
    for button, out in ((worth.exclude, True), (worth.include, False)):
        button.click(leave(out), [worth.target, worth.reason], None, **_QUIET).then(
            look, inputs, outputs, **_QUIET
        )


def table(report: Mapping[str, Any], names: bool, tongue: str) -> str:
    """The whole report. Without `names` policies are called by letters: it may be looked at before the reveal."""
    called = {
        name: shown_name(name) if names else word("vote.worth.policy", tongue, letter=chr(65 + i))
        for i, name in enumerate(sorted(report["win_rate"]))
    }
    parts = [_summary(report, tongue)]
    if len(called) > 1:
        rows = [
            {"name": called[name], **rate}
            for name, rate in report["win_rate"].items()
            if rate["value"] is not None
        ]
        parts += [_title("win_rate", report, tongue), rates(rows, tongue), _ratings(report, called, tongue)]
        parts.append(_signs(report, called, tongue))
    parts += [_agreement(report, tongue), _biases(report, tongue), _discussion(report, tongue)]
    parts += [_people(report, tongue), _items(report, tongue)]
    return "".join(parts)


def _summary(report: Mapping[str, Any], tongue: str) -> str:
    numbers = {key: report[f"n_{key}"] for key in ("votes", "comparisons", "prompts", "annotators")}
    told = word("vote.worth.summary", tongue, **numbers, ties=report["ties"], both_bad=report["both_bad"])
    outside: Counter[str] = Counter()
    for name, n in report["left_out"].items():
        outside[name if name in _OUTSIDE else "excluded"] += n
    left = ", ".join(f"{word(f'vote.left_out.{name}', tongue)}: {n}" for name, n in outside.items())
    return f"<p>{escape(told)}{' · ' + escape(left) if left else ''}</p>"


def _title(key: str, report: Mapping[str, Any], tongue: str) -> str:
    """A number's name; a click shows how it is worked out."""
    formula = escape(report["formulas"][key])
    name = escape(word(f"vote.worth.{key}", tongue))
    return f"<details><summary><b>{name}</b></summary><p class='quiet'>{formula}</p></details>"


def _ratings(report: Mapping[str, Any], called: Mapping[str, str], tongue: str) -> str:
    rows = [
        [called[name], _span(each, "rating", 1, 0), str(each["n"])]
        for name, each in sorted(report["bradley_terry"].items(), key=lambda pair: -(pair[1]["rating"] or 0))
    ]
    head = [word(f"vote.worth.{key}", tongue) for key in ("policy_head", "rating", "votes")]
    return _title("bradley_terry", report, tongue) + _html(head, rows)


def _signs(report: Mapping[str, Any], called: Mapping[str, str], tongue: str) -> str:
    rows = [[str(called.get(value, value)) if isinstance(value, str) else _number(value) for value in each.values()]
            for each in report["sign_test"]]  # fmt: skip
    if not rows:
        return ""
    return _title("sign_test", report, tongue) + _html(list(report["sign_test"][0]), rows)


def _agreement(report: Mapping[str, Any], tongue: str) -> str:
    found = report["agreement"]
    kappas = [each["kappa"] for each in found["cohen_kappa"] if each["kappa"] is not None]
    mean = sum(kappas) / len(kappas) if kappas else None
    rows = []
    for key, value, n in (
        ("krippendorff_alpha", found["krippendorff_alpha"], found["n_items"]),
        ("pairwise_agreement", found["pairwise_agreement"], found["n_items"]),
        ("cohen_kappa", mean, len(kappas)),
    ):
        rows.append(f"<tr><td>{_title(key, report, tongue)}</td><td>{_number(value)}</td><td>{n}</td></tr>")
    return f"<table>{''.join(rows)}</table>"


def _biases(report: Mapping[str, Any], tongue: str) -> str:
    rows = "".join(
        f"<tr><td>{_title(key, report, tongue)}</td><td>{_span(report[key], 'value', 100, 0, ' %')}</td>"
        f"<td>{report[key]['n']}</td></tr>"
        for key in ("position_bias", "length_bias")
    )
    return f"<table>{rows}</table>"


def _discussion(report: Mapping[str, Any], tongue: str) -> str:
    found = report["discussion"]
    if not found:
        return ""
    rows = [
        [
            word(f"vote.phase.{phase}", tongue),
            _number(found[key]["pairwise_agreement"]),
            _number(found[key]["krippendorff_alpha"]),
        ]
        for phase, key in (("blind", "before"), ("discussed", "after"))
    ]
    head = ["", word("vote.worth.pairwise_agreement", tongue), word("vote.worth.krippendorff_alpha", tongue)]
    told = word("vote.worth.changed", tongue, n=found["n_votes"], changed=f"{100 * found['changed']:.0f}")
    return _title("discussion", report, tongue) + _html(head, rows) + f"<p>{escape(told)}</p>"


def _people(report: Mapping[str, Any], tongue: str) -> str:
    rows = []
    for each in sorted(report["annotators"], key=lambda one: -one["n"]):
        cells = [each["annotator_id"][:12]]
        for key in _PERSON:
            value = each[key]
            if key == "median_ms":
                cells.append("–" if value is None else f"{value / 1000:.1f} s")
            else:
                cells.append(str(value) if key == "n" else _percent(value))
        rows.append(cells)
    head = [
        word("vote.worth.annotator", tongue),
        *(word(f"vote.worth.person.{key}", tongue) for key in _PERSON),
    ]
    return _title("annotators", report, tongue) + _fold(
        word("vote.worth.show_people", tongue, n=len(rows)), _html(head, rows)
    )


def _items(report: Mapping[str, Any], tongue: str) -> str:
    rows = [
        [_first_words(each["prompt"]), *(_number(each[key]) for key in _ITEM)] for each in report["items"]
    ]
    head = [word("vote.worth.prompt", tongue), *(word(f"vote.worth.item.{key}", tongue) for key in _ITEM)]
    return _title("items", report, tongue) + _fold(
        word("vote.worth.show_items", tongue, n=len(rows)), _html(head, rows)
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


def _span(of: Mapping[str, Any], key: str, scale: float, places: int, unit: str = "") -> str:
    if of[key] is None:
        return "–"
    told = f"{of[key] * scale:.{places}f}"
    if of["low"] is None:
        return told + unit
    return f"{told} ({of['low'] * scale:.{places}f} … {of['high'] * scale:.{places}f}){unit}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def _number(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
