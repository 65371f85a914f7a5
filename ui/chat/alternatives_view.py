"""HTML of studies: how far one is, and "when to use which" with the numbers of the models at hand. No components."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from common.number_format import number
from common.wording import placeless
from labeling.statistics import wilson
from tuning.evaluation.alternatives import Question, is_right
from ui.translations import word

if TYPE_CHECKING:
    from tuning.evaluation.alternatives import Example
    from workbench.background import Study

_LISTED = 20  # questions shown with their replies
_GOOD = 0.3  # a share of right replies below which no way is recommended


def state(study: Study | None, language: str, running: str) -> str:
    """A bar while it goes on; why it has ended, where it did not come to its end. `running`: key of the words."""
    if study is None:
        return ""
    if study.error:
        return f'<div class="train-problem">{escape(study.error.words(language))}</div>'
    if study.running:
        share = study.done / study.total if study.total else 0
        text = word(running, language, done=min(study.done + 1, study.total or 1), total=study.total or "…")
        return f'<p>{escape(text)}</p><div class="bar running"><i style="width:{share:.0%}"></i></div>'
    if study.state in ("stopped", "interrupted"):
        return f'<div class="train-remark">{escape(word(f"studies.{study.state}", language))}</div>'
    return ""


def rules(language: str) -> str:
    """The rules of thumb, in words."""
    rows = "".join(
        f"<li>{bold(word(f'alternatives.rule.{name}', language))}</li>"
        for name in ("knowledge", "manner", "both", "nothing")
    )
    return f'<ul class="rules">{rows}</ul>'


def bold(text: str) -> str:
    return re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(text))


def which(study: Study | None, language: str) -> str:
    """What was measured of each way, what it says, and every question."""
    if study is None or not study.result.get("ways"):
        text = word("alternatives.none", language)
        going = state(study, language, "alternatives.running")
        return going or f'<div class="train-empty">{escape(text)}</div>'
    ways = study.result["ways"]
    about, n = study.about, ways[0]["n"]
    summary = word("alternatives.asks_own" if about.get("own") else "alternatives.asks", language, n=n)
    searched = word("alternatives.searched", language, names=", ".join(about.get("documents", [])))
    odd = "" if about.get("own") or about.get("shipped", True) else word("alternatives.other_documents", language)
    return (
        state(study, language, "alternatives.running")
        + f'<p class="train-hint">{escape(summary)} {escape(searched)}</p>'
        + (f'<div class="train-remark">{escape(odd)}</div>' if odd else "")
        + _table(ways, language)
        + ("" if study.running else _said(ways, about, language))
        + _every(study.about["questions"], ways, language)
    )


def way_name(row: dict[str, Any], language: str) -> str:
    return f"{placeless(row['policy'])} · {word('alternatives.way.' + row['way'], language)}"


def examples(shown: Sequence[Example], language: str) -> str:
    """HTML: the few-shot examples that stood before a question."""
    rows = "".join(f"<li>{escape(each.prompt)} → {escape(each.reply)}</li>" for each in shown)
    title = escape(word("alternatives.shown", language, n=len(shown)))
    return f'<details class="passages"><summary>{title}</summary><ul>{rows}</ul></details>'


def _table(ways: list[dict[str, Any]], language: str) -> str:
    best = max(row["accuracy"] for row in ways)
    columns = ("way", "accuracy", "token_f1", "prompt_tokens", "milliseconds")
    head = "".join(f"<th>{escape(word(f'alternatives.column.{name}', language))}</th>" for name in columns)
    body = ""
    for row in ways:
        share = shared(row["accuracy"], row["n"], language)
        cells = [
            f"<b>{escape(way_name(row, language))}</b>" if row["accuracy"] == best else escape(way_name(row, language)),
            share,
            number(row["token_f1"], language, ".2f"),
            number(row["prompt_tokens"], language, ".0f"),
            f"{number(row['milliseconds'], language, '.0f')} ms",
        ]
        body += f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    return (
        '<div class="runs-scroll"><table class="runs ways">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def shared(value: float, n: int, language: str) -> str:
    """HTML: a share of `n` as a bar, with its 95 % interval."""
    low, high = wilson.interval(round(value * n), n)
    bar = f'<div class="share"><span><i style="width:{value:.0%}"></i></span><b>{number(value, language, ".0%")}</b>'
    return f"{bar}<small>{100 * low:.0f}–{number(high, language, '.0%')}</small></div>"


def _said(ways: list[dict[str, Any]], about: dict[str, Any], language: str) -> str:
    """What the numbers say, in sentences; never more than they do."""
    first, share = ways[0], max(row["accuracy"] for row in ways)
    best = [way_name(row, language) for row in ways if row["accuracy"] == share]
    key, named = ("best", best) if len(best) == 1 else ("equal", best)
    if share < _GOOD:
        key, named = "no_good", best[:1]
    lines = [word(f"alternatives.{key}", language, best=", ".join(named), share=number(share, language, ".0%"))]
    for row in ways[1:]:
        points = 100 * (row["accuracy"] - first["accuracy"])
        tokens = row["prompt_tokens"] - first["prompt_tokens"]
        times = row["milliseconds"] / max(first["milliseconds"], 0.001)
        text = word(
            "alternatives.gain",
            language,
            way=way_name(row, language),
            points=number(points, language, "+.0f"),
            tokens=number(tokens, language, ".0f"),
            times=number(times, language, ".1f") if times >= 0.1 else number(times, language, ".1g"),
        )
        lines.append(text)
    lines += _readers(ways, about, language)
    lines.append(word("alternatives.interval", language))
    return f'<ul class="told">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>'


def _readers(ways: list[dict[str, Any]], about: dict[str, Any], language: str) -> list[str]:
    """Whom documents did not help, of those who do not know the answers without; and who reads, beyond chance."""
    if not about.get("own") and not about.get("shipped", True):
        return []  # the documents do not tell what is asked
    known = {(row["policy"], row["way"]): row for row in ways}
    pairs = [
        (row, known[name, "rag"]) for (name, way), row in known.items() if way == "plain" and (name, "rag") in known
    ]
    readers = [plain["policy"] for plain, rag in pairs if _interval(rag)[0] > _interval(plain)[1]]
    lines = []
    for plain, rag in pairs:
        if plain["accuracy"] < _GOOD and rag["accuracy"] < plain["accuracy"] + 0.1:
            key = "tuned_reads_not"
            if plain["policy"] == ways[0]["policy"]:
                key = "base_reads_not" if readers else "reads_not"
            lines.append(word(f"alternatives.{key}", language, reader=next(iter(readers), "")))
    return lines


def _interval(row: dict[str, Any]) -> tuple[float, float]:
    return wilson.interval(round(row["accuracy"] * row["n"]), row["n"])


def _every(tasks: list[dict[str, Any]], ways: list[dict[str, Any]], language: str) -> str:
    head = "".join(f"<th>{escape(way_name(row, language))}</th>" for row in ways)
    body = ""
    for index, each in enumerate(tasks[:_LISTED]):
        question = Question(each["prompt"], tuple(each["answers"]), tuple(each["rivals"]))
        cells = "".join(_reply(row["replies"][index], question) for row in ways)
        body += f"<tr><td>{escape(question.prompt)}</td>{cells}</tr>"
    title = escape(word("alternatives.every", language))
    first = escape(word("alternatives.prompt", language))
    return (
        f'<details class="every"><summary>{title}</summary><div class="runs-scroll"><table class="runs replies">'
        f"<thead><tr><th>{first}</th>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"
    )


def _reply(text: str, question: Question) -> str:
    right = is_right(text, question)
    mark = "✓" if right else "✗"
    return f'<td class="{"right" if right else "wrong"}">{mark} {escape(" ".join(text.split())[:90])}</td>'
