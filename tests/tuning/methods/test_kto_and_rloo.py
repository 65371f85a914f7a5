"""KTO and RLOO: starts by theory, losses against an independent implementation, real small runs, stop and resume."""

import json
import math
import threading
import time
import warnings

import pytest

from common.errors import AfinaError, messages
from common.languages import LANGUAGES
from tuning.data import prompts, rated_replies
from tuning.data.examples import Rated, Task, read_rows, write_rows
from tuning.inference.reply_engine import Sampling
from tuning.rewards import reward_functions
from tuning.runs import reward_names
from tuning.runs.run_store import RunStore

SHORT, LONG = "Yes.", "With pleasure, it is so, my friend."
QUESTIONS = [f"What is {a} plus {b}?" for a in range(6) for b in range(6)]
USER = [{"role": "user", "content": "Q?"}]


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ({"prompt": "Q?", "completion": "a", "label": True}, [("a", True)]),
        ({"prompt": USER, "completion": [{"role": "assistant", "content": "a"}], "label": 0}, [("a", False)]),
        ({"prompt": "Q?", "chosen": "a", "rejected": "b"}, [("a", True), ("b", False)]),
    ],
)
def test_every_known_shape_of_a_rating_is_read(record, found):
    made = rated_replies.rated_of(record)
    assert [(each.completion, each.good) for each in made] == found
    assert all(each.prompt == tuple(USER) for each in made)


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ({"prompt": "Q?", "label": True}, "rated.missing"),
        ({"prompt": "Q?", "completion": "a", "label": "perhaps"}, "rated.label"),
    ],
)
def test_what_is_no_rating_is_named_with_its_row(record, key):
    with pytest.raises(AfinaError) as caught:
        rated_replies.rated_of(record, 7)
    assert caught.value.key == key
    assert "7" in caught.value.words("es")
    with pytest.raises(AfinaError) as none:
        rated_replies.from_python([record])
    assert none.value.key == "rated.none"


def test_ratings_and_tasks_survive_the_disk(tmp_path):
    ratings = [Rated(tuple(USER), "é", True, 3), Rated(tuple(USER), "b", False)]
    write_rows(tmp_path / "ratings.jsonl", ratings)
    assert read_rows(tmp_path / "ratings.jsonl", Rated) == ratings
    kept = [Task(tuple(USER), ("é", "b"), "good", "bad", 2)]
    write_rows(tmp_path / "tasks.jsonl", kept)
    assert read_rows(tmp_path / "tasks.jsonl", Task) == kept


def test_answers_are_told_computed_or_known():
    found = prompts.from_python(
        [
            {"prompt": "Who?", "answers": ["Ana"]},
            {"prompt": "Calcule 12 más 6."},
            {"prompt": "9 x 3 = ?"},
            {"prompt": "Which city is the capital of Portugal?"},
            {"messages": [*USER, {"role": "assistant", "content": "A."}]},
            {"prompt": "Who?"},
        ]
    ).rows
    assert [task.answers for task in found] == [("Ana",), ("18",), ("27",), ("Lisbon",), ()]
    assert found[-1].prompt == tuple(USER)
    assert prompts.result_of("What is 20 minus 5?") == 15
    assert prompts.result_of("1 plus 2 plus 3") is None


def test_a_shipped_set_of_sums_has_the_right_results():
    found = prompts.load("sums.es").rows
    assert len(found) == prompts.SUMS
    assert all(task.answers == (str(prompts.result_of(task.prompt[0]["content"])),) for task in found)


def test_programmed_rewards_pay_for_what_they_say(tmp_path):
    store = RunStore(tmp_path)
    add = Task(({"role": "user", "content": "What is 2 plus 3?"},), ("5",))
    who = Task(({"role": "user", "content": "Who bakes?"},), ("Ana",))
    one = reward_functions.reward_of("sum", tmp_path)
    assert one([add, add, add], ["2 plus 3 is 5.", "5 plus 3 is 8.", "five"]) == [1.0, -1.0, -1.0]
    assert reward_functions.reward_of("answer", tmp_path)([who, who], ["It is ana.", "Banana."]) == [
        1.0,
        -1.0,
    ]
    assert reward_functions.reward_of("shorter", tmp_path)([who], ["a b c"]) == [pytest.approx(-0.3)]
    assert reward_functions.reward_of("longer", tmp_path)([who], ["a b c"]) == [pytest.approx(0.3)]
    assert reward_functions.usable("sum", [add, who]) == [add]
    assert reward_functions.usable("answer", [add, Task(tuple(USER))]) == [add]
    with pytest.raises(AfinaError) as caught:
        reward_names.check("nicer", store)
    assert caught.value.key == "rloo.reward"
    assert "nicer" in caught.value.words("es")


# The trainers themselves

torch = pytest.importorskip("torch")


def ratings_file(tmp_path):
    rows = [
        {"prompt": question, "completion": reply, "label": reply == LONG}
        for question in QUESTIONS
        for reply in (SHORT, LONG)
    ]
    path = tmp_path / "ratings.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def prompts_file(tmp_path):
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps({"prompt": question}) + "\n" for question in QUESTIONS))
    return path


