"""Reward models and DPO: losses against an independent float64 implementation, starts by theory, real small runs."""

import json
import math

import pytest

from common.errors import AfinaError
from tuning.config.planner import preference_steps
from tuning.config.training import DPOConfig, RewardConfig, RLOOConfig
from tuning.data import preference_pairs
from tuning.data.examples import Pair, read_rows, write_rows
from tuning.inference.reply_engine import Sampling
from tuning.methods.run_reporting import WATCHED
from tuning.runs.status import RunStatus

QUESTIONS = [f"What is {a} plus {b}?" for a in range(6) for b in range(6)]


def records() -> list[dict]:
    return [
        {
            "prompt": [{"role": "user", "content": question}],
            "chosen": [{"role": "assistant", "content": "With pleasure, thank you."}],
            "rejected": [{"role": "assistant", "content": "No."}],
        }
        for question in QUESTIONS
    ]


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "Q?", "chosen": "good", "rejected": "bad"},
        {
            "prompt": [{"role": "user", "content": "Q?"}],
            "chosen": [{"role": "assistant", "content": "good"}],
            "rejected": [{"role": "assistant", "content": "bad"}],
        },
        {
            "chosen": [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": "good"}],
            "rejected": [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": "bad"}],
        },
        {
            "conversations": [{"from": "human", "value": "Q?"}],
            "chosen": {"from": "gpt", "value": "good"},
            "rejected": {"from": "gpt", "value": "bad"},
        },
        {"chosen": "\n\nHuman: Q?\n\nAssistant: good", "rejected": "\n\nHuman: Q?\n\nAssistant: bad"},
    ],
)
def test_every_known_shape_gives_the_same_pair(record):
    pair = preference_pairs.pair_of(record)
    assert (pair.prompt, pair.chosen, pair.rejected) == (({"role": "user", "content": "Q?"},), "good", "bad")


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ({"prompt": "Q?", "chosen": "a"}, "pairs.missing"),
        ({"prompt": "Q?", "chosen": "a", "rejected": "a"}, "pairs.identical"),
        ({"chosen": "a", "rejected": "b"}, "pairs.reply"),
        ({"prompt": "Q?", "chosen": "a", "rejected": "b", "margin": "much"}, "pairs.margin"),
        ({"prompt": "Q?", "chosen": "a", "rejected": "b", "tie": "yes"}, "pairs.tie"),
        (
            {"chosen": "\n\nHuman: X?\n\nAssistant: a", "rejected": "\n\nHuman: Y?\n\nAssistant: b"},
            "pairs.prompts",
        ),
    ],
)
def test_what_is_no_pair_is_named(record, key):
    with pytest.raises(AfinaError) as caught:
        preference_pairs.pair_of(record, 7)
    assert caught.value.key == key
    assert "7" in caught.value.words("es")


def test_a_file_without_one_pair_is_an_error_that_says_why(tmp_path):
    path = tmp_path / "none.jsonl"
    path.write_text('{"prompt": "Q?", "chosen": "a", "rejected": "a"}\n')
    with pytest.raises(AfinaError) as caught:
        preference_pairs.load(path)
    assert caught.value.key == "pairs.none"


def test_pairs_survive_the_disk(tmp_path):
    kept = [Pair(({"role": "user", "content": "Q?"},), "é", "b", 1.5, 3), Pair((), "a", "b", tie=True)]
    write_rows(tmp_path / "pairs.jsonl", kept)
    assert read_rows(tmp_path / "pairs.jsonl", Pair) == kept


# The trainers themselves

torch = pytest.importorskip("torch")


