"""The dial: weights = parent + s (run - parent), against merging by hand; and merged models against unmerged."""

import json

import pytest

from common.errors import AfinaError, Conflict
from tests.tuning.methods.test_preference_data import records
from tuning.config import training
from tuning.config.training import DPOConfig, SFTConfig
from tuning.data import loading, preference_pairs
from tuning.executors.local import LocalExecutor
from tuning.inference.reply_engine import Sampling
from tuning.models import loader, scaling
from tuning.runs import resolver
from tuning.runs.queue import Queue
from tuning.runs.run_store import RunStore
from tuning.runs.summary import summarise

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_model):
    """A home with `parent`, a LoRA, and `child`, which trained it further."""
    folder = tmp_path_factory.mktemp("home")
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records()))
    data = preference_pairs.load(path)
    for name, source, steps in (("parent", str(tiny_model), 4), ("child", "parent", 8)):
        settings = {"target_steps": steps, "learning_rate": 5e-3, "alpha": 24, "rank": 8}
        executed(folder, "dpo", DPOConfig.from_settings({"source_model": source, **settings}), data, name)
    return folder


def weights(name, home):
    """The policy's weights, merged by PEFT in float32."""
    from peft import PeftModel

    policy = resolver.resolve(name, home)
    model = loader.load_model(policy.base)
    if policy.adapter:
        model = PeftModel.from_pretrained(model, str(policy.adapter)).merge_and_unload()
    return {key: value.clone() for key, value in model.state_dict().items()}


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0, 0.5, 1, 2.25, 3])
def test_a_setting_is_the_parent_and_so_much_of_the_change(home, strength):
    parent, child, found = (weights(name, home) for name in ("parent", "child", f"child*{strength}"))
    moved = 0.0
    for name in parent:
        by_hand = parent[name] + strength * (child[name] - parent[name])
        assert torch.allclose(found[name], by_hand, atol=2e-5), name
        moved += float((child[name] - parent[name]).abs().sum())
    assert moved > 1  # or nothing was tested


@pytest.mark.slow
def test_without_a_parent_the_base_is_zero(home, tiny_model):
    base, none, whole = (weights(name, home) for name in (str(tiny_model), "parent*0", "parent*1"))
    own = weights("parent", home)
    assert all(torch.equal(base[name], none[name]) for name in base)
    assert all(torch.allclose(own[name], whole[name], atol=1e-6) for name in base)


@pytest.mark.slow
def test_settings_answer_beside_base_and_run_in_one_batch(home, tiny_model):
    from tuning.inference.engine import LocalEngine

    names = [str(tiny_model), "parent", "child", "child*0", "child*1.5", "child*3"]
    talk = [{"role": "user", "content": "What is 1 plus 2?"}]
    engine = LocalEngine(home)
    together = engine.generate(names, [talk] * 6, Sampling(greedy=True, max_new_tokens=24))
    alone = [LocalEngine(home).generate([name], [talk], Sampling(greedy=True, max_new_tokens=24))[0] for name in names]
    texts = [reply.text for reply in together]
    assert texts == [reply.text for reply in alone]
    assert texts[1] == texts[3]
    assert texts[2] != texts[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["child*3.5", "child*-1", "child*nan", "child*much", "child*"])
def test_what_the_dial_refuses(home, name):
    with pytest.raises(AfinaError) as caught:
        resolver.resolve(name, home)
    assert caught.value.key == "dial.strength"


def test_only_lora_is_scaled(home, tmp_path, tiny_model):
    config = resolver.resolve("child", home).adapter / "adapter_config.json"
    told = json.loads(config.read_text())
    run = tmp_path / "run"
    (run / "adapter").mkdir(parents=True)
    (run / "adapter" / "adapter_model.safetensors").write_bytes(b"")
    for change in ({"use_dora": True}, {"peft_type": "IA3"}, {"bias": "all"}):
        (run / "adapter" / "adapter_config.json").write_text(json.dumps(told | change))
        with pytest.raises(AfinaError) as caught:
            scaling.adapter_at(run, None, 2)
        assert caught.value.key == "dial.kind"
    with pytest.raises(AfinaError) as caught:
        resolver.resolve(f"{tiny_model}*2", home)
    assert caught.value.key == "dial.no_run"


