"""Bottleneck adapters (Houlsby et al. 2019, arXiv 1902.00751): two small networks in every block of a transformer.

    h <- h + W_up gelu(W_down h + b_down) + b_up       W_down (m, d), W_up (d, m), W_up and b_up zero at first

one behind the attention, one behind the feed-forward part, each before its residual is added. Only they are trained.
They are hooks on the base model's own modules, so the base's weights keep their names and can be had back untouched.
No maintained library offers them for current transformers. Knows a model's modules; no runs, no trainer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from common import files
from common.errors import AfinaError
from common.files import read_json

NAME = "houlsby"  # of the submodule; no base model has one of this name
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
ATTENTION = ("self_attn", "attn", "attention", "self_attention")
FEED_FORWARD = ("mlp", "feed_forward", "ffn", "fc")


class Bottleneck(nn.Module):
    """d -> m -> d, added to its input. Begins as the identity."""

    def __init__(self, width: int, bottleneck: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, bottleneck)
        self.up = nn.Linear(bottleneck, width)
        nn.init.normal_(self.down.weight, std=width**-0.5)
        nn.init.zeros_(self.down.bias)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        """(..., d) -> (..., d), in the dtype of `h`."""
        inner = nn.functional.gelu(self.down(h.to(self.down.weight.dtype)))
        return h + self.up(inner).to(h.dtype)


def insert(model: Any, bottleneck: int) -> Any:
    """Puts adapters of width `bottleneck` (fp32) into `model`, freezes everything else, and gives `model` back.

    Raises: AfinaError `family.no_blocks` where no blocks with attention and feed-forward part are found.
    """
    places = _places(model)
    if not places:
        raise AfinaError("family.no_blocks", name=type(model).__name__)
    model.requires_grad_(False)
    width = model.config.get_text_config().hidden_size
    for place in places:
        adapter = Bottleneck(width, bottleneck).to(device=next(place.parameters()).device)
        place.add_module(NAME, adapter)
        place.register_forward_hook(_through)
    return model


def remove(model: Any) -> Any:
    """The base model as it was before `insert`."""
    for place in [module for module in model.modules() if NAME in module._modules]:
        del place._modules[NAME]
        for key in [key for key, hook in place._forward_hooks.items() if hook is _through]:
            del place._forward_hooks[key]
    return model


def is_in(model: Any) -> bool:
    return any(NAME in module._modules for module in model.modules())


def save(model: Any, folder: Path, base: str) -> None:
    """The adapters of `model` in `folder`; `base` is what their base model is called."""
    state = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items() if f".{NAME}." in name
    }
    bottleneck = next(value.shape[0] for name, value in state.items() if name.endswith("down.weight"))
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    files.write_json(
        folder / CONFIG, {"peft_type": "HOULSBY", "bottleneck": bottleneck, "base_model_name_or_path": base}
    )


def load(model: Any, folder: Path, trainable: bool = False) -> Any:
    """`model` with the adapters saved in `folder`. Raises: RuntimeError where their shapes do not fit."""
    insert(model, int(read_json(folder / CONFIG)["bottleneck"]))
    state = load_file(folder / WEIGHTS)
    names = {name for name in model.state_dict() if f".{NAME}." in name}
    if names != set(state):
        remove(model)
        raise RuntimeError(f"adapters for {len(state)} places do not fit a model with {len(names)}")
    model.load_state_dict(state, strict=False)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(trainable and f".{NAME}." in name)
    return model


def parameters(layers: int, width: int, bottleneck: int) -> int:
    """How many are trained: two adapters a block, 2 d m + d + m each."""
    return layers * 2 * (2 * width * bottleneck + width + bottleneck)


def _through(place: nn.Module, inputs: Any, output: Any) -> Any:
    """The forward hook: what comes out of `place` goes through its adapter."""
    adapter = place._modules[NAME]
    assert adapter is not None
    if isinstance(output, tuple):
        return (adapter(output[0]), *output[1:])
    return adapter(output)


def _places(model: Any) -> list[nn.Module]:
    """Attention and feed-forward part of every block, in their order; [] where some block lacks one."""
    places = []
    for block in _blocks(model):
        parts = [
            next((block._modules[name] for name in names if block._modules.get(name) is not None), None)
            for names in (ATTENTION, FEED_FORWARD)
        ]
        if any(part is None for part in parts):
            return []
        places += [part for part in parts if part is not None]
    return places


def _blocks(model: Any) -> Iterator[nn.Module]:
    """The transformer's blocks: the list of modules that is as long as the model is deep."""
    depth = model.config.get_text_config().num_hidden_layers
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList) and len(module) == depth]
    yield from lists[0] if lists else ()
