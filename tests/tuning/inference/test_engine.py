"""The base column is the base; columns do not depend on each other; stopping and failing leave nothing behind."""

import json
import threading
from pathlib import Path

import pytest

from common.errors import AfinaError

torch = pytest.importorskip("torch")
from peft import LoraConfig, get_peft_model  # noqa: E402

from tuning.data.tokenize import end_token_ids, render_prompt, with_template  # noqa: E402
from tuning.inference import shrinking_batch  # noqa: E402
from tuning.inference.engine import LocalEngine  # noqa: E402
from tuning.inference.model_cache import shares_a_batch  # noqa: E402
from tuning.inference.reply_engine import Sampling  # noqa: E402
from tuning.inference.request_queue import GenerationRequest  # noqa: E402
from tuning.models import loader  # noqa: E402
from tuning.runs import resolver  # noqa: E402

GREEDY = Sampling(greedy=True, max_new_tokens=16)
TALK = [{"role": "user", "content": "What is 1 plus 2?"}]


def adapter(home: Path, name: str, model: Path, seed: int = 1, zero: bool = False, **options) -> Path:
    """A finished run named `name` whose adapter does something (its B is not zero), or nothing."""
    run = home / "runs" / name
    torch.manual_seed(seed)
    base = loader.load_model(resolver.resolve(str(model), home).base)
    tuned = get_peft_model(base, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", **options))
    if not zero:
        for key, weight in tuned.named_parameters():
            if "lora_B" in key:
                torch.nn.init.normal_(weight, std=0.5)
    tuned.save_pretrained(str(run / "adapter"), save_embedding_layers=False)
    record = {
        "run_id": name,
        "name": name,
        "method": "sft",
        "config": {},
        "base": {"name": str(model)},
        "data": {},
        "created_at": 1.0,
    }
    (run / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return run / "adapter"


@pytest.fixture
def home(tmp_path, tiny_model) -> Path:
    adapter(tmp_path, "lora", tiny_model, seed=1)
    adapter(tmp_path, "rslora", tiny_model, seed=2, use_rslora=True)
    adapter(tmp_path, "dora", tiny_model, seed=3, use_dora=True)
    adapter(tmp_path, "zero", tiny_model, zero=True)
    return tmp_path


def untouched(model: Path, home: Path, rows: int) -> str:
    """What a model that PEFT never saw says, as one row of a batch of `rows`."""
    base = resolver.resolve(str(model), home).base
    tokenizer, fresh = with_template(loader.load_tokenizer(base)), loader.load_model(base)
    prompt = render_prompt(tokenizer, TALK)
    ids = torch.tensor([prompt] * rows)
    ends = end_token_ids(tokenizer, fresh.generation_config.eos_token_id)
    with torch.inference_mode():
        out = fresh.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            eos_token_id=ends,
            max_new_tokens=GREEDY.max_new_tokens,
            pad_token_id=tokenizer.pad_token_id,
        )
    return tokenizer.decode(out[0, len(prompt) :], skip_special_tokens=True).strip()


@pytest.mark.parametrize("method", ["lora", "rslora", "dora"])
def test_the_base_column_is_an_untouched_model_before_during_and_after(home, tiny_model, method):
    engine, base = LocalEngine(home), str(tiny_model)
    [before] = engine.generate([base], [TALK], GREEDY)
    during = engine.generate([base, method], [TALK, TALK], GREEDY)
    [after] = engine.generate([base], [TALK], GREEDY)
    assert before.text == after.text == untouched(tiny_model, home, 1)
    rows = 2 if shares_a_batch(home / "runs" / method / "adapter") else 1
    assert during[0].text == untouched(tiny_model, home, rows)
    assert during[1].text != during[0].text


def test_only_lora_and_rslora_share_a_batch(home):
    assert [shares_a_batch(home / "runs" / name / "adapter") for name in ("lora", "rslora", "dora")] == [
        True,
        True,
        False,
    ]


def test_an_adapter_that_changes_nothing_changes_nothing(home, tiny_model):
    one, other = LocalEngine(home).generate([str(tiny_model), "zero"], [TALK, TALK], GREEDY)
    assert one.text == other.text


@pytest.mark.slow
def test_each_column_says_what_it_says_alone(home, tiny_model):
    engine = LocalEngine(home)
    names = [str(tiny_model), "lora", "rslora", "dora"]
    for sampling in (GREEDY, Sampling(temperature=1.2, max_new_tokens=16, seed=7)):
        alone = [list(engine.stream([name], [TALK], sampling))[-1][0].text for name in names]
        *_, last = engine.stream(names, [TALK] * 4, sampling)
        assert [column.text for column in last] == alone
        assert all(column.done for column in last)


def test_seeds_decide(home, tiny_model):
    engine, sampling = LocalEngine(home), Sampling(temperature=1.5, top_p=1, max_new_tokens=16)
    one, same, other = engine.generate(["lora"] * 3, [TALK] * 3, sampling, seeds=[1, 1, 2])
    assert one.text == same.text != other.text


def test_a_stream_stops_when_asked(home):
    wish = threading.Event()
    for partials in LocalEngine(home).stream(["lora"], [TALK], Sampling(max_new_tokens=200, seed=5), wish.is_set):
        wish.set()
        last = partials[0]
    assert last.done
    assert last.finish_reason in ("stopped", "end")
    assert last.n_tokens < 200


def test_a_reader_who_leaves_frees_the_engine(home):
    engine = LocalEngine(home)
    stream = engine.stream(["lora"], [TALK], Sampling(max_new_tokens=200, temperature=2, top_p=1))
    next(stream)
    stream.close()
    assert engine.generate(["lora"], [TALK], GREEDY)


def test_a_failure_reaches_the_reader_and_leaves_the_engine_usable(home, tiny_model, monkeypatch):
    engine = LocalEngine(home)
    engine.generate([str(tiny_model)], [TALK], GREEDY)
    [loaded] = engine._loaded.values()
    monkeypatch.setattr(loaded.model, "generate", lambda **_: (_ for _ in ()).throw(RuntimeError("out of memory")))
    with pytest.raises(AfinaError) as caught:
        list(engine.stream([str(tiny_model)], [TALK], GREEDY))
    assert caught.value.key == "chat.memory"
    monkeypatch.undo()
    assert engine.generate([str(tiny_model)], [TALK], GREEDY)


def test_many_people_at_once_each_get_their_own(home, tiny_model):
    engine = LocalEngine(home)
    names = [str(tiny_model), "lora", "rslora", "dora"] * 3
    expected = {name: engine.generate([name], [TALK], GREEDY)[0].text for name in dict.fromkeys(names)}
    got: list[tuple[str, str]] = []

    def person(name: str) -> None:
        *_, last = engine.stream([name], [TALK], GREEDY)
        got.append((name, last[0].text))

    threads = [threading.Thread(target=person, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert sorted(got) == sorted((name, expected[name]) for name in names)


def test_new_weights_under_an_old_name_are_loaded(home, tiny_model):
    engine = LocalEngine(home)
    [before] = engine.generate(["lora"], [TALK], GREEDY)
    adapter(home, "lora", tiny_model, seed=99)
    [after] = engine.generate(["lora"], [TALK], GREEDY)
    assert before.text != after.text


@pytest.mark.slow
def test_more_adapters_than_fit_take_turns(home, tiny_model):
    for number in range(5):
        adapter(home, f"more-{number}", tiny_model, seed=number + 10)
    engine = LocalEngine(home, max_adapters=2)
    names = [f"more-{number}" for number in range(5)]
    first = [engine.generate([name], [TALK], GREEDY)[0].text for name in names]
    again = [engine.generate([name], [TALK], GREEDY)[0].text for name in names]
    assert first == again
    together = [reply.text for reply in engine.generate(names[:4], [TALK] * 4, GREEDY)]
    assert together == first[:4]


def test_a_long_conversation_loses_its_oldest_turns(home, tiny_model):
    talk = [
        {"role": "user", "content": "word " * 60},
        {"role": "assistant", "content": "fine " * 60},
    ] * 4 + TALK
    [reply] = LocalEngine(home).generate([str(tiny_model)], [talk], GREEDY)
    assert reply.n_tokens > 0


@pytest.mark.parametrize("talk", [[], [{"role": "user", "content": "  "}]])
def test_an_empty_message_is_refused(home, tiny_model, talk):
    with pytest.raises(AfinaError) as caught:
        LocalEngine(home).generate([str(tiny_model)], [talk], GREEDY)
    assert caught.value.key == "chat.empty"


@pytest.mark.parametrize("wrong", [{"temperature": 0}, {"top_p": 0}, {"top_p": 2}, {"max_new_tokens": 0}])
def test_sampling_out_of_range_is_named(wrong):
    with pytest.raises(AfinaError) as caught:
        Sampling(**wrong)
    assert str(next(iter(wrong.values()))) in caught.value.words("es")


@pytest.mark.parametrize("names", [("",), ("lora", "rslora", "")], ids=["base", "mixed"])
def test_rows_that_ended_leave_the_batch_and_the_others_do_not_notice(home, tiny_model, monkeypatch, names):
    """Replies of 2, 5, 8 … tokens: as written alone, and no forward pass computes who has long ended."""
    n = 9
    policies = [names[i % len(names)] or str(tiny_model) for i in range(n)]
    talks = [[{"role": "user", "content": "What is 1 plus 2?" + " And then?" * (i % 3)}] for i in range(n)]
    prepare, limits = GenerationRequest.prepare, {100 + i: 2 + 3 * i for i in range(n)}

    def prepared(row, on):
        prepare(row, on)
        row.limit = limits[row.seed]

    monkeypatch.setattr(GenerationRequest, "prepare", prepared)
    drawn, seeds = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=64), list(limits)
    engine = LocalEngine(home)
    alone = [
        engine.generate([policy], [talk], drawn, seeds=[seed])[0].text
        for policy, talk, seed in zip(policies, talks, seeds, strict=True)
    ]
    widths = []
    first = next(iter(engine._loaded.values())).model.get_input_embeddings()
    first.register_forward_pre_hook(lambda module, ids: widths.append(len(ids[0])))
    together = engine.generate(policies, talks, drawn, seeds=seeds)
    assert [reply.text for reply in together] == alone
    assert widths[0] == n and widths[-1] < n / 2 and widths == sorted(widths, reverse=True)


def test_a_cache_that_cannot_be_cut_is_written_again(home, tiny_model, monkeypatch):
    """Models with another kind of cache: the rows that go on are read anew, once, and say the same."""
    prepare = GenerationRequest.prepare

    def prepared(row, on):
        prepare(row, on)
        row.limit = 2 + 3 * row.seed

    monkeypatch.setattr(GenerationRequest, "prepare", prepared)
    drawn, talks = Sampling(temperature=1.0, top_p=1.0, max_new_tokens=64), [TALK] * 8
    policies = [str(tiny_model), "lora"] * 4

    def said():
        return [each.text for each in LocalEngine(home).generate(policies, talks, drawn, seeds=range(8))]

    cut = said()
    asked = []
    monkeypatch.setattr(shrinking_batch, "_cut", lambda *given: asked.append(given))
    assert said() == cut and len(asked) == 1 and all(cut)
