"""The whole loop without people: SFT, a round, simulated votes, a reward model, DPO, evaluation.

    python -m workbench.rehearse [--preference polite] [--language en] [--noise 0.15] [--json]
    python -m workbench.rehearse --round NAME [--annotators 5]

The voters like one thing (`voting.simulated_preferences`) and err now and then; the votes are marked `simulated`.
The policy
is measured on held-out prompts by the rule without errors, and asked facts before and after: it must learn manner
without losing content. Runs in a folder of its own, which is removed; with `--round`, they only vote, in the app's.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from common.errors import AfinaError
from common.settings import Settings
from common.split import split
from labeling.rounds import simulated_annotators
from labeling.rounds.simulated_annotators import NOTICE, Habits, Preference, better
from labeling.schema import Generation, Round, RoundSettings
from labeling.statistics import wilson
from labeling.storage.label_store import open_store
from tuning.inference.reply_engine import Sampling
from tuning.pocket.world.facts import LANGUAGES, Language
from workbench.access import Roles
from workbench.actors import TEACHER
from workbench.alignment.best_of_n import DECIDED
from workbench.alignment.preference_training import measured
from workbench.services import Services, build
from workbench.voting import simulated_preferences
from workbench.voting.prompt_sources import read_prompts
from workbench.voting.rounds import RoundRequest
from workbench.voting.simulation import Rehearsing

PROMPTS, VOTES, EVALUATED = 80, 200, 140


@dataclass(frozen=True)
class Options:
    preference: str = "polite"
    language: Language = LANGUAGES[0]
    noise: float = 0.15
    lapses: float = 0.0
    notice: float = NOTICE
    seed: int = 0
    prompts: int = PROMPTS
    votes: int = VOTES
    evaluated: int = EVALUATED
    pairs: Literal["auto", "votes", "best"] = "auto"  # what DPO learns from: the votes, or the best of n


def rehearse(options: Options, home: Path, say: Callable[[str], None] = lambda line: None) -> dict[str, Any]:
    """The loop in `home`; `say` is told what is going on. The keys of the result are a contract with scripts.

    A run named `sft` that `home` already has is taken as it is: many rehearsals can start from one fine-tuning.
    """
    began = time.monotonic()
    services = build(Settings(home=home))
    services.queue.start()
    try:
        return _loop(services, options, say) | {"seconds": round(time.monotonic() - began, 1)}
    finally:
        services.stop()


def _loop(services: Services, options: Options, say: Callable[[str], None]) -> dict[str, Any]:
    from tuning.config.training import SFTConfig
    from tuning.pocket import check

    likes = simulated_preferences.from_command_line(options.preference, options.language)
    habits = Habits(options.noise, options.lapses, options.notice, options.seed)
    questions = check.questions(options.language)
    if not any(run.name == "sft" for run in services.training.runs(TEACHER)):
        say("supervised fine-tuning")
        config, data = SFTConfig.from_settings({"source_model": "pocket"}), f"mixed.{options.language}"
        wait(services, services.training.start(TEACHER, config, data, "sft"))
    engine = services.comparing.engine
    before = check.ask(engine, "sft", questions)
    say(f"round: {options.prompts} prompts, {options.votes} votes, {options.noise:.0%} of them wrong")
    round_ = make_round(services, options)
    n_votes = simulated_annotators.vote(services.labels, round_, likes, habits, most=options.votes)
    say("reward model")
    wait(services, _judge(services, round_))
    accuracy, compared = reward_accuracy(services, options, likes)
    say("direct preference optimisation")
    taught_by = _taught_by(services, options, round_)
    wait(services, _align(services, options, round_, taught_by))
    say("evaluation")
    wins, decisive = compare(services, options, likes)
    likeliest, likeliest_decisive = compare(services, options, likes, greedy=True)
    after = check.ask(engine, "dpo", questions)
    # One comparison a prompt, so nothing is clustered.
    low, high = wilson.interval(wins, decisive) if decisive else (None, None)
    return {
        "preference": options.preference,
        "language": options.language,
        "n_votes": n_votes,
        "noise": options.noise,
        "lapses": options.lapses,
        "notice": options.notice,
        "pairs": taught_by,
        "n_pairs": services.aligning.pairs(TEACHER, round_.round_id, sources="simulated").n_train,
        "reward_model_accuracy": accuracy,
        "reward_model_compared": compared,
        "win_rate": wins / decisive if decisive else None,
        "win_rate_low": low,
        "win_rate_high": high,
        "evaluated": options.evaluated,
        "decisive": decisive,
        "likeliest_win_rate": likeliest / likeliest_decisive if likeliest_decisive else None,
        "likeliest_decisive": likeliest_decisive,
        "clean_before": round(before.clean, 4),
        "clean_after": round(after.clean, 4),
    }


def _taught_by(services: Services, options: Options, round_: Round) -> Literal["votes", "best"]:
    """What DPO learns from: fresh pairs that the reward model labels, unless ties were most of what people said."""
    if options.pairs != "auto":
        return options.pairs
    decided = services.aligning.pairs(TEACHER, round_.round_id, sources="simulated").decided
    return "votes" if decided is None or decided < DECIDED else "best"


def _judge(services: Services, this: Round) -> str:
    """Starts a reward model on each vote by itself (who disagrees says how sure it is), and gives its run."""
    return services.aligning.start(TEACHER, "reward", this.round_id, "reward", aggregation="every", sources="simulated")


def _align(services: Services, options: Options, round_: Round, taught_by: str) -> str:
    """Starts DPO and gives its run."""
    if taught_by == "votes":
        return services.aligning.start(TEACHER, "dpo", round_.round_id, "dpo", sources="simulated")
    prompts = f"prompts.{options.language}"
    return services.roads.labelled(TEACHER, round_.round_id, "reward", "dpo", prompts=prompts, seed=options.seed)


def make_round(services: Services, options: Options) -> Round:
    prompts = tuple(read_prompts(f"prompts.{options.language}", services.settings))
    held = round(0.25 * options.prompts)
    request = RoundRequest(
        name="rehearsal",
        policies=("sft",),
        prompts=prompts,
        n_train=options.prompts - held,
        n_heldout=held,
        settings=RoundSettings(votes_wanted=3, common_items=0),
        generation=Generation(temperature=1.0, max_new_tokens=64, seed=options.seed),
    )
    this = services.rounds.make_now(TEACHER, request)
    return services.rounds.move(TEACHER, this.round_id, "open")


def reward_accuracy(
    services: Services, options: Options, likes: Preference, name: str = "reward"
) -> tuple[float | None, int]:
    """On fresh comparisons of held-out prompts, against what the voters would say without errors; and how many."""
    from tuning.data.examples import Pair

    talks = [talk for talk in _heldout(services, options) for _ in range(4)]
    replies = _sample(services, "sft", talks, 2000 + options.seed)
    pairs = []
    for first in range(0, len(talks), 4):
        prompt = tuple(talks[first])
        question = str(prompt[-1]["content"])
        liked = sorted(set(replies[first : first + 4]), key=lambda reply: likes(question, reply))
        if better(likes(question, liked[-1]), likes(question, liked[0]), options.notice):
            pairs.append(Pair(prompt, liked[-1], liked[0]))
    return measured(services.aligning.reward_model(TEACHER, name), pairs).accuracy, len(pairs)


def compare(
    services: Services, options: Options, likes: Preference, name: str = "dpo", greedy: bool = False
) -> tuple[int, int]:
    """(wins, decisive) of the run `name` against its parent on held-out prompts, one reply of each to each.

    Decisive is a difference that the voters notice.
    Sampled at temperature 1 as in a round, with the same seeds; or the likeliest replies (`greedy`).
    """
    talks = _heldout(services, options)
    old = _sample(services, "sft", talks, 1000 + options.seed, greedy)
    new = _sample(services, name, talks, 1000 + options.seed, greedy)
    messages = [talk[-1]["content"] for talk in talks]
    outcomes = [
        better(likes(prompt, one), likes(prompt, other), options.notice)
        for prompt, one, other in zip(messages, new, old, strict=True)
    ]
    return outcomes.count(1), len(outcomes) - outcomes.count(0)


def _heldout(services: Services, options: Options) -> list[list[dict[str, str]]]:
    """Held-out prompts as conversations, drawn for the evaluation."""
    every = read_prompts(f"prompts.{options.language}", services.settings)
    heldout = [prompt for prompt in dict.fromkeys(every) if split(prompt) == "heldout"]
    random.Random(options.seed + 1).shuffle(heldout)
    return [[{"role": "user", "content": prompt}] for prompt in heldout[: options.evaluated]]


def _sample(services: Services, policy: str, talks: list, seed: int, greedy: bool = False) -> list[str]:
    sampling = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=64, seed=seed, greedy=greedy)
    return [reply.text for reply in services.comparing.engine.generate([policy] * len(talks), talks, sampling)]


def wait(services: Services, run_id: str) -> None:
    while not (status := services.training.status(TEACHER, run_id)).ended:
        time.sleep(0.1)
    if status.state != "done":
        raise status.error or AfinaError("engine.no_start")


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="python -m workbench.rehearse", description=(__doc__ or "").splitlines()[0])
    known = f"{', '.join(simulated_preferences.NAMES)}, keyword:WORD, file.py:function"
    root.add_argument("--preference", default="polite", help=known)
    root.add_argument("--language", choices=LANGUAGES, default=LANGUAGES[0])
    root.add_argument("--noise", type=float, default=0.15, help="share of votes for the other reply, 0 to 0.5")
    root.add_argument("--lapses", type=float, default=0.0, help="share of votes by chance, 0 to 1")
    root.add_argument(
        "--notice",
        type=float,
        default=NOTICE,
        help="least difference that they see; of lengths, a share (0: each letter)",
    )
    root.add_argument("--seed", type=int, default=0)
    root.add_argument(
        "--pairs",
        choices=("auto", "votes", "best"),
        default="auto",
        help="DPO learns from the votes, or from fresh pairs that the reward model labels",
    )
    root.add_argument("--round", metavar="NAME", help="vote in this open round of AFINA_HOME, and no more")
    root.add_argument("--annotators", type=int, default=5, help="how many vote in --round")
    root.add_argument("--json", action="store_true")
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    values = vars(parser().parse_args(arguments))
    as_json, named, annotators = (values.pop(name) for name in ("json", "round", "annotators"))
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        options = Options(**values)
        result = _vote_in(named, annotators, options) if named else _apart(options)
    except AfinaError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(result) if as_json else "\n".join(f"{name}: {value}" for name, value in result.items()))
    return 0


def _apart(options: Options) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return rehearse(options, Path(folder), lambda line: print(line, file=sys.stderr))


def _vote_in(name: str, annotators: int, options: Options) -> dict[str, Any]:
    """Simulated votes in a round of the installation."""
    likes = simulated_preferences.from_command_line(options.preference, options.language)
    habits = Habits(options.noise, options.lapses, options.notice, options.seed)
    settings = Settings.from_env()
    rehearsing = Rehearsing(open_store(settings), Roles(settings))
    return asdict(rehearsing.vote(TEACHER, name, likes, annotators, habits))


if __name__ == "__main__":
    sys.exit(main())
