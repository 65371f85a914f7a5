"""What the loop from votes to a new policy reaches, over seeds: `python benchmarks/rehearsals.py [--pairs best]`.

Runs `workbench.rehearse` for each language, preference and seed, from one fine-tuning per language (which has a seed of
its own and would be the same each time), and prints a line of JSON for each: its result, the seconds of each stage.
Runs that differ in nothing differ by several points (threads add in another order): choose a default on three seeds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from common.settings import Settings
from tuning.config.training import SFTConfig
from tuning.pocket.world.facts import LANGUAGES
from workbench.actors import TEACHER
from workbench.rehearse import Options, rehearse
from workbench.services import build


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--languages", nargs="+", default=list(LANGUAGES))
    parser.add_argument("--preferences", nargs="+", default=["shorter", "longer", "polite"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--pairs", choices=("auto", "votes", "best"), default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        seconds = {language: tuned(Path(folder) / language, language) for language in options.languages}
        for seed, preference, language in product(options.seeds, options.preferences, options.languages):
            home = Path(folder) / "rehearsal"
            shutil.copytree(Path(folder) / language, home)
            asked = Options(preference=preference, language=language, seed=seed, pairs=options.pairs)
            print(json.dumps(_timed(asked, home) | {"sft_seconds": seconds[language]}), flush=True)
            shutil.rmtree(home)


def tuned(home: Path, language: str) -> float:
    """Fine-tunes once in `home`; gives the seconds."""
    services = build(Settings(home=home))
    services.queue.start()
    try:
        config = SFTConfig.from_settings({"source_model": "pocket"})
        run = services.training.start(TEACHER, config, f"mixed.{language}", "sft")
        while not (status := services.training.status(TEACHER, run)).ended:
            time.sleep(0.2)
    finally:
        services.stop()
    if status.state != "done":
        raise SystemExit(f"fine-tuning ended as {status.state}: {status.error}")
    return round(status.elapsed_seconds, 1)


def _timed(options: Options, home: Path) -> dict[str, object]:
    """The rehearsal's result, its seed, and the seconds of each stage."""
    stages: list[tuple[str, float]] = [("start", time.monotonic())]
    result = rehearse(options, home, lambda stage: stages.append((stage.split(":")[0], time.monotonic())))
    ends = [began for _, began in stages[1:]] + [time.monotonic()]
    spent = {stage: round(end - began, 1) for (stage, began), end in zip(stages, ends, strict=True)}
    return result | {"seed": options.seed, "stages": spent}


if __name__ == "__main__":
    main()
