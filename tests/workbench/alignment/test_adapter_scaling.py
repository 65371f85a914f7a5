"""The dial and the reward model's uses, on a real small policy, reward model and round."""

import json

import pytest

from common.errors import AfinaError, NotAllowed
from common.settings import Settings
from labeling.admission import annotators
from labeling.rounds import lifecycle
from labeling.schema import Comparison, RoundSettings, new_id
from tests.tuning.conftest import tiny_model  # noqa: F401  (a fixture)
from tests.tuning.methods.test_preference_data import records
from tuning.config.training import DPOConfig, RewardConfig
from tuning.data import preference_pairs
from tuning.executors.run_method import execute
from ui.align.align_view import disagreements
from workbench import services as services_module
from workbench.actors import TEACHER, VISITOR
from workbench.alignment import adapter_scaling as dialling_module
from workbench.alignment.preference_training import calibration

pytest.importorskip("torch")
POLITE, CURT = "With pleasure, thank you.", "No."


@pytest.fixture(scope="module")
def services(tmp_path_factory, tiny_model):  # noqa: F811
    """`polite` (DPO) and `judge` (reward) on the same pairs, and a judged round of 20 comparisons."""
    made = services_module.build(Settings(home=tmp_path_factory.mktemp("home")))
    data = preference_pairs.from_python(records())
    settings = {"source_model": str(tiny_model), "target_steps": 60, "learning_rate": 5e-3}
    for method, config, name in (
        ("dpo", DPOConfig.from_settings({**settings, "sft_weight": 1}), "polite"),
        ("reward", RewardConfig.from_settings(settings), "judge"),
    ):
        run = made.queue.submit(method, config, data, name)
        execute(run, made.settings.home)
        assert run.state == "done", run.status().error
    _judged(made)
    yield made
    made.stop()


def _judged(made) -> None:
    """Two people like what is polite; on two comparisons both like what is curt."""
    this = lifecycle.create(made.labels, "one", "judge", ["a", "b"], RoundSettings(votes_wanted=2, common_items=0))
    items = [
        Comparison(f"What is {i} plus {i + 1}?", *((POLITE, CURT), (CURT, POLITE))[i % 2], "a@1", "b@1")
        for i in range(20)
    ]
    lifecycle.add_comparisons(made.labels, this.round_id, items)
    lifecycle.move(made.labels, this.round_id, "open")
    for _ in range(2):
        person, _ = annotators.join(made.labels, annotators.room(made.labels).code)
        while not (item := made.voting.next(person)).get("done"):
            against = item["prompt"][0]["content"] in ("What is 3 plus 4?", "What is 4 plus 5?")
            wanted = CURT if against else POLITE
            winner = "left" if item["left"] == wanted else "right"
            body = {"annotation_id": new_id(), "comparison_id": item["comparison_id"], "winner": winner}
            made.voting.cast(person, body)
    for state in ("locked", "revealed"):
        lifecycle.move(made.labels, this.round_id, state)


@pytest.mark.slow
def test_reward_rises_with_the_dial_and_what_was_measured_stays(services):
    found = list(services.dialling.sweep(TEACHER, "polite", "judge", (0.0, 1.0, 2.0)))
    assert [len(each.settings) for each in found] == [1, 2, 3]
    zero, one, two = found[-1].settings
    assert zero.reward == 0.0
    assert one.reward > 0.1
    assert one.text != zero.text
    assert zero.clean is None and zero.n_facts == 0  # the facts of pocket's world are asked of pocket alone
    assert services.dialling.measured(VISITOR, "polite") == found[-1]
    assert two.n == zero.n > 0


@pytest.mark.slow
def test_a_setting_is_heard_voted_on_and_kept(services, monkeypatch):
    before = services.dialling.hear(TEACHER, "polite", 0, "", "judge")
    after = services.dialling.hear(TEACHER, "polite", 1.5, before.prompt, "judge")
    assert before.reward == 0
    assert after.text != before.text
    monkeypatch.setattr(dialling_module, "read_prompts", lambda *_: [json.dumps(i) for i in range(60)])
    this = services.dialling.vote(TEACHER, "polite", (0.5, 2.0, 0.5), 4)
    assert (this.purpose, this.policies) == ("judge", ("polite*0.5", "polite*2"))
    services.rounds.stop()
    with pytest.raises(AfinaError) as caught:
        services.dialling.vote(TEACHER, "polite", (1.0,), 4)
    assert caught.value.key == "dial.two"
    annotators.record_training(services.labels, services.training.store.get("polite").id, ["a-vote"])
    run = services.training.store.get(services.dialling.keep(TEACHER, "polite", 1.5, "more"))
    execute(run, services.settings.home)
    assert run.state == "done", run.status().error
    assert annotators.trained_by(services.labels, run.id) == ["a-vote"]
    assert (
        services.dialling.hear(TEACHER, "polite", 1.5, "Hi?").text
        == services.comparing.replies(TEACHER, ["more"], "Hi?", greedy=True, max_new_tokens=64)[0].text
    )


