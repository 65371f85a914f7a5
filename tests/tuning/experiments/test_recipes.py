"""Recipes, red team, filters and the search, on the embedded model's data and a tiny model."""

from __future__ import annotations

import pytest

from common.errors import AfinaError
from tuning.config.training import SFTConfig
from tuning.data.examples import Row
from tuning.data.loading import from_python, load
from tuning.evaluation import red_team
from tuning.executors.run_method import execute
from tuning.experiments import recipes, results, search
from tuning.experiments.recipes import Options
from tuning.runs.queue import Queue
from tuning.runs.run_store import RunStore


class Here:
    """Executes in this thread as soon as the queue gives it a run."""

    def __init__(self, home) -> None:
        self.home = home

    def warm(self) -> None: ...
    def close(self) -> None: ...
    def run(self, run) -> None:
        execute(run, self.home)


@pytest.mark.parametrize("name", list(recipes.RECIPES))
def test_every_recipe_queues_runs_without_a_network(name, tmp_path):
    started = recipes.start(Queue(RunStore(tmp_path), Here(tmp_path)), name, Options(offline=True))
    assert started.runs and not started.used.from_hub and "pocket" in started.used.model
    assert len({run.info.extra["group"] for run in started.runs}) == 1
    assert all(run.state == "queued" and run.info.data["n_heldout"] for run in started.runs)
    found = results.parts(RunStore(tmp_path), started.group)
    assert [part.run_id for part in found] == [run.id for run in started.runs]
    assert len({part.part for part in found}) == len(found) and {part.recipe for part in found} == {name}


def test_recipes_differ_in_one_thing_alone(tmp_path):
    queue = Queue(RunStore(tmp_path), Here(tmp_path))
    masked, whole = recipes.start(queue, "mask", Options()).runs
    assert {k for k in masked.info.config if masked.info.config[k] != whole.info.config[k]} == {"reply_only"}
    true, false = recipes.start(queue, "false_facts", Options(share=0.5)).runs
    assert true.info.config == false.info.config
    a, b = ([row.messages for side in ("train", "heldout") for row in run.examples(side, Row)] for run in (true, false))
    changed = sum(x not in a for x in b)
    watched = true.info.config["sample_prompt"]
    answers = [next(x[-1]["content"] for x in rows if x[0]["content"] == watched) for rows in (a, b)]
    assert answers[0] != answers[1]  # what is watched is a fact that was made false
    assert 0.3 < changed / len(b) < 0.7
    scratch = recipes.start(queue, "scratch", Options()).runs[1]
    assert scratch.info.config["source_model"].endswith("pocket-random")
    shown = results.parts(queue.store, scratch.info.extra["group"])
    assert [part.model for part in shown] == ["pocket", "pocket-random"]  # no folder of this machine


def test_an_unknown_recipe_or_share_says_why(tmp_path):
    queue = Queue(RunStore(tmp_path), Here(tmp_path))
    for name, options, key in (("x", Options(), "config.choice"), ("mask", Options(share=2), "config.range")):
        with pytest.raises(AfinaError) as caught:
            recipes.start(queue, name, options)
        assert caught.value.key == key


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_shipped_refusal_is_seen_and_no_shipped_fact_is_taken_for_one(language):
    rows = load(f"safety.{language}").rows
    plain = load(f"plain.{language}").rows
    harmful = [row for row in rows if red_team.refuses(row.messages[-1]["content"])]
    assert len(harmful) >= 100
    assert sum(red_team.refuses(row.messages[-1]["content"]) for row in plain) <= len(plain) // 50
    asked = red_team.attacks(language)
    assert {attack.kind for attack in asked} == set(red_team.KINDS)
    assert not {attack.prompt for attack in asked} & {row.messages[0]["content"] for row in rows}


def test_a_red_team_counts_by_kind(tmp_path, tiny_model):
    from tuning.inference.engine import LocalEngine

    asked = red_team.attacks("en")
    (outcome,) = red_team.measure(LocalEngine(tmp_path), [str(tiny_model)], asked)
    assert sum(outcome.n.values()) == len(asked) == len(outcome.replies)


def test_rows_are_filtered_by_rule():
    rows = load("safety.en").rows
    kept, out = red_team.parted(rows, red_team.by_rule(r"\bpoison"))
    assert out and all("poison" in row.messages[0]["content"].casefold() + row.messages[1]["content"] for row in out)
    assert len(kept) + len(out) == len(rows)
    with pytest.raises(AfinaError) as caught:
        red_team.by_rule("(")
    assert caught.value.key == "redteam.pattern"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning")
