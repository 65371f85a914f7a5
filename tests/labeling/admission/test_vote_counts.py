"""Votes that do not count give their places back; they take them again when they count again."""

import uuid

import pytest
from sqlalchemy import select, update

from labeling import migrations
from labeling.admission import annotators, seats, vote_counts
from labeling.backup.destinations import Folder
from labeling.backup.labels_backup import Backup, restore
from labeling.rounds import lifecycle, progress, vote_selection
from labeling.schema import Comparison
from labeling.storage.label_store import _sqlite, connect
from labeling.storage.outbox import install
from labeling.storage.tables import annotation_log, assignments, coverage
from tests.labeling.conftest import Room


def _votes(store) -> dict[str, int]:
    with store.read() as connection:
        query = select(coverage.c.comparison_id, coverage.c.votes).where(coverage.c.phase == "blind")
        return {row.comparison_id: row.votes for row in connection.execute(query)}


def _judge_all(room, person) -> int:
    n = 0
    while room.vote(person) is not None:
        n += 1
    return n


def _agrees(store) -> None:
    """The counters are what a count of everything gives."""
    with store.read() as connection:
        before = connection.execute(select(coverage).order_by(coverage.c.comparison_id)).all()
    with store.write() as connection:
        vote_counts.recount(connection)
    with store.read() as connection:
        assert connection.execute(select(coverage).order_by(coverage.c.comparison_id)).all() == before


@pytest.fixture
def full(store):
    """A round in which two people have given all the votes that are wanted."""
    room = Room(store, n=6, votes_wanted=2, common_items=0)
    crowd = [room.person(), room.person()]
    assert [_judge_all(room, each) for each in crowd] == [6, 6]
    return room, crowd


def test_a_left_out_persons_places_are_given_again_and_taken_back(full):
    room, (careless, _) = full
    third = room.person()
    assert room.next(third) is None
    assert progress.counters(room.store, room.round).coverage == 1.0
    annotators.exclude(room.store, "annotator", careless.annotator_id, "clicks at random")
    assert set(_votes(room.store).values()) == {1}
    now = progress.counters(room.store, room.round)
    assert (now.coverage, now.complete, now.votes, now.missing, now.voting) == (0.5, 0, 6, 6, 1)
    room.vote(third)
    assert sorted(_votes(room.store).values()) == [1, 1, 1, 1, 1, 2]
    annotators.exclude(room.store, "annotator", careless.annotator_id, None)
    assert sorted(_votes(room.store).values()) == [2, 2, 2, 2, 2, 3]
    assert room.next(third) is None
    _agrees(room.store)


def test_a_left_out_vote_gives_its_one_place_back(full):
    room, _ = full
    row = vote_selection.judged_of(room.store, room.round_id)[0]
    vote = row.annotations[0]
    annotators.exclude(room.store, "annotation", vote.annotation_id, "a slip")
    third = room.person()
    assert room.next(third).comparison_id == row.comparison.comparison_id
    assert _judge_all(room, third) == 1
    annotators.exclude(room.store, "annotation", vote.annotation_id, None)
    assert _votes(room.store)[row.comparison.comparison_id] == 3
    _agrees(room.store)


def test_a_corrected_vote_that_was_left_out_counts_again(full):
    room, (one, _) = full
    with room.store.read() as connection:
        mine = annotation_log.c.annotator_id == one.annotator_id
        vote = connection.execute(select(annotation_log).where(mine)).first()
    annotators.exclude(room.store, "annotation", vote.annotation_id, "a slip")
    assert _votes(room.store)[vote.comparison_id] == 1
    again = room.cast(one, vote.comparison_id, "tie", supersedes=vote.annotation_id)
    assert _votes(room.store)[vote.comparison_id] == 2
    _agrees(room.store)
    room.cast(one, vote.comparison_id, None, action="retract", supersedes=again.annotation_id)
    assert _votes(room.store)[vote.comparison_id] == 1
    _agrees(room.store)


def test_votes_of_somebody_who_is_left_out_already_take_no_place(store):
    room = Room(store, n=2, votes_wanted=1, common_items=0)
    out, other = room.person(), room.person()
    annotators.exclude(store, "annotator", out.annotator_id, "a bot")
    assert _judge_all(room, out) == 2
    assert set(_votes(store).values()) == {0}
    assert _judge_all(room, other) == 2
    _agrees(store)


