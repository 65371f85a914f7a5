import csv
import dataclasses
import gzip
import json
from dataclasses import fields

import numpy as np
import pytest

from common.errors import AfinaError, Conflict
from labeling.exchange import exporter, read_votes, reader
from labeling.exchange.importer import ingest
from labeling.rounds import lifecycle, vote_selection
from labeling.rounds.aggregation import Judged, decide, pairs, unpaired
from labeling.schema import WINNERS, Annotation, Comparison, Rating
from tests import ROOT

SHARED = ROOT.parent / "shared" / "data"
ROW = {
    "prompt": "Which?",
    "completion_a": "one",
    "completion_b": "two",
    "model_a": "m",
    "model_b": "n",
    "winner": "model_a",
    "annotator_id": "u",
}


def _file(tmp_path, rows, name="votes.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _judged(*winners, **more):
    item = Comparison("Which?", "one", "two", "m", "n", **more)
    votes = [
        Annotation(f"{item.comparison_id} {i}", item.comparison_id, f"u{i}", winner) for i, winner in enumerate(winners)
    ]
    return Judged(item, tuple(votes))


def test_a_row_turned_round_is_the_same_comparison(tmp_path):
    turned = ROW | {"completion_a": "two", "completion_b": "one", "model_a": "n", "model_b": "m"}
    turned |= {"winner": "model_b", "annotator_id": "v", "preference_strength": 2}
    votes, problems = read_votes.votes(_file(tmp_path, [ROW | {"preference_strength": -2}, turned]))
    assert problems.n == 0 and len(votes.items) == 1
    assert votes.winner.tolist() == [0, 0] and votes.strength.tolist() == [-2, -2]
    assert votes.swapped.tolist() == [0, 1]  # the file's a is taken as left
    (one,), _ = reader.judged(_file(tmp_path, [ROW, turned]))
    assert [vote.winner for vote in one.annotations] == ["model_a", "model_a"]


def test_a_large_file_read_by_several_processes_gives_the_same(tmp_path, monkeypatch):
    lines = [
        json.dumps(
            ROW
            | {"prompt": f"Q{i % 40}?", "annotator_id": f"p{i % 7}", "winner": WINNERS[i % 4], "model_b": f"m{i % 3}"}
        )
        for i in range(600)
    ]
    lines[450] = "{broken"
    lines[500] = json.dumps({"prompt": "x"})
    lines[550] = json.dumps(ROW | {"prompt": "Q3?", "action": "skip", "model_b": "m0"})
    path = tmp_path / "large.jsonl"
    path.write_text("\n".join(lines))
    alone, problems = read_votes.votes(path, 1)
    monkeypatch.setattr(read_votes, "LARGE", 1000)
    opened = []
    monkeypatch.setattr(
        read_votes, "_cuts", lambda *args, cuts=read_votes._cuts: opened.append(cuts(*args)) or opened[0]
    )
    several, also = read_votes.votes(path, 3)
    assert len(set(opened[0])) == 4
    assert (also.n, [str(each) for each in also.first]) == (
        problems.n,
        [str(each) for each in problems.first],
    )
    for column in fields(alone):
        ours, theirs = getattr(several, column.name), getattr(alone, column.name)
        assert np.array_equal(ours, theirs, equal_nan=column.name == "strength"), column.name


def test_a_later_vote_replaces_an_earlier_one(tmp_path):
    votes, _ = read_votes.votes(_file(tmp_path, [ROW, ROW | {"winner": "tie"}, ROW | {"annotator_id": "v"}]))
    assert votes.winner.tolist() == [2, 0] and votes.left_out == {"superseded": 1}


def test_votes_that_name_nobody_are_all_kept(tmp_path):
    row = {name: value for name, value in ROW.items() if name != "annotator_id"}
    votes, _ = read_votes.votes(_file(tmp_path, [row, row]))
    assert len(votes) == 2 and votes.annotators == []


def test_rows_that_are_no_votes_are_counted_by_reason(tmp_path):
    rows = [
        ROW,
        ROW | {"winner": None, "action": "skip"},
        ROW | {"exclude_reason": "late"},
        ROW | {"winner": None},
        ROW | {"annotation_id": "1", "annotator_id": "v"},
        ROW | {"annotation_id": "1", "annotator_id": "v"},
        {},
        ROW | {"winner": "A"},
        ROW | {"completion_a": 3},
    ]
    path = _file(tmp_path, rows)
    path.write_text(path.read_text() + "{broken\n[1]\n\n")
    votes, problems = read_votes.votes(path)
    assert votes.left_out == {"skip": 1, "late": 1, "unjudged": 1, "repeated_id": 1} and len(votes) == 2
    assert problems.n == 5
    assert [problem.params["row"] for problem in problems.first] == [7, 8, 9, 10, 11]


@pytest.mark.parametrize("content", [b"", b"\n", b"[]", b"{}\n", b"nonsense", b"\x1f\x8bnonsense", b"\xff\xfe\x00"])
def test_files_without_a_vote_say_why(tmp_path, content):
    path = tmp_path / "votes.jsonl"
    path.write_bytes(content)
    for read in (read_votes.votes, reader.judged):
        with pytest.raises(AfinaError) as caught:
            read(path)
        assert "votes.jsonl" in str(caught.value) and "{" not in str(caught.value).replace('{"', "")
    with pytest.raises(AfinaError):
        read_votes.votes(tmp_path / "absent")


def test_lists_and_gzip_are_read_too(tmp_path):
    plain = tmp_path / "votes.json"
    plain.write_text(json.dumps([ROW, ROW | {"annotator_id": "v"}], indent=1))
    packed = tmp_path / "votes.jsonl.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + json.dumps(ROW).encode()))
    assert len(read_votes.votes(plain)[0]) == 2 and len(read_votes.votes(packed)[0]) == 1


def test_preference_pairs_of_every_shape(tmp_path):
    user, good, bad = ({"role": r, "content": c} for r, c in (("user", "Hi"), ("assistant", "+"), ("assistant", "-")))
    rows = [
        {"prompt": "Hi", "chosen": "+", "rejected": "-"},
        {"prompt": [user], "chosen": [good], "rejected": [bad]},
        {"chosen": [user, good], "rejected": [user, bad]},
        {
            "conversations": [{"from": "human", "value": "Hi"}],
            "chosen": {"from": "gpt", "value": "+"},
            "rejected": {"from": "gpt", "value": "-"},
        },
        {"chosen": "\n\nHuman: Hi\n\nAssistant: +", "rejected": "\n\nHuman: Hi\n\nAssistant: -"},
    ]
    (one,), problems = reader.judged(_file(tmp_path, rows))
    assert problems.n == 0 and len(one.annotations) == 5
    assert one.comparison.prompt == (user,)
    assert (one.comparison.completion_a, one.comparison.completion_b) == ("+", "-")
    assert {vote.winner for vote in one.annotations} == {"model_a"}


@pytest.mark.parametrize(
    ("row", "key"),
    [
        ({"prompt": "Hi", "chosen": "+", "rejected": "+"}, "exchange.row_identical"),
        ({"messages": [], "label": True}, "exchange.row_unpaired"),
        ({"chosen": "\n\nHuman: Hi", "rejected": "\n\nHuman: Hi\n\nAssistant: -"}, "exchange.row_hh"),
        (
            {"chosen": "\n\nHuman: A\n\nAssistant: +", "rejected": "\n\nHuman: B\n\nAssistant: -"},
            "exchange.row_prompts",
        ),
        ({"prompt": "Hi", "chosen": "+"}, "exchange.row_bad"),
        ({"prompt": "Hi", "chosen": "", "rejected": "-"}, "exchange.row_missing"),
    ],
)
def test_bad_pairs_are_named(tmp_path, row, key):
    with pytest.raises(AfinaError):
        reader.judged(_file(tmp_path, [row]))
    _, problems = reader.judged(_file(tmp_path, [row, ROW]))
    assert [problem.key for problem in problems.first] == [key]


def test_one_answer_of_many():
    judged = [
        _judged("model_a", "model_a", "model_b"),
        _judged("model_a", "model_b"),
        _judged("both_bad", "both_bad"),
        _judged(),
        _judged("model_a", is_gold=True, gold_winner="model_a"),
    ]
    decisions, dropped = decide(judged, "majority")
    assert [each.winner for each in decisions] == ["model_a", "both_bad"]
    assert dropped == {"no_majority": 1, "no_votes": 1, "gold": 1}
    decisions, dropped = decide(judged, "minimum", 0.7)
    assert [each.winner for each in decisions] == ["both_bad"] and dropped["low_agreement"] == 1
    decisions, _ = decide(judged, "every")
    assert [each.winner for each in decisions] == ["model_a", "model_a", "model_b", "model_a", "model_b"] + [
        "both_bad"
    ] * 2
    found, dropped = pairs(judged, decisions)
    assert len(found) == 5 and dropped == {"both_bad": 2}
    singles, dropped = unpaired(decide(judged, "majority")[0])
    assert [(text, good) for _, text, good in singles] == [
        ("one", True),
        ("two", False),
        ("one", False),
        ("two", False),
    ]


def test_an_edited_reply_beats_what_it_mends():
    item = Comparison("Which?", "one", "two", "m", "n")
    votes = [
        Annotation("1", item.comparison_id, "u", "model_a", edited_completion="One!"),
        Annotation("2", item.comparison_id, "v", "tie", edited_completion="Both.", edited_from="b"),
        Annotation("3", item.comparison_id, "w", "both_bad", edited_completion="Neither."),
        Annotation("4", item.comparison_id, "x", "model_a", edited_completion="late", exclude_reason="late"),
    ]
    judged = [Judged(item, tuple(votes))]
    found, _ = pairs(judged, [])
    assert [(pair.chosen, pair.rejected) for pair in found] == [
        ("One!", "one"),
        ("Both.", "two"),
        ("Neither.", "one"),
        ("Neither.", "two"),
    ]


def test_ratings_are_data_for_kto():
    rated = [Rating("Hi", str(v), "m", "likert", v, "u") for v in (1, 3, 5)]
    rated.append(Rating("Hi", "thumb", "m", "thumbs", 0, "u"))
    singles, dropped = unpaired([], rated)
    assert [(text, good) for _, text, good in singles] == [("1", False), ("5", True), ("thumb", False)]
    assert dropped == {"middle_rating": 1}


@pytest.mark.parametrize("format", exporter.FORMATS)
def test_every_format_is_written_with_its_card(tmp_path, format):
    judged = [_judged("model_a", "model_a"), _judged("model_b"), _judged("both_bad")]
    done = exporter.export(judged, format, tmp_path / "out", title="My round")
    assert done.path.is_file() and done.card.name == "README.md"
    text = done.card.read_text()
    assert "My round" in text and done.path.name in text and str(done.n) in text
    if format == "parquet":
        import pyarrow.parquet as pq

        assert pq.read_table(done.path).num_rows == done.n == 4
    elif format == "csv":
        assert len(list(csv.DictReader(done.path.read_text().splitlines()))) == done.n == 4
    else:
        rows = [json.loads(line) for line in done.path.read_text().splitlines()]
        assert len(rows) == done.n == {"trl": 2, "hh": 2, "kto": 6, "argilla": 3}.get(format, 4)


def test_trl_rows_are_explicit_conversations(tmp_path):
    item = _judged("model_b").comparison
    vote = Annotation("1", item.comparison_id, "u", "model_b", preference_strength=2)
    done = exporter.export([Judged(item, (vote,))], "trl", tmp_path / "pairs.jsonl")
    assert json.loads(done.path.read_text()) == {
        "prompt": [{"role": "user", "content": "Which?"}],
        "chosen": [{"role": "assistant", "content": "two"}],
        "rejected": [{"role": "assistant", "content": "one"}],
        "margin": 2.0,
    }
    assert done.annotation_ids == ("1",) and done.card.name == "pairs.jsonl.card.md"


@pytest.mark.parametrize("format", ["trl", "hh", "battles", "jsonl"])
def test_what_is_written_can_be_read(tmp_path, format):
    judged = [_judged("model_a", "model_a", "model_b"), _judged("both_bad", "tie", "model_b")]
    done = exporter.export(judged, format, tmp_path, "every")
    votes, problems = read_votes.votes(done.path)
    assert problems.n == 0
    expected = [0, 0, 1, 3, 2, 1] if format in ("battles", "jsonl") else [0] * 4
    assert votes.winner.tolist() == expected


def test_ties_are_written_where_they_are_asked_for_and_read_again(tmp_path):
    judged = [_judged("model_a", "model_a", "tie"), _judged("both_bad", "tie", "tie")]
    plain = exporter.export(judged, "trl", tmp_path / "plain.jsonl")
    assert (plain.n, plain.dropped) == (1, {"tie": 1})
    done = exporter.export(judged, "trl", tmp_path / "all.jsonl", ties=True)
    rows = [json.loads(line) for line in done.path.read_text().splitlines()]
    assert [row.get("tie") for row in rows] == [None, True] and done.dropped == {}
    assert len(done.annotation_ids) == 4
    assert read_votes.votes(done.path)[0].winner.tolist() == [0, 2]
    with pytest.raises(AfinaError) as caught:
        exporter.export([judged[1]], "trl", tmp_path / "none.jsonl", ties=True)
    assert "ties: 1" in str(caught.value)
    assert exporter.export(judged, "hh", tmp_path, ties=True).n == 1  # whose format has no word for it


def test_gold_items_say_nothing_about_models(tmp_path):
    gold = Comparison("2 + 2?", "4", "5", "gold", "gold", is_gold=True, gold_winner="model_a")
    tested = Judged(gold, (Annotation("g", gold.comparison_id, "u", "model_a"),))
    for format in ("battles", "argilla", "trl", "hh", "kto"):
        done = exporter.export([tested, _judged("model_a")], format, tmp_path / format)
        assert "2 + 2?" not in done.path.read_text() and "g" not in done.annotation_ids
        assert done.dropped == {"gold": 1}


def test_a_problem_within_an_error_is_told_in_the_same_language(tmp_path):
    with pytest.raises(AfinaError) as caught:
        reader.judged(_file(tmp_path, [{"prompt": "Hi", "completion_a": "one"}]))
    english, spanish = (caught.value.params["first"].words(each) for each in ("en", "es"))
    assert english != spanish and spanish in caught.value.words("es") and english in str(caught.value)


def test_formulas_in_cells_are_defused(tmp_path):
    item = Comparison("=1+1", "@home", "-5", "+m", "n")
    done = exporter.export([Judged(item, (Annotation("1", item.comparison_id, "u", "tie"),))], "csv", tmp_path)
    (row,) = csv.DictReader(done.path.read_text().splitlines())
    assert (row["completion_a"], row["completion_b"], row["model_a"]) == ("'@home", "'-5", "'+m")
    assert not [cell for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]


def test_no_pairs_is_an_error_that_says_why(tmp_path):
    with pytest.raises(AfinaError) as caught:
        exporter.export([_judged("tie"), _judged("both_bad"), _judged()], "trl", tmp_path)
    assert caught.value.key == "exchange.no_pairs"
    assert "las dos mal: 1, sin votos: 1, empates: 1" in caught.value.words("es")
    assert "both bad: 1, without a vote: 1, ties: 1" in str(caught.value) and not list(tmp_path.iterdir())


def test_imported_votes_live_in_the_store(store, tmp_path):
    rows = [
        ROW,
        ROW | {"annotator_id": "v", "winner": "tie"},
        ROW | {"prompt": "And?"},
        ROW | {"winner": "model_b"},
    ]
    rows.append({**ROW, "annotator_id": None})
    judged, _ = reader.judged(_file(tmp_path, rows))
    done = ingest(store, judged, "theirs")
    assert (done.comparisons, done.annotations, done.superseded) == (2, 5, 1)
    votes = vote_selection.votes_of(store, done.round_id)
    direct, _ = read_votes.votes(tmp_path / "votes.jsonl")
    assert sorted(votes.winner.tolist()) == sorted(direct.winner.tolist())
    assert votes.left_out == direct.left_out == {"superseded": 1}
    assert len(votes.annotators) == 2 and (votes.annotator == -1).sum() == 1
    assert lifecycle.get(store, "theirs").state == "revealed"
    with pytest.raises(Conflict):
        ingest(store, judged, "theirs")
    again = ingest(store, judged, "theirs again")
    assert len(vote_selection.votes_of(store, again.round_id)) == len(votes)


def test_unjudged_pairs_can_be_voted_on(store, tmp_path):
    from tests.labeling.conftest import Room

    rows = [ROW | {"winner": None, "prompt": f"Question {i}?", "metadata": {"source": "test"}} for i in range(3)]
    judged, _ = reader.judged(_file(tmp_path, rows))
    done = ingest(store, judged, "to label")
    room = Room.__new__(Room)
    room.store, room.round_id = store, done.round_id
    lifecycle.move(store, done.round_id, "open")
    assert room.vote(room.person()) is not None
    assert lifecycle.comparisons_of(store, done.round_id)[0].metadata["source"] == "test"


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "n", "bad", "longer"),  # bad: 4 empty replies and 5 pairs whose prompts differ
    [("preferences_en/dpo_en_demo.json", 300, 0, 0.437), ("hh_harmless/test.jsonl.gz", 2312, 9, 0.443)],
)
def test_real_preferences(file, n, bad, longer, tmp_path):
    path = SHARED / file
    if not path.exists():
        pytest.skip("../shared is absent")
    from labeling.statistics.report import report

    judged, problems = reader.judged(path)
    votes, _ = read_votes.votes(path)
    assert problems.n == bad and len(votes) == n - bad
    made = report(votes, n_bootstrap=100)
    assert made["length_bias"]["value"] == pytest.approx(longer, abs=0.02)
    assert made["position_bias"]["value"] is None
    back = exporter.export(judged, "hh", tmp_path)
    assert back.n >= 0.98 * n


def test_a_card_says_whose_feedback_it_is(tmp_path):
    item = _judged("model_b").comparison
    votes = {"human": Annotation("1", item.comparison_id, "u", "model_b")}
    votes |= {source: dataclasses.replace(votes["human"], source=source) for source in ("ai", "simulated")}
    for source, vote in votes.items():
        card = exporter.export([Judged(item, (vote,))], "trl", tmp_path / source).card.read_text()
        assert f"tags: [preference, rlhf, {source}-feedback]" in card


# What is small on the disk and large in memory.
