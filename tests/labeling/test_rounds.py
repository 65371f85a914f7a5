import pytest

from common.errors import AfinaError, Conflict, NotFound
from labeling import guidelines, people, rounds
from labeling.schema import TRANSITIONS, Comparison, Generation, RoundSettings
from tests.labeling.conftest import Room


def test_a_round_goes_through_its_states(room):
    chosen = [room.comparisons[0].comparison_id]
    for state in ("locked", "discussing", "open_again", "revealed", "done"):
        after = rounds.move(room.store, room.round_id, state, chosen if state == "discussing" else None)
        assert after.state == state
    assert after.phase == "discussed" and after.discussed == tuple(chosen)


@pytest.mark.parametrize("state", [state for state in TRANSITIONS if state not in TRANSITIONS["draft"]])
def test_no_state_is_skipped(sqlite, state):
    room = Room(sqlite, state="draft")
    with pytest.raises(Conflict) as caught:
        rounds.move(sqlite, room.round_id, state)
    assert caught.value.key == "round.transition" and "generating, open" in str(caught.value)


def test_no_blind_votes_after_the_discussion(room):
    rounds.move(room.store, room.round_id, "locked")
    rounds.move(room.store, room.round_id, "open_again", [room.comparisons[0].comparison_id])
    rounds.move(room.store, room.round_id, "locked")
    with pytest.raises(Conflict) as caught:
        rounds.move(room.store, room.round_id, "open")
    assert caught.value.key == "round.transition"


def test_one_open_round_per_room(room):
    other = rounds.create(room.store, "two", "collect", ["pocket"])
    rounds.add_comparisons(room.store, other.round_id, [Comparison("Hi?", "a", "b", "pocket", "pocket")])
    with pytest.raises(Conflict) as caught:
        rounds.move(room.store, other.round_id, "open")
    assert caught.value.key == "round.other_open"
    rounds.move(room.store, room.round_id, "locked")
    rounds.move(room.store, room.round_id, "revealed")
    rounds.move(room.store, other.round_id, "open")
    assert rounds.present(room.store, room.round.room_id).name == "two"


def test_what_a_round_cannot_be(store):
    for purpose, policies in (("collect", ["a", "b"]), ("judge", ["a", "a"])):
        with pytest.raises(AfinaError) as caught:
            rounds.create(store, "x", purpose, policies)
        assert caught.value.key == f"round.policies_{purpose}"
    rounds.create(store, "x", "collect", ["a"], RoundSettings(votes_wanted=2), Generation(temperature=0.7))
    with pytest.raises(Conflict) as caught:
        rounds.create(store, "x", "collect", ["a"])
    assert caught.value.key == "round.name_taken"
    this = rounds.get(store, "x")
    assert this.settings.votes_wanted == 2 and this.generation.temperature == 0.7
    with pytest.raises(Conflict) as caught:
        rounds.move(store, this.round_id, "open")
    assert caught.value.key == "round.nothing_to_judge"
    with pytest.raises(NotFound):
        rounds.get(store, "y")
    for wrong in ({"votes_wanted": 0}, {"lease_seconds": True}, {"criteria": ("a", "a")}):
        with pytest.raises(AfinaError):
            RoundSettings(**wrong)


def test_generation_goes_on_where_it_was(store):
    this = rounds.create(store, "x", "collect", ["pocket"])
    rounds.add_prompts(store, this.round_id, ["One?", "Two?", "Three?"])
    first, second, third = rounds.waiting(store, this.round_id)
    made = Comparison(first.prompt, "a", "b", "pocket", "pocket")
    for _ in range(2):  # the app was killed between storing and noticing
        rounds.generated(store, this.round_id, first.position, [made], counts={"regenerated": 2})
    rounds.generated(store, this.round_id, second.position, [], dropped="identical")
    assert rounds.waiting(store, this.round_id) == [third]
    assert [each.completion_a for each in rounds.comparisons_of(store, this.round_id)] == ["a"]
    assert rounds.get(store, "x").counts == {"regenerated": 2, "dropped_identical": 1}


def test_guidelines_are_kept_by_version_and_stamped_on_votes(room):
    from labeling import counted

    assert guidelines.read(room.store, room.round_id) == ""
    room.vote(room.person())
    assert guidelines.write(room.store, room.round_id, "Be *fair*.") == 1
    room.vote(room.person())
    assert guidelines.write(room.store, room.round_id, "Be short.") == 2
    assert guidelines.read(room.store, room.round_id) == "Be short."
    assert guidelines.read(room.store, room.round_id, 1) == "Be *fair*."
    judged = counted.judged_of(room.store, room.round_id)
    assert sorted(vote.guidelines_version for each in judged for vote in each.annotations) == [0, 1]


def test_the_split_is_the_one_of_all_stages():
    from common.split import split

    for i in range(50):
        assert Comparison(f"Question {i}", "a", "b", "m", "n").split == split(f"Question {i}")


def test_a_wrong_code_opens_no_room(store):
    with pytest.raises(NotFound):
        people.join(store, "nothere")
    assert people.join(store, people.room(store).code.lower())[0].kind == "voter"
