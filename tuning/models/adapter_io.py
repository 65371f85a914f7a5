"""Making, loading and saving what a method trains: PEFT's adapters, our own bottlenecks, or the whole model.

One place that knows how each member of `models.peft_methods` becomes modules and files. Knows no runs and no trainer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peft
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from common import files
from common.errors import AfinaError
from tuning.models import bottleneck, peft_methods

STATE = "trainable.safetensors"  # in a checkpoint: every trained parameter by its name
_ADAPTED = {"k_proj", "v_proj", "down_proj"}  # where (IA)^3 puts its vectors in Llama-like blocks


def make(model: Any, config: Any) -> Any:
    """`model` with what `config.peft` trains, new; the rest frozen. Draws from torch's generator, seeded here."""
    torch.manual_seed(config.seed)
    method = config.peft
    if method == "full":
        return model.requires_grad_(True)
    if method == "houlsby":
        return bottleneck.insert(model, config.rank)
    if method == "ia3":
        return peft.get_peft_model(model, _ia3(model))
    if method == "llama_adapter":
        return peft.get_peft_model(model, _llama_adapter(model, config.virtual_tokens))
    if peft_methods.PEFT_METHODS[method].is_soft:
        return peft.get_peft_model(model, _soft(method, model, config.virtual_tokens))
    return peft.get_peft_model(model, lora(config))


def lora(config: Any, **further: Any) -> peft.LoraConfig:
    """PEFT's config for the LoRA family, on every linear layer but the output."""
    return peft.LoraConfig(
        r=config.rank,
        lora_alpha=config.scale,
        lora_dropout=config.dropout,
        use_rslora=config.peft == "rslora",
        use_dora=config.peft == "dora",
        **{"target_modules": "all-linear", "task_type": "CAUSAL_LM", **further},
    )


def _ia3(model: Any) -> peft.IA3Config:
    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    if names >= _ADAPTED:  # whatever the model is called
        return peft.IA3Config(target_modules=sorted(_ADAPTED), feedforward_modules=["down_proj"], task_type="CAUSAL_LM")
    known = peft.utils.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING
    if model.config.model_type not in known:
        raise AfinaError(
            "family.model_type",
            method=peft_methods.PEFT_METHODS["ia3"].label,
            name=type(model).__name__,
            found=model.config.model_type,
            known=", ".join(known),
        )
    return peft.IA3Config(task_type="CAUSAL_LM")


def _llama_adapter(model: Any, tokens: int) -> Any:
    """Every layer but the lowest two, as in the paper (30 of 32), at least one."""
    layers = max(1, model.config.num_hidden_layers - 2)
    return peft.AdaptionPromptConfig(adapter_len=tokens, adapter_layers=layers, task_type="CAUSAL_LM")


def _soft(method: str, model: Any, tokens: int) -> Any:
    shared: dict[str, Any] = {"num_virtual_tokens": tokens, "task_type": "CAUSAL_LM"}
    if method == "prefix":
        return peft.PrefixTuningConfig(**shared)
    if method == "prompt":
        return peft.PromptTuningConfig(**shared)
    # The network of the paper, a bidirectional LSTM and two layers. PEFT's default, three layers, learns a
    # reply and not where it ends (benchmarks/README.md).
    return peft.PromptEncoderConfig(
        **shared,
        encoder_reparameterization_type="LSTM",
        encoder_hidden_size=peft_methods.prompt_network(model.config.hidden_size)[0],
        encoder_num_layers=peft_methods.LSTM_LAYERS,
    )


def continued(model: Any, folder: Path) -> Any:
    """`model` with a trainable copy of the adapter saved in `folder`."""
    method = peft_methods.method_of(folder)
    if method == "houlsby":
        return bottleneck.load(model, folder, trainable=True)
    if peft_methods.PEFT_METHODS[method].is_soft:  # PEFT does not load these to be trained further
        adapter_config = peft.PeftConfig.from_pretrained(str(folder))
        adapter_config.inference_mode, adapter_config.base_model_name_or_path = False, None
        wrapped = peft.get_peft_model(model, adapter_config)
        restore(wrapped, folder)
        return wrapped
    return PeftModel.from_pretrained(model, str(folder), adapter_name="default", is_trainable=True)


def load(model: Any, folder: Path, name: str = "default") -> Any:
    """`model` with the adapter saved in `folder`, to answer with."""
    if peft_methods.method_of(folder) == "houlsby":
        return bottleneck.load(model, folder).eval()
    if isinstance(model, PeftModel):
        model.load_adapter(str(folder), adapter_name=name, torch_device=str(model.device))
        return model
    return PeftModel.from_pretrained(model, str(folder), adapter_name=name)


def save(model: Any, folder: Path, base: str, method: str) -> None:
    """What `method` has trained in `model`, alone, into `folder`; `base` is what its base is called, never a path."""
    if method == "full":
        model.save_pretrained(str(folder))
    elif method == "houlsby":
        bottleneck.save(model, folder, base)
    else:
        model.peft_config["default"].base_model_name_or_path = base
        # Embeddings are never trained here; "auto" would ask the Hub about them.
        model.save_pretrained(str(folder), save_embedding_layers=False, selected_adapters=["default"])
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's template; ours is card.md
        if peft_methods.PEFT_METHODS[method].is_soft:
            keep(model, folder)
    files.write_json(folder / peft_methods.MEMBER, {"method": method})


def keep(model: Any, folder: Path) -> None:
    """Every trained parameter of `model` by its name: what a resumed run goes on from, for every method.

    PEFT's own files are not enough: of P-tuning they hold what its network gives, not the network.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu().contiguous() for name, value in trained(model)}
    save_file(state, folder / STATE, metadata={"format": "pt"})


def restore(model: Any, folder: Path) -> None:
    """Puts back what `keep` wrote. Raises: RuntimeError where it does not fit."""
    state = load_file(folder / STATE)
    parameters = dict(trained(model))
    if parameters.keys() != state.keys():
        raise RuntimeError(f"{folder} holds {len(state)} tensors, the model trains {len(parameters)}")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(state[name])


def trained(model: Any) -> list[tuple[str, torch.nn.Parameter]]:
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


def n_trained(model: Any) -> int:
    """Parameters that are trained."""
    return sum(parameter.numel() for _, parameter in trained(model))
