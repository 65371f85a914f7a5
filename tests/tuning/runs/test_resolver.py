"""Names become policies, sizes come from file headers, and what cannot be loaded is said clearly."""

import json
import shutil
import time

import pytest

from common.errors import AfinaError
from tuning.models import loader, model_info
from tuning.runs import resolver


def test_pocket_is_there_and_neutral_about_its_path(tmp_path):
    policy = resolver.resolve("pocket", tmp_path)
    assert policy.base.kind == "pocket"
    assert policy == resolver.resolve("afina/pocket", tmp_path)
    assert len(policy.base.sha256) == 64


def test_a_folder_counts_its_parameters_exactly(tiny_model, tmp_path):
    base = resolver.resolve(str(tiny_model), tmp_path).base
    info = model_info.describe(base)
    loaded = loader.load_model(base)
    assert info.parameters == sum(parameter.numel() for parameter in loaded.parameters())
    assert (info.layers, info.hidden, info.context, info.vocabulary) == (2, 32, 256, 384)


def test_a_run_is_found_by_name_and_by_id(tiny_model, tmp_path):
    run = tmp_path / "runs" / "20260101-abc"
    (run / "adapter").mkdir(parents=True)
    record = {
        "run_id": run.name,
        "name": "mine",
        "method": "sft",
        "config": {},
        "base": {"name": str(tiny_model)},
        "data": {},
        "created_at": 1.0,
    }
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(AfinaError, match="no adapter"):
        resolver.resolve("mine", tmp_path)
    (run / "adapter" / "adapter_config.json").write_text("{}", encoding="utf-8")
    assert resolver.resolve("mine", tmp_path) == resolver.resolve(run.name, tmp_path)
    assert resolver.resolve("mine", tmp_path).adapter == run / "adapter"


@pytest.mark.parametrize("name", ["nothing", "", "a/b/c", "../runs", "owner/na me"])
def test_what_is_no_model_is_named(name, tmp_path):
    with pytest.raises(AfinaError) as caught:
        resolver.resolve(name, tmp_path)
    assert caught.value.key == "models.unknown"


def test_only_safetensors_are_loaded(tiny_model, tmp_path):
    folder = tmp_path / "pickled"
    shutil.copytree(tiny_model, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(AfinaError) as caught:
        resolver.resolve(str(folder), tmp_path)
    assert caught.value.key == "models.not_safetensors"


def test_without_a_network_a_hub_model_fails_at_once(tmp_path):
    base = resolver.resolve("somebody/some-model", tmp_path).base
    began = time.monotonic()
    for load in (loader.load_model, loader.load_tokenizer, model_info.describe):
        with pytest.raises(AfinaError) as caught:
            load(base)
        assert caught.value.key == "models.no_network"
    assert time.monotonic() - began < 15


def test_the_device_is_shown_in_words():
    assert loader.device().kind in ("cpu", "cuda", "mps")
    assert loader.device().label
