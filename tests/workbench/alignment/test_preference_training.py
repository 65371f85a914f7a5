"""Votes into pairs and runs: the right side trains, nothing trains on nothing, a withdrawal names its runs."""

import dataclasses
from types import SimpleNamespace

import pytest

from common.errors import AfinaError, NotAllowed
from common.settings import Settings
from common.split import split
from labeling.admission import annotators
from labeling.rounds import lifecycle, vote_selection
from labeling.schema import Comparison, RoundSettings, new_id
from tuning.data.examples import Pair
from tuning.pocket.world.shipped import SETS
from tuning.runs.run_store import Run, RunStore
from workbench import services as services_module
from workbench.actors import TEACHER, VISITOR
from workbench.alignment.policy_evaluation import _win_rate, heldout_prompts
from workbench.alignment.preference_training import human_ceiling, voted_on


@pytest.fixture
def services(tmp_path):
    made = services_module.build(Settings(home=tmp_path))
    yield made
    made.labels.close()


@pytest.fixture
def this(services):
    """An open round of thirty comparisons: a polite and a curt reply, on either side in turn."""
    made = lifecycle.create(
        services.labels, "one", "collect", ["pocket"], RoundSettings(votes_wanted=3, common_items=0)
    )
    replies = ["Thank you for asking, it is so.", "So."]
    items = [
        Comparison(f"Question {i}?", replies[i % 2], replies[1 - i % 2], "pocket@1", "pocket@1") for i in range(30)
    ]
    lifecycle.add_comparisons(services.labels, made.round_id, items)
    return lifecycle.move(services.labels, made.round_id, "open")


def vote(services, n_people: int, choose) -> list:
    """Everybody judges what they are given; gives the people."""
    there = []
    for number in range(n_people):
        person, _ = annotators.join(services.labels, annotators.room(services.labels).code)
        there.append(person)
        while not (item := services.voting.next(person)).get("done"):
            winner = choose(number, item)
            services.voting.cast(
                person, {"annotation_id": new_id(), "comparison_id": item["comparison_id"], "winner": winner}
            )
    return there


def longer(number, item) -> str:
    return "left" if len(item["left"]) > len(item["right"]) else "right"


def test_pairs_come_with_their_side_of_the_split(services, this):
    vote(services, 3, longer)
    found = services.aligning.pairs(TEACHER, this.round_id)
    assert found.n_train + found.n_heldout == 30 == len(found.data.rows)
    assert found.n_heldout == sum(split(row.prompt) == "heldout" for row in found.data.rows) > 0
    assert all(row.chosen.startswith("Thank you") for row in found.data.rows)
    assert services.aligning.usable(TEACHER, this.round_id)["every"] == 3 * found.n_train
    assert found.decided == 1.0


def test_the_share_of_what_was_decided(services, this):
    assert services.aligning.pairs(TEACHER, this.round_id).decided is None  # nobody has voted
    seen = []

    def some(number, item):
        """A tie on every third comparison, another third bad on both sides."""
        kind = len(seen) % 3
        seen.append(item)
        return longer(number, item) if kind == 0 else "tie" if kind == 1 else "both_bad"

    vote(services, 1, some)
    assert services.aligning.pairs(TEACHER, this.round_id).decided == pytest.approx(1 / 3)


@pytest.mark.slow
def test_a_lent_gpu_is_quoted_before_the_click(services, this, tmp_path):
    vote(services, 3, longer)
    assert services.aligning.quote(TEACHER, this.round_id) == {}  # nobody lends one
    services.aligning._settings = dataclasses.replace(services.settings, zero_gpu=True, gpu_slice=20)
    usual = services.aligning.quote(TEACHER, this.round_id)
    assert set(usual) == {"reward", "dpo"}
    more = services.aligning.quote(TEACHER, this.round_id, epochs={"dpo": 100, "reward": 0})
    assert more["dpo"].seconds > 2 * usual["dpo"].seconds and more["dpo"].slices > usual["dpo"].slices
    assert more["reward"] == usual["reward"]
    with pytest.raises(NotAllowed):
        services.aligning.quote(VISITOR, this.round_id)
    from ui.align.align_view import quoted

    for language in ("en", "es"):
        assert f"{more['dpo'].seconds} s (" in quoted(more, language)
    assert quoted({}, "en") == ""


def test_no_pair_is_refused_and_says_why(services, this):
    vote(services, 3, lambda number, item: "tie")
    for method in ("dpo", "reward"):
        with pytest.raises(AfinaError) as caught:
            services.aligning.start(TEACHER, method, this.round_id)
        assert caught.value.key == "align.no_pairs"
        assert "ties: 30" in str(caught.value)
    assert services.training.runs(TEACHER) == []


