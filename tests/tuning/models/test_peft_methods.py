"""Every member of the family on a real tiny model: trains what it says, resumes, answers beside the others, reloads."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from common.errors import AfinaError
from tuning.config.training import DPOConfig, SFTConfig
from tuning.data import loading
from tuning.data.examples import Row
from tuning.models import peft_methods
from tuning.models.peft_methods import METHODS, PEFT_METHODS
from tuning.runs.queue import Queue
from tuning.runs.run_store import Run, RunStore

torch = pytest.importorskip("torch")
from tuning.data.tokenize import encode, end_token_ids, render_prompt, with_template  # noqa: E402
from tuning.executors.preloaded_base import PreloadedBase  # noqa: E402
from tuning.executors.run_method import execute  # noqa: E402
from tuning.inference.engine import LocalEngine  # noqa: E402
from tuning.inference.reply_engine import Sampling  # noqa: E402
from tuning.methods import sft  # noqa: E402
from tuning.methods.loss import Batches, heldout_loss  # noqa: E402
from tuning.methods.start import Start, add_adapter  # noqa: E402
from tuning.models import (  # noqa: E402
    adapter_io,
    bottleneck,
    loader,
    model_info,
    references,
)
from tuning.runs import resolver  # noqa: E402
from tuning.runs.estimate import trainable_parameters  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Position ids are not supported:UserWarning"),
]
HERE = [method for method in METHODS if method != "qlora" or peft_methods.has_bitsandbytes()]
OTHERS = [method for method in HERE if method not in ("lora", "rslora", "dora")]  # test_sft.py has those
TALK = [{"role": "user", "content": "What is 1 plus 2?"}]
LONGER = [{"role": "user", "content": "What is 3 plus 4, and what is 5 plus 6, please?"}]
GREEDY = Sampling(greedy=True, max_new_tokens=12)
RATE = {"prompt": 0.3, "prefix": 0.1, "llama_adapter": 0.1, "ia3": 0.1, "full": 0.003}


class NoExecutor:
    def warm(self) -> None: ...
    def run(self, run: Run) -> None: ...
    def close(self) -> None: ...


def submit(home: Path, model: object, rows, method: str, name: str = "", **settings) -> Run:
    told = {"source_model": str(model), "epochs": 1, "learning_rate": RATE.get(method, 0.02), "peft": method}
    config = SFTConfig.from_settings({**told, "virtual_tokens": 4, "rank": 4, **settings})
    return Queue(RunStore(home), NoExecutor()).submit("sft", config, loading.from_python(rows), name)


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_model, sums) -> Path:
    """A home with a trained run of every method, named after it."""
    place = tmp_path_factory.mktemp("family")
    for method in HERE:
        run = submit(place, tiny_model, sums, method, method)
        execute(run, place)
        assert run.state == "done", (method, run.status().error)
    return place


@pytest.mark.slow
@pytest.mark.parametrize("method", HERE)
def test_it_learns_and_trains_as_many_parameters_as_was_said(home, tiny_model, method):
    run = RunStore(home).get(method)
    status, base = run.status(), resolver.resolve(str(tiny_model), home).base
    assert status.metrics["heldout_loss"] < 0.97 * status.first["heldout_loss"]
    config = SFTConfig(**run.info.config)
    assert status.plan["trainable"] == trainable_parameters(base, model_info.describe(base), config)


@pytest.mark.parametrize("method", OTHERS)
def test_what_it_trains_moves_and_the_rest_does_not(tmp_path, tiny_model, sums, method):
    run = submit(tmp_path, tiny_model, sums, method)
    start = Start.load(str(tiny_model), tmp_path, method=method)
    execute(run, tmp_path, None if method == "qlora" else PreloadedBase(start))
    assert run.state == "done", run.status().error
    fresh = Start.load(str(tiny_model), tmp_path, method=method)
    made = add_adapter(fresh, SFTConfig(**run.info.config), run, tmp_path)
    trainable = {name for name, _ in adapter_io.trained(made)}
    assert trainable
    if method == "qlora":
        return  # its start is loaded anew: what moved is in the adapter
    before, after = dict(made.named_parameters()), dict(start.model.named_parameters())
    prefix = next(
        (
            each
            for each in ("base_model.model.", "base_model.")
            if f"{each}lm_head.weight" in before or f"{each}model.embed_tokens.weight" in before
        ),
        "",
    )
    for name, value in before.items():
        ours = name.removeprefix(prefix)
        if ours in after:  # a soft prompt lies outside the base model
            moved = not torch.equal(value, after[ours])
            assert moved == (name in trainable), name


@pytest.mark.parametrize("method", [method for method in HERE if PEFT_METHODS[method].starts_at_base])
def test_a_new_one_changes_nothing(tmp_path, tiny_model, method):
    if method == "qlora":
        pytest.skip("its base is quantised")
    ids = torch.randint(5, 50, (2, 9), generator=torch.Generator().manual_seed(0))
    bare = Start.load(str(tiny_model), tmp_path).model
    with torch.no_grad():
        expected = bare(input_ids=ids).logits
        config = SFTConfig(source_model=str(tiny_model), peft=method)
        made = adapter_io.make(Start.load(str(tiny_model), tmp_path).model, config).eval()
        torch.testing.assert_close(made(input_ids=ids).logits, expected, rtol=0, atol=1e-6)


def stop_at(run: Run, step: int) -> threading.Thread:
    def watch() -> None:
        while run.status().step < step and run.state != "failed":
            time.sleep(0.002)
        run.stop_file.touch()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.mark.slow
@pytest.mark.parametrize("method", OTHERS)
def test_stopped_and_resumed_equals_unbroken(home, tmp_path, tiny_model, sums, method):
    broken = submit(tmp_path, tiny_model, sums, method, "broken")
    watcher = stop_at(broken, 3)
    execute(broken, tmp_path)
    watcher.join()
    assert broken.state == "stopped" and broken.has_adapter, broken.status().error
    Queue(RunStore(tmp_path), NoExecutor()).resume("broken")
    execute(broken, tmp_path)
    whole = RunStore(home).get(method)
    assert broken.status().series["loss"] == whole.status().series["loss"]
    assert weights(broken) == weights(whole)


@pytest.mark.parametrize("method", [method for method in HERE if PEFT_METHODS[method].is_soft])
def test_soft_prompts_learn_from_batches_of_mixed_lengths(tmp_path, tiny_model, method):
    rows = [{"prompt": "Say yes.", "completion": "yes " * (1 + n % 12)} for n in range(64)]
    run = submit(tmp_path, tiny_model, rows, method, batch_size=8, heldout_fraction=0.0)
    config, start = SFTConfig(**run.info.config), Start.load(str(tiny_model), tmp_path)
    model = add_adapter(start, config, run, tmp_path)
    plan = sft._plan(run, config, start, model, run.examples("train", Row), resumed=False)
    trainer, _ = sft._trainer(run, config, start, plan, model, run.examples("train", Row), [])
    spreads = [
        int(batch["attention_mask"].sum(1).max() - batch["attention_mask"].sum(1).min())
        for batch in trainer.get_train_dataloader()
    ]
    assert len(spreads) == 8 and sum(spreads) / len(spreads) > 6  # in order of length it is about 3


def weights(run: Run) -> dict[str, list]:
    from safetensors.torch import load_file

    state = load_file(next(run.adapter_dir.glob("*model.safetensors")))
    return {name: value.flatten().tolist() for name, value in state.items()}


def untouched(model: Path, home: Path, rows: int = 1) -> str:
    """What a model says that no method ever saw, as one row of a batch of `rows`."""
    base = resolver.resolve(str(model), home).base
    tokenizer, fresh = with_template(loader.load_tokenizer(base)), loader.load_model(base)
    ids = torch.tensor([render_prompt(tokenizer, TALK)] * rows)
    out = fresh.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=GREEDY.max_new_tokens,
        eos_token_id=end_token_ids(tokenizer, fresh.generation_config.eos_token_id),
        pad_token_id=tokenizer.pad_token_id,
    )
    return tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True).strip()


@pytest.mark.slow
def test_each_answers_beside_all_others_as_alone_and_the_base_stays_the_base(home, tiny_model):
    base = str(tiny_model)
    expected = untouched(tiny_model, home)
    alone = {}
    for method in HERE:
        engine = LocalEngine(home)
        [before] = engine.generate([base], [TALK], GREEDY)
        [during, tuned] = engine.generate([base, method], [TALK, TALK], GREEDY)
        [after] = engine.generate([base], [TALK], GREEDY)
        assert before.text == during.text == after.text == expected, method
        assert tuned.text != expected, method
        alone[method] = LocalEngine(home).generate([method], [TALK], GREEDY)[0].text
        assert alone[method] == tuned.text, method
    names = [base, *HERE, base]
    together = [reply.text for reply in LocalEngine(home).generate(names, [TALK] * len(names), GREEDY)]
    assert together == [expected, *alone.values(), expected]


@pytest.mark.parametrize("method", [method for method in HERE if not PEFT_METHODS[method].is_lora])
def test_prompts_of_unlike_length_get_what_they_get_alone(home, method):
    engine = LocalEngine(home)
    both = [reply.text for reply in engine.generate([method] * 2, [TALK, LONGER], GREEDY)]
    assert both == [engine.generate([method], [talk], GREEDY)[0].text for talk in (TALK, LONGER)]


@pytest.mark.parametrize("method", HERE)
def test_what_it_writes_is_what_one_forward_pass_finds_likeliest(home, method):
    """Token by token over a cache, or all at once without: libraries that call the cache by two names lose a prompt."""
    policy, start = resolver.resolve(method, home), Start.load(method, home)
    model = adapter_io.load(start.model, policy.adapter) if policy.adapter else start.model
    asked = render_prompt(start.tokenizer, TALK)
    said = LocalEngine(home).generate([method], [TALK], GREEDY)[0]
    ids = list(asked)
    for _ in range(said.n_tokens):
        given = torch.tensor([ids])
        with torch.no_grad():
            logits = model.eval()(input_ids=given, attention_mask=torch.ones_like(given)).logits  # (1, T, V)
        ids.append(int(logits[0, -1].argmax()))
    assert start.tokenizer.decode(ids[len(asked) :], skip_special_tokens=True).strip() == said.text


@pytest.mark.parametrize("method", HERE)
def test_what_is_saved_reloads_to_the_loss_that_was_measured(home, tiny_model, method):
    run = RunStore(home).get(method)
    policy = resolver.resolve(method, home)
    start = Start.load(method, home)
    model = adapter_io.load(start.model, policy.adapter) if policy.adapter else start.model
    rows = [encode(start.tokenizer, row, 0) for row in run.examples("heldout", Row)]
    loss = heldout_loss(model, Batches(rows, start.tokenizer.pad_token_id, 384))
    tolerance = 0.2 if method == "qlora" else 1e-3  # measured over 4-bit weights, used over whole ones
    assert loss == pytest.approx(run.status().metrics["heldout_loss"], rel=tolerance)


@pytest.mark.parametrize("method", [method for method in HERE if method not in ("houlsby", "full")])
def test_peft_alone_loads_what_its_card_says_it_loads(home, tiny_model, method):
    from peft import PeftModel

    folder = RunStore(home).get(method).adapter_dir
    start = Start.load(str(tiny_model), home)
    model = PeftModel.from_pretrained(start.model, str(folder)).eval()
    rows = [encode(start.tokenizer, row, 0) for row in RunStore(home).get(method).examples("heldout", Row)]
    batches = Batches(rows, start.tokenizer.pad_token_id, 384)
    tolerance = 0.2 if method == "qlora" else 1e-3
    measured = RunStore(home).get(method).status().metrics["heldout_loss"]
    assert heldout_loss(model, batches) == pytest.approx(measured, rel=tolerance)


@pytest.mark.parametrize("method", OTHERS)
def test_a_child_begins_where_its_parent_ended(home, method, sums):
    parent = RunStore(home).get(method)
    child = submit(home, method, sums, "lora", f"child of {method}")  # the parent's method is kept
    execute(child, home)
    status = child.status()
    assert status.state == "done", status.error
    assert child.info.config["peft"] == ("lora" if method == "full" else method)
    measured = parent.status().metrics["heldout_loss"]
    assert status.first["heldout_loss"] == pytest.approx(measured, rel=1e-3)


def test_bottlenecks_leave_no_trace(tiny_model, home):
    model = Start.load(str(tiny_model), home).model
    names, ids = list(model.state_dict()), torch.arange(5, 12)[None]
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        bottleneck.load(model, RunStore(home).get("houlsby").adapter_dir)
        assert not torch.allclose(model(input_ids=ids).logits, expected)
        bottleneck.remove(model)
        assert torch.equal(model(input_ids=ids).logits, expected)
    assert list(model.state_dict()) == names and not bottleneck.is_in(model)


def test_bottlenecks_are_their_formula():
    torch.manual_seed(0)
    made = bottleneck.Bottleneck(6, 3)
    torch.nn.init.normal_(made.up.weight)
    h = torch.randn(2, 5, 6)
    inner = torch.nn.functional.gelu(h @ made.down.weight.T + made.down.bias)
    torch.testing.assert_close(made(h), h + inner @ made.up.weight.T + made.up.bias)
    assert sum(value.numel() for value in made.parameters()) * 2 == bottleneck.parameters(1, 6, 3)


def told(folder: Path, **config) -> references.Base:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return references.Base("it", str(folder), "", "folder")


GPT2 = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}
BERT = {"model_type": "bert", "architectures": ["BertForMaskedLM"]}
LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}


@pytest.mark.parametrize(
    ("config", "settings", "key"),
    [
        (GPT2, {"peft": "llama_adapter"}, "family.model_type"),
        (BERT, {"peft": "prompt"}, "family.encoder"),
        (BERT, {}, "family.encoder"),
        (LLAMA, {"peft": "prefix", "gradient_checkpointing": True}, "family.checkpointing"),
        (LLAMA, {"peft": "prompt", "packing": True}, "family.packing"),
        ({**LLAMA, "quantization_config": {"bits": 4}}, {"peft": "qlora"}, "family.quantised"),
    ],
)
def test_what_does_not_fit_is_said_before_the_run(tmp_path, config, settings, key):
    base = told(tmp_path / "model", **config)
    with pytest.raises(AfinaError) as raised:
        peft_methods.check(SFTConfig.from_settings({"source_model": "x", **settings}), base)
    assert raised.value.key == key
    for language in ("en", "es"):
        assert len(raised.value.words(language)) > 40


def test_four_bits_without_the_library_or_on_a_mac_are_refused(tmp_path, monkeypatch):
    base, config = told(tmp_path / "model", **LLAMA), SFTConfig(peft="qlora")
    monkeypatch.setattr(peft_methods, "has_bitsandbytes", lambda: False)
    for system, key in (("linux", "family.no_bitsandbytes"), ("darwin", "family.no_4bit")):
        monkeypatch.setattr(peft_methods.sys, "platform", system)
        with pytest.raises(AfinaError) as raised:
            peft_methods.check(config, base)
        assert raised.value.key == key


def test_an_encoder_does_not_chat(tmp_path):
    from tuning.inference.engine import LocalEngine

    told(tmp_path / "model", **BERT)
    (tmp_path / "model" / "model.safetensors").write_bytes(b"")
    with pytest.raises(AfinaError) as raised:
        LocalEngine(tmp_path).generate([str(tmp_path / "model")], [[{"role": "user", "content": "Hello?"}]], Sampling())
    assert raised.value.key == "family.encoder"


def test_dpo_says_which_adapters_it_continues(home):
    for method in OTHERS:
        folder = RunStore(home).get(method).adapter_dir
        if method in ("full", "qlora"):
            assert peft_methods.inherited(DPOConfig(), folder).peft == "lora"
            continue
        with pytest.raises(AfinaError) as raised:
            peft_methods.inherited(DPOConfig(), folder)
        assert raised.value.key == "family.not_continued"


@pytest.mark.parametrize("method", [method for method in HERE if method != "prefix"])
def test_it_trains_with_gradient_checkpointing_too(tmp_path, tiny_model, sums, method):
    run = submit(tmp_path, tiny_model, sums[:30], method, gradient_checkpointing=True)
    execute(run, tmp_path)
    assert run.state == "done", run.status().error
    assert run.status().metrics["heldout_loss"] < run.status().first["heldout_loss"]


assert sft  # the method under test is found by its name


@pytest.mark.parametrize("method", HERE)
def test_the_cards_lines_load_and_answer(home, tmp_path, tiny_model, method, monkeypatch):
    """What the card tells to do is done, in the folder of the download."""
    import re
    import zipfile

    run = RunStore(home).get(method)
    with zipfile.ZipFile(run.download()) as archive:
        archive.extractall(tmp_path)
        names = archive.namelist()
    assert not any(name.endswith(adapter_io.STATE) for name in names)
    monkeypatch.chdir(tmp_path / method)
    code = re.search(r"```python\n(.*?)```", Path("README.md").read_text(), re.DOTALL).group(1)
    code = code.replace('from_pretrained("tiny")', f"from_pretrained({str(tiny_model)!r})")
    printed: list[str] = []
    exec(code.replace("print(", "printed.append("), {"printed": printed})
    assert len(printed) == 1
    assert PEFT_METHODS[method].label in Path("README.md").read_text()