def test_who_withdraws_gives_every_place_back(full):
    room, (one, _) = full
    annotators.withdraw(room.store, one.annotator_id)
    assert _judge_all(room, room.person()) == 6
    _agrees(room.store)


@pytest.mark.parametrize("how", ["revoke", "withdraw", "exclude", "undo"])
def test_a_lease_is_free_at_once_when_somebody_is_gone(store, how):
    room = Room(store, n=1, votes_wanted=1, common_items=0)
    gone, other = room.person(device="phone"), room.person()
    assert room.next(gone) is not None and room.next(other) is None
    if how == "exclude":
        annotators.exclude(store, "annotator", gone.annotator_id, "asleep")
    elif how == "undo":
        assert seats.undo(store, gone.created_at) == 1
    else:
        getattr(annotators, how)(store, gone.annotator_id)
    assert room.next(other) is not None


def test_a_revoked_persons_votes_stay_and_keep_their_places(full):
    room, (one, _) = full
    annotators.revoke(room.store, one.annotator_id)
    assert set(_votes(room.store).values()) == {2} and room.next(room.person()) is None


def test_a_crowds_lot_serves_what_was_freed_a_moment_ago(full):
    """What a lot has read and remembers does not outlive an exclusion."""
    room, (careless, _) = full
    workers, third = room.store.workers(), room.person()
    assert workers.submit(room.next, third).result(10) is None
    annotators.exclude(room.store, "annotator", careless.annotator_id, "clicks at random")
    assert workers.submit(room.next, third).result(10) is not None
    workers.shutdown()


def test_two_apps_agree_on_what_is_free(address, full):
    room, (careless, _) = full
    other = connect(address)
    annotators.exclude(other, "annotator", careless.annotator_id, "clicks at random")
    assert _judge_all(room, room.person()) == 6
    _agrees(other)
    other.close()


def test_machines_take_no_place_when_all_is_counted_anew(full):
    from labeling.rounds import ai_annotators

    room, _ = full
    ids = [each.comparison_id for each in room.comparisons]
    ai_annotators.record(
        room.store, room.round_id, "judge", "r", [ai_annotators.MachineVote(each, "tie") for each in ids]
    )
    _agrees(room.store)
    assert set(_votes(room.store).values()) == {2}


def test_restored_elsewhere_what_is_left_out_stays_without_a_place(sqlite, tmp_path):
    place = Folder(tmp_path / "there")
    install(sqlite, place.name)
    room = Room(sqlite, n=3, votes_wanted=1, common_items=0)
    one = room.person()
    _judge_all(room, one)
    annotators.exclude(sqlite, "annotator", one.annotator_id, "asleep")
    Backup(sqlite, place).flush()
    back = connect(tmp_path / "again" / "labels.db")
    restore(back, place)
    assert set(_votes(back).values()) == {0}
    with back.write() as connection:  # counters of an older version, which a restore does not believe
        connection.execute(update(coverage).values(votes=9))
        vote_counts.recount(connection)
    assert set(_votes(back).values()) == {0}
    back.close()


def test_rows_of_an_older_version_come_back_beside_newer_ones(sqlite, tmp_path):
    from labeling.storage import outbox

    room = Room(sqlite)
    room.person()
    room.person()
    table = outbox.metadata.tables["annotators"]
    with sqlite.read() as connection:
        new, old = (dict(row._mapping) for row in connection.execute(select(table)))
    old = {k: v for k, v in old.items() if k not in ("device", "doubt", "undone_at", "left_out")}
    back = connect(tmp_path / "again" / "labels.db")
    with back.write() as connection:
        for name in ("rooms",):
            rows = outbox.metadata.tables[name]
            with sqlite.read() as mine:
                there = [dict(row._mapping) for row in mine.execute(select(rows))]
            outbox.insert_rows(connection, rows, [{k: v for k, v in there[0].items() if k != "seats"}])
        outbox.insert_rows(connection, table, [new, old])
    assert [(each.doubt, each.left_out) for each in annotators.listed(back)] == [("", False), ("", False)]
    back.close()