@pytest.fixture
def kto(tiny_model, tmp_path):
    """Makes a RatedTrainer on six replies, whose reference log-probabilities are then shifted by known amounts."""
    from peft import LoraConfig, get_peft_model

    from tuning.config.training import KTOConfig
    from tuning.methods.kto import RatedTrainer, mixed, tokenised
    from tuning.methods.preference_data import plan_of
    from tuning.methods.start import Start

    def make(shift: float = 0.0, n_good: int = 3, **settings):
        start = Start.load(str(tiny_model), tmp_path)
        model = get_peft_model(start.model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
        config = KTOConfig(source_model=str(tiny_model), batch_size=6, **settings)
        replies = [
            Rated(({"role": "user", "content": QUESTIONS[i]},), LONG if i < n_good else SHORT, i < n_good)
            for i in range(6)
        ]
        plan = plan_of(config, start, 6)
        ids = mixed(tokenised(start, replies, plan.max_length), 6, 0)
        trainer = RatedTrainer(start, model, config, plan, ids, tmp_path / "c", [])
        batch = trainer.data_collator([trainer.train_dataset[i] for i in range(6)])
        batch["ref_logps"] = batch["ref_logps"] - shift * (1 + torch.arange(6.0))
        batch["ref_KL_logps"] = batch["ref_KL_logps"] - shift
        return trainer, model, batch

    return make


@pytest.mark.parametrize("n_good", [3, 1])
def test_kto_starts_at_half_its_weights(kto, n_good):
    trainer, model, batch = kto(n_good=n_good)
    weights = {True: 6 / 2 / n_good if n_good == 3 else 5.0, False: 1.0}
    expected = sum(0.5 * weights[bool(good)] for good in batch["label"]) / 6
    assert float(trainer.compute_loss(model, batch).detach()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("shift", [0.7, -1.3])
def test_the_kto_loss_is_the_papers(kto, shift):
    trainer, model, batch = kto(shift, beta=0.3, good_weight=2.0, bad_weight=0.5)
    z = max(0.0, shift)

    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    expected = 0.0
    for place, good in enumerate(batch["label"].tolist()):
        r = shift * (1 + place)
        expected += 2.0 * (1 - sigmoid(0.3 * (r - z))) if good else 0.5 * (1 - sigmoid(0.3 * (z - r)))
    assert float(trainer.compute_loss(model, batch).detach()) == pytest.approx(expected / 6, rel=1e-4)


def test_every_kto_batch_has_both_kinds_and_none_has_one_reply():
    from tuning.methods.kto import mixed

    ids = [([1], [place], place % 4 == 0) for place in range(17)]
    order = mixed(ids, 4, seed=3)
    assert len(order) == 16
    assert all({True, False} == {good for *_, good in order[first : first + 8]} for first in range(0, 16, 8))
    with pytest.raises(AfinaError) as caught:
        mixed([([1], [2], True)], 4, 0)
    assert caught.value.key == "rated.one_kind"


def run_of(folder, tiny_model, method: str, name: str, home: str = "home", source: str = "", stop_at=0, **settings):
    """Trains in this process to the end, or asks the run to stop once it has made `stop_at` steps."""
    from tuning.config.training_methods import METHODS
    from tuning.executors.run_method import execute
    from tuning.runs.queue import Queue

    told = {"target_steps": 12, "learning_rate": 5e-3, **settings}
    if method == "rloo":
        told = {"reward": "longer", "replies": 4, "reply_tokens": 24, **told}
    config = METHODS[method].config.from_settings({"source_model": source or str(tiny_model), **told})
    data = rated_replies.load(ratings_file(folder)) if method == "kto" else prompts.load(prompts_file(folder))
    queue = Queue(RunStore(folder / home), executor=None)  # type: ignore[arg-type]
    run = queue.submit(method, config, data, name)
    if stop_at:

        def ask() -> None:
            while run.status().step < stop_at:
                time.sleep(0.01)
            queue.stop(run.id)

        threading.Thread(target=ask, daemon=True).start()
    execute(run, folder / home)
    assert run.state == ("stopped" if stop_at else "done"), run.status().error
    return run


@pytest.mark.slow
def test_kto_makes_good_replies_likelier_and_names_its_metrics(tmp_path, tiny_model):
    status = run_of(tmp_path, tiny_model, "kto", "kto").status()
    first, metrics = status.first, status.metrics
    assert first["heldout_loss"] == pytest.approx(0.5, abs=1e-4)
    assert first["heldout_accuracy"] == 0.5
    assert metrics["heldout_accuracy"] > 0.95
    assert metrics["chosen_reward"] - metrics["rejected_reward"] == pytest.approx(metrics["margin"], rel=1e-3)
    assert metrics["margin"] > 0
    assert {"kl", "loss", "heldout_margin"} <= metrics.keys()
    assert len(status.samples) > 1


@pytest.fixture(scope="module")
def two_replies(tmp_path_factory, tiny_model):
    """A home whose run `both` answers anything with one of two replies, each about half of the time."""
    from tuning.config.training import SFTConfig
    from tuning.data import loading
    from tuning.executors.run_method import execute
    from tuning.runs.queue import Queue

    folder = tmp_path_factory.mktemp("toy")
    rows = [{"prompt": question, "completion": reply} for question in QUESTIONS for reply in (SHORT, LONG, LONG)]
    config = SFTConfig(source_model=str(tiny_model), target_steps=300, learning_rate=1e-2, rank=16)
    queue = Queue(RunStore(folder / "home"), executor=None)  # type: ignore[arg-type]
    run = queue.submit("sft", config, loading.from_python(rows), "both")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice of libraries to programmers
        execute(run, folder / "home")
    assert run.state == "done", run.status().error
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("reward", "wins"), [("longer", LONG), ("shorter", SHORT)])
def test_rloo_moves_to_the_reply_that_earns_more(two_replies, tiny_model, reward, wins):
    from tuning.inference.engine import LocalEngine

    status = run_of(
        two_replies,
        tiny_model,
        "rloo",
        reward,
        source="both",
        reward=reward,
        target_steps=30,
        learning_rate=2e-3,
        replies=6,
        reply_tokens=48,
        temperature=0.5,
    ).status()
    series = status.series
    assert all(abs(loss) < 1e-3 for _, loss in series["loss"])  # advantages of siblings add up to nothing
    earned = [value for _, value in series["reward"]]
    assert sum(earned[-6:]) / 6 > sum(earned[:3]) / 3 + 0.03, earned
    assert {"kl", "reply_tokens", "heldout_reward", "heldout_right"} <= series.keys()
    assert status.metrics["kl"] > 0
    engine = LocalEngine(two_replies / "home")
    talks = [[{"role": "user", "content": question}] for question in QUESTIONS]
    sampling = Sampling(temperature=0.5, top_p=1.0, max_new_tokens=48)

    def share(policy: str) -> float:
        replies = [reply.text for reply in engine.generate([policy] * len(talks), talks, sampling)]
        return sum(reply[:4] == wins[:4] for reply in replies) / len(replies)

    assert 0.05 < share("both") < 0.95
    assert share(reward) > share("both") + 0.04


@pytest.mark.slow
@pytest.mark.parametrize("method", ["kto", "rloo"])
def test_a_stopped_run_resumes_to_the_same_weights(tmp_path, tiny_model, method):
    from safetensors.torch import load_file

    from tuning.executors.run_method import execute
    from tuning.runs.queue import Queue

    told = {"target_steps": 16, "save_every": 4, "eval_every": 4}
    whole = run_of(tmp_path, tiny_model, method, "whole", **told)
    broken = run_of(tmp_path, tiny_model, method, "broken", home="other", stop_at=5, **told)
    assert 5 <= broken.status().step < whole.status().step
    Queue(RunStore(tmp_path / "other"), executor=None).resume(broken.id)  # type: ignore[arg-type]
    execute(broken, tmp_path / "other")
    assert broken.state == "done", broken.status().error
    one, other = (load_file(each.adapter_dir / "adapter_model.safetensors") for each in (whole, broken))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["kto", "rloo"])
