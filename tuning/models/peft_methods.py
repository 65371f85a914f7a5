"""The family of fine-tuning methods: what each trains, its paper, its rate, and which models it fits.

A table and checks made before a run, on configs and sizes alone. Knows no tensors.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import AfinaError
from common.files import BrokenFile, read_json
from tuning.models import hub

if TYPE_CHECKING:
    from tuning.models.references import Base

MEMBER = "family.json"  # beside the weights, for what PEFT's own config does not tell


@dataclass(frozen=True)
class PeftMethod:
    """One method. `rate` multiplies the learning rate that LoRA gets on a model of the same size."""

    label: str
    paper: str
    rate: float
    is_lora: bool = False  # its adapter is PEFT's LoRA: plain ones share a batch with the base
    is_soft: bool = False  # trains virtual tokens in front of the input
    starts_at_base: bool = True  # before the first step the model says what the base says
    merges: bool = False  # its change can be added into the base's weights
    peft_type: str = ""  # what PEFT calls it; "" where PEFT does not know it


PEFT_METHODS: dict[str, PeftMethod] = {
    "lora": PeftMethod("LoRA", "Hu et al. 2021, arXiv 2106.09685", 1, True, merges=True, peft_type="LORA"),
    "rslora": PeftMethod("rsLoRA", "Kalajdzievski 2023, arXiv 2312.03732", 1, True, merges=True, peft_type="LORA"),
    "dora": PeftMethod("DoRA", "Liu et al. 2024, arXiv 2402.09353", 1, True, merges=True, peft_type="LORA"),
    "qlora": PeftMethod(
        "QLoRA (NF4)", "Dettmers et al. 2023, arXiv 2305.14314", 1, True, merges=True, peft_type="LORA"
    ),
    "houlsby": PeftMethod("Bottleneck adapters", "Houlsby et al. 2019, arXiv 1902.00751", 1),
    "llama_adapter": PeftMethod(
        "LLaMA-Adapter", "Zhang et al. 2023, arXiv 2303.16199", 15, peft_type="ADAPTION_PROMPT"
    ),
    "ia3": PeftMethod("(IA)³", "Liu et al. 2022, arXiv 2205.05638", 30, merges=True, peft_type="IA3"),
    "prefix": PeftMethod(
        "Prefix tuning",
        "Li and Liang 2021, arXiv 2101.00190",
        100,
        is_soft=True,
        starts_at_base=False,
        peft_type="PREFIX_TUNING",
    ),
    "prompt": PeftMethod(
        "Prompt tuning",
        "Lester et al. 2021, arXiv 2104.08691",
        300,
        is_soft=True,
        starts_at_base=False,
        peft_type="PROMPT_TUNING",
    ),
    "ptuning": PeftMethod(
        "P-tuning",
        "Liu et al. 2021, arXiv 2103.10385",
        2,
        is_soft=True,
        starts_at_base=False,
        peft_type="P_TUNING",
    ),
    "full": PeftMethod("Full fine-tuning", "Howard and Ruder 2018, arXiv 1801.06146", 0.2),
}
METHODS = tuple(PEFT_METHODS)

LSTM_LAYERS, WIDEST = 2, 256  # of the network that makes P-tuning's soft prompt
_ADAPTION = ("llama", "mistral")  # whose attention LLaMA-Adapter reads
_FEW = ("lora", "rslora", "dora", "qlora")


def check(config: Any, base: Base) -> None:
    """Whether `config.peft` can be trained on `base`; nothing is downloaded but, for a Hub model, its config.

    Raises: AfinaError `family.encoder`, `family.model_type`, `family.no_bitsandbytes`, `family.no_4bit`,
    `family.packing`, `family.checkpointing`: each says what to take instead.
    """
    base_config = check_writes(base)
    name = base.name
    method = config.peft
    label = PEFT_METHODS[method].label
    model_type = str(base_config.get("text_config", base_config).get("model_type", "?"))
    if method == "llama_adapter" and model_type not in _ADAPTION:
        raise AfinaError("family.model_type", method=label, name=name, found=model_type, known=", ".join(_ADAPTION))
    if method == "qlora":
        _check_4bit(base_config, name)
    if PEFT_METHODS[method].is_soft and getattr(config, "packing", None):
        raise AfinaError("family.packing", method=label)
    if method == "prefix" and getattr(config, "gradient_checkpointing", None):
        raise AfinaError("family.checkpointing", method=label)


def check_writes(base: Base) -> dict[str, Any]:
    """The config of `base`. Raises: AfinaError `family.encoder` for a model that reads and does not write."""
    base_config = model_config(base)
    if is_encoder(base_config):
        names = base_config.get("architectures") or ["?"]
        raise AfinaError("family.encoder", name=base.name, architecture=names[0])
    return base_config


def prompt_network(width: int) -> tuple[int, int]:
    """(units in each direction, parameters) of the network of P-tuning (Liu et al. 2021).

    Layers of a bidirectional LSTM (four gates with two biases each), then two layers back to the model's `width`. Its
    units are as many as the model is wide, at most `WIDEST`: the network of a large model would be a model itself.
    """
    units = min(width, WIDEST)
    into = [width, *[2 * units] * (LSTM_LAYERS - 1)]
    lstm = sum(2 * 4 * units * (each + units + 2) for each in into)
    return units, lstm + 2 * units * (2 * units + 1) + width * (2 * units + 1)


def has_bitsandbytes() -> bool:
    """Whether the library for 4-bit weights is installed; it is not imported."""
    return importlib.util.find_spec("bitsandbytes") is not None


def _check_4bit(base_config: dict[str, Any], name: str) -> None:
    if base_config.get("quantization_config"):
        raise AfinaError("family.quantised", name=name)
    if sys.platform == "darwin":
        raise AfinaError("family.no_4bit", device="macOS")
    if not has_bitsandbytes():
        raise AfinaError("family.no_bitsandbytes")


def model_config(base: Base) -> dict[str, Any]:
    """config.json of `base`. Raises: AfinaError as `models.load_model`."""
    folder = hub.on_disk(base)
    return read_json(folder / "config.json") if folder else hub.config(base)


def is_encoder(base_config: dict[str, Any]) -> bool:
    """Whether a model's config says that it fills gaps or classifies instead of writing on."""
    names = base_config.get("architectures") or []
    writes = any("CausalLM" in each or "LMHead" in each or "ConditionalGeneration" in each for each in names)
    return (
        bool(names)
        and not writes
        and any(part in each for each in names for part in ("MaskedLM", "ForPreTraining", "Bert", "Electra", "Encoder"))
    )