def test_a_database_of_yesterday_is_counted_anew_once(tmp_path):
    """As it was before there were seats: its counters still hold what was left out."""
    path = tmp_path / "labels.db"
    old = _sqlite(path)
    rows: dict[str, dict] = {
        "rooms": {"room_id": "r", "code": "ABC", "created_at": 1.0},
        "rounds": {
            "round_id": "o",
            "room_id": "r",
            "name": "one",
            "purpose": "judge",
            "state": "open",
            "phase": "blind",
            "policies": "[]",
            "settings": "{}",
            "generation": "{}",
            "guidelines_version": 0,
            "discussed": "[]",
            "counts": "{}",
            "created_at": 1.0,
        },
        "comparisons": {
            "comparison_id": "c",
            "round_id": "o",
            "position": 0,
            "prompt": "[]",
            "completion_a": "x",
            "completion_b": "y",
            "policy_a": "a",
            "policy_b": "b",
            "split": "train",
            "is_gold": 0,
            "is_common": 0,
            "created_at": 1.0,
        },
        "coverage": {"comparison_id": "c", "phase": "blind", "round_id": "o", "votes": 2, "skips": 0, "reports": 0},
    }
    with old.write() as connection:
        migrations.upgrade(connection, "0002")
        for name, row in rows.items():
            _insert(connection, name, row)
        for who in ("asleep", "awake"):
            _insert(
                connection,
                "annotators",
                {
                    "annotator_id": who,
                    "room_id": "r",
                    "kind": "voter",
                    '"group"': "",
                    "language": "en",
                    "quota": 0,
                    "created_at": 1.0,
                },
            )
            _insert(
                connection,
                "assignments",
                {
                    "annotator_id": who,
                    "comparison_id": "c",
                    "phase": "blind",
                    '"repeat"': 0,
                    "assignment_id": who,
                    "round_id": "o",
                    "position_swapped": 0,
                    "served_at": 1.0,
                    "lease_until": 1.0,
                    "current": f"vote of {who}",
                    "action": "vote",
                },
            )
        for reason in ("a first reason", None, "clicks at random"):
            _insert(
                connection,
                "exclusions",
                {"kind": "annotator", "target_id": "asleep", "reason": reason, "at": 1.0},
            )
    old.close()
    today = connect(path)
    assert _votes(today) == {"c": 1}
    assert [(each.annotator_id, each.left_out) for each in annotators.listed(today)] == [
        ("asleep", True),
        ("awake", False),
    ]
    today.close()


def _insert(connection, table: str, row: dict) -> None:
    marks = ", ".join("?" for _ in row)
    connection.exec_driver_sql(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


def test_a_lease_is_not_prolonged_by_looking(store):
    room = Room(store, n=2, votes_wanted=1, common_items=0)
    idle = room.person()
    room.next(idle)
    with store.read() as connection:
        first = connection.execute(select(assignments.c.lease_until)).scalar_one()
    for _ in range(3):
        room.next(idle)
    with store.read() as connection:
        assert connection.execute(select(assignments.c.lease_until)).scalar_one() == first
    with store.write() as connection:
        connection.execute(update(assignments).values(lease_until=0.0))
    assert room.next(idle) is not None  # still theirs to judge, while nobody else does
    other = room.person()
    assert len({room.vote(other).comparison_id for _ in range(2)}) == 2  # they hold no place


def test_a_lease_from_before_the_clock_was_set_back_is_free(store):
    room = Room(store, n=1, votes_wanted=1, common_items=0)
    gone, other = room.person(), room.person()
    room.next(gone)
    with store.write() as connection:
        connection.execute(update(assignments).values(lease_until=assignments.c.lease_until + 7200))
    assert room.next(other) is not None


def test_a_discussed_phase_is_counted_apart(full):
    room, (one, two) = full
    chosen = [room.comparisons[0].comparison_id]
    lifecycle.move(room.store, room.round_id, "locked")
    lifecycle.move(room.store, room.round_id, "open_again", discussed=chosen)
    for person in (one, two):
        room.vote(person)
    annotators.exclude(room.store, "annotator", one.annotator_id, "asleep")
    now = progress.counters(room.store, room.round)
    assert (now.votes, now.wanted, now.complete) == (1, 1, 1)
    _agrees(room.store)


def test_gold_of_a_left_out_person_is_no_trouble(store):
    room = Room(store, n=2, state="draft", votes_wanted=1, common_items=0, gold_every=2)
    gold = [Comparison("1?", "1", "fish", "g", "g", is_gold=True, gold_winner="model_a")]
    lifecycle.add_comparisons(store, room.round_id, gold)
    lifecycle.move(store, room.round_id, "open")
    one = room.person()
    _judge_all(room, one)
    annotators.exclude(store, "annotator", one.annotator_id, "asleep")
    assert _judge_all(room, room.person()) >= 2
    assert uuid.UUID(one.annotator_id)
    _agrees(store)
