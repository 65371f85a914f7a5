"""Makes or updates a Space: `python spaces/deploy.py --space OWNER/NAME [--hardware zero|cpu|gpu]`.

Assembles the folder that a Space is built from (README with front matter, requirements, the packages; never this
folder, which would stand in the way of the platform's own package `spaces`), and uploads it through huggingface_hub,
beside a private data set that keeps the votes and the finished adapters. One that failed half-way is run again and goes
on where it was. A Space without a teacher's token gets one, printed as a link once; `--new-link` makes another.
`--dry-run DIR` writes the folder and contacts nobody. Your own token (`hf auth login`) is never given to the Space: set
AFINA_SPACE_TOKEN to a fine-grained one that may write to that data set alone.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("common", "tuning", "labeling", "workbench", "ui", "docs")
FILES = ("app.py", "requirements.txt", "LICENSE")
HARDWARE = {"zero": "zero-a10g", "cpu": "cpu-basic", "gpu": "t4-small"}
PYTHON = "3.12.12"  # what ZeroGPU runs
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
LONGEST_DESCRIPTION = 60  # characters


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="spaces/deploy.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--space", required=True, metavar="OWNER/NAME")
    parser.add_argument(
        "--hardware",
        choices=tuple(HARDWARE),
        help="of a new Space zero if not given; one that is there keeps what it has",
    )
    parser.add_argument(
        "--new-link", action="store_true", help="make a new teacher's link; the old one then no longer works"
    )
    parser.add_argument("--dry-run", type=Path, metavar="DIR", help="write the folder here and contact nobody")
    given = parser.parse_args()
    try:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", given.space):
            raise ValueError(f"--space is {given.space!r}; write it as OWNER/NAME")
        if given.dry_run:
            assemble(given.dry_run, HARDWARE[given.hardware or "zero"])
            print(given.dry_run)
            return 0
        with tempfile.TemporaryDirectory() as folder:
            deploy(Path(folder) / "space", given.space, given.hardware, given.new_link)
    except ValueError as problem:
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        return 2
    except Exception as problem:  # the Hub's errors, and those of whatever carries them
        said = " ".join(str(problem).split())[:300]
        print(f"{type(problem).__name__}: {said} Run the same command again: it goes on.", file=sys.stderr)
        return 2
    return 0


def assemble(target: Path, hardware: str) -> None:
    """Writes what a Space on `hardware` (the platform's name) is built from.

    Raises: ValueError where `target` holds something already.
    """
    if target.exists() and any(target.iterdir()):
        raise ValueError(f"{target} is not empty; give a new folder")
    target.mkdir(parents=True, exist_ok=True)
    waste = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, target / name, ignore=waste)
    for name in FILES:
        shutil.copy2(ROOT / name, target / name)
    front = front_matter(hardware)
    check(front)
    from huggingface_hub import metadata_save

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (target / "README.md").write_text(without_dead_links(readme, target), encoding="utf-8")
    metadata_save(target / "README.md", front)


def without_dead_links(text: str, folder: Path) -> str:
    """Markdown whose links to files that are not in `folder` are their words alone."""

    def kept(link: re.Match[str]) -> str:
        words, to = link.groups()
        elsewhere = re.match(r"[a-z]+:|#|/", to)
        return link.group() if elsewhere or (folder / to.partition("#")[0]).exists() else words

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)", kept, text)


def front_matter(hardware: str) -> dict[str, Any]:
    """What the platform reads at the top of README.md."""
    sys.path.insert(0, str(ROOT))
    from tuning.models.model_info import RECOMMENDED

    return {
        "title": "Afina",
        "emoji": "🎛️",
        "colorFrom": "indigo",
        "colorTo": "green",
        "sdk": "gradio",
        "sdk_version": version("gradio"),
        "python_version": PYTHON,
        "app_file": "app.py",
        "license": "apache-2.0",
        "short_description": "Fine-tune a small model in class, vote blind, align",
        "suggested_hardware": hardware,
        "hf_oauth": True,
        "preload_from_hub": [RECOMMENDED[0].id],
        "pinned": False,
        "tags": ["fine-tuning", "lora", "dpo", "rlhf", "education"],
    }


def check(front: dict[str, Any]) -> None:
    """Raises: ValueError naming the field that the platform would refuse."""
    for name in ("colorFrom", "colorTo"):
        if front[name] not in COLOURS:
            raise ValueError(f"{name} is {front[name]!r}; it must be one of {', '.join(COLOURS)}")
    if len(front["short_description"]) > LONGEST_DESCRIPTION:
        raise ValueError(f"short_description has more than {LONGEST_DESCRIPTION} characters")
    if front["sdk"] != "gradio" or not re.fullmatch(r"\d+\.\d+\.\d+", front["sdk_version"]):
        raise ValueError(f"sdk_version is {front['sdk_version']!r}; it must be a released version of gradio")
    if not (ROOT / front["app_file"]).is_file():
        raise ValueError(f"app_file is {front['app_file']!r}, which is not there")


def deploy(folder: Path, space: str, hardware: str | None, new_link: bool) -> None:
    """Makes or updates the Space and its data set, and prints what a person has to know of it, each as it is done.

    A Space that is there gets other hardware only where `hardware` asks for it. Raises: HfHubHTTPError as the Hub
    answers; ValueError for labels that are public.
    """
    from huggingface_hub import HfApi

    api, labels = HfApi(), f"{space}-labels"
    there = hardware_of(api, space)
    api.create_repo(labels, repo_type="dataset", private=True, exist_ok=True)
    if not api.repo_info(labels, repo_type="dataset").private:
        raise ValueError(f"the data set {labels} is public: anybody could read the labels; make it private first")
    kind: Any = HARDWARE[hardware] if hardware else there or HARDWARE["zero"]
    assemble(folder, kind)
    if there is None:
        api.create_repo(space, repo_type="space", space_sdk="gradio", space_hardware=kind, exist_ok=True)
    elif hardware:
        api.request_space_hardware(space, kind)
    print(f"https://huggingface.co/spaces/{space}")
    print(f"labels: https://huggingface.co/datasets/{labels} (private)", flush=True)
    unfinished = "app.py" not in api.list_repo_files(space, repo_type="space")
    secrets_of(api, space, labels, new_link or unfinished)
    api.upload_folder(
        repo_id=space,
        repo_type="space",
        folder_path=folder,
        delete_patterns=["*"],
        commit_message="Update from the repository",
    )
    print("uploaded; the Space builds now", flush=True)


def hardware_of(api: Any, space: str) -> str | None:
    """What the Space runs on, or has asked for; None where there is no such Space, "" where nobody says."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        runtime = api.space_info(space).runtime
    except RepositoryNotFoundError:
        return None
    return str((runtime and (runtime.requested_hardware or runtime.hardware)) or "")


def secrets_of(api: Any, space: str, labels: str, new_link: bool) -> None:
    """Sets the Space's secrets that are missing. A duplicate of the Space gets none of them, so no storage of ours."""
    there = set(api.get_space_secrets(space))
    if "AFINA_BACKUP" in api.get_space_variables(space):  # an earlier Afina set it where duplicates inherit it
        api.delete_space_variable(space, "AFINA_BACKUP")
    api.add_space_secret(space, "AFINA_BACKUP", labels)
    if own := os.environ.get("AFINA_SPACE_TOKEN", "").strip():
        api.add_space_secret(space, "HF_TOKEN", own)
    elif "HF_TOKEN" not in there:
        print(
            "NO BACKUP YET: make a fine-grained token at https://huggingface.co/settings/tokens that may write to\n"
            f"  {labels} alone, and run again: AFINA_SPACE_TOKEN=hf_… python spaces/deploy.py --space {space}"
        )
    if new_link or "AFINA_TEACHER_TOKEN" not in there:
        teacher = secrets.token_urlsafe(24)
        host = re.sub(r"[^a-z0-9-]+", "-", space.lower())
        # Shown first: were the answer lost, nobody would have the link.
        print(f"teacher (shown once): https://{host}.hf.space/enter?token={teacher}", flush=True)
        api.add_space_secret(space, "AFINA_TEACHER_TOKEN", teacher)
    else:
        print("the teacher's link stays as it is; --new-link makes another", flush=True)


if __name__ == "__main__":
    sys.exit(main())
