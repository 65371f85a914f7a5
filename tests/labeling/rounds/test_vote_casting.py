import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from common.errors import AfinaError, Conflict, NotFound
from labeling.rounds import lifecycle, vote_casting, vote_selection
from labeling.rounds.vote_casting import Ballot
from labeling.storage.label_store import connect
from labeling.storage.tables import annotation_log, coverage


def _log(store):
    with store.read() as connection:
        return connection.execute(select(annotation_log).order_by(annotation_log.c.seq)).all()


def _votes(store, comparison_id, phase="blind"):
    with store.read() as connection:
        query = select(coverage.c.votes).where(coverage.c.comparison_id == comparison_id)
        return connection.execute(query.where(coverage.c.phase == phase)).scalar_one()


@pytest.mark.slow
def test_a_vote_is_kept_in_the_comparisons_own_a_and_b(room):
    for _ in range(12):  # sides are drawn: both kinds come up
        person = room.person()
        served = room.vote(person, "left", strength=2, ratings={"left": {"helpful": 5}})
        row = _log(room.store)[-1]
        first_is_left = served.left.startswith("first")
        assert row.position_swapped != first_is_left
        assert row.winner == ("model_a" if first_is_left else "model_b")
        assert row.preference_strength == (-2 if first_is_left else 2)
        assert row.ratings == {"a" if first_is_left else "b": {"helpful": 5}}
    assert {row.position_swapped for row in _log(room.store)} == {True, False}


def test_sent_twice_counts_once(room):
    person, key = room.person(), str(uuid.uuid4())
    served = room.next(person)
    first = room.cast(person, served.comparison_id, annotation_id=key)
    again = room.cast(person, served.comparison_id, annotation_id=key.upper())
    assert (first.again, again.again) == (False, True)
    assert len(_log(room.store)) == 1 and _votes(room.store, served.comparison_id) == 1


def test_the_same_id_with_another_body_is_a_conflict(room):
    person, key = room.person(), str(uuid.uuid4())
    served = room.next(person)
    room.cast(person, served.comparison_id, annotation_id=key)
    with pytest.raises(Conflict) as caught:
        room.cast(person, served.comparison_id, "right", annotation_id=key)
    assert caught.value.key == "vote.other_body" and caught.value.status == 409
    assert len(_log(room.store)) == 1


def test_somebody_elses_id_is_a_conflict(room):
    one, other, key = room.person(), room.person(), str(uuid.uuid4())
    served = room.next(one)
    room.cast(one, served.comparison_id, annotation_id=key)
    theirs = room.next(other)
    with pytest.raises(Conflict):
        room.cast(other, theirs.comparison_id, annotation_id=key)


def test_sent_by_many_threads_at_once_counts_once(room):
    person = room.person()
    served = room.next(person)
    body = {"annotation_id": str(uuid.uuid4()), "comparison_id": served.comparison_id, "winner": "tie"}
    with ThreadPoolExecutor(8) as pool:
        send = [pool.submit(vote_casting.cast, room.store, person, Ballot.parse(body)) for _ in range(24)]
        receipts = [each.result() for each in send]
    assert sum(not receipt.again for receipt in receipts) == 1
    assert len(_log(room.store)) == 1 and _votes(room.store, served.comparison_id) == 1


def test_two_different_votes_at_once_leave_one(room):
    person = room.person()
    served = room.next(person)

    def send(winner):
        try:
            return room.cast(person, served.comparison_id, winner)
        except Conflict as conflict:
            return conflict.key

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(send, ["left", "right"] * 8))
    assert found.count("vote.already") == 15
    assert _votes(room.store, served.comparison_id) == 1


def test_a_second_vote_must_say_what_it_supersedes(room):
    person = room.person()
    served = room.next(person)
    first = room.cast(person, served.comparison_id, "left")
    with pytest.raises(Conflict, match="already"):
        room.cast(person, served.comparison_id, "right")
    second = room.cast(person, served.comparison_id, "right", supersedes=first.annotation_id)
    with pytest.raises(Conflict, match="changed"):
        room.cast(person, served.comparison_id, "tie", supersedes=first.annotation_id)
    assert [row.supersedes for row in _log(room.store)] == [None, first.annotation_id]
    votes = vote_selection.votes_of(room.store, room.round_id)
    assert len(votes) == 1 and votes.left_out == {"superseded": 1}
    assert second.annotation_id != first.annotation_id
    assert _votes(room.store, served.comparison_id) == 1


