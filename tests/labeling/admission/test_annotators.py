import pytest
from sqlalchemy import text

from common.errors import AfinaError, NotAllowed, NotFound
from labeling.admission import annotators
from labeling.rounds import lifecycle, progress, vote_selection
from tests.labeling.conftest import Room


def test_a_token_proves_who_it_is_and_is_not_stored(store):
    person, token = annotators.join(store, annotators.room(store).code, "es")
    assert annotators.identify(store, token) == person and person.language == "es"
    with store.read() as connection:
        row = connection.execute(text("SELECT * FROM annotators")).one()
    assert token not in str(row) and token != person.annotator_id
    for wrong in (token + "x", "", None, 7, "x" * 300, "\ud800"):
        with pytest.raises(NotAllowed):
            annotators.identify(store, wrong)


def test_a_revoked_invitation_stops_working_and_its_votes_stay(room):
    person, token = annotators.invite(room.store, group="team")
    room.vote(person)
    annotators.revoke(room.store, person.annotator_id)
    with pytest.raises(NotAllowed) as caught:
        annotators.identify(room.store, token)
    assert caught.value.key == "label.revoked"
    (vote,) = [v for each in vote_selection.judged_of(room.store, room.round_id) for v in each.annotations]
    assert vote.group == "team" and vote.exclude_reason is None


def test_an_invited_person_has_joined_when_something_was_put_before_them(room):
    def joined() -> int:
        return progress.counters(room.store, lifecycle.get(room.store, room.round_id)).joined

    before = joined()
    person, _ = annotators.invite(room.store, group="team")
    assert joined() == before
    room.vote(person)
    assert joined() == before + 1
    annotators.revoke(room.store, person.annotator_id)
    assert joined() == before


def test_who_left_in_an_earlier_round_is_not_waited_for(room):
    """What everybody sees is complete once everybody who was asked has judged it."""
    for _ in range(3):
        room.vote(room.person())
    for state in ("locked", "revealed", "done"):
        lifecycle.move(room.store, room.round_id, state)
    other = Room(room.store, n=1, name="two", votes_wanted=1, common_items=1)
    assert progress.counters(other.store, other.round).complete == 0
    first, second = other.person(), other.person()
    other.vote(first)
    assert progress.counters(other.store, other.round).coverage == 1.0
    other.next(second)
    assert progress.counters(other.store, other.round).coverage == 0.5
    other.vote(second)
    assert progress.counters(other.store, other.round).coverage == 1.0


def test_who_withdraws_counts_no_more_and_the_runs_are_named(room):
    code = annotators.room(room.store).code
    person, token = annotators.join(room.store, code)
    other = room.person()
    room.vote(person)
    room.vote(other)
    ids = {
        vote.annotator_id: vote.annotation_id
        for each in vote_selection.judged_of(room.store, room.round_id)
        for vote in each.annotations
    }
    annotators.record_training(room.store, "run-1", [ids[person.annotator_id], ids[other.annotator_id]])
    annotators.record_training(room.store, "run-2", [ids[other.annotator_id]])
    assert annotators.withdraw(room.store, person.annotator_id) == ["run-1"]
    assert annotators.trained_by(room.store, "run-1") == sorted(ids.values())
    votes = vote_selection.votes_of(room.store, room.round_id)
    assert len(votes) == 1 and votes.left_out == {"withdrawn": 1}
    with pytest.raises(NotAllowed):
        annotators.identify(room.store, token)
    with pytest.raises(NotAllowed):  # nobody undoes a withdrawal
        annotators.exclude(room.store, "annotator", person.annotator_id, None)


def test_exclusions_have_a_reason_and_can_be_taken_back(room):
    person = room.person()
    room.vote(person)
    (vote,) = [v for each in vote_selection.judged_of(room.store, room.round_id) for v in each.annotations]
    for kind, target in (("annotator", person.annotator_id), ("annotation", vote.annotation_id)):
        annotators.exclude(room.store, kind, target, "asleep")
        assert annotators.left_out(room.store, room.round_id)[kind] == {target: "asleep"}
        assert vote_selection.votes_of(room.store, room.round_id).left_out == {"asleep": 1}
        annotators.exclude(room.store, kind, target, None)
        assert len(vote_selection.votes_of(room.store, room.round_id)) == 1
        with pytest.raises(NotFound):
            annotators.exclude(room.store, kind, "nobody", "asleep")
    with pytest.raises(AfinaError):
        annotators.exclude(room.store, "annotator", person.annotator_id, " ")
