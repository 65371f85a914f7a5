"""What a second column costs and how soon the first token is there: `python benchmarks/chat.py [MODEL] [--json]`.

Base alone, a LoRA alone (r = 16, all linear layers, weights that are not zero), and both side by side, 64 tokens
each, greedy, turn by turn so that a busy machine slows all alike. `ratio`: both to the mean of the single columns.
Then a class: so many people ask two columns at once.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from peft import LoraConfig, get_peft_model

from tuning.inference.engine import LocalEngine
from tuning.inference.reply_engine import ReplyEngine, Sampling
from tuning.models import loader
from tuning.runs import resolver

TOKENS = 64
TALK = [{"role": "user", "content": "Tell me a story about a brave mouse."}]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="pocket")
    parser.add_argument("--times", type=int, default=15)
    parser.add_argument("--people", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        result = {"model": options.model, "cores": os.cpu_count(), **measure(Path(home), options)}
    print(json.dumps(result) if options.json else "\n".join(f"{name}: {value}" for name, value in result.items()))


def measure(home: Path, options: argparse.Namespace) -> dict[str, float]:
    make_run(home, "tuned", options.model)
    engine = never_ending(LocalEngine(home), options.model)
    columns = [[options.model], ["tuned"], [options.model, "tuned"]]
    for names in columns:
        answer(engine, names)
    times = [[answer(engine, names) for names in columns] for _ in range(options.times)]
    base, tuned, both = (statistics.median(turn[which][0] for turn in times) for which in range(3))
    return {
        "tokens": TOKENS,
        "base_column_seconds": round(base, 3),
        "tuned_column_seconds": round(tuned, 3),
        "two_columns_seconds": round(both, 3),
        "ratio": round(statistics.median(2 * turn[2][0] / (turn[0][0] + turn[1][0]) for turn in times), 3),
        "ratio_to_tuned": round(statistics.median(turn[2][0] / turn[1][0] for turn in times), 3),
        "first_token_seconds": round(statistics.median(turn[2][1] for turn in times), 3),
        "first_token_slowest_seconds": round(max(turn[2][1] for turn in times), 3),
        "people": options.people,
        "people_slowest_seconds": round(crowd(engine, columns[2], options.people), 3),
    }


def answer(engine: ReplyEngine, names: list[str]) -> tuple[float, float]:
    """Seconds to the end, and to the first token in every column as a reader sees it."""
    began, first = time.perf_counter(), 0.0
    for partials in engine.stream(names, [TALK] * len(names), Sampling(greedy=True, max_new_tokens=TOKENS)):
        if not first and all(partial.n_tokens for partial in partials):
            first = time.perf_counter() - began
    assert all(partial.n_tokens == TOKENS for partial in partials), "a reply ended early: nothing to compare"
    return time.perf_counter() - began, first


def crowd(engine: ReplyEngine, names: list[str], people: int) -> float:
    """Seconds until the last of `people` who ask at the same moment has all replies."""
    threads = [threading.Thread(target=answer, args=(engine, names)) for _ in range(people)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


def never_ending(engine: LocalEngine, model: str) -> LocalEngine:
    """The same engine; no token ends a reply any more, so that all are of one length."""
    engine.warm(model)
    for loaded in engine._loaded.values():
        loaded.ends.clear()
    return engine


def make_run(home: Path, name: str, model: str) -> None:
    """A finished run whose adapter changes something."""
    torch.manual_seed(0)
    base = resolver.resolve(model, home).base
    config = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    tuned = get_peft_model(loader.load_model(base), config)
    for key, weight in tuned.named_parameters():
        if "lora_B" in key:
            torch.nn.init.normal_(weight, std=0.01)
    run = home / "runs" / name
    tuned.save_pretrained(str(run / "adapter"), save_embedding_layers=False)
    record = {
        "run_id": name,
        "name": name,
        "method": "sft",
        "config": {},
        "base": {"name": base.name},
        "data": {},
    }
    (run / "run.json").write_text(json.dumps(record | {"created_at": 1.0}))


if __name__ == "__main__":
    main()