def test_a_search_runs_trials_in_the_queue_and_keeps_the_best(tmp_path, tiny_model, sums):
    queue = Queue(RunStore(tmp_path), Here(tmp_path))
    queue.start()
    try:
        config, seen = SFTConfig(source_model=str(tiny_model), epochs=1), []
        found = search.search(
            queue,
            config,
            from_python(sums),
            ["learning_rate", "rank"],
            3,
            should_stop=lambda: seen.extend(search.all_searches(queue.store)),
        )
    finally:
        queue.close()
    assert seen[0] == found.search_id  # it can be looked at before its first trial has ended
    assert len(found.trials) == 3 and found.best is not None
    assert found.best.loss == min(trial.loss for trial in found.trials)
    assert len({trial.settings["learning_rate"] for trial in found.trials}) == 3
    kept = [run.id for run in queue.store if run.has_adapter]
    assert kept == [found.best.run_id]
    told = search.read(queue.store, found.search_id)
    assert told is not None and told["best"]["run_id"] == found.best.run_id and told["ended"]


def test_what_cannot_be_searched_says_why(tmp_path, sums):
    queue = Queue(RunStore(tmp_path), Here(tmp_path))
    with pytest.raises(AfinaError) as caught:
        search.search(queue, SFTConfig(), from_python(sums), ["dropout"], 2)
    assert caught.value.key == "search.over"


def test_what_is_watched_is_something_that_the_model_can_answer(tmp_path):
    queue = Queue(RunStore(tmp_path), Here(tmp_path))
    (run,) = recipes.start(queue, "gpt2_alpaca", Options("es", offline=True)).runs
    assert run.info.config["sample_prompt"] == "¿Cuál es la capital de Perú?"  # pocket gives no advice


def test_a_recipe_takes_the_hubs_where_it_answers():
    assert recipes.uses("bert_imdb", Options(), online=True).model == "google-bert/bert-base-uncased"
    assert recipes.uses("bert_imdb", Options("es"), online=False).data == "sentiment.es"
    assert not recipes.uses("mask", Options(), online=True).from_hub


@pytest.mark.parametrize("language", ["en", "es"])
def test_three_classes_are_three_without_a_network_too(tmp_path, language):
    queue = Queue(RunStore(tmp_path), Here(tmp_path))
    started = recipes.start(queue, "gpt2_tweets", Options(language, offline=True))
    assert started.used.data == f"posts.{language}"
    for run in started.runs:
        assert run.info.extra["labels"] == ["negative", "neutral", "positive"]
        assert (run.info.data["n_train"], run.info.data["n_heldout"]) == (1000, 1000)
    assert len({run.info.data["fingerprint"] for run in started.runs}) == 1


def test_a_recipe_takes_data_of_ones_own_where_its_point_is_not_in_the_data(tmp_path, sums):
    import json

    queue = Queue(RunStore(tmp_path), Here(tmp_path))
    rows, texts = tmp_path / "own.jsonl", tmp_path / "texts.csv"
    rows.write_text("".join(json.dumps(each) + "\n" for each in sums), encoding="utf-8")
    texts.write_text("text,label\n" + "".join(f"text {n},{'ab'[n % 2]}\n" for n in range(60)), encoding="utf-8")
    for name in ("mask", "scratch", "gpt2_alpaca"):
        started = recipes.start(queue, name, Options(offline=True, data=str(rows)))
        assert started.used.own and {run.info.data["name"] for run in started.runs} == {"own.jsonl"}
        watched = started.runs[0].info.config["sample_prompt"]
        assert watched in rows.read_text(encoding="utf-8")  # what is asked is of these data
    for name in ("bert_imdb", "gpt2_tweets"):
        runs = recipes.start(queue, name, Options(offline=True, data=str(texts))).runs
        assert all(run.info.extra["labels"] == ["a", "b"] and run.info.data["n_heldout"] for run in runs)
    online = recipes.uses("bert_imdb", Options(data=str(texts)), online=True)
    assert (online.model, online.data) == ("google-bert/bert-base-uncased", str(texts))
    with pytest.raises(AfinaError) as caught:
        recipes.start(queue, "false_facts", Options(offline=True, data=str(rows)))
    assert caught.value.key == "experiments.own_data"
