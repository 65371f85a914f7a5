"""Base, unmerged and merged are timed on the model at hand; what has no such form is said."""

import json

import pytest

from common.errors import AfinaError

torch = pytest.importorskip("torch")
from peft import LoraConfig, PromptTuningConfig, get_peft_model  # noqa: E402

from tuning.inference.latency import measure  # noqa: E402
from tuning.models import loader  # noqa: E402
from tuning.runs import resolver  # noqa: E402


def run(home, name: str, model, config) -> None:
    base = loader.load_model(resolver.resolve(str(model), home).base)
    get_peft_model(base, config).save_pretrained(str(home / "runs" / name / "adapter"), save_embedding_layers=False)
    record = {
        "run_id": name,
        "name": name,
        "method": "sft",
        "config": {},
        "base": {"name": str(model)},
        "data": {},
        "created_at": 1.0,
    }
    (home / "runs" / name / "run.json").write_text(json.dumps(record))


def test_an_unmerged_adapter_costs_and_a_merged_one_does_not(tmp_path, tiny_model):
    run(tmp_path, "lora", tiny_model, LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM"))
    told = measure("lora", tmp_path, tokens=24, repeats=5)
    assert told.method == "lora" and told.base_ms > 0
    assert told.unmerged_ratio > 1.1 and told.merged_ratio < told.unmerged_ratio


@pytest.mark.filterwarnings("ignore:Position ids are not supported:UserWarning")
def test_a_soft_prompt_is_never_merged(tmp_path, tiny_model):
    run(tmp_path, "soft", tiny_model, PromptTuningConfig(num_virtual_tokens=4, task_type="CAUSAL_LM"))
    told = measure("soft", tmp_path, tokens=8, repeats=1)
    assert told.merged_ms is None and told.unmerged_ms > 0


@pytest.mark.parametrize(("changed", "key"), [({}, "latency.whole"), ({"tokens": 0}, "config.range")])
def test_what_cannot_be_timed_is_said(tmp_path, tiny_model, changed, key):
    with pytest.raises(AfinaError) as raised:
        measure(str(tiny_model), tmp_path, **changed)
    assert raised.value.key == key
