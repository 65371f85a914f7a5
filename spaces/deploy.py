"""Makes or updates a Space: `python spaces/deploy.py --space OWNER/NAME [--hardware zero|cpu|gpu]`.

Assembles the folder that a Space is built from (README with front matter, requirements, the packages; never this
folder, which would stand in the way of the platform's own package `spaces`), and uploads it through huggingface_hub,
beside a private data set that keeps the votes and the finished adapters. A new Space gets a teacher's token, printed
as a link once. `--dry-run DIR` writes the folder and contacts nobody. The token in use (HF_TOKEN, or that of
`hf auth login`) becomes the Space's secret HF_TOKEN: it needs the right to write to the data set; one for that data
set alone can be given as AFINA_SPACE_TOKEN.
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
    parser = argparse.ArgumentParser(prog="spaces/deploy.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--space", required=True, metavar="OWNER/NAME")
    parser.add_argument("--hardware", choices=tuple(HARDWARE),
                        help="of a new Space zero if not given; one that is there keeps what it has")  # fmt: skip
    parser.add_argument(
        "--dry-run", type=Path, metavar="DIR", help="write the folder here and contact nobody"
    )
    given = parser.parse_args()
    hardware = given.hardware or "zero"
    try:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", given.space):
            raise ValueError(f"--space is {given.space!r}; write it as OWNER/NAME")
        if given.dry_run:
            assemble(given.dry_run, hardware)
            print(given.dry_run)
            return 0
        with tempfile.TemporaryDirectory() as folder:
            assemble(Path(folder) / "space", hardware)
            for line in upload(Path(folder) / "space", given.space, hardware, bool(given.hardware)):
                print(line)
    except (ValueError, OSError) as problem:  # the Hub's errors are OSErrors
        print(f"{type(problem).__name__}: {problem}", file=sys.stderr)
        return 2
    return 0


def assemble(target: Path, hardware: str) -> None:
    """Writes what a Space is built from. Raises: ValueError where `target` holds something already."""
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

    (target / "README.md").write_text((ROOT / "README.md").read_text(encoding="utf-8"), encoding="utf-8")
    metadata_save(target / "README.md", front)


def front_matter(hardware: str) -> dict[str, Any]:
    """What the platform reads at the top of README.md."""
    sys.path.insert(0, str(ROOT))
    from tuning.catalog import RECOMMENDED

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
        "suggested_hardware": HARDWARE[hardware],
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


def upload(folder: Path, space: str, hardware: str, change: bool) -> list[str]:
    """Makes or updates the Space and its data set; gives what a person has to know of it.

    A Space that is there gets other hardware only where that is asked for (`change`).

    Raises: HfHubHTTPError (an OSError) as the Hub answers; ValueError for labels that are public.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import RepositoryNotFoundError

    api, labels = HfApi(), f"{space}-labels"
    try:
        api.repo_info(space, repo_type="space")
        new = False
    except RepositoryNotFoundError:
        new = True
    api.create_repo(labels, repo_type="dataset", private=True, exist_ok=True)
    if not api.repo_info(labels, repo_type="dataset").private:
        raise ValueError(
            f"the data set {labels} is public: anybody could read the labels; make it private first"
        )
    kind: Any = HARDWARE[hardware]
    api.create_repo(space, repo_type="space", space_sdk="gradio", space_hardware=kind, exist_ok=True)
    if change and not new:
        api.request_space_hardware(space, kind)
    api.add_space_variable(space, "AFINA_BACKUP", labels)
    api.add_space_secret(space, "HF_TOKEN", os.environ.get("AFINA_SPACE_TOKEN") or get_token() or "")
    told = [f"https://huggingface.co/spaces/{space}"]
    told.append(f"labels: https://huggingface.co/datasets/{labels} (private)")
    if new:
        teacher = secrets.token_urlsafe(24)
        api.add_space_secret(space, "AFINA_TEACHER_TOKEN", teacher)
        host = re.sub(r"[^a-z0-9-]+", "-", space.lower())
        told.append(f"teacher (shown once): https://{host}.hf.space/enter?token={teacher}")
    api.upload_folder(repo_id=space, repo_type="space", folder_path=folder, delete_patterns=["*"],
                      commit_message="Update from the repository")  # fmt: skip
    return told


if __name__ == "__main__":
    sys.exit(main())
