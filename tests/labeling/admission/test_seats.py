"""Seats, doubted joinings, joinings undone: in the database, the same for every app."""

import pytest
from sqlalchemy import select, update

from common.errors import AfinaError, NotAllowed
from labeling.admission import annotators, joining, seats
from labeling.rounds import assignment, lifecycle, progress, vote_selection
from labeling.storage import tables
from labeling.storage.label_store import connect
from labeling.storage.tables import coverage
from tests.labeling.conftest import Room


def _join(store, device="", n=1):
    code = annotators.room(store).code
    return [annotators.join(store, code, device=device if device is not None else None) for _ in range(n)]


def _phones(store, n, prefix="phone"):
    return [_join(store, f"{prefix}-{i}")[0] for i in range(n)]


def _judge_all(room, person) -> int:
    n = 0
    while room.vote(person) is not None:
        n += 1
    return n


def test_a_full_room_says_so_and_a_closed_one_too(store):
    seats.set_seats(store, 2)
    _phones(store, 2)
    with pytest.raises(NotAllowed) as caught:
        _join(store, "late")
    assert caught.value.key == "label.full" and "ask the teacher" in str(caught.value).lower()
    assert "Pregunte" in caught.value.words("es") and "2 plazas" in caught.value.words("es")
    seats.set_seats(store, 3)
    _join(store, "late")
    seats.set_seats(store, None, closed=True)
    with pytest.raises(NotAllowed) as caught:
        _join(store, "later")
    assert caught.value.key == "label.door_closed"
    assert annotators.join(store, annotators.room(store).code)  # nobody asks for a seat: the teacher's own scripts
    seats.set_seats(store, None, closed=False)
    _join(store, "later")
    for wrong in (0, -1, True, 1.5, 10**6):
        with pytest.raises(AfinaError):
            seats.set_seats(store, wrong)


def test_two_apps_share_the_seats(address, store):
    other = connect(address)
    seats.set_seats(other, 1)
    _join(store, "one")
    with pytest.raises(NotAllowed):
        _join(other, "two")
    assert seats.door(store).seats == seats.door(other).seats == 1
    other.close()


def test_who_left_gives_the_seat_back_and_yesterdays_class_has_none(store):
    seats.set_seats(store, 1)
    ((one, _),) = _join(store, "one")
    annotators.withdraw(store, one.annotator_id)
    _join(store, "two")
    with store.write() as connection:
        connection.execute(update(tables.annotators).values(created_at=tables.annotators.c.created_at - joining.LESSON))
    assert seats.door(store).inside == 0
    _join(store, "three")


def test_a_class_is_not_doubted(store):
    _phones(store, 40)
    _join(store, "", 10)  # and some that keep no cookie
    assert seats.door(store).doubted == 0 and seats.door(store).inside == 50


def test_one_device_that_joins_again_is_doubted(store):
    first, second, third = (_join(store, "phone")[0][0] for _ in range(3))
    assert (first.doubt, second.doubt, third.doubt) == ("", "repeat", "repeat")
    annotators.withdraw(store, first.annotator_id)
    annotators.withdraw(store, second.annotator_id)
    annotators.withdraw(store, third.annotator_id)
    assert _join(store, "phone")[0][0].doubt == ""  # nobody else of this device is inside


def test_many_without_a_cookie_at_once_are_doubted_those_before_too(store):
    crowd = _join(store, "", 25)
    assert [person.doubt for person, _ in crowd] == [""] * 19 + ["anonymous"] * 6
    assert seats.door(store).doubted == 25
    assert _join(store, "a phone")[0][0].doubt == ""  # beside them


def test_very_many_browsers_at_once_are_doubted(store, monkeypatch):
    monkeypatch.setattr(joining, "_BURST", ((10, 60.0),))
    crowd = _phones(store, 12)
    assert {person.doubt for person, _ in crowd[9:]} == {"burst"} and seats.door(store).doubted == 12


def test_a_crowd_takes_no_place_from_anybody(store):
    """75 scripted joins that vote, and hold what they do not: an honest person finds everything still to judge."""
    room = Room(store, n=8, votes_wanted=2, common_items=0)
    script = [person for person, _ in _join(store, "", 30)]
    for person in script[:10]:
        _judge_all(room, person)
    for person in script[10:]:
        room.next(person)
    honest = [person for person, _ in _phones(store, 3)]
    done = [
        (_judge_all(room, each), progress.counters(store, lifecycle.get(store, room.round_id)).complete)
        for each in honest
    ]
    # Two votes of theirs on each, as wanted, and the bar says the same; who comes then has a few to judge all the same.
    assert done == [(8, 0), (8, 8), (assignment.LEAST, 8)]
    with store.read() as connection:
        row = connection.execute(select(coverage).where(coverage.c.phase == "blind")).first()
    assert row.votes - row.doubted in (2, 3)