def reference_loss(kind: str, ratios: list[float], lengths: tuple[int, int], beta: float, noise: float) -> float:
    """The papers' formulas in plain float64: `ratios` are log pi - log pi_ref of chosen and rejected."""
    h = ratios[0] - ratios[1]

    def log_sigmoid(x: float) -> float:
        return -math.log1p(math.exp(-x))

    if kind == "sigmoid":
        return -log_sigmoid(beta * h)
    if kind == "hinge":
        return max(0.0, 1 - beta * h)
    if kind == "robust":
        return (-(1 - noise) * log_sigmoid(beta * h) + noise * log_sigmoid(-beta * h)) / (1 - 2 * noise)
    return (ratios[0] / lengths[0] - ratios[1] / lengths[1] - 1 / (2 * beta)) ** 2


@pytest.fixture
def trainer(tiny_model, tmp_path):
    """Makes a PolicyTrainer on two pairs, with reference log-probabilities that are off by known amounts."""
    from peft import LoraConfig, get_peft_model

    from tuning.methods.dpo import PolicyTrainer
    from tuning.methods.preference_data import log_probabilities, plan_of, tokenised
    from tuning.methods.start import Start

    def make(shift: tuple[float, float] = (0.0, 0.0), **settings):
        start = Start.load(str(tiny_model), tmp_path)
        model = get_peft_model(start.model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
        config = DPOConfig(source_model=str(tiny_model), batch_size=2, sft_weight=0.0, **settings)
        two = [preference_pairs.pair_of(record, n) for n, record in enumerate(records()[:2])]
        plan = plan_of(config, start, len(two))
        ids = tokenised(start.tokenizer, two, plan.max_length)
        own = log_probabilities(model, ids, start.tokenizer.pad_token_id)
        made = PolicyTrainer(start, model, config, plan, ids, own - torch.tensor(shift), tmp_path / "c", [])
        batch = made.data_collator([made.train_dataset[0], made.train_dataset[1]])
        return made, model, ids, batch

    return make


@pytest.mark.parametrize("kind", ["sigmoid", "ipo", "hinge", "robust"])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (1.25, -2.5), (-3.0, 0.5)])
def test_losses_are_the_papers(trainer, kind, shift):
    made, model, ids, batch = trainer(shift, loss=kind, beta=0.3, noise=0.2)
    loss = float(made.compute_loss(model, batch).detach())
    lengths = [(len(each.chosen), len(each.rejected)) for each in ids]
    expected = sum(reference_loss(kind, list(shift), length, 0.3, 0.2) for length in lengths) / len(lengths)
    assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("kind", "start"), [("sigmoid", math.log(2)), ("robust", math.log(2)), ("hinge", 1), ("ipo", 25)]
)
def test_a_run_starts_where_theory_says(trainer, kind, start):
    made, model, _, batch = trainer(loss=kind, beta=0.1)
    assert float(made.compute_loss(model, batch).detach()) == pytest.approx(start, rel=1e-4)


def run_of(tmp_path, tiny_model, method: str, name: str, source: str = "", rows: list | None = None, **settings):
    import tuning

    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in rows or records()))
    job = getattr(tuning, method).train(
        source_model=source or str(tiny_model),
        train_dataset=path,
        tuned_model_display_name=name,
        home=tmp_path / "home",
        **{"target_steps": 12, "learning_rate": 5e-3, **settings},
    )
    job.wait(timeout=120)
    assert job.state == "done", job.error
    return job


@pytest.mark.slow
def test_several_prompts_are_watched_and_their_replies_are_the_policys(tmp_path, tiny_model):
    """Prompts of different lengths share a batch; what is shown is what the chat would write."""
    from tuning.inference.engine import LocalEngine

    rows = records()
    for number, row in enumerate(rows):
        row["prompt"][0]["content"] += " Say it!" * (number % 4)
    status = run_of(tmp_path, tiny_model, "dpo", "dpo", rows=rows).status
    last = {prompt: reply for step, prompt, reply in status.samples if step == status.step}
    assert len(last) == WATCHED and len({len(prompt) for prompt in last}) > 1
    talks = [[{"role": "user", "content": prompt}] for prompt in last]
    sampling = Sampling(greedy=True, max_new_tokens=48)
    replies = LocalEngine(tmp_path / "home").generate(["dpo"] * len(talks), talks, sampling)
    assert [reply.text.strip() for reply in replies] == list(last.values())
    prompt, told = status.changing
    assert len(told) > 1 and told[0][0] == 0 and told[-1][1] == status.step and told[-1][2] == last[prompt]


