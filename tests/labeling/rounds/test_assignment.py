from collections import Counter

import pytest
from sqlalchemy import update

from common.errors import Conflict
from labeling.admission import annotators
from labeling.rounds import lifecycle
from labeling.rounds.assignment import Served
from labeling.schema import Comparison
from labeling.storage.tables import assignments
from tests.labeling.conftest import Room


def _judge_all(room, person):
    seen = []
    while (served := room.vote(person)) is not None:
        seen.append(served.comparison_id)
    return seen


def test_common_items_come_first_and_everybody_gets_them(store):
    room = Room(store, n=12, common_items=4, votes_wanted=2)
    common = {each.comparison_id for each in lifecycle.comparisons_of(store, room.round_id) if each.is_common}
    assert len(common) == 4
    orders = [_judge_all(room, room.person()) for _ in range(5)]
    assert all(set(order[:4]) == common for order in orders)
    votes = Counter(each for order in orders for each in order)
    assert all(n == (5 if each in common else 2) for each, n in votes.items()) and len(votes) == 12
    assert len(orders[0]) == 12 and orders[4] == [each for each in orders[4] if each in common]


def test_the_lowest_coverage_is_next(store):
    room = Room(store, n=3, common_items=0, votes_wanted=10)
    first = room.vote(room.person()).comparison_id
    second = room.vote(room.person()).comparison_id
    third = room.vote(room.person()).comparison_id
    assert len({first, second, third}) == 3


def test_a_leased_place_is_not_given_twice(store):
    room = Room(store, n=1, common_items=0, votes_wanted=2)
    people_ = [room.person() for _ in range(4)]
    served = [room.next(each) for each in people_]
    assert [each is not None for each in served] == [True, True, False, False]
    room.cast(people_[0], served[0].comparison_id)
    assert room.next(people_[2]) is None  # one vote and one lease: still nothing to give


def test_a_lease_that_ran_out_is_given_to_somebody_else(store):
    room = Room(store, n=1, common_items=0, votes_wanted=1)
    slow, quick = room.person(), room.person()
    served = room.next(slow)
    assert room.next(quick) is None
    with store.write() as connection:
        connection.execute(update(assignments).values(lease_until=0.0))
    assert room.next(quick).comparison_id == served.comparison_id
    assert room.next(slow) is None  # the place is taken now
    room.cast(slow, served.comparison_id)  # but a vote in flight is kept


def test_a_lease_from_before_the_clock_was_set_back_holds_nothing(store):
    """Set back by a day, the clock shows a time long before the leases that were just given."""
    room = Room(store, n=2, common_items=0, votes_wanted=1)
    one, other, third = room.person(), room.person(), room.person()
    served = [room.next(one), room.next(other)]
    assert room.next(third) is None
    with store.write() as connection:
        connection.execute(update(assignments).values(lease_until=assignments.c.lease_until + 86_400))
    taken = room.next(third).comparison_id
    assert taken in {each.comparison_id for each in served}
    slow, quick = (one, other) if served[0].comparison_id == taken else (other, one)
    assert room.next(quick).comparison_id != taken  # a lease renewed by the clock as it is now
    assert room.next(slow) is None  # what this person was shown is held by somebody else now
    assert room.next(room.person()) is None


def test_a_lease_by_a_clock_that_is_a_little_fast_holds(store):
    room = Room(store, n=1, common_items=0, votes_wanted=1)
    room.next(room.person())
    with store.write() as connection:
        connection.execute(update(assignments).values(lease_until=assignments.c.lease_until + 30))
    assert room.next(room.person()) is None


def test_reloading_shows_the_same_comparison_on_the_same_sides(room):
    person = room.person()
    shown = [room.next(person) for _ in range(3)]
    assert len({(each.assignment_id, each.left) for each in shown}) == 1


def test_nothing_served_names_a_policy(room):
    served = room.next(room.person())
    assert "policy" not in " ".join(Served.__dataclass_fields__)
    assert not {"pocket", "tuned"} & set(str(served).split("'"))


def test_sides_are_drawn_evenly(store):
    room = Room(store, n=100, common_items=100, votes_wanted=1)
    left_is_first = sum(room.vote(room.person()).left.startswith("first") for _ in range(100))
    assert 30 <= left_is_first <= 70  # outside with a chance of 3 in 100,000


def test_a_quota_ends_it(store):
    room = Room(store, n=8, quota=3)
    person = room.person()
    remaining = []
    while (served := room.vote(person)) is not None:
        remaining.append(served.remaining)
    assert remaining == [3, 2, 1]
    invited, _ = annotators.invite(store, quota=1)
    assert len(_judge_all(room, invited)) == 1


def test_gold_is_mixed_in_and_is_no_part_of_coverage(store):
    room = Room(store, n=10, state="draft", common_items=2, votes_wanted=1, gold_every=3)
    gold = [
        Comparison(f"1 + {i}?", str(1 + i), "a fish", "gold", "gold", is_gold=True, gold_winner="model_a")
        for i in range(9)
    ]
    lifecycle.add_comparisons(store, room.round_id, gold)
    lifecycle.move(store, room.round_id, "open")
    ids = {each.comparison_id for each in gold}
    seen = _judge_all(room, room.person())
    assert len(seen) == len(set(seen)) and 3 <= len(ids & set(seen)) <= 6  # one in three, and no more
    assert len(set(seen) - ids) == 10


def test_swapped_repeats(store):
    room = Room(store, n=12, repeat_every=4, common_items=0)
    person, shown = room.person(), []
    while (served := room.vote(person)) is not None:
        shown.append(served)
    again = [each for each, n in Counter(served.comparison_id for served in shown).items() if n == 2]
    assert again and len({each.comparison_id for each in shown}) == 12
    for comparison_id in again:
        first, second = [each for each in shown if each.comparison_id == comparison_id]
        assert (first.left, first.right) == (second.right, second.left)


def test_after_the_discussion_everybody_judges_what_was_discussed(room):
    persons = [room.person() for _ in range(2)]
    for person in persons:
        _judge_all(room, person)
    chosen = [each.comparison_id for each in room.comparisons[:2]]
    lifecycle.move(room.store, room.round_id, "locked")
    with pytest.raises(Conflict) as caught:
        room.next(persons[0])
    assert caught.value.key == "vote.closed"
    lifecycle.move(room.store, room.round_id, "discussing", discussed=chosen)
    lifecycle.move(room.store, room.round_id, "open_again")
    for person in [*persons, room.person()]:
        assert _judge_all(room, person) == chosen