def test_those_who_voted_before_the_crowd_was_seen_take_no_place_either(store):
    room = Room(store, n=4, votes_wanted=2, common_items=0)
    early = [person for person, _ in _join(store, "", 5)]
    assert [_judge_all(room, each) for each in early[:2]] == [4, 4]
    honest = _join(store, "phone")[0][0]
    _join(store, "", 20)
    assert _judge_all(room, honest) == 4


def test_nobody_of_the_class_is_sent_away_with_nothing(store):
    """A slow script with a fresh cookie for each joining looks like people, and takes every place."""
    room = Room(store, n=12, votes_wanted=2, common_items=0)
    script = [person for person, _ in _phones(store, 24, "script")]
    assert all(room.next(each) for each in script)  # each holds one, none votes
    honest = [person for person, _ in _phones(store, 4, "honest")]
    for each in honest:
        first = room.next(each)
        assert first and first.remaining == assignment.LEAST
        assert _judge_all(room, each) == assignment.LEAST
    assert room.next(honest[0]) is None
    counters = progress.counters(store, lifecycle.get(store, room.round_id))
    assert counters.votes == 4 * assignment.LEAST


def test_only_the_class_gets_more_than_is_wanted(store):
    room = Room(store, n=3, votes_wanted=1, common_items=0)
    assert _judge_all(room, room.person()) == 3
    assert room.next(room.person()) is None  # a script of the teacher's, or somebody invited
    _join(store, "", 30)
    doubted = _join(store, "")[0][0]
    assert room.next(doubted) is None
    late = _join(store, "phone")[0][0]
    assert _judge_all(room, late) == 3  # there are no more
    assert room.next(late) is None


def test_a_doubted_person_takes_no_seat_from_a_phone(store):
    seats.set_seats(store, 30)
    _join(store, "", 30)
    with pytest.raises(NotAllowed):
        _join(store, "")
    _phones(store, 30)
    with pytest.raises(NotAllowed):
        _join(store, "one too many")


def test_undo_takes_the_crowd_out_and_leaves_the_class(store):
    room = Room(store, n=6, votes_wanted=2, common_items=1)
    honest = _phones(store, 3)
    room.vote(honest[0][0])
    script = _join(store, "", 40)
    for person, _ in script[:3]:
        _judge_all(room, person)
    now = seats.door(store)
    assert (now.inside, now.doubted, now.last) == (43, 40, 40) and now.since <= script[0][0].created_at
    assert seats.undo(store) == 40
    for _, token in script:
        with pytest.raises(NotAllowed) as caught:
            annotators.identify(store, token)
        assert caught.value.key == "label.undone"
    assert annotators.identify(store, honest[0][1]).annotator_id == honest[0][0].annotator_id
    votes = vote_selection.votes_of(store, room.round_id)
    assert len(votes) == 1 and votes.left_out == {"undone": 18}
    counters = progress.counters(store, lifecycle.get(store, room.round_id))
    assert (counters.joined, counters.voting, counters.votes) == (3, 1, 1)
    assert seats.door(store).undone == 40

    assert seats.take_back(store) == 40
    assert annotators.identify(store, script[0][1]).undone_at is None
    assert len(vote_selection.votes_of(store, room.round_id)) == 19
    assert seats.door(store).undone == 0


def test_undo_prefers_those_without_a_cookie(store, monkeypatch):
    monkeypatch.setattr(joining, "_BURST", ((3, 60.0),))
    _phones(store, 5)
    _join(store, "", 20)
    assert seats.undo(store) == 20 and seats.undo(store) == 5


def test_undo_without_doubt_takes_the_last_crowd_or_those_since(store):
    early, late = _phones(store, 2, "early"), _phones(store, 3, "late")
    with store.write() as connection:
        mine = tables.annotators.c.annotator_id.in_([person.annotator_id for person, _ in early])
        connection.execute(update(tables.annotators).where(mine).values(created_at=tables.annotators.c.created_at - 60))
    assert seats.door(store).last == 3
    assert seats.undo(store) == 3
    assert annotators.identify(store, early[0][1])
    assert seats.undo(store, early[0][0].created_at - 100) == 2
    assert seats.take_back(store) == 5
    assert annotators.identify(store, late[0][1])


def test_who_was_left_out_by_hand_stays_so_when_joinings_are_taken_back(store):
    ((one, _),) = _join(store, "phone")
    annotators.exclude(store, "annotator", one.annotator_id, "clicks at random")
    _join(store, "other")
    assert seats.undo(store) == 1  # who is left out sits nowhere
    seats.take_back(store)
    with store.read() as connection:
        assert annotators.excluded(connection)["annotator"] == {one.annotator_id: "clicks at random"}


def test_the_teacher_trusts_a_class_that_keeps_no_cookies(store):
    room = Room(store, n=4, votes_wanted=2, common_items=0)
    crowd = [person for person, _ in _join(store, "", 30)]
    assert _judge_all(room, crowd[0]) == _judge_all(room, crowd[1]) == 4
    assert room.next(crowd[2]) is not None
    assert seats.trust(store) == 30 and seats.door(store).doubted == 0
    assert room.next(room.person()) is None  # all places are taken, by people who count as such