@pytest.mark.slow
def test_a_setting_kept_is_a_run_with_a_parent_and_trains_on(home):
    data = preference_pairs.from_python(records())
    run = executed(home, "dial", training.DialConfig(source_model="child", strength=2.0), data, "kept")
    told = summarise(run, RunStore(home))
    assert (told.parent, told.config["strength"]) == ("child", 2.0)
    kept, setting = weights("kept", home), weights("child*2", home)
    assert all(torch.equal(kept[name], setting[name]) for name in kept)
    with pytest.raises(AfinaError) as caught:  # it would start from the bare base
        executed(home, "dpo", DPOConfig(source_model="child*2"), data, "wrong")
    assert caught.value.key == "dial.not_kept"
    executed(home, "dpo", DPOConfig(source_model="kept", target_steps=2), data, "on")


@pytest.mark.slow
def test_merged_and_unmerged_say_the_same(home, tmp_path):
    from tuning.inference.engine import LocalEngine
    from tuning.runs.merge import archive, merge

    found = merge("child", home, tmp_path / "whole")
    assert found.same_greedy
    assert found.largest_difference < 1e-3
    talks = [[{"role": "user", "content": f"What is {i} plus {i}?"}] for i in range(12)]
    sampling = Sampling(greedy=True, max_new_tokens=32)
    unmerged, merged = (
        [reply.text for reply in LocalEngine(home).generate([name] * 12, talks, sampling)]
        for name in ("child", str(tmp_path / "whole"))
    )
    assert merged == unmerged
    assert len(set(merged)) > 1
    assert not list((tmp_path / "whole").glob("adapter*"))
    with pytest.raises(Conflict):
        merge("child", home, tmp_path / "whole")
    with pytest.raises(AfinaError) as caught:
        merge(resolver.resolve("child", home).base.name, home, tmp_path / "other")
    assert caught.value.key == "merge.nothing"
    first = archive("child", home, tmp_path / "zips")
    assert archive("child", home, tmp_path / "zips") == first
    assert first.stat().st_size > 100_000


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`gradient_checkpointing` is deprecated:FutureWarning")
@pytest.mark.parametrize("method", ["ia3", "dora", "houlsby", "prompt"])
def test_what_merges_says_the_same_and_the_rest_is_refused(home, tiny_model, tmp_path, method, sums):
    from tuning.runs.merge import merge

    run = tuned(home, tiny_model, method, sums)
    if method in ("houlsby", "prompt"):
        with pytest.raises(AfinaError) as caught:
            merge(run, home, tmp_path / method)
        assert caught.value.key == "merge.kind"
        with pytest.raises(AfinaError) as caught:
            resolver.resolve(f"{run}*2", home)
        assert caught.value.key == "dial.kind"
        return
    found = merge(run, home, tmp_path / method)
    assert found.same_greedy
    assert found.largest_difference < 1e-3
    assert found.quantised_difference is None


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing` is deprecated:FutureWarning")
def test_qlora_says_what_merging_changes(home, tiny_model, tmp_path, sums):
    pytest.importorskip("bitsandbytes")
    from tuning.runs.merge import merge

    found = merge(tuned(home, tiny_model, "qlora", sums), home, tmp_path / "q")
    assert found.largest_difference < 1e-3
    assert found.quantised_difference > found.largest_difference


def tuned(home, tiny_model, method: str, sums) -> str:
    """A short fine-tuning by `method`; gives its name."""
    settings = {"source_model": str(tiny_model), "peft": method, "target_steps": 4, "learning_rate": 5e-3}
    return executed(home, "sft", SFTConfig.from_settings(settings), loading.from_python(sums), f"by-{method}").name


def executed(home, method: str, config, data, name: str):
    """A run by `method` in this process, to its end."""
    from tuning.executors.run_method import execute

    queue = Queue(RunStore(home), LocalExecutor(home, str(config.source_model)))
    run = queue.submit(method, config, data, name)
    execute(run, home)
    assert run.state == "done", run.status().error
    return run
