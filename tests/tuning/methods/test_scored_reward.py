"""A reward model from single scores: data, loss, real runs on `pocket`, stop and resume, and where it is used."""

import json
import math
import random
import threading
import time

import pytest

from common.errors import AfinaError, messages
from common.languages import LANGUAGES
from tuning.config.training_methods import METHODS
from tuning.data import rated_replies
from tuning.data.examples import Scored, read_rows, write_rows
from tuning.data.loading import load
from tuning.runs import reward_names
from tuning.runs.queue import Queue
from tuning.runs.run_store import RunStore

USER = ({"role": "user", "content": "Q?"},)
SAID = {"role": "assistant", "content": "a"}


@pytest.mark.parametrize(
    "record",
    [
        {"prompt": "Q?", "completion": "a", "score": 4.5},
        {"prompt": "Q?", "reply": "a", "rating": "4.5"},
        {"Prompt": "Q?", "response": "a", "helpfulness": 4.5, "verbosity": 1},
        {"question": "Q?", "completion": [SAID], "Puntuación": " 4.5 "},
        {"messages": [*USER, SAID], "score": 4.5},
    ],
)
def test_every_known_shape_of_a_score_is_read(record):
    other = {**record, "score": 1, "rating": 1, "helpfulness": 1, "Puntuación": 1}
    other = {name: value for name, value in other.items() if name in record}
    found = rated_replies.scored_from_python([record, other])
    assert [(row.prompt, row.completion, row.score) for row in found.rows] == [(USER, "a", 4.5), (USER, "a", 1.0)]


@pytest.mark.parametrize(
    ("change", "key", "value"),
    [
        ({"score": None}, "scored.missing", "score"),
        ({"score": ""}, "scored.missing", "score"),
        ({"reply": " "}, "scored.missing", "completion"),
        ({"reply": ""}, "scored.missing", "completion"),
        ({"prompt": ""}, "scored.missing", "prompt"),
        ({"score": float("nan")}, "scored.number", "nan"),
        ({"score": "four"}, "scored.number", "four"),
        ({"score": "4,5"}, "scored.number", "4,5"),
        ({"score": True}, "scored.number", "True"),
        ({"score": [4]}, "scored.number", "[4]"),
        ({"score": "1e999"}, "scored.range", "1e999"),
        ({"score": -2_000_000}, "scored.range", "-2000000"),
    ],
)
def test_what_is_no_score_is_named_with_its_row_and_value_and_the_others_are_kept(change, key, value):
    good = [{"prompt": "Q?", "reply": "a", "score": score} for score in (1, 2)]
    found = rated_replies.scored_from_python([good[0], {**good[0], **change}, good[1]])
    assert [row.score for row in found.rows] == [1, 2] and found.n_skipped == 1
    assert found.skipped[0].key == key
    for language in LANGUAGES:
        assert "2" in (text := found.skipped[0].words(language)) and value in text
        assert key in messages(language)


def test_a_likert_scale_has_five_steps_and_one_column_counts_for_all_rows():
    rows = [{"prompt": "Q?", "reply": "a", "likert": value} for value in ("1", 5, 0, 3.5)]
    found = rated_replies.scored_from_python(rows)
    assert [row.score for row in found.rows] == [1, 5]
    assert [problem.params["value"] for problem in found.skipped] == ["0", "3.5"]
    mixed = [{"prompt": "Q?", "reply": "a", "score": 1}, {"prompt": "Q?", "reply": "a", "score": 2}]
    found = rated_replies.scored_from_python([*mixed, {"prompt": "Q?", "reply": "a", "helpfulness": 4}])
    assert [row.score for row in found.rows] == [1, 2] and found.n_skipped == 1


def test_equal_scores_teach_nothing():
    with pytest.raises(AfinaError) as caught:
        rated_replies.scored_from_python([{"prompt": "Q?", "reply": reply, "score": 3} for reply in "ab"], "mine")
    assert (caught.value.key, caught.value.params) == ("scored.constant", {"name": "mine", "n": 2, "value": "3"})


