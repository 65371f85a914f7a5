"""Everything durable comes back: from a folder and from a stand-in Hub that fails in every way it can."""

import time

import pytest
from sqlalchemy import select

from common.errors import AfinaError
from labeling.admission import annotators, vote_counts
from labeling.backup import destinations, labels_backup, segments
from labeling.backup.destinations import Dataset, Folder, Refused, Unreachable
from labeling.backup.labels_backup import Backup
from labeling.rounds import lifecycle
from labeling.schema import Rating
from labeling.storage import outbox
from labeling.storage.label_store import Store, connect
from tests.labeling.conftest import Room
from tests.standin.hub import TOKEN, Hub


@pytest.fixture
def hub(monkeypatch):
    from huggingface_hub import constants

    server = Hub()
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    yield server
    server.close()


def everything(store: Store) -> dict[str, list]:
    """All rows of all tables, without the numbers that a database gives by itself."""
    found = {}
    with store.read() as connection:
        for table in outbox.tables():
            rows = [dict(row._mapping) for row in connection.execute(select(table))]
            natural = table.name in outbox.IDENTITY
            kept = [{k: v for k, v in row.items() if not (natural and k == "seq")} for row in rows]
            found[table.name] = sorted(kept, key=repr)
    return found


def lesson(room: Room) -> None:
    """A bit of everything that a round leaves behind."""
    first, second, third = (room.person() for _ in range(3))
    for person in (first, second, third):
        room.vote(person)
        room.vote(person)
    annotators.revoke(room.store, second.annotator_id)
    annotators.exclude(room.store, "annotator", second.annotator_id, "asleep")
    annotators.withdraw(room.store, third.annotator_id)
    annotators.record_training(room.store, "run-1", ["a" * 32])
    from labeling.rounds import guidelines, ratings

    guidelines.write(room.store, room.round_id, "Be honest.")
    ratings.keep(room.store, Rating("Why?", "Because.", "p@1", "thumbs", 1, first.annotator_id))
    lifecycle.move(room.store, room.round_id, "locked")


def empty(tmp_path, name="again") -> Store:
    return connect(tmp_path / name / "labels.db")


def test_an_empty_database_is_filled_with_all_that_was_there(store, tmp_path):
    place = Folder(tmp_path / "there")
    room = Room(store)
    keeper = Backup(store, place)
    outbox.install(store, place.name)  # what was there before the backup was switched on is copied too
    lesson(room)
    assert outbox.pending(store) > 0
    assert keeper.flush() > 0
    assert outbox.pending(store) == 0 and keeper.flush() == 0
    back = empty(tmp_path)
    found = labels_backup.restore(back, place)
    assert found.broken == 0 and found.rows > 20
    assert everything(back) == everything(store)
    assert labels_backup.restore(back, place).rows == 0
    assert everything(back) == everything(store)
    with back.write() as connection:
        vote_counts.recount(connection)
    assert everything(back) == everything(store)  # nothing to mend in what is whole
    back.close()


def test_only_what_changed_is_copied_and_the_newest_state_wins(sqlite, tmp_path):
    place = Folder(tmp_path / "there")
    outbox.install(sqlite, place.name)
    keeper = Backup(sqlite, place)
    room = Room(sqlite)
    keeper.flush()
    person = room.person()
    room.vote(person)
    assert keeper.flush() == 4  # the annotator, the assignment, the annotation, the counter
    lifecycle.move(sqlite, room.round_id, "locked")
    assert keeper.flush() == 2  # the round, its step
    assert len(place.names()) == 3
    back = empty(tmp_path)
    labels_backup.restore(back, place)
    assert lifecycle.get(back, room.round_id).state == "locked"
    assert everything(back) == everything(sqlite)
    back.close()


def test_two_histories_are_brought_together(sqlite, tmp_path):
    place = Folder(tmp_path / "there")
    outbox.install(sqlite, place.name)
    room = Room(sqlite, votes_wanted=100)
    keeper = Backup(sqlite, place)
    keeper.flush()
    twin = empty(tmp_path, "twin")
    labels_backup.restore(twin, place)
    room.vote(room.person())
    room.vote(room.person())
    keeper.flush()
    with twin.read() as connection:
        before = connection.execute(select(outbox.metadata.tables["annotations"])).all()
    assert labels_backup.restore(twin, place).rows == 6
    assert len(before) == 0
    assert everything(twin) == everything(sqlite)  # the counters too, though theirs were there already
    twin.close()


