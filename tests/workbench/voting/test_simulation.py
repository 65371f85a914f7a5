"""A lesson before the class: simulated votes are cast as asked, marked, and never counted among people's."""

from __future__ import annotations

import json
import math

import pytest

from common.errors import AfinaError, Conflict, NotAllowed
from common.settings import Settings
from labeling.admission import annotators
from labeling.rounds import lifecycle, progress, vote_selection
from labeling.rounds.simulated_annotators import Habits, better
from labeling.schema import Comparison, RoundSettings, new_id
from workbench import rehearse
from workbench import services as services_module
from workbench.actors import TEACHER, VISITOR
from workbench.voting import simulated_preferences

REPLIES = ("Thank you for asking, it is so.", "So.")


@pytest.fixture
def services(tmp_path):
    made = services_module.build(Settings(home=tmp_path))
    yield made
    made.labels.close()


def open_round(services, name="one", votes_wanted=3, common_items=0, n=30):
    settings = RoundSettings(votes_wanted=votes_wanted, common_items=common_items)
    made = lifecycle.create(services.labels, name, "collect", ["pocket"], settings)
    items = [Comparison(f"Question {i}?", REPLIES[i % 2], REPLIES[1 - i % 2], "pocket@1", "pocket@1") for i in range(n)]
    lifecycle.add_comparisons(services.labels, made.round_id, items)
    return lifecycle.move(services.labels, made.round_id, "open")


def said(services, this, sources):
    judged = vote_selection.judged_of(services.labels, this.round_id, sources)
    return [(each.comparison, vote) for each in judged for vote in each.annotations]


def longer_share(services, this) -> float:
    """Of decisive simulated votes, those for the longer reply."""
    sides = [
        (len(item.completion_a) > len(item.completion_b)) == (vote.winner == "model_a")
        for item, vote in said(services, this, "simulated")
    ]
    return sum(sides) / len(sides)


def test_they_fill_the_round_and_take_turns(services):
    this = open_round(services)
    found = services.rehearsing.vote(TEACHER, this.round_id, "longer", 5, Habits(noise=0.0))
    assert (found.cast, found.votes, found.annotators) == (90, 90, 5)
    votes = [vote for _, vote in said(services, this, "simulated")]
    assert {vote.source for vote in votes} == {"simulated"}
    assert len({vote.annotator_id for vote in votes}) == 5
    assert longer_share(services, this) == 1.0
    now = progress.counters(services.labels, this)
    assert now.simulated and now.joined == 5 and now.coverage == 1.0
    assert services.rehearsing.vote(TEACHER, this.round_id, "longer").cast == 0  # it has all it wants


@pytest.mark.slow
@pytest.mark.parametrize(
    ("habits", "low", "high"),
    [(Habits(noise=0.2, seed=4), 0.74, 0.86), (Habits(noise=0, lapses=0.4, seed=4), 0.74, 0.86)],
)
def test_they_err_as_often_as_they_should(services, habits, low, high):
    """Noise takes the other reply, a lapse either: 20 % of one costs what 40 % of the other does."""
    this = open_round(services, n=200)
    services.rehearsing.vote(TEACHER, this.round_id, "longer", 5, habits)
    assert low < longer_share(services, this) < high


def test_a_difference_that_nobody_notices_is_a_tie():
    assert better(math.log(115), math.log(100), 0.15) == 0 == better(math.log(100), math.log(115), 0.15)
    assert better(math.log(118), math.log(100), 0.15) == 1 == -better(math.log(100), math.log(118), 0.15)
    assert better(math.log(101), math.log(100), 0.0) == 1
    assert better(0.0, 0.0, 0.0) == 0


def test_what_is_liked_the_same_is_a_tie(services):
    this = open_round(services)
    services.rehearsing.vote(TEACHER, this.round_id, "keyword:nowhere", 3, Habits(noise=0.0))
    assert {vote.winner for _, vote in said(services, this, "simulated")} == {"tie"}