def test_scores_survive_the_disk(tmp_path):
    rows = [Scored(USER, "é", 0.1, 3), Scored(USER, "b", -2.0)]
    write_rows(tmp_path / "rows.jsonl", rows)
    assert read_rows(tmp_path / "rows.jsonl", Scored) == rows


# The trainer itself

torch = pytest.importorskip("torch")


def test_the_loss_is_the_squared_error_or_hubers():
    from tuning.methods.scored_reward import loss_of

    rewards, target = torch.tensor([0.0, 0.5, 3.0]), torch.zeros(3)
    assert loss_of(rewards, target, "mse").tolist() == [0.0, 0.25, 9.0]
    assert loss_of(rewards, target, "huber").tolist() == [0.0, 0.125, 2.5]


def test_errors_are_in_points_of_the_score_and_correlations_need_something_that_varies():
    from tuning.methods.scored_reward import ScoredPlan, measured

    plan = ScoredPlan(1, 1, 1, 1.0, 0, 1, "float32", score_mean=3.0, score_spread=2.0)
    found = measured(torch.tensor([-1.0, 0.0, 2.0]), torch.tensor([1.0, 3.0, 4.0]), plan)  # says 1, 3, 7
    assert found["heldout_rmse"] == pytest.approx(math.sqrt(3)) and found["heldout_mae"] == pytest.approx(1)
    assert found["heldout_loss"] == pytest.approx(3 / 4) and found["heldout_spearman"] == pytest.approx(1)
    assert found["heldout_pearson"] == pytest.approx(0.9286, abs=1e-3)
    flat = measured(torch.zeros(3), torch.tensor([1.0, 3.0, 4.0]), plan)
    few = measured(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 3.0]), plan)
    assert not {"heldout_spearman", "heldout_pearson"} & (flat.keys() | few.keys())


def polite(n: int) -> list[dict]:
    """Replies of the shipped set, plain or more and less polite: a point for each courtesy, and some chance."""
    chance, rows = random.Random(0), []
    for row in load("plain.en").rows[:n]:
        prompt, reply = row.messages[0]["content"], row.messages[-1]["content"]
        courtesies = chance.randrange(3)
        reply = ("With pleasure. " if courtesies else "") + reply + (" Thank you, my friend." if courtesies > 1 else "")
        rows.append({"prompt": prompt, "reply": reply, "score": 1 + 2 * courtesies + chance.uniform(-0.5, 0.5)})
    return rows


def train(home, rows: list[dict], name: str, stop_at: int = 0, **settings):
    """Trains in this process to the end, or asks the run to stop once it has made `stop_at` steps."""
    from tuning.executors.run_method import execute

    config = METHODS["scored"].config.from_settings(settings)
    queue = Queue(RunStore(home), executor=None)  # type: ignore[arg-type]
    run = queue.submit("scored", config, rated_replies.scored_from_python(rows), name)
    if stop_at:

        def ask() -> None:
            while run.status().step < stop_at:
                time.sleep(0.01)
            queue.stop(run.id)

        threading.Thread(target=ask, daemon=True).start()
    execute(run, home)
    assert run.state == ("stopped" if stop_at else "done"), run.status().error
    return run


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["mse", "huber"])
def test_it_predicts_scores_of_replies_that_it_has_not_seen(tmp_path, tiny_model, loss):
    settings = {"source_model": str(tiny_model), "learning_rate": 5e-3, "target_steps": 60, "loss": loss}
    status = train(tmp_path, polite(120), "manners", **settings).status()
    assert status.plan["heldout_rows"] >= 15
    assert status.metrics["heldout_spearman"] > 0.4
    assert status.metrics["heldout_rmse"] < 0.8 * status.first["heldout_rmse"]
    assert status.first["heldout_rmse"] > 1  # as if all had the mean