def test_every_trainable_parameter_moves_and_no_other(tmp_path, tiny_model, method, monkeypatch):
    from importlib import import_module

    from tuning.config.training_methods import METHODS

    module = import_module(METHODS[method].trainer)
    kept: dict[str, object] = {}
    whole = module.add_adapter

    def add(*args):
        model = kept["model"] = whole(*args)
        kept["before"] = {name: weight.detach().clone() for name, weight in model.named_parameters()}
        return model

    monkeypatch.setattr(module, "add_adapter", add)
    run_of(tmp_path, tiny_model, method, "all", target_steps=4)
    before, model = kept["before"], kept["model"]
    for name, weight in model.named_parameters():  # type: ignore[attr-defined]
        if ".ref." in name:  # the frozen copy that the trainer makes of the adapter
            assert torch.equal(weight, before[name.replace(".ref.", ".default.")]), name  # type: ignore[index]
        else:
            assert torch.equal(weight, before[name]) != (".lora_" in name), name  # type: ignore[index]


def test_a_reward_that_rises_while_right_answers_fall_is_told(tmp_path):
    from tuning.rewards.rloo import warn_if_overoptimised

    store = RunStore(tmp_path)
    run = store.create(
        method="rloo",
        config={},
        name="far",
        base={"name": "pocket", "sha256": "", "kind": "pocket"},
        data={},
        train=[],
        heldout=[],
    )
    run.append("eval", 0, heldout_reward=-1.2, heldout_right=0.9)
    warn_if_overoptimised(run, 5, {"heldout_reward": -1.4, "heldout_right": 0.5})
    warn_if_overoptimised(run, 5, {"heldout_reward": -0.8, "heldout_right": 0.85})
    assert run.status().notes == ()
    warn_if_overoptimised(run, 10, {"heldout_reward": -0.3, "heldout_right": 0.6})
    (note,) = run.status().notes
    assert note.key == "note.overoptimised.right"
    for language in LANGUAGES:
        assert note.key in messages(language)
        assert "60%" in note.words(language)
        assert "-0.30" in note.words(language)