def test_taking_back_gives_the_comparison_back(room):
    person = room.person()
    served = room.vote(person)
    room.cast(person, served.comparison_id, None, action="retract")
    assert _votes(room.store, served.comparison_id) == 0
    again = room.next(person)
    assert again.comparison_id == served.comparison_id and again.left == served.left
    room.cast(person, served.comparison_id, "right")
    assert len(vote_selection.votes_of(room.store, room.round_id)) == 1
    with pytest.raises(Conflict, match="no vote to take back"):
        other = room.next(person)
        room.cast(person, other.comparison_id, None, action="retract")


def test_skips_and_reports_are_no_votes(room):
    person = room.person()
    skipped, reported = room.next(person), None
    room.cast(person, skipped.comparison_id, None, action="skip")
    reported = room.next(person)
    room.cast(person, reported.comparison_id, None, action="report", flags=["offensive"])
    assert reported.comparison_id != skipped.comparison_id
    votes = vote_selection.votes_of(room.store, room.round_id)
    assert len(votes) == 0 and votes.left_out == {"skip": 1, "report": 1}
    assert votes.skips.sum() == 1 and votes.flags.sum() == 1
    assert _votes(room.store, skipped.comparison_id) == 0


def test_a_late_vote_is_kept_and_does_not_count(room):
    person, key = room.person(), str(uuid.uuid4())
    served = room.next(person)
    lifecycle.move(room.store, room.round_id, "locked")
    for _ in range(2):  # sent again, the answer is the same
        with pytest.raises(Conflict) as caught:
            room.cast(person, served.comparison_id, annotation_id=key)
        assert caught.value.key == "vote.late"
    (row,) = _log(room.store)
    assert row.exclude_reason == "late" and _votes(room.store, served.comparison_id) == 0
    assert vote_selection.votes_of(room.store, room.round_id).left_out == {"late": 1}


def test_a_blind_vote_that_arrives_after_the_discussion_is_late(room):
    person = room.person()
    served = room.next(person)
    lifecycle.move(room.store, room.round_id, "locked")
    lifecycle.move(room.store, room.round_id, "open_again", discussed=[served.comparison_id])
    with pytest.raises(Conflict) as caught:
        room.cast(person, served.comparison_id)
    assert caught.value.key == "vote.late"
    room.vote(person, "right")
    assert [(row.phase, row.exclude_reason) for row in _log(room.store)] == [
        ("blind", "late"),
        ("discussed", None),
    ]


def test_nobody_votes_on_what_was_not_given_to_them(room):
    one, other = room.person(), room.person()
    served = room.next(one)
    for comparison in (served.comparison_id, "unknown"):
        with pytest.raises(NotFound) as caught:
            room.cast(other, comparison)
        assert caught.value.key == "vote.not_yours"
    assert _log(room.store) == []


def test_two_processes_share_one_round(address, room):
    """A second store on the same database, as a second app would have."""
    second = connect(address)
    persons = [room.person() for _ in range(6)]

    def judge(pair):
        i, person = pair
        store = second if i % 2 else room.store
        from labeling.rounds import assignment

        n = 0
        while (served := assignment.next_for(store, person, room.round_id)) is not None:
            body = {"annotation_id": uuid.uuid4().hex, "comparison_id": served.comparison_id, "winner": "tie"}
            vote_casting.cast(room.store if i % 2 else second, person, Ballot.parse(body))
            n += 1
        return n

    with ThreadPoolExecutor(6) as pool:
        done = sum(pool.map(judge, enumerate(persons)))
    second.close()
    assert done == len(_log(room.store))
    votes = vote_selection.votes_of(room.store, room.round_id)
    per_item = [(votes.item == i).sum() for i in range(len(votes.items))]
    common = [i for i, each in enumerate(lifecycle.comparisons_of(room.store, room.round_id)) if each.is_common]
    assert len(common) == 5
    assert all(n == (6 if i in common else 3) for i, n in enumerate(per_item))


