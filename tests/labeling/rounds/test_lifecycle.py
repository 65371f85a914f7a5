import pytest

from common.errors import AfinaError, Conflict, NotFound
from labeling.admission import annotators
from labeling.rounds import guidelines, lifecycle
from labeling.schema import TRANSITIONS, Comparison, Generation, RoundSettings
from tests.labeling.conftest import Room


def test_a_round_goes_through_its_states(room):
    chosen = [room.comparisons[0].comparison_id]
    for state in ("locked", "discussing", "open_again", "revealed", "done"):
        after = lifecycle.move(room.store, room.round_id, state, chosen if state == "discussing" else None)
        assert after.state == state
    assert after.phase == "discussed" and after.discussed == tuple(chosen)


@pytest.mark.parametrize("state", [state for state in TRANSITIONS if state not in TRANSITIONS["draft"]])
def test_no_state_is_skipped(sqlite, state):
    room = Room(sqlite, state="draft")
    with pytest.raises(Conflict) as caught:
        lifecycle.move(sqlite, room.round_id, state)
    assert caught.value.key == "round.transition" and "generating, open" in str(caught.value)


def test_no_blind_votes_after_the_discussion(room):
    lifecycle.move(room.store, room.round_id, "locked")
    lifecycle.move(room.store, room.round_id, "open_again", [room.comparisons[0].comparison_id])
    lifecycle.move(room.store, room.round_id, "locked")
    with pytest.raises(Conflict) as caught:
        lifecycle.move(room.store, room.round_id, "open")
    assert caught.value.key == "round.transition"


def test_one_open_round_per_room(room):
    other = lifecycle.create(room.store, "two", "collect", ["pocket"])
    lifecycle.add_comparisons(room.store, other.round_id, [Comparison("Hi?", "a", "b", "pocket", "pocket")])
    with pytest.raises(Conflict) as caught:
        lifecycle.move(room.store, other.round_id, "open")
    assert caught.value.key == "round.other_open"
    lifecycle.move(room.store, room.round_id, "locked")
    lifecycle.move(room.store, room.round_id, "revealed")
    lifecycle.move(room.store, other.round_id, "open")
    assert lifecycle.present(room.store, room.round.room_id).name == "two"


def test_what_a_round_cannot_be(store):
    for purpose, policies in (("collect", ["a", "b"]), ("judge", ["a", "a"])):
        with pytest.raises(AfinaError) as caught:
            lifecycle.create(store, "x", purpose, policies)
        assert caught.value.key == f"round.policies_{purpose}"
    lifecycle.create(store, "x", "collect", ["a"], RoundSettings(votes_wanted=2), Generation(temperature=0.7))
    with pytest.raises(Conflict) as caught:
        lifecycle.create(store, "x", "collect", ["a"])
    assert caught.value.key == "round.name_taken"
    this = lifecycle.get(store, "x")
    assert this.settings.votes_wanted == 2 and this.generation.temperature == 0.7
    with pytest.raises(Conflict) as caught:
        lifecycle.move(store, this.round_id, "open")
    assert caught.value.key == "round.nothing_to_judge"
    with pytest.raises(NotFound):
        lifecycle.get(store, "y")
    for wrong in ({"votes_wanted": 0}, {"lease_seconds": True}, {"criteria": ("a", "a")}):
        with pytest.raises(AfinaError):
            RoundSettings(**wrong)


def test_generation_goes_on_where_it_was(store):
    this = lifecycle.create(store, "x", "collect", ["pocket"])
    lifecycle.add_prompts(store, this.round_id, ["One?", "Two?", "Three?"])
    first, second, third = lifecycle.waiting(store, this.round_id)
    made = Comparison(first.prompt, "a", "b", "pocket", "pocket")
    for _ in range(2):  # the app was killed between storing and noticing
        lifecycle.generated(store, this.round_id, first.position, [made], counts={"regenerated": 2})
    lifecycle.generated(store, this.round_id, second.position, [], dropped="identical")
    assert lifecycle.waiting(store, this.round_id) == [third]
    assert [each.completion_a for each in lifecycle.comparisons_of(store, this.round_id)] == ["a"]
    assert lifecycle.get(store, "x").counts == {"regenerated": 2, "dropped_identical": 1}


def test_guidelines_are_kept_by_version_and_stamped_on_votes(room):
    from labeling.rounds import vote_selection

    assert guidelines.read(room.store, room.round_id) == ""
    room.vote(room.person())
    assert guidelines.write(room.store, room.round_id, "Be *fair*.") == 1
    room.vote(room.person())
    assert guidelines.write(room.store, room.round_id, "Be short.") == 2
    assert guidelines.read(room.store, room.round_id) == "Be short."
    assert guidelines.read(room.store, room.round_id, 1) == "Be *fair*."
    judged = vote_selection.judged_of(room.store, room.round_id)
    assert sorted(vote.guidelines_version for each in judged for vote in each.annotations) == [0, 1]


def test_the_split_is_the_one_of_all_stages():
    from common.split import split

    for i in range(50):
        assert Comparison(f"Question {i}", "a", "b", "m", "n").split == split(f"Question {i}")


def test_a_wrong_code_opens_no_room(store):
    with pytest.raises(NotFound):
        annotators.join(store, "nothere")
    assert annotators.join(store, annotators.room(store).code.lower())[0].kind == "voter"
