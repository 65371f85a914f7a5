"""The model card of an adapter: what it stands on, what it learned from, how, how well, and how to load it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuning.config.training_methods import METHODS
from tuning.models.peft_methods import PEFT_METHODS
from tuning.models.references import Base, neutral_id

if TYPE_CHECKING:
    from tuning.models.model_info import ModelInfo
    from tuning.runs.run_store import Run
    from tuning.runs.status import RunStatus


def write(run: Run, base_model: Base, model: ModelInfo, plan: Mapping[str, Any]) -> str:
    """The card as Markdown, with the front matter that the Hub reads. `plan`: what was planned, by name."""
    base = neutral_id(base_model)
    info, status = run.info, run.status()
    method = str(info.config.get("peft", "lora"))
    licence, result = model.license or "unknown", METHODS[info.method].result
    front = [
        "---",
        *([f"base_model: {base}"] if "/" in base else []),
        f"library_name: {'peft' if PEFT_METHODS[method].peft_type else 'transformers'}",
        *(["pipeline_tag: text-generation"] if result == "policy" else []),
        *([f"license: {licence.lower().replace(' ', '')}"] if model.license else []),
        f"tags: [{method}, {info.method}, afina]",
        "---",
    ]
    created = datetime.fromtimestamp(info.created_at, UTC)
    parent = f"\n- Continues: the run `{info.parent}`" if info.parent else ""
    about = f"""
# {run.name}

{METHODS[info.method].card}, with Afina on {created:%Y-%m-%d}.

## Base model

- Name: `{base}`
- sha256 of its weights: `{base_model.sha256 or "unknown"}`
- Licence: {licence}{parent}

An adapter works only on the base model that it was trained on: check the sha256.

## Data

- Name: {_data_name(info.data)}
- Fingerprint (sha256 of the rows): `{info.data.get("fingerprint", "")}`
- Rows: {info.data.get("n_train")} for training, {info.data.get("n_heldout")} for validation

## Method

{PEFT_METHODS[method].label} ({PEFT_METHODS[method].paper}): {status.plan.get("trainable", 0):,} parameters trained of \
{model.parameters:,}.{_QUANTISED if method == "qlora" else ""}
"""
    return (
        "\n".join(front)
        + about
        + _numbers(run, plan, status)
        + (_OTHER_USAGE.get(result) or _usage(base, info.base.get("name") == "pocket", method))
    )


_QUANTISED = """
It was trained over 4-bit weights (NF4) and is used over the weights as they are; the losses below were measured over
the 4-bit ones."""


_REWARD_USAGE = """
## Use

The adapter sits on its parent policy, merged into the base model, with a sequence-classification head of one number
(its weights are in the adapter, `modules_to_save`). Only differences between rewards of replies to one prompt mean
something. In Afina: `tuning.rewards.reward_model.RewardModel(name, home).scores(...)`.
"""

_OTHER_USAGE = {
    "reward_model": _REWARD_USAGE,
    "classifier": """
## Use

`classifier.json` names the classes in the order of the head's numbers; the head stands on the base model's
sequence-classification architecture. In Afina: `tuning.classify.predict(name, ["…"])`.
""",
}


def _data_name(data: dict) -> str:
    """The name without the folders of this machine."""
    return Path(str(data.get("name", ""))).name


def _numbers(run: Run, plan: Mapping[str, Any], status) -> str:
    config = {**run.info.config, "source_model": None}
    settings = [f"| {name} | {value} |" for name, value in config.items() if value not in (None, 0, 0.0, "auto")]
    chosen = [
        f"| {name} | {plan[name]} |"
        for name in (
            "batch_size",
            "max_length",
            "learning_rate",
            "packing",
            "gradient_checkpointing",
            "dtype",
            *METHODS[run.info.method].planned,
        )
        if name in plan and (name not in config or config[name] in (None, 0, 0.0, "auto"))
    ]
    results = [
        ("Steps", f"{status.step} of {plan['steps']}"),
        ("Training loss, last step", _shown(status.metrics.get("loss"))),
        ("Validation loss before", _shown(status.first.get("heldout_loss"))),
        ("Validation loss after", _shown(status.metrics.get("heldout_loss"))),
        *((label, _before_and_after(status, metric)) for metric, label in METHODS[run.info.method].measures.items()),
        ("Seconds", f"{status.elapsed_seconds:.0f} on {status.plan.get('device_label', '?')}"),
    ]
    notes = "".join(f"\n- {note}" for note in status.notes)
    return "\n".join(
        ["", "## Settings", "", "| setting | value |", "| --- | --- |", *settings, *chosen, ""]
        + ["## Result", "", "| measure | value |", "| --- | --- |"]
        + [f"| {name} | {value} |" for name, value in results]
        + ["", METHODS[run.info.method].loss, *([notes] if notes else []), ""]
    )


def _before_and_after(status: RunStatus, metric: str) -> str:
    """The last value, and what was measured before the first step, if anything was."""
    last, points = _shown(status.metrics.get(metric)), status.series.get(metric, [])
    return f"{_shown(points[0][1])} before, {last} after" if points and points[0][0] == 0 else last


def _shown(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4f}"


def _usage(base: str, bundled: bool, method: str) -> str:
    where, folder = ("base" if bundled else base), "adapter"
    hint = " (the folder `base` of the download)" if bundled else ""
    with_what, imported = "With plain `peft`", "from peft import PeftModel"
    loading = f'PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("{where}"), "adapter")'
    if method == "full":
        with_what, imported, folder, hint = "It is a whole model: with `transformers` alone", "", "model", ""
        loading = 'AutoModelForCausalLM.from_pretrained("model")'
    elif method == "houlsby":
        with_what = "`peft` does not support these adapters. With Afina's folder `tuning/` at hand"
        imported = "from tuning.models import bottleneck"
        loading = f'bottleneck.load(AutoModelForCausalLM.from_pretrained("{where}"), Path("adapter"))'
    lines = "\n".join(filter(None, [imported, "from pathlib import Path" if method == "houlsby" else ""]))
    return f"""
## Use

{with_what}, in the folder of the download{hint}:

```python
{lines + chr(10) if lines else ""}from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("{folder}")
model = {loading}
messages = [{{"role": "user", "content": "Hello"}}]
inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=64)[0], skip_special_tokens=True))
```
"""
