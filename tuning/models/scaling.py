"""The dial: what a run changed in its parent, scaled from nothing to three times, without training.

`NAME*1.5` is a policy wherever one is named. With the parent's change W_p = c_p B_p A_p of the base weights and the
run's W_d, both LoRA, the policy at strength s has

    W(s) = W0 + W_p + s (W_d - W_p)          s = 0 is the parent, s = 1 the run

Beyond 1 this is extrapolation along the way that training took (Zheng et al. 2024, "ExPO"; task vectors, Ilharco et
al. 2023): the rewarded trait grows, and at some point content goes. It is exact as an adapter of its own, the two
side by side: A = [A_p; A_d], B = [(1 - s) c_p B_p, s c_d B_d]. Knows adapter files; no base model is touched.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import files, hashing
from common.errors import AfinaError
from tuning.models import peft_methods
from tuning.models.references import MOST_STRENGTH

if TYPE_CHECKING:
    import torch

SIGN = "*"  # no run, folder or Hub id has it in its name
STEP = 0.05
_KEPT = 24  # settings of one run that stay on disk; others are made again when asked for


def name_of(run: str, strength: float) -> str:
    """The policy's name at a setting: `NAME*1.5`; the run's own name at 1."""
    strength = checked(strength)
    return run if strength == 1 else f"{run}{SIGN}{strength:g}"


def parsed(name: str) -> tuple[str, float]:
    """(run, strength) of `NAME*1.5`. Raises: AfinaError `dial.strength`."""
    run, _, text = name.rpartition(SIGN)
    try:
        return run.strip(), checked(float(text))
    except ValueError:
        raise AfinaError("dial.strength", value=text, most=MOST_STRENGTH) from None


def checked(strength: float) -> float:
    """The nearest setting of the dial. Raises: AfinaError `dial.strength` outside of 0 to 3."""
    if not 0 <= strength <= MOST_STRENGTH:  # NaN fails too
        raise AfinaError("dial.strength", value=strength, most=MOST_STRENGTH)
    return round(round(strength / STEP) * STEP, 4)


def adapter_at(run: Path, parent: Path | None, strength: float) -> Path:
    """The folder of the adapter at `strength`, made when first asked for; kept with the run, and deleted with it.

    `run` and `parent` are the runs' directories; no parent: the change is the whole adapter.
    Raises: AfinaError `dial.kind` for an adapter that is not LoRA (or rsLoRA), `dial.layers`.
    """
    own, before = run / "adapter", begins_at(parent)
    folder = _place(run, own, before, strength)
    if not folder.is_dir():
        beside = folder.with_name(f".{folder.name}.{os.getpid()}.{os.urandom(3).hex()}")
        write(own, before, strength, beside)
        try:
            beside.rename(folder)
        except OSError:  # another thread or process was first
            shutil.rmtree(beside, ignore_errors=True)
        _forget_oldest(folder.parent)
    return folder


def is_made(run: Path, parent: Path | None, strength: float) -> bool:
    """Whether the adapter at `strength` is there, so that nothing would be written to use it."""
    try:
        return checked(strength) == 1 or _place(run, run / "adapter", begins_at(parent), strength).is_dir()
    except OSError:  # a run without an adapter
        return False


def available(run: Path, parent: Path | None) -> list[float]:
    """The settings of the dial that are there, the run itself among them."""
    every = (STEP * n for n in range(round(MOST_STRENGTH / STEP) + 1))
    return [round(strength, 4) for strength in every if is_made(run, parent, strength)]


def _place(run: Path, own: Path, before: Path | None, strength: float) -> Path:
    stamps = [_stamp(folder) for folder in (own, before) if folder]
    return run / "dials" / f"{checked(strength):g}-{hashing.of_json(stamps)[:12]}"


def begins_at(parent: Path | None) -> Path | None:
    """The adapter that a run goes on from; none where its parent is a whole model, which is its base."""
    return None if parent is None or peft_methods.is_full(parent / "adapter") else parent / "adapter"


def _forget_oldest(place: Path) -> None:
    """What was made long ago goes; nothing that somebody may be about to load."""
    every = sorted((each for each in place.iterdir() if each.name[0] != "."), key=lambda each: each.stat().st_mtime)
    for each in every[: max(0, len(every) - _KEPT)]:
        if time.time() - each.stat().st_mtime > 600:
            shutil.rmtree(each, ignore_errors=True)


def write(own: Path, before: Path | None, strength: float, folder: Path) -> None:
    """Writes the adapter at `strength` into `folder`, tokenizer and all."""
    from safetensors.torch import save_file

    own_config = _config(own)
    parts = [(_weights(own), _scale(own_config), strength)]
    if before is not None:
        parts.insert(0, (_weights(before), _scale(_config(before)), 1 - strength))
    tensors = _side_by_side(parts)
    rank = next(weight.shape[0] for name, weight in tensors.items() if ".lora_A." in name)
    folder.mkdir(parents=True, exist_ok=True)
    for path in own.iterdir():
        if path.is_file() and path.name not in ("adapter_model.safetensors", "README.md", "afina.json"):
            shutil.copy2(path, folder / path.name)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    files.write_json(folder / "adapter_config.json", own_config | {"r": rank, "lora_alpha": rank, "use_rslora": False})


def _side_by_side(parts: list[tuple[dict[str, Any], float, float]]) -> dict[str, torch.Tensor]:
    """One adapter of scale 1 that does what the `parts` (weights, scale, factor) do together, in float32."""
    import torch

    names = parts[0][0].keys()
    if any(weights.keys() != names for weights, _, _ in parts):
        raise AfinaError("dial.layers")
    stacked = {}
    for name in names:
        every = [weights[name].float() for weights, _, _ in parts]
        if ".lora_A." in name:  # (r, in)
            stacked[name] = torch.cat(every).contiguous()
        elif ".lora_B." in name:  # (out, r)
            scaled = [w * (c * s) for w, (_, c, s) in zip(every, parts, strict=True)]
            stacked[name] = torch.cat(scaled, dim=1).contiguous()
        else:
            raise AfinaError("dial.layers")
    return stacked


def _config(folder: Path) -> dict[str, Any]:
    if not (folder / "adapter_config.json").is_file():
        raise AfinaError("dial.kind", kind="not PEFT's")
    adapter_config = files.read_json(folder / "adapter_config.json")
    plain = adapter_config.get("bias", "none") == "none" and not adapter_config.get("modules_to_save")
    plain = plain and not adapter_config.get("rank_pattern") and not adapter_config.get("alpha_pattern")
    if adapter_config.get("peft_type") != "LORA" or adapter_config.get("use_dora") or not plain:
        kind = "DoRA" if adapter_config.get("use_dora") else str(adapter_config.get("peft_type"))
        raise AfinaError("dial.kind", kind=kind)
    return adapter_config


def _scale(adapter_config: dict[str, Any]) -> float:
    return adapter_config["lora_alpha"] / (
        math.sqrt(adapter_config["r"]) if adapter_config.get("use_rslora") else adapter_config["r"]
    )


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    with files.usable(folder / "adapter_model.safetensors"):
        return load_file(folder / "adapter_model.safetensors")


def _stamp(folder: Path) -> str:
    path = folder / "adapter_model.safetensors"
    with files.usable(path):
        file = path.stat()
    return f"{folder.parent.name} {file.st_size} {file.st_mtime_ns}"
