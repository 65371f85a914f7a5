"""Measures `pocket` before and after its own instruction set: does it know, does it answer and stop, in which manner.

    python -m tuning.pocket.check --json
    python -m tuning.pocket.check --check first_questions --check two_turns --model pocket --home FOLDER --json

Without `--check`, for each language: the base answers the held-out questions (greedy, at most 64 tokens), is tuned
with default settings on the `mixed` set, and answers again. A clean answer is right, one reply, and ends by itself. The
facts asked are in pretraining and in no instruction row. `--check` measures something else (`checks/measures.py` lists
what): each prints one line, with `--json` to stderr, and beside it one JSON object to stdout. Trains and generates;
knows nothing of pages or votes.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tuning.inference.reply_engine import ReplyEngine, Sampling
from tuning.pocket.checks.asking import Subject
from tuning.pocket.checks.measures import CHECKS
from tuning.pocket.world.answer_check import Question, is_clean, is_right
from tuning.pocket.world.facts import LANGUAGES, Language
from tuning.pocket.world.registers import detect
from tuning.pocket.world.shipped import SETS

TOKENS = 64  # a clean answer ends within so many


@dataclass(frozen=True)
class Answers:
    """What one model answered to all questions; fractions 0 to 1."""

    clean: float
    right: float
    ended: float
    replies: list[str]


def questions(language: Language, name: str = "questions") -> list[Question]:
    """The held-out questions of `language` (or those about withheld facts, `name="withheld"`)."""
    lines = (SETS / f"{name}.{language}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [Question(row["prompt"], tuple(row["answers"]), tuple(row["rivals"]), row["fact"], language) for row in rows]


def ask(engine: ReplyEngine, model: str, prompts: list[Question]) -> Answers:
    """Greedy answers of `model` (a name that `tuning.runs.resolver.resolve` knows) to `prompts`."""
    sampling = Sampling(greedy=True, max_new_tokens=TOKENS)
    conversations = [[{"role": "user", "content": question.prompt}] for question in prompts]
    replies = engine.generate([model] * len(prompts), conversations, sampling)
    ended = [reply.finish_reason == "end" for reply in replies]
    texts = [reply.text for reply in replies]
    clean = [is_clean(text, stop, question) for text, stop, question in zip(texts, ended, prompts, strict=True)]
    right = [is_right(text, question) for text, question in zip(texts, prompts, strict=True)]
    return Answers(sum(clean) / len(prompts), sum(right) / len(prompts), sum(ended) / len(prompts), texts)


def registers(
    engine: ReplyEngine, model: str, prompts: list[Question], n_prompts: int = 30, n_replies: int = 32
) -> list[list[str]]:
    """For some prompts: the registers of `n_replies` replies sampled at temperature 0.9."""
    chosen = random.Random(0).sample(prompts, min(n_prompts, len(prompts)))
    drawn = [question for question in chosen for _ in range(n_replies)]
    talks = [[{"role": "user", "content": question.prompt}] for question in drawn]
    sampling = Sampling(temperature=0.9, max_new_tokens=TOKENS)
    replies = engine.generate([model] * len(drawn), talks, sampling)
    found = [detect(reply.text, question.language) for reply, question in zip(replies, drawn, strict=True)]
    return [found[start : start + n_replies] for start in range(0, len(found), n_replies)]


def check(language: Language, home: Path, set_name: str = "mixed", model: str = "pocket") -> dict[str, object]:
    """All figures of one language, of the base `model`; the run is made in `home`."""
    from tuning.api import sft
    from tuning.inference.engine import LocalEngine

    engine = LocalEngine(home)
    asked_questions = questions(language)
    base = ask(engine, model, asked_questions)
    name = f"check-{set_name}-{language}"
    job = sft.train(
        source_model=model,
        train_dataset=f"{set_name}.{language}",
        tuned_model_display_name=name,
        home=home,
    )
    job.wait()
    tuned = ask(engine, name, asked_questions)
    sampled = registers(engine, name, asked_questions)
    of_eight = [len(set(each[:8])) for each in sampled]
    return {
        "n": len(asked_questions),
        "base_clean": round(base.clean, 4),
        "base_right": round(base.right, 4),
        "tuned_clean": round(tuned.clean, 4),
        "tuned_right": round(tuned.right, 4),
        "tuned_ended": round(tuned.ended, 4),
        "sft_seconds": round(job.to_dict()["elapsed_seconds"], 1),
        "registers_mean": sum(of_eight) / len(of_eight),  # in eight replies to one prompt
        "registers_min": min(of_eight),
        "registers_min_32": min(len(set(each)) for each in sampled),  # in 32 replies to one prompt
        "wrong": [
            {"prompt": question.prompt, "reply": reply}
            for question, reply in zip(asked_questions, tuned.replies, strict=True)
            if not is_right(reply, question)
        ],
    }


def measure(names: Sequence[str], languages: Sequence[Language], subject: Subject, as_json: bool) -> None:
    """Prints the named checks in each language as they are done. Raises: AfinaError of a run or a missing file."""
    from tuning.pocket.checks import figures

    for name in names:
        for language in languages:
            found = CHECKS[name](subject, language)
            print(figures.line(name, language, found), file=sys.stderr if as_json else sys.stdout, flush=True)
            if as_json:
                row = {"check": name, "language": language, "model": subject.ready or subject.base}
                print(json.dumps(row | figures.as_json(found), ensure_ascii=False), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures pocket before and after SFT on its own set.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--language", choices=LANGUAGES, action="append", help="default: both")
    parser.add_argument("--check", choices=CHECKS, action="append", help="measure this instead; may be repeated")
    parser.add_argument("--model", default="pocket", help="the base model: pocket, a folder or a Hub id")
    parser.add_argument("--home", type=Path, help="where runs are kept, and found again; default: a temporary folder")
    parser.add_argument("--tuned", default="", help="with --check: a tuned model to ask, instead of tuning the base")
    options = parser.parse_args()
    languages = options.language or LANGUAGES
    with tempfile.TemporaryDirectory() as folder:
        home = options.home or Path(folder)
        if options.check:
            measure(options.check, languages, Subject(options.model, home, options.tuned), options.json)
            return
        figures = {language: check(language, home, model=options.model) for language in languages}
    if options.json:
        print(json.dumps(figures, ensure_ascii=False))
        return
    for language, each in figures.items():
        print(f"{language}: clean {each['base_clean']:.0%} before, {each['tuned_clean']:.0%} after,", end=" ")
        print(f"SFT {each['sft_seconds']:.0f} s, registers {each['registers_mean']:.1f} of 8", file=sys.stdout)


if __name__ == "__main__":
    main()