@pytest.mark.slow
def test_on_pocket_it_learns_manners_and_is_a_reward_model_everywhere(tmp_path):
    from tuning.rewards.reward_functions import reward_of
    from tuning.rewards.reward_model import RewardModel

    run = train(tmp_path, polite(120), "manners", epochs=2)
    assert run.status().metrics["heldout_spearman"] > 0.6
    card = run.card.read_text()
    assert "Validation RMSE" in card and "score_mean" in card and "nats" not in card and "RewardModel" in card
    reward_names.check("manners", RunStore(tmp_path))  # what RLOO asks first
    model = RewardModel("manners", tmp_path)
    talk = ({"role": "user", "content": "Which month follows May?"},)
    replies = ["After May comes June.", "With pleasure. After May comes June. Thank you, my friend."]
    plain, kind = model.scores([(talk, reply) for reply in replies])
    assert kind > plain + 0.5
    assert [each.reward for each in model.read([(talk, replies[1])])] == pytest.approx([kind], abs=1e-4)
    assert reward_of("manners", tmp_path) is not None


def test_every_trainable_parameter_moves_and_no_other(tmp_path, tiny_model, monkeypatch):
    from tuning.methods import scored_reward

    before, kept, whole = {}, [], scored_reward.reward_model

    def add(*arguments):
        kept.append(whole(*arguments))
        before.update({name: weight.detach().clone() for name, weight in kept[0].named_parameters()})
        return kept[0]

    monkeypatch.setattr(scored_reward, "reward_model", add)
    train(tmp_path, polite(40), "all", source_model=str(tiny_model), target_steps=6, learning_rate=5e-3)
    for name, weight in kept[0].named_parameters():
        trained = ".lora_" in name or ".modules_to_save." in name
        assert torch.equal(weight, before[name]) != trained, name


@pytest.mark.slow
def test_stopped_and_resumed_it_ends_as_if_it_had_not_been(tmp_path, tiny_model):
    from safetensors.torch import load_file

    from tuning.executors.run_method import execute

    settings = {"source_model": str(tiny_model), "target_steps": 12, "learning_rate": 5e-3, "dropout": 0.1}
    whole = train(tmp_path, polite(40), "whole", **settings)
    broken = train(tmp_path, polite(40), "broken", stop_at=5, **settings)
    Queue(RunStore(tmp_path), executor=None).resume(broken.id)  # type: ignore[arg-type]
    execute(broken, tmp_path)
    assert broken.state == "done" and broken.status().step == whole.status().step
    first, second = (load_file(run.adapter_dir / "adapter_model.safetensors") for run in (whole, broken))
    assert all(torch.allclose(first[name], second[name], atol=1e-6) for name in first)


def test_training_rows_of_one_score_are_refused_in_words(tmp_path, tiny_model):
    from common.split import split
    from tuning.executors.run_method import execute

    rows = [{**row, "score": 1} for row in polite(30)]
    other = next(row for row in rows if split(row["prompt"]) == "heldout")
    other["score"] = 5
    config = METHODS["scored"].config(source_model=str(tiny_model))
    queue = Queue(RunStore(tmp_path), executor=None)  # type: ignore[arg-type]
    run = queue.submit("scored", config, rated_replies.scored_from_python(rows), "flat")
    execute(run, tmp_path)
    assert (run.state, run.status().error.key) == ("failed", "scored.constant")


@pytest.mark.slow
def test_the_command_line_trains_it_from_a_file(tmp_path, capsys, monkeypatch):
    from tuning.cli.main import main

    monkeypatch.setenv("AFINA_HOME", str(tmp_path / "home"))
    path = tmp_path / "scores.jsonl"
    rows = [*polite(60), {"prompt": "Q?", "reply": "a", "score": "four"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["scored", "--source-model", "pocket", "--train-dataset", str(path), "--name", "judge", "--json"]
    assert main([*command, "--set", "epochs=1"]) == 0
    out = capsys.readouterr()
    assert json.loads(out.out)["metrics"]["heldout_rmse"] > 0
    assert "61" in out.err and "four" in out.err
