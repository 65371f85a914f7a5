"""What base models are like, before any weight is read: sizes, licence, memory; and which are worth trying.

Reads configs and safetensors headers. Knows nothing of runs, devices or how a model is loaded.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import AfinaError
from common.files import read_json
from tuning.models import hub

if TYPE_CHECKING:
    from tuning.models.references import Base


@dataclass(frozen=True)
class ModelInfo:
    """What a model's files say about it; 0 or "" where they do not."""

    parameters: int
    layers: int
    hidden: int
    context: int  # tokens
    vocabulary: int
    license: str


@dataclass(frozen=True)
class Recommended:
    """A base model worth trying: Hub id, parameters, licence, memory for LoRA training in GB, a word on it."""

    id: str
    parameters: int
    license: str
    memory_gb: float
    key: str  # of the words that describe it


RECOMMENDED = (
    Recommended("HuggingFaceTB/SmolLM2-135M-Instruct", 134_515_008, "Apache-2.0", 2, "models.smollm2_135m"),
    Recommended("HuggingFaceTB/SmolLM2-360M-Instruct", 361_821_120, "Apache-2.0", 4, "models.smollm2_360m"),
    Recommended("Qwen/Qwen3-0.6B", 596_049_920, "Apache-2.0", 6, "models.qwen3_06b"),
    Recommended("meta-llama/Llama-3.2-1B-Instruct", 1_235_814_400, "Llama 3.2", 8, "models.llama_1b"),
    Recommended("openai-community/gpt2", 124_439_808, "MIT", 2, "models.gpt2"),
)

# What files lead to that describe no model.
_NO_MODEL = (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError, struct.error)


def describe(base: Base) -> ModelInfo:
    """Sizes of `base` from its config and its safetensors headers; no weight is read.

    For a Hub model that is not on this disk only `config.json` is fetched. Raises: AfinaError as `load_model`.
    """
    folder = hub.on_disk(base)
    config = read_json(folder / "config.json") if folder else hub.config(base)
    try:
        return _described(base, folder, config)
    except _NO_MODEL as error:
        reason = f"{type(error).__name__}: {error}"
        raise AfinaError("models.broken", name=base.name, reason=reason) from error


def _described(base: Base, folder: Path | None, config: dict[str, Any]) -> ModelInfo:
    text = config.get("text_config", config)
    known = next((each for each in RECOMMENDED if each.id == base.path_or_id), None)
    parameters = _count_parameters(folder) if folder else (known.parameters if known else 0)
    return ModelInfo(
        parameters=parameters or _guess_parameters(text),
        layers=_first(text, "num_hidden_layers", "n_layer"),
        hidden=_first(text, "hidden_size", "n_embd"),
        context=_first(text, "max_position_embeddings", "n_positions", "n_ctx"),
        vocabulary=_first(text, "vocab_size"),
        license=_license(base, folder, known),
    )


def _count_parameters(folder: Path) -> int:
    """Parameters over all safetensors headers (8 bytes of length, then JSON) in `folder`."""
    count = 0
    for path in folder.glob(hub.WEIGHTS):
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > path.stat().st_size:
                raise ValueError(f"{path.name} ends before its header")
            header = json.loads(file.read(length))
        for name, tensor in header.items():
            if name != "__metadata__":
                size = 1
                for extent in tensor["shape"]:
                    size *= extent
                count += size
    return count


def _guess_parameters(config: dict[str, Any]) -> int:
    """Embeddings and Llama-like blocks, when no weight file is at hand."""
    hidden, layers = _first(config, "hidden_size", "n_embd"), _first(config, "num_hidden_layers", "n_layer")
    inner = _first(config, "intermediate_size", "n_inner") or 4 * hidden
    return _first(config, "vocab_size") * hidden + layers * (4 * hidden * hidden + 3 * hidden * inner)


def _first(config: dict[str, Any], *names: str) -> int:
    return next((int(config[name]) for name in names if config.get(name)), 0)


def _license(base: Base, folder: Path | None, known: Recommended | None) -> str:
    if known:
        return known.license
    readme = folder / "README.md" if folder else None
    if readme and readme.is_file():
        for line in readme.read_text(encoding="utf-8", errors="replace").splitlines()[:20]:
            if line.startswith("license:"):
                return line.split(":", 1)[1].strip()
    return ""
