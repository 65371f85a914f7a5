"""Which ratings count: a person's newest of each reply, none that was taken back, none of those who left."""

import pytest
from sqlalchemy import text

from labeling.admission import annotators
from labeling.backup import labels_backup
from labeling.backup.destinations import Folder
from labeling.backup.labels_backup import Backup
from labeling.rounds import ratings
from labeling.schema import Rating
from labeling.storage import outbox
from labeling.storage.label_store import connect


@pytest.fixture
def person(store):
    return annotators.join(store, annotators.room(store).code)[0].annotator_id


def thumb(person, value, policy="pocket", reply="Hello!"):
    return Rating("Hi", reply, policy, "thumbs", value, person, verified=True)


def state(store):
    return [(each.completion, each.policy, each.value) for each in ratings.counting(store)]


def test_a_rating_of_one_reply_is_kept_once(store, person):
    rating = Rating("Hi", "Hello!", "pocket", "likert", 5, person)
    ratings.keep(store, rating)
    ratings.keep(store, rating)
    assert ratings.counting(store) == [rating] and rating.good is True
    annotators.withdraw(store, person)
    assert ratings.counting(store) == []


def test_up_taken_back_and_down_leaves_the_down(store, person):
    assert ratings.change(store, thumb(person, 1))
    assert state(store) == [("Hello!", "pocket", 1)]
    assert ratings.change(store, thumb(person, 0), take_back=True)
    assert state(store) == []
    assert not ratings.change(store, thumb(person, 0), take_back=True)  # nothing stands
    assert ratings.change(store, thumb(person, 0))
    assert not ratings.change(store, thumb(person, 0))  # the same again is no new row
    assert state(store) == [("Hello!", "pocket", 0)]
    assert ratings.change(store, thumb(person, 1))
    assert state(store) == [("Hello!", "pocket", 1)]


def test_rows_of_before_count_once_too_and_are_known_as_unsigned(store, person):
    for value in (
        1,
        0,
        0,
    ):  # up, "taken back" as a dislike, down: what was stored before there was a way back
        ratings.keep(store, Rating("Hi", "Hello!", "pocket", "thumbs", value, person))
    assert [(each.value, each.verified) for each in ratings.counting(store)] == [(0, False)]
    ratings.change(store, thumb(person, 1))
    assert [(each.value, each.verified) for each in ratings.counting(store)] == [(1, True)]


def test_the_same_words_of_two_policies_are_never_good_and_bad_at_once(store, person):
    ratings.change(store, thumb(person, 1, "one"))
    ratings.change(store, thumb(person, 0, "two"))
    assert state(store) == [("Hello!", "two", 0)]
    ratings.change(store, thumb(person, 0, "two"), take_back=True)
    assert state(store) == [("Hello!", "one", 1)]  # that thumb is still lit on the page


def test_people_count_apart_and_policies_are_a_rounds_own(store, person):
    other = annotators.join(store, annotators.room(store).code)[0].annotator_id
    ratings.change(store, thumb(person, 1))
    ratings.change(store, thumb(other, 0))
    ratings.change(store, thumb(other, 1, "elsewhere", "Bye!"))
    assert state(store) == [("Hello!", "pocket", 1), ("Hello!", "pocket", 0), ("Bye!", "elsewhere", 1)]
    assert [each.value for each in ratings.of_policies(store, ["pocket@1"])] == [1, 0]
    assert ratings.of_policies(store, ["pocket"], "train") + ratings.of_policies(
        store, ["pocket"], "heldout"
    ) == ratings.of_policies(store, ["pocket"])
    assert ratings.of_policies(store, []) == []


def test_a_rater_is_no_voter(store):
    assert not annotators.known(store, "rater-1")
    annotators.rater(store, "rater-1")
    annotators.rater(store, "rater-1")
    (made,) = annotators.listed(store)
    assert annotators.known(store, "rater-1") and made.kind == "rater"
    with store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM annotators WHERE token_hash IS NULL")).scalar() == 1


def test_a_backup_of_before_is_brought_back_beside_one_of_now(sqlite, tmp_path):
    """Its ratings have neither column: they count, unsigned."""
    place = Folder(tmp_path / "there")
    outbox.install(sqlite, place.name)
    person = annotators.join(sqlite, annotators.room(sqlite).code)[0].annotator_id
    for reply in ("old", "new"):
        ratings.change(sqlite, thumb(person, 1, reply=reply))
    batch = outbox.collect(sqlite)
    (old,) = [each for each in batch.changes if each.table == "ratings" and each.row["completion"] == "old"]
    for name in ("verified", "taken_back"):
        old.row.pop(name)
    name, content = labels_backup.fragment(batch.changes)
    place.add({name: content}, "")
    back = connect(tmp_path / "again" / "labels.db")
    labels_backup.restore(back, place)
    assert [(each.completion, each.verified) for each in ratings.counting(back)] == [
        ("old", False),
        ("new", True),
    ]
    back.close()


def test_a_take_back_reaches_the_backup(sqlite, tmp_path):
    place = Folder(tmp_path / "there")
    outbox.install(sqlite, place.name)
    keeper = Backup(sqlite, place)
    person = annotators.join(sqlite, annotators.room(sqlite).code)[0].annotator_id
    ratings.change(sqlite, thumb(person, 1))
    ratings.change(sqlite, thumb(person, 1), take_back=True)
    keeper.flush()
    back = connect(tmp_path / "again" / "labels.db")
    labels_backup.restore(back, place)
    assert ratings.counting(back) == []
    back.close()