def method_of(folder: Path) -> str:
    """The method whose result lies in `folder`, by its own record, else by PEFT's config.

    Raises: FileNotFoundError where nothing whole lies there.
    """
    if (folder / MEMBER).is_file():
        method = str(read_json(folder / MEMBER).get("method"))
        if method not in PEFT_METHODS:  # a newer version may know more
            raise BrokenFile(folder / MEMBER, "field", name="method", value=method)
        return method
    config = read_json(folder / "adapter_config.json")
    kind = config.get("peft_type")
    if kind == "LORA":
        return "dora" if config.get("use_dora") else "rslora" if config.get("use_rslora") else "lora"
    return next((name for name, member in PEFT_METHODS.items() if member.peft_type == kind), "lora")


def is_whole(folder: Path) -> bool:
    """Whether something that a run has learned lies in `folder`: an adapter, or a whole model."""
    return (folder / "adapter_config.json").is_file() or is_full(folder)


def is_full(folder: Path) -> bool:
    """Whether a whole fine-tuned model lies in `folder`."""
    return (folder / "config.json").is_file() and (folder / MEMBER).is_file()


def inherited(config: Any, parent: Path) -> Any:
    """`config` with the method of the adapter in `parent`, which a child trains further.

    Full fine-tuning leaves a model on which any method may begin. Raises: AfinaError `family.not_continued`
    where the trainer of `config` cannot continue that method.
    """
    method = method_of(parent)
    if method == "full":
        return config
    choices = next(field.metadata["choices"] for field in config.__dataclass_fields__.values() if field.name == "peft")
    plain = "lora" if method == "qlora" and method not in choices else method
    if plain not in choices:
        raise AfinaError("family.not_continued", method=PEFT_METHODS[method].label, choices=", ".join(choices))
    return type(config).from_settings({**config.to_dict(), "peft": plain})
