"""An adapter merged into its base: a full model in safetensors that loads anywhere, without PEFT.

    W = W0 + (alpha / r) B A        (LoRA, Hu et al. 2021; rsLoRA: alpha / sqrt(r))

In float32 throughout, whatever the adapter was trained on: in half precision the sum would be rounded and the model
would say something else now and then. What the rounding still does is measured: the largest difference between the
logits of merged and unmerged, and whether their likeliest tokens agree. An adapter that was trained on a 4-bit base
(QLoRA) is merged into the base as it was before; what that changes is measured too. Knows no page.
"""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common import files, hashing
from common.errors import AfinaError, Conflict
from tuning.data.tokenize import render_prompt, with_template
from tuning.models import loader, peft_methods
from tuning.runs import resolver

_PROBES = ("Hello, who are you?", "¿Cuál es la capital de Perú?", "2 + 2 =")


@dataclass(frozen=True)
class Merged:
    """What was written, and how exactly it is what it was."""

    model: str
    base: str
    folder: str
    parameters: int
    largest_difference: float  # of the logits of merged and unmerged, both in float32
    same_greedy: bool  # whether their likeliest token agrees everywhere on the probes
    quantised_difference: float | None = None  # QLoRA: of the logits of merged and as it was trained, on 4 bits

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def merge(model: str, home: Path, out: Path) -> Merged:
    """Writes the policy `model` as a full model into the new folder `out`.

    Raises: AfinaError `merge.nothing` for a bare base, `merge.kind` for soft prompts and the like, Conflict
    `merge.exists` for a folder that has something in it, and as loading does.
    """
    import torch
    from peft import PeftModel

    policy = resolver.resolve(model, home)
    if policy.adapter is None:
        raise AfinaError("merge.nothing", name=policy.name)
    method = peft_methods.method_of(policy.adapter)
    member = peft_methods.PEFT_METHODS[method]
    if not member.merges:
        raise AfinaError("merge.kind", name=policy.name, kind=member.label)
    if out.exists() and any(out.iterdir()):
        raise Conflict("merge.exists", folder=out)
    tokenizer = with_template(loader.load_tokenizer(policy.base))
    base = loader.load_model(policy.base)
    with files.usable(policy.adapter):
        tuned = PeftModel.from_pretrained(base, str(policy.adapter)).eval()
    talks = [render_prompt(tokenizer, [{"role": "user", "content": text}]) for text in _PROBES]
    before = [_logits(tuned, ids) for ids in talks]
    whole: Any = tuned.merge_and_unload(safe_merge=True)
    after = [_logits(whole, ids) for ids in talks]
    difference = max(float((one - other).abs().max()) for one, other in zip(before, after, strict=True))
    same = all(bool((x.argmax(-1) == y.argmax(-1)).all()) for x, y in zip(before, after, strict=True))
    quantised = None
    if method == "qlora":
        four_bit = loader.load_model(policy.base, four_bit=True)
        small = PeftModel.from_pretrained(four_bit, str(policy.adapter)).eval()
        quantised = max(float((_logits(small, ids) - y).abs().max()) for ids, y in zip(talks, after, strict=True))
    beside = out.with_name(f".{out.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    whole.to(torch.float32).save_pretrained(beside)
    tokenizer.save_pretrained(beside)
    merged = Merged(policy.name, policy.base.name, str(out), whole.num_parameters(), difference, same, quantised)
    files.write_text(beside / "README.md", _card(merged, policy.base.sha256))
    if out.exists():
        out.rmdir()
    out.parent.mkdir(parents=True, exist_ok=True)
    beside.rename(out)
    return merged


def archive(model: str, home: Path, place: Path) -> Path:
    """The merged model as a zip in the folder `place`, made once for each state of its adapter."""
    policy = resolver.resolve(model, home)
    if policy.adapter is None:
        raise AfinaError("merge.nothing", name=policy.name)
    file = (policy.adapter / "adapter_config.json").stat(), sorted(policy.adapter.glob("*.safetensors"))
    stamp = hashing.of_json([file[0].st_mtime_ns, *((each.name, each.stat().st_mtime_ns) for each in file[1])])
    target = place / f"merged-{stamp[:12]}.zip"
    if not target.is_file():
        folder = place / f".merged-{stamp[:12]}"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            merge(model, home, folder)
            beside = folder.with_suffix(".zip")
            with zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as bundle:  # weights do not get smaller
                for each in sorted(folder.iterdir()):
                    bundle.write(each, f"{policy.name}-merged/{each.name}")
            beside.replace(target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return target


def _logits(model: Any, ids: list[int]) -> Any:
    """(1, T, V) in float32."""
    import torch

    with torch.inference_mode():
        return model(input_ids=torch.tensor([ids])).logits.float()


def _card(merged: Merged, sha256: str) -> str:
    return f"""# {merged.model}, merged

A full model, {merged.parameters:,} parameters in float32: the base `{Path(merged.base).name}` (sha256 of its weights
`{sha256 or "unknown"}`) with the adapter `{merged.model}` added to its weights, made with Afina. No adapter is needed.
The licence of the base applies.

Largest difference between the logits of the merged and the unmerged model: {merged.largest_difference:.2e}; likeliest
tokens {"agree" if merged.same_greedy else "do not all agree"} on the probes.{_quantised(merged)}

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer, model = AutoTokenizer.from_pretrained("."), AutoModelForCausalLM.from_pretrained(".")
```
"""


def _quantised(merged: Merged) -> str:
    if merged.quantised_difference is None:
        return ""
    return (
        "\n\nThe adapter was trained on the base in 4 bits (NF4) and is merged into the base in full: their logits"
        f" differ by at most {merged.quantised_difference:.2e}."
    )