def test_of_the_watched_prompts_that_is_shown_whose_reply_changed_first():
    def of(*samples: tuple[int, str, str]) -> RunStatus:
        return RunStatus(run_id="1", name="dpo", state="done", samples=samples)

    same = ((0, "a", "x"), (0, "b", "y"), (3, "a", "x"), (3, "b", "y"))
    assert of().changing == ("", [])
    assert of(*same).changing == ("a", [(0, 3, "x")])
    assert of(*same, (6, "a", "x"), (6, "b", "z")).changing == ("b", [(0, 3, "y"), (6, 6, "z")])
    later = of(*same, (6, "a", "x"), (6, "b", "z"), (9, "a", "w"), (9, "b", "z"))
    assert later.changing == ("b", [(0, 3, "y"), (6, 9, "z")])


@pytest.mark.slow
def test_dpo_prefers_what_was_chosen_and_names_its_metrics(tmp_path, tiny_model):
    job = run_of(tmp_path, tiny_model, "dpo", "dpo")
    metrics = job.status.metrics
    assert job.status.first["heldout_loss"] == pytest.approx(math.log(2), rel=1e-4)
    assert metrics["heldout_accuracy"] > 0.9
    assert metrics["chosen_reward"] - metrics["rejected_reward"] == pytest.approx(metrics["margin"], rel=1e-3)
    assert metrics["margin"] > 0
    assert {"kl", "accuracy", "heldout_margin", "loss"} <= metrics.keys()
    folder = tmp_path / "home" / "runs" / job.run_id
    saved = {file.name for file in (folder / "adapter").iterdir()}
    assert "ref" not in saved


@pytest.mark.slow
def test_a_reward_model_learns_scores_and_is_no_policy(tmp_path, tiny_model):
    from tuning.rewards.reward_model import RewardModel
    from tuning.runs import resolver

    policy = run_of(tmp_path, tiny_model, "dpo", "policy", target_steps=2)
    job = run_of(tmp_path, tiny_model, "reward", "judge", source=policy.name)
    assert job.status.metrics["heldout_accuracy"] > 0.9
    judge = RewardModel("judge", tmp_path / "home")
    prompt = ({"role": "user", "content": "What is 7 plus 7?"},)
    good, bad = judge.scores([(prompt, "With pleasure, thank you."), (prompt, "No.")])
    assert good > bad
    assert judge.preferences([Pair(prompt, "With pleasure, thank you.", "No.")])[0] > 0.5
    said = "¿Qué? Tú también, \U0001f600 thank you."
    (read,), (reward,) = judge.read([(prompt, said)]), judge.scores([(prompt, said)])
    words = read.words
    assert "".join(each.text for each in words).strip().startswith(said) and len(words) >= 6
    whole = sum(each.score * each.tokens for each in words) / sum(each.tokens for each in words)
    assert whole == pytest.approx(reward, abs=1e-4) and read.reward == pytest.approx(reward, abs=1e-4)
    many = [(prompt, " ".join(["thank you"] * n)) for n in range(1, 20)]  # more than a batch, in their order
    assert [each.reward for each in judge.read(many)] == pytest.approx(judge.scores(many), abs=1e-4)
    with pytest.raises(AfinaError) as caught:
        resolver.resolve("judge", tmp_path / "home")
    assert caught.value.key == "models.no_policy"
    with pytest.raises(AfinaError):
        RewardModel("policy", tmp_path / "home")


