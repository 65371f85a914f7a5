"""Which base models there are, what they need, where they run, and how they are loaded.

A *policy* is what answers: a base model, alone or with the adapter of a run. Only safetensors are read, code of a
model's repository never runs. Torch and transformers load when a model or a device is asked for, not before.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies

from common import hashing
from common.errors import AfinaError
from common.files import read_json
from common.settings import default_home

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers import PreTrainedTokenizerBase as Tokenizer

POCKET_PATH = Path(__file__).parent / "pocket" / "weights"
POCKET_ID = "afina/pocket"
_WEIGHTS = "*.safetensors"
_DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class Base:
    """A base model: where it is and what it is called everywhere else."""

    name: str  # "pocket", a folder as the user wrote it, or a Hub id
    path_or_id: str
    sha256: str  # over the weight files; "" for a Hub id that has not been downloaded yet
    kind: Literal["pocket", "folder", "hub"]


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


@dataclass(frozen=True)
class ModelInfo:
    """What a model's files say about it; 0 or "" where they do not."""

    parameters: int
    layers: int
    hidden: int
    context: int  # tokens
    vocabulary: int
    architecture: str
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


def resolve(name: str, home: Path | None = None) -> Policy:
    """The policy that `name` means: `pocket`, a run's name or id, a folder with a model, or a Hub id.

    Raises: AfinaError `models.unknown` (it is none of these), `models.no_adapter` (a run without one yet),
    `models.not_safetensors` (a folder without safetensors weights).
    """
    name = name.strip()
    if name in ("pocket", POCKET_ID):
        return Policy("pocket", _folder("pocket", POCKET_PATH, "pocket"))
    run = _find_run(name, home or default_home())
    if run is not None:
        info = read_json(run / "run.json")
        adapter = run / "adapter"
        if not (adapter / "adapter_config.json").is_file():
            raise AfinaError("models.no_adapter", name=info["name"])
        base = resolve(info["base"]["name"], home).base
        return Policy(info["name"], base, adapter, info["run_id"])
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return Policy(name, _folder(name, folder, "folder"))
    if _looks_like_hub_id(name):
        return Policy(name, Base(name, name, _hub_sha256(name), "hub"))
    raise AfinaError("models.unknown", name=name)


def load_tokenizer(base: Base) -> Tokenizer:
    """The tokenizer of `base`. Raises: AfinaError as `load_model`."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(base.path_or_id, **_only_local(base))
    except (OSError, ValueError) as error:
        raise _why(base, error) from error


def load_model(base: Base, device: str = "cpu", dtype: str = "float32") -> PreTrainedModel:
    """The model of `base` on `device` ("cpu", "cuda", "mps") in `dtype` ("float32", "bfloat16", "float16").

    Raises: AfinaError `models.no_network`, `models.gated`, `models.not_found`, `models.not_safetensors` or
    `models.broken`, each with the name and what to do.
    """
    import torch
    from transformers import AutoModelForCausalLM

    model: Any
    try:
        model = AutoModelForCausalLM.from_pretrained(
            base.path_or_id,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
            **_only_local(base),
        )
    except (OSError, ValueError) as error:
        raise _why(base, error) from error
    return model.to(device).eval()


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


def describe(base: Base) -> ModelInfo:
    """Sizes of `base` from its config and its safetensors headers; no weight is read.

    For a Hub model that is not on this disk only `config.json` is fetched; without a network a recommended model
    is described from what is known of it. Raises: AfinaError as `load_model`.
    """
    folder = _on_disk(base)
    config = read_json(folder / "config.json") if folder else _hub_config(base)
    text = config.get("text_config", config)
    known = next((each for each in RECOMMENDED if each.id == base.path_or_id), None)
    parameters = _count_parameters(folder) if folder else (known.parameters if known else 0)
    return ModelInfo(
        parameters=parameters or _guess_parameters(text),
        layers=_first(text, "num_hidden_layers", "n_layer"),
        hidden=_first(text, "hidden_size", "n_embd"),
        context=_first(text, "max_position_embeddings", "n_positions", "n_ctx"),
        vocabulary=_first(text, "vocab_size"),
        architecture=(config.get("architectures") or [""])[0],
        license=_license(base, folder, known),
    )


def memory_needed(info: ModelInfo, dtype: str = "float32") -> int:
    """Bytes to hold the weights and answer one conversation."""
    cache = 2 * info.layers * info.hidden * min(info.context or 2048, 2048) * 4
    return int(info.parameters * _DTYPE_BYTES.get(dtype, 4) * 1.1) + cache


def _find_run(name: str, home: Path) -> Path | None:
    """The run's directory by id, or by name (names are unique)."""
    runs = home / "runs"
    if not name or not runs.is_dir():
        return None
    by_id = runs / name
    if "/" not in name and ".." not in name and (by_id / "run.json").is_file():
        return by_id
    for path in runs.glob("*/run.json"):
        try:
            if read_json(path)["name"] == name:
                return path.parent
        except (OSError, ValueError, KeyError):  # being written or deleted right now
            continue
    return None


