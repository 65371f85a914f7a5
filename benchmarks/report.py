"""How long a report on many annotations takes: `python benchmarks/report.py [--annotations 1000000]`.

Writes a JSONL file of votes on synthetic comparisons (three policies, 5 votes each), then times
`python -m labeling report FILE --json` as a user runs it: start of Python, reading, statistics, printing.
Target: at most 10 s for 1,000,000 annotations on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

POLICIES = ("base", "tuned", "aligned")
WINNERS, ODDS = ("model_a", "model_b", "tie", "both_bad"), (5, 3, 1, 0.5)
VOTES_EACH = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--annotations", type=int, default=1_000_000)
    parser.add_argument("--annotators", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "votes.jsonl"
        write(file, options.annotations, options.annotators)
        megabytes = file.stat().st_size / 1e6
        command = [sys.executable, "-m", "labeling", "report", str(file), "--json"]
        start, before = time.perf_counter(), os.times()
        done = subprocess.run(command, capture_output=True, check=True, cwd=Path(__file__).parents[1])
        seconds, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    found = json.loads(done.stdout)
    result = {"annotations": found["n_votes"], "megabytes": round(megabytes, 1)}
    result |= {"resamples": found["bootstrap"]["resamples"], "kappas": len(found["agreement"]["cohen_kappa"])}
    print(json.dumps(result | {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2)}))


def write(file: Path, n: int, n_annotators: int, seed: int = 0) -> None:
    """`n` votes, five for each comparison, by `n_annotators` people."""
    draw = random.Random(seed)
    with open(file, "w", encoding="utf-8") as out:
        for i in range(n // VOTES_EACH):
            models = draw.sample(POLICIES, 2)
            row = {
                "prompt": f"Question {i}: what would you say about this, and why would you say it?",
                "completion_a": "One answer, " + "word " * draw.randint(3, 20),
                "completion_b": "Another answer, " + "word " * draw.randint(3, 20),
                "model_a": models[0],
                "model_b": models[1],
            }
            for person in draw.sample(range(n_annotators), VOTES_EACH):
                vote = {"winner": draw.choices(WINNERS, ODDS)[0], "annotator_id": f"person-{person}"}
                out.write(json.dumps(row | vote) + "\n")


if __name__ == "__main__":
    main()
