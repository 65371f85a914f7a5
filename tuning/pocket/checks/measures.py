"""The checks of `pocket` by name: each takes a subject and a language, trains what it needs, and gives figures.

    examples         every example on the page after default tuning with two training seeds: greedy, and 8 sampled
    first_questions  120 questions that a class asks first: right, "I do not know", acceptable, nonsense
    two_turns        40 talks of two turns: the second reply, after the model's own first one and after a written one
    few_shot         three examples in the prompt of the untuned base, beside none
    passages         questions about a passage, after tuning on `reading`
    poems            10 requests for a poem, after tuning on `without_poems`
    sums             RLOO on sums after default tuning: reward and right answers on held-out sums, before and after

What is asked is described in `questions.py`, how it is judged in `judging.py`.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tuning.inference.reply_engine import Reply
from tuning.pocket.checks import few_shot, judging, nonsense
from tuning.pocket.checks.asking import Subject, ended, greedy, sampled, talk_of
from tuning.pocket.checks.figures import share
from tuning.pocket.checks.questions import Item, items
from tuning.pocket.world.facts import Language
from tuning.pocket.world.shipped import EXAMPLES

Figures = dict[str, Any]
TRAINING_SEEDS, N_SAMPLED = (0, 1), 8


def examples(subject: Subject, language: Language) -> Figures:
    """`greedy`: over both training seeds; `worst_of_8`: the fewest right replies that an example's samples had."""
    prompts = json.loads(EXAMPLES.read_text(encoding="utf-8"))[language]
    known = {item.prompt: item for item in items("examples", language)}
    asked_items = [known[prompt] for prompt in prompts]
    right: list[bool] = []
    of_eight: dict[str, int] = {}
    failures: list[dict[str, str]] = []
    for seed in TRAINING_SEEDS:
        model = subject.tuned("mixed", language, seed)
        found = _verdicts(asked_items, greedy(subject, model, [talk_of(item) for item in asked_items]))
        right += [verdict == "right" for verdict, _ in found]
        failures += _failures(asked_items, found)
        for item in asked_items:
            replies = sampled(subject, model, talk_of(item), range(N_SAMPLED))
            drawn = _verdicts([item] * N_SAMPLED, replies)
            n_right = sum(verdict == "right" for verdict, _ in drawn)
            of_eight[item.prompt] = min(n_right, of_eight.get(item.prompt, N_SAMPLED))
    return {
        "greedy": share(right),
        "worst_of_8": min(of_eight.values()),
        "of_8": of_eight,
        "failures": failures,
    }


def first_questions(subject: Subject, language: Language) -> Figures:
    """Shares of the greedy replies of the base tuned on `mixed`, in the world and outside it, and by kind."""
    asked_items = items("first_questions", language)
    model = subject.tuned("mixed", language)
    found = _verdicts(asked_items, greedy(subject, model, [talk_of(item) for item in asked_items]))
    return {**first_question_shares(asked_items, [verdict for verdict, _ in found])} | {
        "failures": _failures(asked_items, found)
    }


def first_question_shares(asked_items: Sequence[Item], verdicts: Sequence[judging.Verdict]) -> Figures:
    """What the verdicts on first questions say."""
    pairs = list(zip(asked_items, verdicts, strict=True))
    inside = [verdict for item, verdict in pairs if item.in_world]
    by_kind: dict[str, list[bool]] = defaultdict(list)
    for item, verdict in pairs:
        by_kind[item.kind].append(judging.is_acceptable(verdict, item))
    return {
        "right_in_world": share(verdict == "right" for verdict in inside),
        "unknown_in_world": share(verdict == "unknown" for verdict in inside),
        "acceptable_outside": share(
            judging.is_acceptable(verdict, item) for item, verdict in pairs if not item.in_world
        ),
        "nonsense": share(verdict == "nonsense" for verdict in verdicts),
        "acceptable": share(judging.is_acceptable(verdict, item) for item, verdict in pairs),
        "verdicts": dict(Counter(verdicts)),
        "by_kind": {kind: f"{sum(flags)}/{len(flags)}" for kind, flags in sorted(by_kind.items())},
    }