def test_nobody_takes_them_for_people(services, tmp_path):
    this = open_round(services)
    services.rehearsing.vote(TEACHER, this.round_id, "longer", 3, Habits(noise=0.0))
    assert said(services, this, "people") == [] == said(services, this, "ai")
    assert len(said(services, this, "all")) == 90
    with pytest.raises(AfinaError) as caught:
        services.results.export(TEACHER, this.round_id, "trl")
    assert caught.value.key == "exchange.no_pairs"
    assert services.results.export(TEACHER, this.round_id, "trl", sources="simulated").n == 30
    assert services.aligning.pairs(TEACHER, this.round_id).n_train == 0
    with pytest.raises(AfinaError) as caught:
        services.aligning.start(TEACHER, "dpo", this.round_id)
    assert caught.value.key == "align.no_pairs"
    simulated = services.aligning.pairs(TEACHER, this.round_id, sources="simulated")
    assert simulated.n_train + simulated.n_heldout == 30
    # what nobody else judged is what the report is about, and it says so
    assert services.results.sources(TEACHER, this.round_id) == "simulated"
    report = services.results.report(TEACHER, this.round_id, "en")
    assert report["n_votes"] == 90 and report["sources"] == "simulated"


def test_once_a_person_has_voted_they_are_refused_and_left_out(services):
    this = open_round(services, n=4, votes_wanted=5)
    services.rehearsing.vote(TEACHER, this.round_id, "longer", 2, Habits(noise=0.0))
    person, _ = annotators.join(services.labels, annotators.room(services.labels).code)
    item = services.voting.next(person)
    ballot = {"annotation_id": new_id(), "comparison_id": item["comparison_id"], "winner": "left"}
    services.voting.cast(person, ballot)
    with pytest.raises(Conflict, match="one") as caught:
        services.rehearsing.vote(TEACHER, this.round_id, "longer", 5)
    assert caught.value.key == "simulated.people"
    assert services.results.sources(TEACHER, this.round_id) == "people"
    assert services.results.report(TEACHER, this.round_id, "en")["n_votes"] == 1


@pytest.mark.slow
def test_they_come_back_and_vote_again_after_a_discussion(services):
    first = open_round(services)
    services.rehearsing.vote(TEACHER, first.round_id, "longer", 3)
    item = lifecycle.comparisons_of(services.labels, first.round_id)[0]
    for state in ("locked", "discussing", "open_again"):
        first = lifecycle.move(services.labels, first.round_id, state, [item.comparison_id])
    assert progress.counters(services.labels, first).wanted == 3
    assert services.rehearsing.vote(TEACHER, first.round_id, "shorter", 3, Habits(noise=0.0)).cast == 3
    discussed = services.results.report(TEACHER, first.round_id, "en")["discussion"]
    assert discussed["changed"] > 0.5
    for state in ("locked", "revealed", "done"):
        lifecycle.move(services.labels, first.round_id, state)
    second = open_round(services, "two")
    assert not progress.counters(services.labels, second).simulated  # they were in another round
    services.rehearsing.vote(TEACHER, second.round_id, "longer", 3)
    assert len([each for each in annotators.listed(services.labels) if each.kind == "simulated"]) == 3


def test_bad_wishes_are_named_and_only_the_teacher_has_any(services):
    this = open_round(services)
    for liked, n, key in (
        ("beautiful", 5, "rehearse.preference"),
        ("keyword: ", 5, "rehearse.keyword"),
        ("mine.py:likes", 5, "rehearse.preference"),  # no file is run for the web
        ("longer", 0, "label.number"),
        ("longer", 100_000, "label.number"),
    ):
        with pytest.raises(AfinaError) as caught:
            services.rehearsing.vote(TEACHER, this.round_id, liked, n)
        assert caught.value.key == key
    for wrong in ({"noise": 0.6}, {"noise": -0.1}, {"lapses": 1.5}, {"lapses": float("nan")}):
        with pytest.raises(AfinaError, match="share"):
            Habits(**wrong)
    with pytest.raises(NotAllowed):
        services.rehearsing.vote(VISITOR, this.round_id, "longer")
    lifecycle.move(services.labels, this.round_id, "locked")
    with pytest.raises(Conflict) as caught:
        services.rehearsing.vote(TEACHER, this.round_id, "longer")
    assert caught.value.key == "simulated.closed"


