"""What rounds are called: neutral while they are blind, numbers given out once; the coin of what is discussed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, text

from common.errors import Conflict
from labeling import migrations
from labeling.admission import annotators
from labeling.rounds import lifecycle, round_names
from labeling.schema import BUSY, Comparison
from labeling.storage.label_store import Store, connect

TWO = ("secret-a", "secret-b")


def made(store: Store, name: str = "", language: str = "en", n: int = 2):
    this = lifecycle.create(store, name, "judge", TWO, language=language)
    lifecycle.add_comparisons(store, this.round_id, [Comparison(f"Q{i}?", "of a", "of b", *TWO) for i in range(n)])
    return this


def test_a_round_without_a_name_gets_the_next_number(store):
    assert made(store).name == "Round 1"
    assert made(store, "pilot").number == 2
    assert made(store, "", "es").name == "Ronda 3"
    assert made(store, "round 7").number == 7  # what it says of itself
    assert made(store, "Ronda 7").number == 8  # taken: the class would know two rounds by one number
    assert round_names.upcoming(store, "es") == "Ronda 9"
    made(store, "ROUND 9 ")
    assert made(store).name == "Round 10"
    with pytest.raises(Conflict, match="pilot"):
        made(store, "pilot")


def test_rounds_made_at_once_never_share_a_name(store):
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: lifecycle.create(store, "", "judge", TWO).name, range(24)))
    assert sorted(names, key=lambda each: int(each.split()[1])) == [f"Round {n}" for n in range(1, 25)]


def test_a_blind_round_is_a_number_and_has_its_name_after_the_reveal(store):
    this = made(store, "secret-a against secret-b")
    assert round_names.public(this, "es") == "Ronda 1"
    assert round_names.unrevealing(this) == "Round 1"
    assert round_names.listed(lifecycle.overview(store)[0], "en") == "Round 1 · secret-a against secret-b"
    for state in ("open", "locked"):
        this = lifecycle.move(store, this.round_id, state)
        assert this.state in BUSY
        assert round_names.listed(lifecycle.overview(store)[0], "en") == round_names.public(this, "en") == "Round 1"
    this = lifecycle.move(store, this.round_id, "revealed")
    assert round_names.public(this, "es") == round_names.unrevealing(this) == "secret-a against secret-b"


def test_the_coin_of_a_discussed_pair_is_fair_and_always_the_same(store):
    this = made(store, n=400)
    pairs = lifecycle.comparisons_of(store, this.round_id)
    coins = [this.swapped(each.comparison_id) for each in pairs]
    assert 140 < sum(coins) < 260  # 200 with a standard deviation of 10
    again = lifecycle.get(store, this.round_id)
    assert coins == [again.swapped(each.comparison_id) for each in pairs]
    other = made(store)
    assert coins != [other.swapped(each.comparison_id) for each in pairs]  # nobody works it out from the ids
    for each, coin in zip(pairs, coins, strict=True):
        assert lifecycle.sides(this, each) == (("of b", "of a") if coin else ("of a", "of b"))


def test_a_home_of_before_opens_with_numbers_and_keeps_its_sides(tmp_path):
    path = tmp_path / "labels.db"
    engine = create_engine(f"sqlite+pysqlite:///{path}")
    with engine.begin() as connection:
        migrations.upgrade(connection, "0003")
        connection.execute(text("INSERT INTO rooms (room_id, code, created_at) VALUES ('room', 'ABCDEF', 1)"))
        for at, (name, discussed) in enumerate((("one", []), ("two", ["x"]))):
            values = {
                "round_id": name,
                "room_id": "room",
                "name": name,
                "purpose": "judge",
                "state": "draft",
                "phase": "blind",
                "policies": json.dumps(TWO),
                "settings": "{}",
                "generation": "{}",
                "guidelines_version": 0,
                "discussed": json.dumps(discussed),
                "counts": "{}",
                "created_at": at,
            }
            columns = ", ".join(values)
            given = ", ".join(f":{each}" for each in values)
            connection.execute(text(f"INSERT INTO rounds ({columns}) VALUES ({given})"), values)
    engine.dispose()
    store = connect(path)
    with store.read() as connection:
        assert migrations.is_current(connection)
    one, two = lifecycle.get(store, "one"), lifecycle.get(store, "two")
    assert (one.number, two.number) == (1, 2)
    assert any(one.swapped(str(n)) for n in range(64))
    assert not any(two.swapped(str(n)) for n in range(64))
    store.close()


def test_rounds_of_an_older_backup_get_numbers(store):
    first, second = made(store, "one"), made(store, "two")
    with store.write() as connection:
        connection.execute(text("UPDATE rounds SET number = NULL, secret = NULL WHERE name = 'one'"))
        round_names.number_all(connection)
    assert lifecycle.get(store, second.round_id).number == 2
    assert lifecycle.get(store, first.round_id).number == 3
    lifecycle.move(store, first.round_id, "open")
    lifecycle.move(store, first.round_id, "locked")
    pair = lifecycle.comparisons_of(store, first.round_id)[0].comparison_id
    assert lifecycle.move(store, first.round_id, "discussing", [pair]).secret


def test_nobody_is_told_the_name_with_a_refusal(store):
    this = made(store, "secret-a against secret-b")
    person, _ = annotators.invite(store)
    from labeling.rounds import assignment

    with pytest.raises(Conflict) as caught:
        assignment.next_for(store, person, this.round_id)
    assert "secret" not in caught.value.words("en") + caught.value.words("es")
    assert "1" in caught.value.words("es")
