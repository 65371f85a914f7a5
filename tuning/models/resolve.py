"""Which base models there are, what they need, where they run, and how they are loaded.

A *policy* is what answers: a base model, alone or with the adapter of a run. Only safetensors are read, code of a
model's repository never runs. Torch and transformers load when a model or a device is asked for, not before.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from common import hashing
from common.errors import AfinaError
from common.files import BrokenFile
from common.settings import default_home
from tuning.models import hub, lazy_imports, peft_methods, scaling
from tuning.models.info import RECOMMENDED, ModelInfo, Recommended, describe, memory_needed
from tuning.runs.run_store import RunInfo

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

__all__ = [
    "RECOMMENDED",
    "Base",
    "Device",
    "ModelInfo",
    "Policy",
    "Recommended",
    "describe",
    "device",
    "load_model",
    "load_tokenizer",
    "memory_needed",
    "resolve",
]

POCKET_PATH = Path(__file__).parents[1] / "pocket" / "weights"
POCKET_ID = "afina/pocket"
NO_POLICY = ("reward", "classify")  # methods whose runs give numbers, not replies


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


def resolve(name: str, home: Path | None = None) -> Policy:
    """The policy that `name` means: `pocket`, a run's name or id, a folder with a model, or a Hub id.

    `NAME*1.5` is a run with its change scaled (`tuning.models.scaling`).

    Raises: AfinaError `models.unknown` (it is none of these), `models.no_adapter` (a run without one yet),
    `models.not_safetensors` (a folder without safetensors weights), `models.base_changed` (a run whose base has
    other weights now than when it was trained).
    """
    name = name.strip()
    if name in ("pocket", POCKET_ID):
        return Policy("pocket", _folder("pocket", POCKET_PATH, "pocket"))
    if scaling.SIGN in name:
        return _dialled(name, home)
    run = _find_run(name, home or default_home())
    if run is not None:
        info = RunInfo.read(run)
        if info.method in NO_POLICY:
            raise AfinaError("models.no_policy", name=info.name, method=info.method)
        adapter = run / "adapter"
        if not peft_methods.is_whole(adapter):
            raise AfinaError("models.no_adapter", name=info.name)
        if peft_methods.is_full(adapter):
            return Policy(info.name, _folder(info.name, adapter, "run"), None, info.run_id)
        if info.base["name"] in (info.name, info.run_id):
            raise BrokenFile(run / "run.json", "field", name="base", value=info.base["name"])
        base = resolve(info.base["name"], home).base
        trained_on = info.base["sha256"]
        if trained_on and base.sha256 and trained_on != base.sha256:
            raise AfinaError("models.base_changed", name=info.name, base=base.name)
        return Policy(info.name, base, adapter, info.run_id)
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return Policy(name, _folder(name, folder, "folder"))
    if hub.looks_like_id(name):
        return Policy(name, Base(name, name, hub.sha256(name), "hub"))
    raise AfinaError("models.unknown", name=name)


def _dialled(name: str, home: Path | None) -> Policy:
    """A run with its change scaled. Raises: as `resolve` and `tuning.models.scaling`."""
    run, strength = scaling.parsed(name)
    found = resolve(run, home)
    if found.adapter is None:
        raise AfinaError("dial.no_run", name=run)
    place = found.adapter.parent
    parent = RunInfo.read(place).parent
    folder = scaling.adapter_at(place, place.parent / parent if parent else None, strength)
    return Policy(scaling.name_of(found.name, strength), found.base, folder)


def load_tokenizer(base: Base) -> Tokenizer:
    """The tokenizer of `base`. Raises: AfinaError as `load_model`."""
    transformers = lazy_imports.transformers()
    try:
        return transformers.AutoTokenizer.from_pretrained(base.path_or_id, **hub.only_local(base))
    except (OSError, ValueError) as error:
        raise hub.why(base, error) from error


def load_model(
    base: Base, device: str = "cpu", dtype: str = "float32", four_bit: bool = False
) -> PreTrainedModel:
    """The model of `base` on `device` ("cpu", "cuda", "mps") in `dtype` ("float32", "bfloat16", "float16").

    `four_bit`: its linear layers as NF4 with double quantisation (Dettmers et al. 2023), computing in `dtype`.
    Raises: AfinaError `models.no_network`, `models.gated`, `models.not_found`, `models.not_safetensors` or
    `models.broken`, each with the name and what to do.
    """
    import torch
    from safetensors import SafetensorError

    transformers = lazy_imports.transformers()
    model: Any
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            base.path_or_id,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
            **hub.only_local(base),
            **(_four_bit(device, dtype) if four_bit else {}),
        )
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise hub.why(base, error) from error
    if not four_bit:
        return model.to(device).eval()
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            # Its fast way of answering takes some shapes only, and repacks the weights under the trainer.
            module.support_avx512bf16_for_cpu = False
    return model.eval()


def _four_bit(device: str, dtype: str) -> dict[str, Any]:
    import torch
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, dtype),
    )
    return {"quantization_config": config, "device_map": {"": device}}


@lru_cache(maxsize=1)
def device() -> Device:
    """The device to use: CUDA, else Apple's MPS, else the CPU; and the number format that pays on it."""
    import torch

    if torch.cuda.is_available():
        dtype = "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
        return Device("cuda", dtype, torch.cuda.get_device_name())
    if torch.backends.mps.is_available():
        return Device("mps", "float32", "Apple GPU (MPS)")
    return Device("cpu", "bfloat16" if _cpu_has_bf16() else "float32", f"CPU, {os.cpu_count()} cores")


def _find_run(name: str, home: Path) -> Path | None:
    """The run's directory by id, or by name (names are unique)."""
    runs = home / "runs"
    if not name or not runs.is_dir():
        return None
    by_id = runs / name
    if "/" not in name and ".." not in name and (by_id / "run.json").is_file():
        return by_id
    for path in runs.glob("[!.]*/run.json"):
        try:
            if RunInfo.read(path.parent).name.casefold() == name.casefold():
                return path.parent
        except (FileNotFoundError, BrokenFile):  # deleted in between, or none that anybody can read
            continue
    return None


def _folder(name: str, path: Path, kind: Literal["pocket", "folder", "run"]) -> Base:
    if not any(path.glob(hub.WEIGHTS)):
        raise AfinaError("models.not_safetensors", name=name)
    if not (path / "config.json").is_file():
        raise AfinaError("models.broken", name=name, reason="config.json is missing")
    stamps = tuple(
        (file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(path.glob(hub.WEIGHTS))
    )
    return Base(name, str(path if kind == "pocket" else path.resolve()), _sha256(path, stamps), kind)


@lru_cache(maxsize=64)
def _sha256(path: Path, stamps: tuple) -> str:
    """sha256 over the weight files; `stamps` makes changed files count anew."""
    return hashing.of_folder(path, hub.WEIGHTS)


def _cpu_has_bf16() -> bool:
    import torch

    check = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(check and check())
