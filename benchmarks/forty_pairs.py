"""What DPO on a class's few votes reaches, by settings: `python benchmarks/forty_pairs.py --set learning_rate=3e-4`.

Each `--set` (several `key=value` in one) is a variant; without any, the default. For each language, preference and seed
one round of 53 prompts and 120 simulated votes of which a tenth err teaches every variant, which is compared with its
parent on 140 held-out prompts by the rule without errors, sampled and likeliest, and asked for facts. One line of JSON
for each. Runs that differ in nothing differ by several points: choose on several seeds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from rehearsals import tuned

from common.settings import Settings
from labeling.rounds import simulated_annotators
from labeling.rounds.simulated_annotators import Habits
from tuning.pocket import check
from tuning.pocket.world.facts import LANGUAGES
from workbench.actors import TEACHER
from workbench.rehearse import Options, compare, make_round, wait
from workbench.services import build
from workbench.voting import simulated_preferences

PROMPTS, VOTES, NOISE = 53, 120, 0.1  # forty to train on; three votes for most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--languages", nargs="+", default=list(LANGUAGES))
    parser.add_argument("--preferences", nargs="+", default=["shorter", "longer", "polite"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--set", nargs="+", action="append", default=[], metavar="KEY=VALUE", dest="variants")
    asked = parser.parse_args()
    variants = [dict(each.split("=", 1) for each in variant) for variant in asked.variants] or [{}]
    with tempfile.TemporaryDirectory() as folder:
        for language in asked.languages:
            tuned(Path(folder) / language, language)
            for seed, preference in product(asked.seeds, asked.preferences):
                home = Path(folder) / "class"
                shutil.copytree(Path(folder) / language, home)
                options = Options(
                    preference=preference, language=language, seed=seed, prompts=PROMPTS, votes=VOTES, noise=NOISE
                )
                for found in _class(options, home, variants):
                    print(json.dumps(found), flush=True)
                shutil.rmtree(home)


def _class(options: Options, home: Path, variants: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
    """One class's votes, and what each variant makes of them."""
    services = build(Settings(home=home))
    services.queue.start()
    try:
        likes = simulated_preferences.from_command_line(options.preference, options.language)
        round_ = make_round(services, options)
        habits = Habits(options.noise, options.lapses, options.notice, options.seed)
        simulated_annotators.vote(services.labels, round_, likes, habits, most=options.votes)
        pairs = services.aligning.pairs(TEACHER, round_.round_id, sources="simulated").n_train
        engine, facts = services.comparing.engine, check.questions(options.language)
        before = check.ask(engine, "sft", facts).clean
        for number, settings in enumerate(variants):
            name = f"dpo-{number}"
            wait(
                services,
                services.aligning.start(TEACHER, "dpo", round_.round_id, name, sources="simulated", **settings),
            )
            wins, decisive = compare(services, options, likes, name)
            likeliest, of = compare(services, options, likes, name, greedy=True)
            yield {
                "language": options.language,
                "preference": options.preference,
                "seed": options.seed,
                "settings": settings,
                "pairs": pairs,
                "wins": wins,
                "decisive": decisive,
                "likeliest_wins": likeliest,
                "likeliest_decisive": of,
                "clean_lost": round(before - check.ask(engine, name, facts).clean, 4),
            }
    finally:
        services.stop()


if __name__ == "__main__":
    main()