def _folder(name: str, path: Path, kind: Literal["pocket", "folder"]) -> Base:
    if not any(path.glob(_WEIGHTS)):
        raise AfinaError("models.not_safetensors", name=name)
    if not (path / "config.json").is_file():
        raise AfinaError("models.broken", name=name, reason="config.json is missing")
    stamps = tuple(
        (file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in sorted(path.glob(_WEIGHTS))
    )
    return Base(name, str(path if kind == "pocket" else path.resolve()), _sha256(path, stamps), kind)


@lru_cache(maxsize=64)
def _sha256(path: Path, stamps: tuple) -> str:
    """sha256 over the weight files; `stamps` makes changed files count anew."""
    return hashing.of_folder(path, _WEIGHTS)


def _looks_like_hub_id(name: str) -> bool:
    parts = name.split("/")
    allowed = all(
        part and part.replace("-", "").replace("_", "").replace(".", "").isalnum() for part in parts
    )
    return len(parts) == 2 and allowed and not name.startswith((".", "/"))


def _on_disk(base: Base) -> Path | None:
    """The folder of the model's files: itself, or the Hub cache's snapshot."""
    if base.kind != "hub":
        return Path(base.path_or_id)
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(base.path_or_id, "config.json")
    folder = Path(config).parent if isinstance(config, str) else None
    return folder if folder and any(folder.glob(_WEIGHTS)) else None


def _hub_sha256(name: str) -> str:
    folder = _on_disk(Base(name, name, "", "hub"))
    if folder is None:
        return ""
    files = sorted(folder.glob(_WEIGHTS))
    # In the Hub's cache a weight file is a link to a blob that is named by its sha256.
    return hashing.of_json([[file.name, file.resolve().name] for file in files])


def _hub_config(base: Base) -> dict[str, Any]:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(
            base.path_or_id, trust_remote_code=False, **_only_local(base)
        ).to_dict()
    except (OSError, ValueError) as error:
        raise _why(base, error) from error


def _count_parameters(folder: Path) -> int:
    """Parameters over all safetensors headers (8 bytes of length, then JSON) in `folder`."""
    count = 0
    for path in folder.glob(_WEIGHTS):
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
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


def _cpu_has_bf16() -> bool:
    import torch

    check = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(check and check())


def _only_local(base: Base) -> dict[str, Any]:
    """What keeps a folder, or a Hub model that is on this disk, from asking the Hub.

    Raises: AfinaError `models.no_network` at once where the Hub is needed and does not answer.
    """
    if base.kind != "hub" or _on_disk(base) is not None:
        return {"local_files_only": True}
    if not _hub_answers():
        raise AfinaError("models.no_network", name=base.name)
    return {}


def _hub_answers(seconds: float = 3.0) -> bool:
    """Whether a connection to the Hub can be opened; spares a minute of retries where there is no network."""
    from huggingface_hub import constants

    if constants.is_offline_mode():
        return False
    address = urlsplit(constants.ENDPOINT)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), timeout=seconds).close()
    except OSError:
        return bool(getproxies())  # behind a proxy names need not resolve here: let the client try
    return True


def _why(base: Base, error: Exception) -> AfinaError:
    """The error a person sees for what transformers and the Hub raise."""
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    text = str(error)
    causes = [error, error.__cause__, error.__context__]
    if any(isinstance(cause, GatedRepoError) for cause in causes) or "gated repo" in text:
        return AfinaError("models.gated", name=base.name)
    if (
        any(isinstance(cause, RepositoryNotFoundError) for cause in causes)
        or "is not a valid model id" in text
    ):
        return AfinaError("models.not_found", name=base.name)
    if "safetensors" in text:
        return AfinaError("models.not_safetensors", name=base.name)
    offline = ("couldn't connect", "offline", "Connection", "cached files")
    if any(isinstance(cause, LocalEntryNotFoundError) for cause in causes) or any(
        word in text for word in offline
    ):
        return AfinaError("models.no_network", name=base.name)
    return AfinaError(
        "models.broken", name=base.name, reason=text.splitlines()[0] if text else type(error).__name__
    )