def two_turns(subject: Subject, language: Language) -> Figures:
    """The second reply: `right` after the model's own first reply, `right_scripted` after the file's."""
    talks = items("two_turns", language)
    model = subject.tuned("mixed", language)
    first = greedy(subject, model, [[{"role": "user", "content": item.before[0]}] for item in talks])
    own = [replace(item, before=(item.before[0], reply.text or "…")) for item, reply in zip(talks, first, strict=True)]
    found = _verdicts(own, greedy(subject, model, [talk_of(item) for item in own]))
    scripted = _verdicts(talks, greedy(subject, model, [talk_of(item) for item in talks]))
    return {
        "right": share(verdict == "right" for verdict, _ in found),
        "right_scripted": share(verdict == "right" for verdict, _ in scripted),
        "failures": _failures(own, found),
    }


def few_shots(subject: Subject, language: Language) -> Figures:
    """Each task's share without and with three examples; `copied` is what repeating the last shown reply would earn."""
    figures: Figures = {}
    tasks = few_shot.tasks(language)
    for task, shown in tasks.items():
        for name, n_examples in (("none", 0), ("three", few_shot.N_EXAMPLES)):
            replies = greedy(subject, subject.base, [each.talk(n_examples) for each in shown], few_shot.TOKENS)
            flags = [each.is_right(reply.text) for each, reply in zip(shown, replies, strict=True)]
            figures[f"{task}_{name}"] = share(flags)
        figures[f"{task}_copied"] = share(each.is_right(each.examples[-1][1]) for each in shown)
    return figures


def passages(subject: Subject, language: Language) -> Figures:
    """`right`, and by the kind of answer, after tuning on `reading`."""
    asked_items = items("passages", language)
    model = subject.tuned("reading", language)
    found = _verdicts(asked_items, greedy(subject, model, [talk_of(item) for item in asked_items]))
    kinds = sorted({item.kind for item in asked_items})
    flags = {
        kind: [verdict == "right" for item, (verdict, _) in zip(asked_items, found, strict=True) if item.kind == kind]
        for kind in kinds
    }
    return {
        "right": share(verdict == "right" for verdict, _ in found),
        "by_kind": {kind: f"{sum(right)}/{len(right)}" for kind, right in flags.items()},
        "failures": _failures(asked_items, found),
    }


def poems(subject: Subject, language: Language) -> Figures:
    """`poems`: requests answered by a poem, after tuning on `without_poems`."""
    requests = items("poems", language)
    model = subject.tuned("without_poems", language)
    found = _verdicts(requests, greedy(subject, model, [talk_of(item) for item in requests]))
    return {"poems": share(verdict == "right" for verdict, _ in found), "failures": _failures(requests, found)}


def sums(subject: Subject, language: Language) -> Figures:
    """Held-out reward and share of right sums before and after RLOO."""
    series = subject.rewarded(language).status().series
    figures: Figures = {}
    for name in ("reward", "right"):
        values = [value for _, value in sorted(series.get(f"heldout_{name}", []))]
        if values:
            figures |= {f"{name}_before": round(values[0], 4), f"{name}_after": round(values[-1], 4)}
    return figures


CHECKS: dict[str, Callable[[Subject, Language], Figures]] = {
    "examples": examples,
    "first_questions": first_questions,
    "two_turns": two_turns,
    "few_shot": few_shots,
    "passages": passages,
    "poems": poems,
    "sums": sums,
}


def _verdicts(asked_items: Sequence[Item], replies: Sequence[Reply]) -> list[tuple[judging.Verdict, str]]:
    """(verdict, reply) for each item."""
    world = nonsense.world_words()
    return [
        (judging.verdict(reply.text, ended(reply), item, world), reply.text)
        for item, reply in zip(asked_items, replies, strict=True)
    ]


def _failures(asked_items: Sequence[Item], found: Sequence[tuple[judging.Verdict, str]]) -> list[dict[str, str]]:
    """What was asked and replied where the verdict does not pass."""
    return [
        {"prompt": item.prompt, "reply": reply, "verdict": verdict}
        for item, (verdict, reply) in zip(asked_items, found, strict=True)
        if not judging.is_acceptable(verdict, item)
    ]
