"""KTO and a policy gradient from a round: what they learn on, what is refused, whose votes they remember."""

from dataclasses import replace

import pytest

from common.errors import AfinaError, NotAllowed
from common.split import split
from labeling.admission import annotators
from labeling.rounds import ratings
from labeling.schema import Rating
from tests.standin.engine import StandInEngine
from tests.workbench.alignment.test_preference_training import longer, services, this, vote  # noqa: F401
from tuning.data.examples import Pair, Task
from workbench.actors import TEACHER, VISITOR


def test_votes_and_thumbs_become_good_and_bad_replies(services, this):  # noqa: F811
    everybody = vote(services, 3, longer)
    person = annotators.join(services.labels, services.voting.code())[0].annotator_id
    for reply, policy, value in (("Away.", "pocket", 0), ("Other.", "elsewhere", 1)):
        ratings.keep(services.labels, Rating("Hello?", reply, policy, "thumbs", value, person))
    found = services.roads.rated(TEACHER, this.round_id)
    assert (found.thumbs, found.unsigned) == (1, 1)
    written = services.results.export(TEACHER, this.round_id, "kto")
    assert written.n == 61  # this round's thumbs alone, as the run learns them
    assert "of these unsigned | 1:" in written.card.read_text()
    assert found.good + found.bad + found.n_heldout == 61 == len(found.data.rows)
    assert all(row.good == row.completion.startswith("Thank you") for row in found.data.rows)
    run_id = services.roads.kto(TEACHER, this.round_id, "by thumbs", target_steps=3)
    run = services.training.store.get(run_id)
    assert (run.info.method, run.name) == ("kto", "by thumbs")
    assert run_id in annotators.withdraw(services.labels, everybody[0].annotator_id)


def test_good_replies_alone_teach_nothing(services, this):  # noqa: F811
    vote(services, 3, lambda number, item: "both_bad")
    with pytest.raises(AfinaError) as caught:
        services.roads.kto(TEACHER, this.round_id)
    assert caught.value.key == "align.no_ratings"
    assert "0 good" in str(caught.value)


def test_a_policy_gradient_learns_on_the_rounds_prompts_and_remembers_who_taught_its_reward(services, this):  # noqa: F811
    vote(services, 3, longer)
    run = services.training.store.get(services.roads.rloo(TEACHER, this.round_id, "shorter", "short"))
    assert run.info.method == "rloo"
    told = run.examples("train", Task)
    assert told and all(split(each.prompt) == "train" and each.better.startswith("Thank") for each in told)
    sums = services.training.store.get(services.roads.rloo(TEACHER, this.round_id, "sum", language="es"))
    assert all(each.answers for each in sums.examples("train", Task))
    with pytest.raises(AfinaError) as caught:
        services.roads.rloo(TEACHER, this.round_id, "nicer")
    assert caught.value.key == "rloo.reward"


class Thankful(StandInEngine):
    """Answers with a number of thanks that grows with each reply."""

    def generate(self, policies, *rest):
        return [
            replace(reply, text="Thank you. " * (1 + n % 4))
            for n, reply in enumerate(super().generate(policies, *rest))
        ]


def test_a_reward_model_labels_fresh_pairs_and_its_teachers_are_remembered(services, this, monkeypatch):  # noqa: F811
    everybody = vote(services, 3, longer)
    services.aligning.start(TEACHER, "reward", this.round_id, "judge")
    asked = []

    class Longest:
        def scores(self, replies):
            asked.extend(replies)
            return [float(len(text)) for _, text in replies]

    monkeypatch.setattr(services.aligning, "reward_model", lambda actor, name: Longest())
    monkeypatch.setattr(services.roads, "_engine", lambda: Thankful())
    run_id = services.roads.labelled(TEACHER, this.round_id, "judge", "best", n_replies=4, target_steps=3)
    run = services.training.store.get(run_id)
    told = run.examples("train", Pair)
    assert run.info.method == "dpo" and told
    assert run.info.extra["reward_run"] == services.training.store.get("judge").id  # the lineage draws it
    assert all(split(each.prompt) == "train" for each in told)
    assert {(each.chosen.count("Thank"), each.rejected.count("Thank")) for each in told} == {(4, 1)}
    assert len(asked) == 4 * (len(told) + len(run.examples("heldout", Pair)))
    assert run_id in annotators.withdraw(services.labels, everybody[0].annotator_id)
    drawn = services.roads.labelled(TEACHER, this.round_id, "judge", prompts="prompts.es", n_prompts=10, n_replies=2)
    twice = services.training.store.get(drawn)
    assert len(twice.examples("train", Pair)) == 10
    assert twice.info.config["epochs"] == 2 and run.info.config["epochs"] == 0  # who asks for steps gets steps


def test_replies_that_are_all_the_same_teach_nothing(services, this, monkeypatch):  # noqa: F811
    class Same(Thankful):
        def generate(self, policies, *rest):
            return super().generate(policies[:1], *rest) * len(policies)

    monkeypatch.setattr(services.aligning, "reward_model", lambda actor, name: services)
    monkeypatch.setattr(services, "scores", lambda replies: [0.0] * len(replies), raising=False)
    monkeypatch.setattr(services.roads, "_engine", lambda: Same())
    with pytest.raises(AfinaError) as caught:
        services.roads.labelled(TEACHER, this.round_id, "judge")
    assert caught.value.key == "align.no_contrast"
    with pytest.raises(AfinaError) as caught:
        services.roads.labelled(TEACHER, this.round_id, "judge", n_replies=1)
    assert caught.value.key == "label.number"


def test_only_the_teacher(services, this):  # noqa: F811
    for call in (
        lambda: services.roads.rated(VISITOR, this.round_id),
        lambda: services.roads.kto(VISITOR, this.round_id),
        lambda: services.roads.rloo(VISITOR, this.round_id, "shorter"),
        lambda: services.roads.labelled(VISITOR, this.round_id, "judge"),
    ):
        with pytest.raises(NotAllowed):
            call()