def test_a_half_written_fragment_is_left_out_and_written_again(sqlite, tmp_path):
    place = Folder(tmp_path / "there")
    outbox.install(sqlite, place.name)
    room = Room(sqlite)
    room.vote(room.person())
    batch = outbox.collect(sqlite)
    name, content = labels_backup.fragment(batch.changes)
    place.add({name: content[: len(content) // 2]}, "the power went")
    Backup(sqlite, place).flush()
    back = empty(tmp_path)
    assert labels_backup.restore(back, place).broken == 1
    assert everything(back) == everything(sqlite)
    back.close()


def test_a_fragment_of_a_newer_version_is_not_guessed_at():
    with pytest.raises(AfinaError, match="newer"):
        segments.parse(b'{"afina": 99, "n": 0, "sha256": ""}\n')
    assert segments.parse(b"") is None and segments.parse(b"[1]\n{}") is None


def test_the_hub_keeps_a_private_data_set(sqlite, tmp_path, hub):
    place = destinations.place("me/votes", TOKEN)
    assert isinstance(place, Dataset) and place.names() == []
    outbox.install(sqlite, place.name)
    room = Room(sqlite)
    room.vote(room.person())
    Backup(sqlite, place).flush()
    kept = hub.repo("me/votes")
    assert kept.private and list(kept.files) == place.names()
    back = empty(tmp_path)
    labels_backup.restore(back, place)
    assert everything(back) == everything(sqlite)
    back.close()


def test_a_public_data_set_gets_no_vote(sqlite, hub):
    from huggingface_hub import HfApi

    HfApi(endpoint=hub.url, token=TOKEN).create_repo("me/open", repo_type="dataset", private=False)
    place = destinations.place("me/open", TOKEN)
    outbox.install(sqlite, place.name)
    room = Room(sqlite)
    room.vote(room.person())
    with pytest.raises(Unreachable) as caught:
        Backup(sqlite, place).flush()
    assert caught.value.key == "backup.public"
    assert not [name for name in hub.repo("me/open").files if name != ".gitattributes"]


@pytest.mark.parametrize("failure", [429, 500, "hang", "half"])
def test_the_hub_fails_and_nothing_is_lost_or_doubled(sqlite, tmp_path, hub, failure):
    place = destinations.place("me/votes", TOKEN)
    outbox.install(sqlite, place.name)
    room = Room(sqlite)
    keeper = Backup(sqlite, place)
    keeper.flush()
    room.vote(room.person())
    hub.failing = [failure]
    with pytest.raises(Unreachable):
        keeper.flush()
    assert outbox.pending(sqlite) > 0
    room.vote(room.person())
    keeper.flush()
    back = empty(tmp_path)
    labels_backup.restore(back, place)
    assert everything(back) == everything(sqlite)
    back.close()


@pytest.mark.slow
def test_the_thread_goes_on_after_failures_and_stopping_copies_the_rest(sqlite, tmp_path, hub):
    place = destinations.place("me/votes", TOKEN)
    keeper = Backup(sqlite, place, seconds=0.2)
    room = Room(sqlite)
    hub.failing = [500, 429]
    keeper.start()
    room.vote(room.person())
    deadline = time.monotonic() + 30
    while (outbox.pending(sqlite) or keeper.status().last is None) and time.monotonic() < deadline:
        time.sleep(0.05)
    status = keeper.status()
    assert status.pending == 0 and status.error is None and status.last is not None
    room.vote(room.person())
    hub.failing = [500]
    assert keeper.stop()
    back = empty(tmp_path)
    labels_backup.restore(back, place)
    assert everything(back) == everything(sqlite)
    back.close()


def test_an_empty_app_waits_for_its_backup_and_a_full_one_does_not(sqlite, tmp_path, hub):
    place = destinations.place("me/votes", TOKEN)
    outbox.install(sqlite, place.name)
    room = Room(sqlite)
    room.vote(room.person())
    Backup(sqlite, place).flush()
    waited = []
    hub.broken = 400
    back = empty(tmp_path)

    def waiting(error):
        waited.append(error)
        hub.broken = None

    assert labels_backup.boot(back, place, 30, waiting) is True
    assert len(waited) == 1 and everything(back) == everything(sqlite)
    hub.broken = 400
    assert labels_backup.boot(back, place, 0, waited.append) is False
    with pytest.raises(Unreachable):
        labels_backup.boot(empty(tmp_path, "third"), place, 0, waited.append)
    back.close()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_backup_that_refuses_is_answered_at_once(tmp_path, hub, status):
    """Waiting changes nothing: a duplicate of a Space has the name of the author's data set and no right to it."""
    hub.broken = status
    store, waited = empty(tmp_path), []
    for token in ("", "hf_another"):
        if status == 404 and token:
            continue  # the name of one that is made at the first copy
        with pytest.raises(Refused) as caught:
            labels_backup.boot(store, destinations.place("me/votes", token), 600, waited.append)
        assert caught.value.key == "backup.refused" and str(status) in str(caught.value)
    assert not waited
    store.close()


def test_who_waits_for_the_copy_has_it(sqlite, tmp_path):
    place = Folder(tmp_path / "there")
    room = Room(sqlite)
    keeper = Backup(sqlite, place, seconds=60)
    keeper.start()
    room.vote(room.person())
    keeper.settled(10)
    assert outbox.pending(sqlite) == 0
    place.path = tmp_path / "there" / place.names()[0]  # a file: nothing can be put below it
    room.vote(room.person())
    with pytest.raises(Unreachable, match="not yet in the backup"):
        keeper.settled(1.5)
    keeper._closing.set()
    keeper._wake.set()


def many(room: Room, keeper: Backup) -> None:
    """A round in many small fragments, rows of which change again and again."""
    for _ in range(6):
        person = room.person()
        for _ in range(2):
            room.vote(person)
            keeper.flush()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "hub"])
def test_many_fragments_become_few_and_nothing_changes(store, tmp_path, hub, kind):
    place = Folder(tmp_path / "there") if kind == "folder" else destinations.place("me/votes", TOKEN)
    outbox.install(store, place.name)
    room, keeper, merged = Room(store), Backup(store, place), set()
    many(room, keeper)
    before = segments.names(place)
    name, content = labels_backup.fragment(outbox.Change("annotators", (str(i),), {}) for i in range(9))
    place.add({name: content[:-20]}, "the power went")
    assert len(before) == 12 and segments.merge(place, merged, enough=20, settled=0) == 0
    assert segments.merge(place, merged, enough=5) == 0  # all of them are of this minute
    then = time.time_ns()
    lifecycle.move(store, room.round_id, "locked")
    keeper.flush()  # is there when older ones are merged, and stays the newer one
    assert segments.merge(place, merged, enough=5, settled=(time.time_ns() - then) / 1e9) == 12
    assert len(merged) == 1 and len(segments.names(place)) == 3
    middle = empty(tmp_path, "middle")
    labels_backup.restore(middle, place)
    assert everything(middle) == everything(store)
    middle.close()
    lifecycle.move(store, room.round_id, "open")
    keeper.flush()
    assert segments.merge(place, merged, enough=2, settled=0) == 2  # newer ones alone; the old is not read again
    assert segments.merge(place, merged, enough=2, settled=0) == 2  # now the merged ones are many
    back = empty(tmp_path)
    assert labels_backup.restore(back, place).broken == 1
    assert everything(back) == everything(store)
    assert lifecycle.get(back, room.round_id).state == "open"
    back.close()


def test_merging_may_be_cut_off_anywhere(sqlite, tmp_path, monkeypatch):
    place = Folder(tmp_path / "there")
    outbox.install(sqlite, place.name)
    room, keeper = Room(sqlite), Backup(sqlite, place)
    many(room, keeper)
    before = segments.names(place)
    real = destinations.Path.unlink

    def cut_off_after(n):
        left = [n]

        def unlink(path, missing_ok=False):
            if path.suffix == ".jsonl":
                left[0] -= 1
                if left[0] < 0:
                    raise OSError("the power went")
            real(path, missing_ok)

        monkeypatch.setattr(destinations.Path, "unlink", unlink)

    for n, enough in ((0, 5), (5, 5), (1, 2)):
        cut_off_after(n)
        with pytest.raises(Unreachable, match="the power went"):
            segments.merge(place, set(), enough, settled=0)
        monkeypatch.setattr(destinations.Path, "unlink", real)
        back = empty(tmp_path, f"after {n}")
        labels_backup.restore(back, place)
        assert everything(back) == everything(sqlite)
        back.close()
    assert len(segments.names(place)) < len(before)
    room.vote(room.person())
    keeper.flush()
    segments.merge(place, set(), enough=1, settled=0)
    assert len(segments.names(place)) == 1
    back = empty(tmp_path)
    labels_backup.restore(back, place)
    assert everything(back) == everything(sqlite)
    back.close()


def test_the_thread_merges_what_is_left_from_before(sqlite, tmp_path, monkeypatch):
    place = Folder(tmp_path / "there")
    outbox.install(sqlite, place.name)
    room, keeper = Room(sqlite), Backup(sqlite, place)
    many(room, keeper)
    monkeypatch.setattr(segments.merge, "__defaults__", (8, 0.0))
    again = Backup(sqlite, place, seconds=0.05, lock=tmp_path / "lock")
    again.start()
    deadline = time.monotonic() + 20
    while len(segments.names(place)) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert again.stop() and len(segments.names(place)) == 1
    back = empty(tmp_path)
    labels_backup.restore(back, place)
    assert everything(back) == everything(sqlite)
    back.close()


@pytest.mark.parametrize("value", ["nonsense", "a/b/c", "https://x/y", "../x y/z"][:3])
def test_an_address_that_is_none(value):
    with pytest.raises(AfinaError, match="AFINA_BACKUP"):
        destinations.place(value)
