"""Rounds as the teacher runs them, with the real embedded model: sampled in batches, resumed, discussed, revealed."""

import json
import time

import pytest

from common.errors import AfinaError, NotAllowed
from common.settings import Settings
from common.split import split
from labeling.rounds import lifecycle, progress, vote_casting
from labeling.schema import Generation, RoundSettings, new_id
from ui.translations import word
from workbench import services as services_module
from workbench.actors import TEACHER, VISITOR
from workbench.voting import reply_pairs
from workbench.voting.prompt_sources import read_prompts
from workbench.voting.rounds import RoundRequest


@pytest.fixture
def services(tmp_path):
    made = services_module.build(Settings(home=tmp_path))
    yield made
    made.rounds.stop()
    made.labels.close()


def wanted(services, **more):
    given = {
        "name": "one",
        "policies": ("pocket",),
        "prompts": tuple(services.rounds.prompts(TEACHER, "prompts.en")),
        "n_train": 6,
        "n_heldout": 2,
        "settings": RoundSettings(votes_wanted=1, common_items=2),
        "generation": Generation(temperature=1.0, max_new_tokens=16, seed=3),
    }
    return RoundRequest(**(given | more))


def wait(services, this, seconds=60):
    deadline = time.monotonic() + seconds
    while (now := lifecycle.get(services.labels, this.round_id)).state == "generating":
        stage = services.rounds.stage(TEACHER, this.round_id)
        assert stage.error is None, stage.error
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return now


def test_a_collecting_round_is_sampled_from_exact_numbers_of_each_side(services):
    pytest.importorskip("torch")
    this = wait(services, services.rounds.make(TEACHER, wanted(services)))
    made = lifecycle.comparisons_of(services.labels, this.round_id)
    dropped = sum(n for name, n in this.counts.items() if name.startswith("dropped"))
    assert len(made) + dropped == 8
    assert sum(each.split == "heldout" for each in made) <= 2
    for each in made:
        assert each.split == split(each.prompt)
        assert each.completion_a != each.completion_b
        assert each.policy_a == each.policy_b
        assert each.policy_a.startswith("pocket@")
        assert each.generation["temperature"] == 1.0
        assert len(set(each.generation["seeds"])) == 2


def test_gold_items_come_from_a_file_and_do_not_count(services, tmp_path):
    pytest.importorskip("torch")
    file = tmp_path / "gold.jsonl"
    models = {"model_a": "z", "model_b": "a"}  # the file's a is our b: the answer must follow
    rows = [
        {
            "prompt": f"What is {i} and {i}?",
            "completion_a": f"{2 * i}.",
            "completion_b": "Blue.",
            **(models if i else {}),
            "gold_winner": "model_a",
        }
        for i in range(3)
    ]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    settings = RoundSettings(votes_wanted=1, common_items=1, gold_every=2)
    more = {"gold": tuple(services.rounds.gold(TEACHER, file)), "settings": settings}
    this = wait(services, services.rounds.make(TEACHER, wanted(services, **more)))
    services.rounds.move(TEACHER, this.round_id, "open")
    person = services.voting.person(services.voting.join(services.voting.code()))
    seen = 0
    while not (item := services.voting.next(person)).get("done"):
        seen += "Blue." in (item["left"], item["right"])
        winner = "right" if item["left"] == "Blue." else "left"
        ids = {name: item[name] for name in ("comparison_id", "assignment_id")}
        services.voting.cast(person, {"annotation_id": new_id(), "action": "vote", "winner": winner, **ids})
    report = services.results.report(TEACHER, this.round_id, "en")
    assert seen >= 2
    assert report["annotators"][0]["gold_accuracy"] == 1.0
    assert report["n_votes"] == progress.judged(services.labels, person.annotator_id, this) - seen
    assert not {"a", "z", "gold"} & set(report["win_rate"])  # who wrote a gold item is no policy of the round
    for reason, n in (
        ("asleep", 0),
        (None, report["n_votes"]),
    ):  # seen at once, however lately it was worked out
        services.results.exclude(TEACHER, "annotator", person.annotator_id, reason)
        assert services.results.report(TEACHER, this.round_id, "en")["n_votes"] == n
    file.write_text(json.dumps(rows[0] | {"gold_winner": "left"}))
    with pytest.raises(AfinaError, match="left"):
        services.rounds.gold(TEACHER, file)