def test_of_ties_a_reward_model_learns_and_dpo_does_not(services, this):
    def every_second(number, item):
        return longer(number, item) if int(item["prompt"][-1]["content"].split()[1][:-1]) % 2 else "tie"

    everybody = vote(services, 1, every_second)
    found = services.aligning.pairs(TEACHER, this.round_id, ties=True)
    plain = services.aligning.pairs(TEACHER, this.round_id)
    assert (found.n_train, found.n_heldout, found.decided) == (plain.n_train, plain.n_heldout, 0.5)
    assert len(found.data.rows) == 30 and found.n_ties > 0 == plain.n_ties
    runs = {}
    for method in ("reward", "dpo"):
        run = services.training.store.get(services.aligning.start(TEACHER, method, this.round_id, method))
        runs[method] = [pair.tie for pair in run.examples("train", Pair)]
    assert (len(runs["reward"]), sum(runs["reward"])) == (found.n_train + found.n_ties, found.n_ties)
    assert (len(runs["dpo"]), sum(runs["dpo"])) == (found.n_train, 0)
    assert sorted(services.voting.withdraw(everybody[0])) == ["dpo", "reward"]


def test_a_withdrawal_names_the_runs_that_learned_from_it(services, this):
    everybody = vote(services, 3, longer)
    run_id = services.aligning.start(TEACHER, "reward", this.round_id, "judge")
    run = services.training.store.get(run_id)
    assert run.info.method == "reward"
    assert all(split(pair.prompt) == "train" for pair in run.examples("train", Pair))
    assert all(split(pair.prompt) == "heldout" for pair in run.examples("heldout", Pair))
    assert services.voting.withdraw(everybody[0]) == ["judge"]


def test_a_reward_model_starts_from_the_policy_or_from_its_base(services, monkeypatch):
    """A body that has not learned the manners, or one that has: the course compares the two."""
    from tuning.config.training import SFTConfig
    from tuning.data import loading

    rows = loading.from_python([{"prompt": f"Number {i}?", "completion": f"{i}"} for i in range(20)])
    services.queue.submit("sft", SFTConfig(), rows, "manners")
    made = lifecycle.create(services.labels, "two", "collect", ["manners"], RoundSettings(common_items=0))
    items = [Comparison(f"Question {i}?", "Yes, please.", "So.", "manners@1", "manners@1") for i in range(30)]
    lifecycle.add_comparisons(services.labels, made.round_id, items)
    lifecycle.move(services.labels, made.round_id, "open")
    vote(services, 1, longer)
    asked = []

    def submit(method, config, *rest):
        asked.append(config.source_model)
        return SimpleNamespace(id=f"run {len(asked)}")

    monkeypatch.setattr(services.queue, "submit", submit)
    services.aligning.start(TEACHER, "reward", "two")
    services.aligning.start(TEACHER, "reward", "two", from_base=True)
    assert asked == ["manners", "pocket"]


def test_only_the_teacher_aligns(services, this):
    for call in (
        lambda: services.aligning.pairs(VISITOR, this.round_id),
        lambda: services.aligning.start(VISITOR, "dpo", this.round_id),
        lambda: services.aligning.outcome(VISITOR, "any"),
        lambda: services.aligning.measure(VISITOR, "any", this.round_id),
    ):
        with pytest.raises(NotAllowed):
            call()


def test_the_human_ceiling_is_one_against_the_others(services, this):
    vote(services, 3, lambda number, item: longer(number, item) if number < 2 else "tie")
    judged = vote_selection.judged_of(services.labels, this.round_id)
    assert human_ceiling(judged) == 1.0
    assert human_ceiling([]) is None


def test_the_policy_voted_on_is_the_tuned_one():
    class Judged:
        policies = ("pocket", "mine")

    assert voted_on(Judged()) == "mine"


def test_a_draw_counts_half():
    class Judge:
        def preferences(self, pairs):
            return [0.9 for _ in pairs]

    prompts = [({"role": "user", "content": f"{i}"},) for i in range(4)]
    rate, low, high = _win_rate(Judge(), prompts, ["same", "a", "a", "a"], ["same", "b", "b", "b"])
    assert rate == pytest.approx(3.5 / 4)
    assert low < rate < high


@pytest.mark.parametrize(("prompt", "file"), [("Is it {}?", "prompts.en"), ("¿Es {}?", "prompts.es")])
def test_a_win_rate_stands_on_more_prompts_than_a_class_voted_on(tmp_path, prompt, file):
    """The round's held-out prompts come first, then shipped ones in its language; where the base is another, none."""
    found = [Pair(({"role": "user", "content": prompt.format(i)},), "Yes.", "No.") for i in range(60)]
    sides = {
        side: [each for each in found if split(each.prompt[-1]["content"]) == side] for side in ("train", "heldout")
    }

    def run(base: str) -> Run:
        return RunStore(tmp_path).create(
            method="dpo",
            config={},
            name="",
            base={"kind": "pocket", "name": base, "sha256": ""},
            data={"name": "round"},
            train=sides["train"],
            heldout=sides["heldout"],
        )

    own = {each.prompt[-1]["content"] for each in sides["heldout"]}
    asked = [talk[-1]["content"] for talk in heldout_prompts(run("pocket"), 100)]
    assert len(asked) == len(set(asked)) == 100 and set(asked[: len(own)]) == own
    shipped = (SETS / f"{file}.jsonl").read_text(encoding="utf-8")
    assert all(text in shipped and split(text) == "heldout" for text in asked[len(own) :])
    assert len(heldout_prompts(run("another"), 100)) == len(own)
