"""What a name of a model means: a base model, a policy, the device that it runs on. Plain values, nothing is loaded.

A *policy* is what answers: a base model, alone or with the adapter of a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

POCKET_PATH = Path(__file__).parents[1] / "pocket" / "weights"
POCKET_ID = "afina/pocket"
MOST_STRENGTH = 3.0  # how far the change of a run may be scaled


@dataclass(frozen=True)
class Base:
    """A base model: where it is and what it is called everywhere else."""

    name: str  # "pocket", a folder as the user wrote it, or a Hub id
    path_or_id: str
    sha256: str  # over the weight files; "" for a Hub id that has not been downloaded yet
    kind: Literal["pocket", "folder", "hub", "run"]  # run: a model that a run has trained whole


@dataclass(frozen=True)
class Policy:
    """Something that answers: a base, or a base with a run's adapter."""

    name: str
    base: Base
    adapter: Path | None = None
    run_id: str | None = None


@dataclass(frozen=True)
class Device:
    kind: Literal["cpu", "cuda", "mps"]
    dtype: str  # the number format that pays here for models large enough
    label: str  # in words: "CPU, 2 cores"


def neutral_id(base: Base) -> str:
    """What an adapter says about its base, true on every machine: a Hub id or a folder's name, never a path."""
    if base.kind == "pocket":
        return "afina/pocket"
    return base.name if base.kind in ("hub", "run") else Path(base.path_or_id).name
