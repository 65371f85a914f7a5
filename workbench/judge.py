"""A machine judges or revises, from the command line.

    python -m workbench.judge label --round "round 1" --judge reward --name judge
    python -m workbench.judge label --round "round 1" --judge endpoint --url http://host/v1 --name model
    python -m workbench.judge revise --policy polite --prompts prompts.en --into revisions --judge policy --name polite
    python -m workbench.judge agreement --round "round 1" --json

An endpoint's key comes from AFINA_JUDGE_KEY alone: what stands on a command line, others on the machine can read. It
goes to AFINA_JUDGE_URL alone where that is set, else to --url.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from common.errors import AfinaError
from common.languages import ENGLISH, LANGUAGES
from common.settings import Settings
from workbench.actors import TEACHER
from workbench.alignment.ai_feedback import KEY, JudgeChoice
from workbench.services import Services, build
from workbench.voting.prompt_sources import read_prompts


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    command = {"label": _label, "revise": _revise, "agreement": _agreement}[options.command]
    try:
        services = build(_settings(options))
        try:
            result = command(services, options)
        finally:
            services.labels.close()
    except AfinaError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    print(json.dumps(result, ensure_ascii=False) if options.json else _lines(result))
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    """Who types the address here has set the key too: where no address is bound to it, this one is."""
    settings = Settings.from_env()
    return settings if settings.judge_url else replace(settings, judge_url=getattr(options, "url", ""))


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="python -m workbench.judge", description=(__doc__ or "").splitlines()[0])
    commands = root.add_subparsers(dest="command", required=True)
    judge = argparse.ArgumentParser(add_help=False)
    judge.add_argument("--judge", choices=("reward", "policy", "endpoint"), required=True)
    judge.add_argument("--name", required=True, help="a reward model's run, a policy, or the endpoint's model")
    judge.add_argument("--url", default="", help=f"of an OpenAI-compatible endpoint; its key in {KEY}")
    judge.add_argument("--constitution", type=Path, help="a file with the principles; else the installation's own")
    judge.add_argument("--language", choices=LANGUAGES, default=ENGLISH)
    for name, parents in (("label", [judge]), ("revise", [judge]), ("agreement", [])):
        sub = commands.add_parser(name, parents=parents)
        sub.add_argument("--json", action="store_true", help="print one JSON object on stdout")
        if name == "revise":
            sub.add_argument("--policy", required=True)
            sub.add_argument("--prompts", required=True, help="a shipped set or a file")
            sub.add_argument("--into", required=True, help="name of the new round")
            sub.add_argument("--n-train", type=int, default=20)
            sub.add_argument("--n-heldout", type=int, default=5)
        else:
            sub.add_argument("--round", required=True)
    return root


def _choice(options: argparse.Namespace) -> JudgeChoice:
    rubric = options.constitution.read_text(encoding="utf-8") if options.constitution else ""
    return JudgeChoice(options.judge, options.name, options.url, "", rubric, options.language)


def _label(services: Services, options: argparse.Namespace) -> dict[str, Any]:
    return services.judging.label(TEACHER, options.round, _choice(options), _progress).to_dict()


def _revise(services: Services, options: argparse.Namespace) -> dict[str, Any]:
    prompts = read_prompts(options.prompts, services.settings)
    return services.judging.revise(
        TEACHER, options.policy, options.into, prompts, _choice(options), options.n_train, options.n_heldout, _progress
    ).to_dict()


def _agreement(services: Services, options: argparse.Namespace) -> dict[str, Any]:
    found = services.judging.agreement(TEACHER, options.round)
    return {"round": options.round, "judges": [asdict(each) for each in found]}


def _progress(done: int, total: int) -> None:
    print(f"{done} of {total}", file=sys.stderr)


def _lines(result: dict[str, Any]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in result.items())


if __name__ == "__main__":
    sys.exit(main())
