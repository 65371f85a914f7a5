"""What votes teach a reward model: `python benchmarks/reward_model.py [--preferences polite] [--seeds 0 1 2]`.

Simulated votes as in `workbench.rehearse`; then a reward model for each way of reading a reply (the mean over its
tokens, its last token) and of putting votes together (each vote, majority), on the same votes. Prints a line of JSON
for each: accuracy on fresh comparisons of held-out prompts, against the voters' preference without errors.
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
from labeling.rounds import simulated_annotators
from labeling.rounds.simulated_annotators import Habits
from tuning.config.training import SFTConfig
from tuning.data.examples import Pair
from tuning.pocket.world.facts import LANGUAGES
from workbench.actors import TEACHER
from workbench.rehearse import Options, make_round, reward_accuracy, wait
from workbench.services import Services, build
from workbench.voting import simulated_preferences

WAYS = [("last", "majority"), ("mean", "majority"), ("mean", "every")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--languages", nargs="+", default=list(LANGUAGES))
    parser.add_argument("--preferences", nargs="+", default=["polite", "shorter", "longer"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for language in options.languages:
            tuned, home = Path(folder) / language, Path(folder) / "round"
            _in(tuned, _tune, language)
            for preference, seed in product(options.preferences, options.seeds):
                shutil.copytree(tuned, home)
                _in(home, _compare, Options(preference=preference, language=language, seed=seed))
                shutil.rmtree(home)


def _in(home: Path, work, *given) -> None:
    services = build(Settings(home=home))
    services.queue.start()
    try:
        work(services, *given)
    finally:
        services.stop()


def _tune(services: Services, language: str) -> None:
    config = SFTConfig.from_settings({"source_model": "pocket"})
    wait(services, services.training.start(TEACHER, config, f"mixed.{language}", "sft"))


def _compare(services: Services, options: Options) -> None:
    """All ways on the votes of one round."""
    likes = simulated_preferences.named(options.preference, options.language)
    round_ = make_round(services, options)
    habits = Habits(options.noise, options.lapses, options.notice, options.seed)
    simulated_annotators.vote(services.labels, round_, likes, habits, most=options.votes)
    for pooling, aggregation in WAYS:
        name, began = f"{pooling}-{aggregation}", time.monotonic()
        run = services.aligning.start(
            TEACHER, "reward", round_.round_id, name, aggregation, sources="simulated", pooling=pooling
        )
        wait(services, run)
        seconds = time.monotonic() - began
        accuracy, n = reward_accuracy(services, options, likes, name)
        data = services.training.store.get(run).examples("train", Pair)
        told = {"language": options.language, "preference": options.preference, "seed": options.seed}
        told |= {"pooling": pooling, "aggregation": aggregation, "rows": len(data)}
        told |= {"ties": sum(pair.tie for pair in data), "accuracy": accuracy, "compared": n}
        print(json.dumps(told | {"seconds": round(seconds, 1)}), flush=True)


if __name__ == "__main__":
    main()