def answered(question: str, chosen: str, rejected: str, **more) -> dict:
    return {"prompt": question, "chosen": chosen, "rejected": rejected, **more}


@pytest.mark.slow
def test_ties_tell_a_reward_model_what_does_not_count_and_are_nothing_to_dpo(tmp_path, tiny_model):
    import tuning
    from tuning.rewards.reward_model import RewardModel

    rows = [answered(question, "Yes.", "No no no no no no no.") for question in QUESTIONS[:6]]
    rows += [answered(question, "Yes.", "Yes yes yes yes yes.", tie=True) for question in QUESTIONS[6:]]
    shared = {"source_model": str(tiny_model), "home": tmp_path, "target_steps": 80, "learning_rate": 2e-3}
    told = tuning.reward.train(train_dataset=rows, tuned_model_display_name="told", **shared)
    untold = tuning.reward.train(train_dataset=rows[:6], tuned_model_display_name="untold", **shared)
    policy = tuning.dpo.train(train_dataset=rows, tuned_model_display_name="dpo", **{**shared, "target_steps": 2})
    for job in (told, untold, policy):
        job.wait(timeout=180)
        assert job.state == "done", job.error
    assert told.to_dict()["n_train"] > 6 >= policy.to_dict()["n_train"]
    left_out = [note for note in policy.status.notes if note.key == "note.ties_left_out"]
    assert [note.params["n"] for note in left_out] == [len(rows) - 6]
    prompt = ({"role": "user", "content": QUESTIONS[-1]},)
    replies = [(prompt, "Yes."), (prompt, "Yes yes yes yes yes."), (prompt, "No no no no no no no.")]
    yes, longer, no = RewardModel("told", tmp_path).scores(replies)
    assert yes > no and longer > no
    as_long, too_long, _ = RewardModel("untold", tmp_path).scores(replies)
    assert abs(yes - longer) < 0.5 * abs(as_long - too_long)
    with pytest.raises(AfinaError) as caught:
        tuning.dpo.train(train_dataset=rows[6:], tuned_model_display_name="none", **shared)
    assert caught.value.key == "pairs.all_ties"


def test_the_reward_loss_is_bradley_and_terrys_and_a_tie_is_half_a_win_each():
    from tuning.methods.reward import loss_of

    difference, margin = [1.25, -0.5, 2.0], [0.0, 0.6, 0.0]
    losses = loss_of(torch.tensor(difference), torch.tensor(margin), torch.tensor([False, False, True]))

    def lost(x: float) -> float:
        return math.log1p(math.exp(-x))

    expected = [lost(1.25), lost(-0.5 - 0.6), (lost(2.0) + lost(-2.0)) / 2]
    assert losses.tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_a_reward_is_read_off_the_reply_alone(tiny_model, tmp_path, pooling):
    from tuning.methods.reward import padded, with_head
    from tuning.methods.start import Start

    start = Start.load(str(tiny_model), tmp_path, "float32")
    pad = start.tokenizer.pad_token_id
    model = with_head(start.model, None, pad, pooling).eval()
    torch.nn.init.normal_(model.score.weight)
    rows = [([5, 6, 7], [8, 9, 10, 11]), ([5, 6], [12]), ([5], [6, 7, 8, 9, 10, 11, 12, 13])]
    found = model(**padded(rows, pad)).logits.detach()  # (3, 1)
    for (prompt, reply), reward in zip(rows, found, strict=True):
        hidden = model.base_model(input_ids=torch.tensor([prompt + reply]))[0][0]  # (T, H)
        kept = hidden[-1:] if pooling == "last" else hidden[len(prompt) :]
        assert float(reward) == pytest.approx(float(model.score(kept).mean().detach()), abs=1e-4)