def test_preferences_by_name():
    likes = simulated_preferences.named("shorter", "en")
    assert likes("?", "ab") > likes("?", "abc")
    assert simulated_preferences.named("pirate", "es")("?", "¡Rayos y truenos! ¡El perro ladra, arr!") == 1.0
    likes = simulated_preferences.named("keyword:Thank you", "en")
    assert (likes("?", "THANK YOU!"), likes("thank you", "No.")) == (1.0, 0.0)


def test_a_function_of_prompt_and_reply(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def likes(prompt, completion):\n    return prompt[0] in completion\n")
    likes = simulated_preferences.from_command_line(f"{file}:likes", "en")
    assert (likes("abc", "a"), likes("abc", "b")) == (1.0, 0.0)
    file.with_name("other.py").write_text("def likes(prompt):\n    return 1\n")
    for named in (f"{file}:nothing", f"{tmp_path}/none.py:likes"):
        with pytest.raises(AfinaError) as caught:
            simulated_preferences.from_command_line(named, "en")
        assert caught.value.key == "rehearse.function"
    with pytest.raises(AfinaError, match="TypeError"):
        simulated_preferences.from_command_line(f"{tmp_path}/other.py:likes", "en")("a", "b")


@pytest.mark.slow
def test_what_dpo_learns_from(services):
    """A reward model of people who mostly saw ties would guess on as many fresh pairs."""
    this = open_round(services)
    services.rehearsing.vote(TEACHER, this.round_id, "longer", 3, Habits(noise=0.0))
    for pairs, wanted in (("auto", "best"), ("votes", "votes"), ("best", "best")):
        assert rehearse._taught_by(services, rehearse.Options(pairs=pairs), this) == wanted
    for state in ("locked", "revealed", "done"):
        lifecycle.move(services.labels, this.round_id, state)
    tied = open_round(services, "two")
    services.rehearsing.vote(TEACHER, tied.round_id, "keyword:nowhere", 3, Habits(noise=0.2))
    assert rehearse._taught_by(services, rehearse.Options(), tied) == "votes"


def test_a_win_is_a_difference_that_is_noticed(monkeypatch):
    """As the voters judge: 100 against 101 characters decides nothing unless each letter counts."""
    replies = {"sft": ["x" * 100] * 4, "dpo": ["x" * 101, "x" * 150, "x" * 100, "x" * 60]}
    talks = [[{"role": "user", "content": f"{i}?"}] for i in range(4)]
    monkeypatch.setattr(rehearse, "_heldout", lambda services, options: talks)
    monkeypatch.setattr(rehearse, "_sample", lambda services, policy, *rest: replies[policy])
    likes = simulated_preferences.named("longer", "en")
    assert rehearse.compare(None, rehearse.Options(), likes) == (1, 2)
    assert rehearse.compare(None, rehearse.Options(notice=0.0), likes) == (2, 3)


@pytest.mark.slow
def test_the_command_votes_in_a_round_of_the_app(services, tmp_path, monkeypatch, capsys):
    this = open_round(services)
    monkeypatch.setenv("AFINA_HOME", str(tmp_path))
    asked = ["--round", "one", "--preference", "longer", "--noise", "0", "--annotators", "4", "--json"]
    assert rehearse.main(asked) == 0
    assert json.loads(capsys.readouterr().out) == {"cast": 90, "votes": 90, "annotators": 4, "round": "one"}
    assert longer_share(services, this) == 1.0
    assert rehearse.main(["--preference", "beauty"]) == 2
    assert "beauty" in capsys.readouterr().err