@pytest.mark.slow
def test_a_killed_app_goes_on_where_it_was(services, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(reply_pairs, "BATCH", 2)
    settle, done = reply_pairs._settle, []

    def once(*args):
        if done:
            raise AfinaError("chat.memory")
        done.append(settle(*args))
        return done[0]

    monkeypatch.setattr(reply_pairs, "_settle", once)
    this = services.rounds.make(TEACHER, wanted(services))
    deadline = time.monotonic() + 60
    while services.rounds.stage(TEACHER, this.round_id).error is None and time.monotonic() < deadline:
        time.sleep(0.05)
    stage = services.rounds.stage(TEACHER, this.round_id)
    assert stage.error is not None
    kept = lifecycle.comparisons_of(services.labels, this.round_id)
    assert stage.prompts["waiting"] >= 6
    monkeypatch.setattr(reply_pairs, "_settle", settle)
    services.rounds.start()
    wait(services, this)
    after = lifecycle.comparisons_of(services.labels, this.round_id)
    assert after[: len(kept)] == kept
    assert services.rounds.stage(TEACHER, this.round_id).prompts["waiting"] == 0


def test_too_few_held_out_prompts_are_refused(services):
    for purpose, policies in (("judge", ("pocket", "pocket")), ("collect", ("pocket",))):
        with pytest.raises(AfinaError) as caught:
            services.rounds.make(TEACHER, wanted(services, purpose=purpose, policies=policies, n_train=20, n_heldout=1))
        assert caught.value.key == "round.heldout"
    assert lifecycle.listed(services.labels) == []


def test_more_prompts_than_there_are_is_said_before_any_share_of_them(services):
    with pytest.raises(AfinaError) as caught:
        services.rounds.make(TEACHER, wanted(services, n_train=9000, n_heldout=10))
    assert (caught.value.key, caught.value.params["wanted"]) == ("plan.too_few", 9000)
    assert lifecycle.listed(services.labels) == []


def test_only_the_teacher_runs_rounds(services):
    for call in (
        lambda: services.rounds.make(VISITOR, wanted(services)),
        lambda: services.rounds.move(VISITOR, "any", "open"),
        lambda: services.rounds.discuss(VISITOR, "any"),
        lambda: services.rounds.stage(VISITOR, "any"),
        lambda: services.rounds.listed(VISITOR),
        lambda: services.rounds.invite(VISITOR, 3),
        lambda: services.results.report(VISITOR, "any", "en"),
        lambda: services.results.export(VISITOR, "any", "trl"),
        lambda: services.results.exclude(VISITOR, "annotator", "any", "why"),
    ):
        with pytest.raises(NotAllowed):
            call()


@pytest.mark.parametrize(
    ("first", "second", "wrong"),
    [
        ("", "yes", "empty"),
        ("Yes.", " yes. ", "identical"),
        ("I am polite-1, your servant.", "yes", "self_naming"),
        ("Soy el modelo polite-1.", "yes", "self_naming"),
        ("As ChatGPT I cannot say.", "yes", "self_naming"),
        ("It is in my pocket.", "No, in mine.", None),
    ],
)
def test_what_makes_no_comparison(first, second, wrong):
    assert reply_pairs.fault(first, second, ["pocket", "polite-1"]) == wrong


def test_what_is_liked_is_told_and_exported(services, tmp_path):
    pytest.importorskip("torch")
    this = wait(services, services.rounds.make(TEACHER, wanted(services, n_train=8)))
    services.rounds.move(TEACHER, this.round_id, "open")
    shorter = 0
    for _ in range(3):
        token = services.voting.join(services.rounds.stage(TEACHER, this.round_id).code)
        person = services.voting.person(token)
        while not (item := services.voting.next(person)).get("done"):
            side = "left" if len(item["left"]) < len(item["right"]) else "right"
            body = {"annotation_id": new_id(), "comparison_id": item["comparison_id"], "winner": side}
            services.voting.cast(person, body)
            shorter += 1
    liked = services.results.traits(TEACHER, this.round_id)["shorter"]
    assert liked.value == 1.0
    assert liked.n <= shorter
    with pytest.raises(AfinaError):  # a second vote on the same comparison
        services.voting.cast(person, body | {"annotation_id": new_id()})
    assert vote_casting.Ballot.parse(body).winner == side
    done = services.results.export(TEACHER, this.round_id, "trl")
    assert done.path.is_relative_to(tmp_path / "exports")
    assert done.n >= 4


def test_prompts_come_from_sets_and_files(tmp_path):
    settings = Settings(home=tmp_path)
    assert len(read_prompts("prompts.es", settings)) > 1000
    lines = tmp_path / "mine.txt"
    lines.write_text("One?\n\n Two? \n")
    assert read_prompts(lines, settings) == ["One?", "Two?"]
    table = tmp_path / "mine.csv"
    table.write_text("prompt,completion\nOne?,1\nTwo?,2\n")
    assert [each[-1]["content"] for each in read_prompts(table, settings)] == ["One?", "Two?"]


def test_starred_questions_wait_for_a_round_and_survive_a_restart(services, tmp_path):
    assert services.rounds.star(TEACHER, " Why? ") == 1
    assert services.rounds.star(TEACHER, "Why?") == 1
    assert services.rounds.star(TEACHER, "Who?") == 2
    again = services_module.build(Settings(home=tmp_path))
    assert again.rounds.starred(TEACHER) == ["Why?", "Who?"]
    again.labels.close()
    with pytest.raises(NotAllowed):
        services.rounds.star(VISITOR, "Mine?")


@pytest.mark.slow
def test_the_most_uncertain_are_kept_and_the_heldout_stay_as_drawn(services, monkeypatch):
    pytest.importorskip("torch")

    class Judge:
        """Surer the longer the prompt."""

        def preferences(self, pairs):
            return [0.5 + min(0.5, len(pair.prompt[-1]["content"]) / 200) for pair in pairs]

    monkeypatch.setattr(services.rounds, "_rewards", lambda name: Judge())
    generation = Generation(temperature=1.0, max_new_tokens=12, seed=3, uncertain_by="judge")
    this = wait(services, services.rounds.make(TEACHER, wanted(services, name="sure", generation=generation)))
    made = lifecycle.comparisons_of(services.labels, this.round_id)
    train = [len(each.prompt[-1]["content"]) for each in made if each.split == "train"]
    assert len(train) == 6
    assert sum(each.split == "heldout" for each in made) == 2 - this.counts.get("dropped_identical", 0)
    assert this.counts["dropped_certain"] >= 12
    for language in ("en", "es"):  # the teacher's page names every count of a round
        assert all(word(f"vote.count.{name}", language) for name in this.counts)
    asked = {each["content"] for prompt in wanted(services).prompts for each in [{"content": prompt}]}
    assert max(train) < sorted(len(text) for text in asked)[len(asked) // 2]
    services.rounds.move(TEACHER, this.round_id, "open")
    with pytest.raises(AfinaError):
        lifecycle.discard(services.labels, this.round_id, [made[0].comparison_id], "certain")


def test_uncertainty_needs_a_reward_model_that_is_there(services):
    generation = Generation(max_new_tokens=12, uncertain_by="nobody")
    with pytest.raises(AfinaError) as caught:
        services.rounds.make(TEACHER, wanted(services, generation=generation))
    assert caught.value.key == "runs.unknown"
    assert lifecycle.listed(services.labels) == []