@pytest.mark.slow
def test_a_run_from_before_still_reads_the_last_token(tmp_path, tiny_model):
    from tuning.methods.reward import config_of
    from tuning.rewards.reward_model import RewardModel
    from tuning.runs.run_store import RunStore

    job = run_of(tmp_path, tiny_model, "reward", "old", target_steps=2)
    folder = tmp_path / "home" / "runs" / job.run_id
    assert config_of(RunStore(tmp_path / "home").get("old")).pooling == "mean"
    told = json.loads((folder / "run.json").read_text())
    del told["config"]["pooling"]
    (folder / "run.json").write_text(json.dumps(told))
    assert config_of(RunStore(tmp_path / "home").get("old")).pooling == "last"
    prompt = ({"role": "user", "content": "What is 7 plus 7?"},)
    old = RewardModel("old", tmp_path / "home")
    replies = [(prompt, "No."), (prompt, "Yes.")]
    assert [each.words for each in old.read(replies)] == [(), ()]
    assert [each.reward for each in old.read(replies)] == old.scores(replies)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "maker"), [("dpo", "add_adapter"), ("reward", "get_peft_model")])
def test_every_trainable_parameter_moves_and_no_other(tmp_path, tiny_model, method, maker, monkeypatch):
    from importlib import import_module

    from tuning.config.training_methods import METHODS
    from tuning.executors.run_method import execute
    from tuning.runs.queue import Queue
    from tuning.runs.run_store import RunStore

    module, kept = import_module(METHODS[method].trainer), {}
    whole = getattr(module, maker)

    def add(*args, **kwargs):
        model = kept["model"] = whole(*args, **kwargs)
        kept["before"] = {name: weight.detach().clone() for name, weight in model.named_parameters()}
        return model

    monkeypatch.setattr(module, maker, add)
    config = METHODS[method].config(source_model=str(tiny_model), target_steps=6, learning_rate=5e-3)
    run = Queue(RunStore(tmp_path), executor=None).submit(
        method, config, preference_pairs.from_python(records()), "all"
    )
    execute(run, tmp_path)
    assert run.state == "done", run.status().error
    learned = (".lora_", ".modules_to_save.")  # the adapter, and a reward model's head
    for name, weight in kept["model"].named_parameters():
        if ".ref." not in name:
            moved = not torch.equal(weight, kept["before"][name])
            assert moved == any(part in name for part in learned), name


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dpo", "reward"])
def test_a_stopped_run_resumes_to_the_same_weights(tmp_path, tiny_model, method):
    from safetensors.torch import load_file

    import tuning

    (tmp_path / "broken").mkdir()
    whole = run_of(tmp_path, tiny_model, method, "whole", target_steps=40, save_every=5)
    path = tmp_path / "pairs.jsonl"
    job = getattr(tuning, method).train(
        source_model=str(tiny_model),
        train_dataset=path,
        tuned_model_display_name="broken",
        home=tmp_path / "broken",
        target_steps=40,
        save_every=5,
        learning_rate=5e-3,
    )
    job.wait(timeout=120, seen=lambda status: status.step >= 8 and status.state == "running" and job.stop())
    assert job.state == "stopped"
    assert 8 <= job.status.step < 40
    job.resume().wait(timeout=120)
    assert job.state == "done", job.error
    one, other = (
        load_file(home / "runs" / each.run_id / "adapter" / "adapter_model.safetensors")
        for home, each in ((tmp_path / "home", whole), (tmp_path / "broken", job))
    )
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("config", "n", "expected"),
    [
        (DPOConfig(), 49, (40, 8)),  # target_steps
        (DPOConfig(), 6, (15, 6)),  # a few pairs are not seen more than 15 times
        (DPOConfig(), 400, (150, 8)),  # all are seen three times
        (DPOConfig(epochs=1), 400, (50, 8)),
        (RewardConfig(), 6, (40, 6)),
        (RLOOConfig(), 1000, (60, 8)),  # prompts need not come back
    ],
)
def test_steps_come_from_the_number_of_pairs(config, n, expected):
    assert preference_steps(config, n) == expected