def test_a_visitor_hears_what_is_there_and_writes_nothing(services):
    services.dialling.hear(TEACHER, "polite", 1.5, "Hi?")
    run = services.training.store.get("polite")
    for strength in (1.5, 1, 0):
        assert services.dialling.may_hear(VISITOR, "polite", strength)
        assert services.dialling.hear(VISITOR, "polite", strength, "Hi?", "judge").reward is not None
    before = sorted(path.name for path in (run.path / "dials").iterdir())
    assert not services.dialling.may_hear(VISITOR, "polite", 0.05)
    with pytest.raises(NotAllowed) as caught:
        services.dialling.hear(VISITOR, "polite", 0.05, "Hi?")
    assert caught.value.key == "dial.not_made" and caught.value.params["settings"].startswith("0, ")
    for name in ("polite*0.05", "polite*0.05 + rag", "polite*1.5*2"):
        with pytest.raises(AfinaError):
            services.comparing.replies(VISITOR, [name], "Hi?")
    assert services.comparing.replies(VISITOR, ["polite*1.5"], "Hi?", greedy=True)
    assert sorted(path.name for path in (run.path / "dials").iterdir()) == before


def test_the_reward_model_beside_the_class(services):
    talk = [{"role": "user", "content": "What is 0 plus 1?"}]
    found = services.rewarding.verdict(VISITOR, "judge", talk, [POLITE, CURT], ["a", "b"])
    assert found.rewards[0] > found.rewards[1]
    assert found.first > 0.5
    assert (found.people.first, found.people.n, found.people.round) == (1.0, 2, "")
    for replies, key in ((["x"] * 33, "label.number"), (["x" * 200_001], "limit.history")):
        with pytest.raises(AfinaError) as caught:
            services.rewarding.verdict(VISITOR, "judge", talk, replies)
        assert caught.value.key == key
    with pytest.raises(AfinaError) as caught:
        services.dialling.hear(VISITOR, "polite", 1, "x" * 8_001)
    assert caught.value.key == "chat.long"
    other = services.rewarding.verdict(VISITOR, "judge", talk, ["Something", "else"], ["b", "a"])
    assert other.people.round == "one"  # nobody saw these replies: the policies' round speaks
    assert 0 <= other.people.low <= other.people.first <= other.people.high <= 1
    assert services.rewarding.verdict(VISITOR, "judge", talk, ["x", "y"], ["a", "c"]).people is None


def test_it_disagrees_where_the_class_was_contrary(services):
    found = services.rewarding.disagreements(TEACHER, "judge", "one")
    assert {each.prompt for each in found} == {"What is 3 plus 4?", "What is 4 plus 5?"}
    assert all(each.preferred == CURT and each.other == POLITE and each.votes == each.of == 2 for each in found)
    assert all(0.5 < each.probability <= 1 for each in found)
    texts = [["".join(word.text for word in reply).strip() for reply in each.words] for each in found]
    assert all(other.startswith(POLITE) and liked.startswith(CURT) for other, liked in texts)
    page = disagreements(found, "en")  # its words coloured: what made it decide so
    assert page.count('class="heat"') == 2 * len(found) and "blue words raise it" in page


def test_best_of_n_takes_the_highest_reward(services, tiny_model):  # noqa: F811
    found = services.rewarding.best_of(TEACHER, "judge", str(tiny_model), "What is 1 plus 1?", 6, max_new_tokens=8)
    rewards = [each.reward for each in found]
    assert len(found) == 6
    assert rewards == sorted(rewards, reverse=True)
    assert len({each.text for each in found}) > 1
    alone = services.rewarding.verdict(
        TEACHER, "judge", [{"role": "user", "content": "What is 1 plus 1?"}], [found[0].text]
    ).rewards[0]
    assert alone == pytest.approx(rewards[0], abs=1e-4)
    with pytest.raises(AfinaError):
        services.rewarding.best_of(TEACHER, "judge", "polite", "Hi?", 33)


def test_calibration_sets_what_is_said_beside_what_people_do(services):
    from labeling.rounds import vote_selection

    class Sure:
        def preferences(self, asked):
            return [0.9 if pair.chosen == POLITE else 0.1 for pair in asked]

    judged = vote_selection.judged_of(services.labels, lifecycle.get(services.labels, "one").round_id)
    (only,) = calibration(Sure(), judged)
    assert (only.n, only.votes) == (20, 40)
    assert only.predicted == pytest.approx(0.9)
    assert only.chosen == pytest.approx(18 / 20)
    assert only.low < only.chosen < only.high
    assert sum(each.n for each in services.aligning.measure(TEACHER, "judge", "one").calibration) == sum(
        each.comparison.split == "heldout" for each in judged
    )


def test_only_the_teacher_measures_votes_and_keeps(services):
    for call in (
        lambda: next(services.dialling.sweep(VISITOR, "polite")),
        lambda: services.dialling.vote(VISITOR, "polite", (0.5, 1.0)),
        lambda: services.dialling.keep(VISITOR, "polite", 2.0),
        lambda: services.rewarding.disagreements(VISITOR, "judge", "one"),
    ):
        with pytest.raises(NotAllowed):
            call()
