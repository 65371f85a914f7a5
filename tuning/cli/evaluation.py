"""Commands that measure replies: ways to answer without training, a red team. Same rules as `tuning.cli.main`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from common.languages import ENGLISH
from common.settings import Settings
from tuning.cli.shared import no_progress_bars
from tuning.pocket.world.facts import LANGUAGES

Answer = tuple[dict[str, Any], list[str]]
Command = Callable[[str, Any, str], argparse.ArgumentParser]


def add(command: Command) -> None:
    """Adds the commands."""
    helped = command("alternatives", alternatives, "Measure base, few-shot, RAG, tuned and tuned + RAG side by side.")
    helped.add_argument("--model", default="", help="base model")
    helped.add_argument("--tuned", default="", help="a run to measure too, alone and with passages")
    helped.add_argument("--language", choices=LANGUAGES, default=ENGLISH)
    helped.add_argument("--documents", nargs="*", default=[], help="text files; the shipped village documents if none")
    helped.add_argument("--examples", default="", help="data set of the few-shot examples; plain.<language>")
    helped.add_argument("--limit", type=int, default=40, help="questions asked")
    red = command("redteam", redteam, "How often models refuse adversarial and harmless prompts.")
    red.add_argument("--models", nargs="+", required=True, help="say, the base and the run tuned for safety")
    red.add_argument("--language", choices=LANGUAGES, default=ENGLISH)
    red.add_argument("--prompts", default="", help="JSONL with prompt and kind; the shipped ones if none")


def alternatives(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.evaluation import alternatives as ways
    from tuning.evaluation import few_shot as few
    from tuning.evaluation import retrieval
    from tuning.inference.engine import LocalEngine

    no_progress_bars()
    base = options.model or settings.base_model
    paths = [Path(each) for each in options.documents] or retrieval.shipped()
    choices = [(base, way) for way in ways.WAYS]
    choices += [(options.tuned, way) for way in ("plain", "rag")] if options.tuned else []
    questions = few.questions(options.language, options.limit)
    shown = few.drawn(options.examples or f"plain.{options.language}")
    engine = LocalEngine(settings.home)
    table = [
        asdict(each)
        for each in ways.compare(engine, choices, questions, shown, retrieval.load(paths), few.counter(settings.home))
    ]
    lines = [
        f"{row['policy']:20} {row['way']:9} right {row['accuracy']:.1%}  token F1 {row['token_f1']:.3f}  "
        f"{row['prompt_tokens']:.0f} prompt tokens  {row['milliseconds']:.0f} ms"
        for row in table
    ]
    return {"ways": table}, lines


def redteam(options: argparse.Namespace, settings: Settings) -> Answer:
    from tuning.evaluation import red_team as red
    from tuning.inference.engine import LocalEngine

    no_progress_bars()
    attacks = red.attacks(options.language, Path(options.prompts) if options.prompts else None)
    outcomes = [asdict(each) for each in red.measure(LocalEngine(settings.home), options.models, attacks)]
    lines = [
        f"{each['policy']:20} " + "  ".join(f"{kind}: {share:.0%} refused" for kind, share in each["refused"].items())
        for each in outcomes
    ]
    return {"outcomes": outcomes}, lines
