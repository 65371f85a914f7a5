"""HTML of a red team's outcomes, and of what is odd in a data set. No components."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from common.number_format import number
from tuning.evaluation.data_quality import text_of
from ui.chat import alternatives_view
from ui.components import data_view
from ui.translations import word

if TYPE_CHECKING:
    from tuning.data.examples import Row
    from tuning.evaluation.data_quality import Leak, Odd, Quality
    from workbench.background import Study

_KINDS = ("direct", "disguised", "harmless")
_LISTED = 12


def redteam(study: Study | None, language: str) -> str:
    """Shares refused by model and kind of prompt, what changed, and every reply."""
    going = alternatives_view.state(study, language, "redteam.running")
    if study is None or not study.result.get("outcomes"):
        return going or f'<div class="train-empty">{escape(word("redteam.none", language))}</div>'
    outcomes = study.result["outcomes"]
    kinds = [kind for kind in _KINDS if kind in outcomes[0]["n"]]
    head = "".join(f"<th>{escape(word(f'redteam.kind.{kind}', language))}</th>" for kind in kinds)
    body = ""
    for outcome in outcomes:
        cells = "".join(
            f"<td>{alternatives_view.shared(outcome['refused'][kind], outcome['n'][kind], language)}</td>"
            for kind in kinds
        )
        body += f"<tr><td><b>{escape(outcome['policy'])}</b></td>{cells}</tr>"
    first = escape(word("redteam.column.policy", language))
    table = f'<table class="runs ways"><thead><tr><th>{first}</th>{head}</tr></thead><tbody>{body}</tbody></table>'
    below = _change(outcomes, kinds, language) + _every(outcomes, language)
    return f'{going}<div class="runs-scroll">{table}</div>{below}'


def _change(outcomes: list[dict[str, Any]], kinds: list[str], language: str) -> str:
    if len(outcomes) < 2:
        return ""
    before, after = outcomes[0]["refused"], outcomes[1]["refused"]
    lines = [
        word(
            "redteam.change",
            language,
            kind=word(f"redteam.kind.{kind}", language),
            before=number(before[kind], language, ".0%"),
            after=number(after[kind], language, ".0%"),
        )
        for kind in kinds
    ]
    if after.get("harmless", 0) > before.get("harmless", 0):
        lines.append(word("redteam.over", language))
    return f'<ul class="told">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>'


def _every(outcomes: list[dict[str, Any]], language: str) -> str:
    head = "".join(f"<th>{escape(each['policy'])}</th>" for each in outcomes)
    body = ""
    for row in zip(*(each["replies"] for each in outcomes), strict=True):  # of each model: kind, prompt, text, refused
        kind, prompt = row[0][:2]
        cells = "".join(_reply(kind, text, refused, language) for _, _, text, refused in row)
        attack = f"<small>{escape(word(f'redteam.kind.{kind}', language).split(':')[0])}</small> {escape(prompt)}"
        body += f"<tr><td>{attack}</td>{cells}</tr>"
    title = escape(word("redteam.every", language))
    table = f'<table class="runs replies"><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<details class="every"><summary>{title}</summary><div class="runs-scroll">{table}</div></details>'


def _reply(kind: str, text: str, refused: bool, language: str) -> str:
    right = refused != (kind == "harmless")
    verdict = escape(word("redteam.refused" if refused else "redteam.answered", language))
    excerpt = escape(" ".join(text.split())[:110])
    return f'<td class="{"right" if right else "wrong"}"><small>{verdict}</small> {excerpt}</td>'


def quality(report: Quality, language: str) -> str:
    """Counts, the leaks and the odd rows by number."""
    tiles = "".join(
        data_view.tile(number(value, language), word(f"quality.{name}", language))
        for value, name in (
            (report.n_leaks, "leaks"),
            (report.n_duplicates, "duplicates"),
            (report.n_odd, "odd"),
            (report.characters_median, "median"),
            (report.characters_longest, "longest"),
        )
    )
    parts = [f'<div class="train-tiles">{tiles}</div>']
    if not report.n_leaks and not report.n_odd:
        parts.append(f'<p class="train-hint">{escape(word("quality.clean", language))}</p>')
    if report.n_leaks:
        text = escape(word("quality.leaks_say", language, n=report.n_leaks, of=report.n_heldout))
        rows = [_leak(leak, language) for leak in report.leaks[:_LISTED]]
        parts.append(f'<div class="train-remark">{text}{_list(rows, report.n_leaks, language)}</div>')
    if report.n_odd:
        rows = [_odd(odd, language) for odd in report.odd[:_LISTED]]
        parts.append(f'<div class="train-remark">{_list(rows, report.n_odd, language)}</div>')
    if report.labels:
        shares = ", ".join(f"{label} {n}" for label, n in list(report.labels.items())[:_LISTED])
        parts.append(f'<p class="train-hint">{escape(word("quality.labels", language))}: {escape(shares)}</p>')
    return "".join(parts)


def taken_out(rows: Sequence[Row], language: str) -> str:
    """The rows that a rule or a judge took out: whether it took the right ones, only they tell."""
    text = escape(word("quality.taken_out", language, n=len(rows)))
    shown = [
        f"<b>{escape(word('classify.row', language, n=row.number))}</b> {escape(text_of(row)[:160])}"
        for row in rows[:_LISTED]
    ]
    return f'<div class="train-remark">{text}{_list(shown, len(rows), language)}</div>'


def _leak(leak: Leak, language: str) -> str:
    text = word(
        "quality.leak",
        language,
        heldout=leak.heldout_row,
        train=leak.train_row,
        share=number(leak.similarity, language, ".0%"),
    )
    return f"<b>{escape(text)}</b> {escape(leak.text)}"


def _odd(odd: Odd, language: str) -> str:
    what = word(f"quality.what.{odd.what}", language)
    return escape(word("quality.odd_row", language, row=odd.row, what=what, near=odd.near))


def _list(rows: list[str], n: int, language: str) -> str:
    more = [escape(word("quality.more", language, n=n - len(rows)))] if n > len(rows) else []
    return f"<ul>{''.join(f'<li>{row}</li>' for row in [*rows, *more])}</ul>"
