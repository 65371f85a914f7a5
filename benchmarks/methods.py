"""What each method makes of `pocket`: clean answers, held-out loss, CPU time, peak memory, one JSON line a method.

    python benchmarks/methods.py [--methods lora,ia3,full] [--language en] [--questions 100]

Each is trained with default settings on the set `mixed`, in a process of its own because memory is measured, and
asked questions about facts that no instruction row repeats. CPU time does not depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.languages import ENGLISH
from tuning.models.peft_methods import METHODS, has_bitsandbytes


class Here:
    """Runs are executed by this process."""

    def warm(self) -> None: ...
    def run(self, run) -> None: ...
    def close(self) -> None: ...


def measure(method: str, language: str, n_questions: int) -> dict[str, object]:
    from tuning.config.training import SFTConfig
    from tuning.data import loading
    from tuning.executors.run_method import execute
    from tuning.inference.engine import LocalEngine
    from tuning.pocket.check import ask, questions
    from tuning.runs.queue import Queue
    from tuning.runs.run_store import RunStore

    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        home, data = Path(folder), loading.load(f"mixed.{language}")
        run = Queue(RunStore(home), Here()).submit("sft", SFTConfig(peft=method), data, method)
        began = time.process_time()
        execute(run, home)
        seconds, status = time.process_time() - began, run.status()
        if status.error:
            raise SystemExit(str(status.error))
        asked = questions(language)
        asked = asked[:: max(1, len(asked) // n_questions)]
        answers = ask(LocalEngine(home), method, asked)
    return {
        "method": method,
        "clean": round(answers.clean, 3),
        "right": round(answers.right, 3),
        "n_questions": len(asked),
        "heldout_before": status.first["heldout_loss"],
        "heldout_after": status.metrics["heldout_loss"],
        "trainable": status.plan["trainable"],
        "learning_rate": status.plan["learning_rate"],
        "cpu_seconds": round(seconds, 1),
        "peak_memory_mb": round(status.metrics["peak_memory_bytes"] / 1e6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures every method on pocket.")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--language", default=ENGLISH)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one, options.language, options.questions)), flush=True)
        return
    for method in options.methods.split(","):
        if method == "qlora" and not has_bitsandbytes():
            print(json.dumps({"method": method, "skipped": "bitsandbytes is not installed"}), flush=True)
            continue
        command = [sys.executable, __file__, "--one", method, "--language", options.language]
        subprocess.run([*command, "--questions", str(options.questions)], check=True, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
