"""The graph of base, runs and rounds; from a vote to its adapters and back; what a withdrawal leaves behind."""

import pytest

from common.errors import NotAllowed, NotFound
from common.files import write_json
from common.number_format import number
from common.settings import Settings
from labeling.admission import annotators
from labeling.rounds import lifecycle, training_links
from labeling.schema import Comparison, RoundSettings, new_id
from ui.align.lineage_panel import svg, taught
from workbench import services as services_module
from workbench.actors import TEACHER, VISITOR


@pytest.fixture
def services(tmp_path):
    made = services_module.build(Settings(home=tmp_path))
    yield made
    made.labels.close()


def run(services, name, method, parent=None, **extra):
    made = services.training.store.create(
        method=method,
        config={},
        name=name,
        base={"name": "pocket", "sha256": "", "kind": "pocket"},
        data={"name": "x", "fingerprint": ""},
        train=[],
        heldout=[],
        parent=parent.id if parent else None,
        extra=extra,
    )
    made.move("cancelled")
    return made


def judged(services, name, policies, people_, prefers):
    """A round whose people all prefer what `prefers` begins with."""
    purpose = "judge" if len(policies) > 1 else "collect"
    this = lifecycle.create(services.labels, name, purpose, policies, RoundSettings(votes_wanted=9, common_items=0))
    ids = (policies * 2)[:2]
    items = [Comparison(f"Question {i}?", "old", "new", f"{ids[0]}@1", f"{ids[1]}@1") for i in range(12)]
    lifecycle.add_comparisons(services.labels, this.round_id, items)
    services.rounds.move(TEACHER, this.round_id, "open")
    for person in people_:
        while not (item := services.voting.next(person)).get("done"):
            winner = "left" if item["left"] == prefers else "right"
            body = {"annotation_id": new_id(), "comparison_id": item["comparison_id"], "winner": winner}
            services.voting.cast(person, body)
    for state in ("locked", "revealed"):
        lifecycle.move(services.labels, this.round_id, state)
    return lifecycle.move(services.labels, this.round_id, "done")


@pytest.fixture
def world(services):
    """base -> sft -> round 1 -> judge (reward) and polite (DPO) -> round 2."""
    code = annotators.room(services.labels).code
    crowd = [annotators.join(services.labels, code)[0] for _ in range(3)]
    sft = run(services, "sft", "sft")
    one = judged(services, "round 1", ["sft"], crowd, "new")
    ids = services.aligning.pairs(TEACHER, one.round_id).annotation_ids
    polite, judge = run(services, "polite", "dpo", sft), run(services, "judge", "reward", sft)
    for each in (polite, judge):
        annotators.record_training(services.labels, each.id, ids)
    judged(services, "round 2", ["sft", "polite"], crowd, "new")
    return services, crowd, ids, {"sft": sft, "polite": polite, "judge": judge}


def test_the_graph_goes_from_base_to_round_two(world):
    services, _, ids, _ = world
    graph = services.lineage.graph(TEACHER)
    depths = {node.name: node.depth for node in graph.nodes}
    assert depths == {"pocket": 0, "sft": 1, "round 1": 2, "polite": 3, "judge": 3, "round 2": 4}
    votes = {node.name: node.votes for node in graph.nodes}
    assert votes["polite"] == len(ids)
    assert votes["round 1"] == 36
    names = {node.key: node.name for node in graph.nodes}
    edges = {(names[edge.start], names[edge.end]): edge for edge in graph.edges}
    assert {pair for pair, edge in edges.items() if edge.kind == "teaches"} == {
        ("round 1", "polite"),
        ("round 1", "judge"),
    }
    rate = edges["sft", "polite"].rate
    assert (rate.value, rate.judge, rate.n) == (1.0, "round 2", 36)
    assert 0 < rate.low <= 1
    assert edges["sft", "judge"].rate is None


def test_a_reward_models_verdict_stands_where_no_class_has_judged(world):
    services, _, _, runs = world
    other = run(services, "other", "dpo", runs["sft"])
    write_json(other.path / "outcome.json", {"win_rate": 0.7, "low": 0.6, "high": 0.8, "n": 90, "judge": "judge"})
    rates = {edge.end: edge.rate for edge in services.lineage.graph(TEACHER).edges if edge.kind == "continues"}
    assert (rates[other.id].value, rates[other.id].judge) == (0.7, "judge")


def test_votes_that_came_through_a_reward_model_are_drawn_through_it(world):
    services, _, ids, runs = world
    scored = run(services, "scored", "rloo", runs["sft"], reward_run=runs["judge"].id)
    orphan = run(services, "orphan", "rloo", runs["sft"], reward_run="of a run that was deleted")
    for each in (scored, orphan):
        annotators.record_training(services.labels, each.id, ids)
    graph = services.lineage.graph(TEACHER)
    names = {node.key: node.name for node in graph.nodes}
    into = {
        (names[edge.start], edge.kind) for edge in graph.edges if edge.end == scored.id and edge.kind != "continues"
    }
    assert into == {("judge", "scores")}
    assert [edge.kind for edge in graph.edges if edge.end == orphan.id] == ["continues", "teaches"]
    assert 'class="scores"' in svg(graph, "en")


def test_from_a_vote_to_its_adapters_and_back_after_a_withdrawal(world):
    services, crowd, ids, runs = world
    assert sorted(services.lineage.adapters(TEACHER, ids[0][:10])) == ["judge", "polite"]
    back = services.lineage.votes(TEACHER, "polite")
    assert sorted(each.annotation_id for each in back) == sorted(ids)
    assert all(each.left_out is None and each.source == "human" for each in back)
    assert sorted(services.voting.withdraw(crowd[0])) == ["judge", "polite"]
    gone = sum(each.left_out == "withdrawn" for each in services.lineage.votes(TEACHER, "polite"))
    assert gone == len(ids) / 3
    node = next(each for each in services.lineage.graph(TEACHER).nodes if each.name == "polite")
    assert (node.votes, node.left_out) == (len(ids), gone)
    assert f"−{gone}" in svg(services.lineage.graph(TEACHER), "en")
    assert training_links.shares(services.labels)[runs["judge"].id][0].left_out == gone


def test_the_picture_names_everything_and_escapes(world):
    services = world[0]
    bad = run(services, "x", "strange <method>")
    for language in ("en", "es"):
        drawn = svg(services.lineage.graph(TEACHER), language)
        assert all(
            name in drawn
            for name in ("pocket", "sft", "round 1", "polite", "judge", "round 2", number(1, language, ".0%"))
        )
        assert "<method>" not in drawn
        assert "Question 0?" in taught(services.lineage.votes(TEACHER, "polite"), "polite", language)
    assert bad.name == "x"


def test_strangers_and_unknown_votes(world):
    services = world[0]
    for call in (
        lambda: services.lineage.graph(VISITOR),
        lambda: services.lineage.votes(VISITOR, "polite"),
        lambda: services.lineage.adapters(VISITOR, "abcdef"),
    ):
        with pytest.raises(NotAllowed):
            call()
    for wrong in ("", "zzzzzzzz", "%"):
        with pytest.raises(NotFound):
            services.lineage.adapters(TEACHER, wrong)