GOOD = {"annotation_id": str(uuid.UUID(int=1)), "comparison_id": "c", "winner": "left"}


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"annotation_id": "x"}, "label.uuid"),
        ({"annotation_id": None}, "label.missing"),
        ({"comparison_id": 7}, "label.not_text"),
        ({"comparison_id": "c" * 65}, "label.too_long"),
        ({"winner": "model_a"}, "label.choice"),
        ({"winner": None}, "label.choice"),
        ({"winner": ["left"]}, "label.choice"),
        ({"action": "delete"}, "label.choice"),
        ({"action": "skip"}, "label.winner_without_vote"),
        ({"strength": 4}, "label.number"),
        ({"strength": True}, "label.number"),
        ({"strength": 1, "winner": "tie"}, "label.strength_without_side"),
        ({"rationale": "x" * 1_000_000}, "label.too_long"),
        ({"rationale": "a\x00b"}, "label.null_character"),
        ({"rationale": "\ud800"}, "label.null_character"),
        ({"edited_completion": "  "}, "label.empty"),
        ({"ratings": {"a": {"helpful": 3}}}, "label.ratings"),
        ({"ratings": {"left": {"helpful": 6}}}, "label.number"),
        ({"flags": "bad"}, "label.flags"),
        ({"flags": [1]}, "label.not_text"),
        ({"decision_time_ms": -1}, "label.number"),
        ({"decision_time_ms": 1.5}, "label.number"),
        ({"annotator_id": "someone"}, "label.unknown_field"),
    ],
)
def test_bad_ballots_are_refused(change, key):
    with pytest.raises(AfinaError) as caught:
        Ballot.parse(GOOD | change)
    assert caught.value.key == key and 400 <= caught.value.status < 500


@pytest.mark.parametrize("body", [None, [], "vote", 3])
def test_a_body_that_is_no_object(body):
    with pytest.raises(AfinaError, match="one JSON object"):
        Ballot.parse(body)


def test_html_comes_back_as_it_was(room):
    person, script = room.person(), "<script>alert('x')</script> ¡señal! 😀"
    room.vote(person, rationale=script, edited_completion=script, edited_side="left")
    row = _log(room.store)[-1]
    assert row.rationale == script and row.edited_completion == script and row.edited_from in ("a", "b")


def test_criteria_that_the_round_does_not_ask_for(room):
    person = room.person()
    served = room.next(person)
    with pytest.raises(AfinaError) as caught:
        room.cast(person, served.comparison_id, ratings={"left": {"pretty": 3}})
    assert caught.value.key == "label.criteria" and _log(room.store) == []


def _edited(room) -> tuple:
    row = _log(room.store)[-1]
    return row.edited_completion, row.edited_from


@pytest.mark.parametrize("winner", ["right", "tie", "both_bad"])
def test_a_corrected_vote_drops_the_edit_of_the_other_side(room, winner):
    person = room.person()
    served = room.next(person)
    edit = {"edited_completion": "Better.", "edited_side": "left"}
    first = room.cast(person, served.comparison_id, "left", **edit)
    assert _edited(room)[0] == "Better."
    room.cast(person, served.comparison_id, winner, supersedes=first.annotation_id, **edit)
    assert _edited(room) == (None, None)


def test_taken_back_and_judged_anew_it_drops_the_edit_too(room):
    person = room.person()
    served = room.next(person)
    edit = {"edited_completion": "Better.", "edited_side": "left"}
    first = room.cast(person, served.comparison_id, "left", **edit)
    room.cast(person, served.comparison_id, None, action="retract", supersedes=first.annotation_id)
    room.cast(person, served.comparison_id, "right", **edit)
    assert _edited(room) == (None, None)


def test_an_edit_that_names_no_side_is_not_taken_over_to_the_other_one(room):
    person = room.person()
    served = room.next(person)
    first = room.cast(person, served.comparison_id, "left", edited_completion="Better.")
    room.cast(person, served.comparison_id, "right", supersedes=first.annotation_id, edited_completion="Better.")
    assert _edited(room) == (None, None)


def test_an_edit_of_the_side_that_wins_now_stays(room):
    person = room.person()
    served = room.next(person)
    first = room.cast(person, served.comparison_id, "left", edited_completion="A.", edited_side="left")
    again = {"edited_completion": "B.", "edited_side": "right"}
    second = room.cast(person, served.comparison_id, "right", supersedes=first.annotation_id, **again)
    assert _edited(room)[0] == "B."
    kept = {"edited_completion": "B.", "edited_side": "right", "strength": 2}
    room.cast(person, served.comparison_id, "right", supersedes=second.annotation_id, **kept)
    assert _edited(room)[0] == "B."  # the winner stays, and so does its edit
