"""What an adapter costs when it answers: milliseconds a token, bare, unmerged and merged, on the model at hand.

    unmerged  W0 x + (alpha / r) B (A x)    two more products in every layer
    merged    (W0 + (alpha / r) B A) x      one, as in the base (Hu et al. 2021, section 4.1)

The three are measured in turn, several times; the fastest of each counts: what else the machine does only slows.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import AfinaError
from tuning.models import loader, model_info, peft_methods
from tuning.runs import resolver


@dataclass(frozen=True)
class Latency:
    """Milliseconds of one token, greedy, one conversation; None where there is no such form."""

    model: str
    method: str
    device: str
    tokens: int
    base_ms: float
    unmerged_ms: float
    merged_ms: float | None

    @property
    def unmerged_ratio(self) -> float:
        return self.unmerged_ms / self.base_ms

    @property
    def merged_ratio(self) -> float | None:
        return None if self.merged_ms is None else self.merged_ms / self.base_ms


def measure(model: str, home: Path, tokens: int = 32, repeats: int = 7) -> Latency:
    """Times the policy `model` beside its base.

    Raises: AfinaError `latency.whole` where there is no adapter to leave out, `config.range`, and as loading does.
    """
    import torch

    from tuning.data.tokenize import render_prompt, with_template
    from tuning.inference.model_cache import SMALL
    from tuning.models import adapter_io

    for name, value, most in (("tokens", tokens, 512), ("repeats", repeats, 100)):
        if not 1 <= value <= most:
            raise AfinaError("config.range", name=name, value=value, min=1, max=most)
    policy = resolver.resolve(model, home)
    if policy.adapter is None:
        raise AfinaError("latency.whole", name=policy.name)
    info, where = model_info.describe(policy.base), loader.device()
    method = peft_methods.method_of(policy.adapter)
    tokenizer = with_template(loader.load_tokenizer(policy.base))
    ids = torch.tensor([render_prompt(tokenizer, [{"role": "user", "content": "Hello, who are you?"}])])

    def fresh() -> Any:
        return loader.load_model(policy.base, where.kind, "float32" if info.parameters < SMALL else where.dtype)

    forms: dict[str, Any] = {"base": fresh(), "unmerged": adapter_io.load(fresh(), policy.adapter).eval()}
    if peft_methods.PEFT_METHODS[method].merges:
        forms["merged"] = adapter_io.load(fresh(), policy.adapter).merge_and_unload().eval()
    threads = torch.get_num_threads()
    best = dict.fromkeys(forms, float("inf"))
    try:
        torch.set_num_threads(1 if info.parameters < SMALL else threads)
        for turn in range(repeats + 1):
            for name, each in forms.items():
                seconds = _once(each, ids.to(where.kind), tokens)
                if turn:  # the first warms up
                    best[name] = min(best[name], seconds)
    finally:
        torch.set_num_threads(threads)
    ms_per_token = {name: 1000 * seconds / tokens for name, seconds in best.items()}
    return Latency(
        policy.name,
        method,
        where.label,
        tokens,
        ms_per_token["base"],
        ms_per_token["unmerged"],
        ms_per_token.get("merged"),
    )


def _once(model: Any, ids: Any, tokens: int) -> float:
    """Seconds to write exactly `tokens` tokens."""
    import torch
    from transformers import GenerationConfig

    config = GenerationConfig(
        max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, eos_token_id=None, pad_token_id=0
    )
    began = time.perf_counter()
    with torch.inference_mode():
        model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=config)
    if ids.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began
