"""Machines that judge: both orders, marked ai, never mixed unasked, no key anywhere; a real server stands in."""

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from common.errors import AfinaError, NotAllowed
from common.settings import Settings
from labeling.admission import annotators
from labeling.rounds import ai_annotators, lifecycle, progress, vote_selection
from labeling.schema import Comparison, RoundSettings, new_id
from tuning.data.examples import Pair
from workbench import judge as cli
from workbench import services as services_module
from workbench.actors import TEACHER, VISITOR
from workbench.alignment.ai_feedback import JudgeChoice
from workbench.alignment.ai_judges import letter, verdict

SECRET = "sk-very-secret-key"


class Model(BaseHTTPRequestHandler):
    """An OpenAI-compatible server: likes the longer reply, or whatever stands first, or fails as it is told to."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, self.headers.get("authorization"), body))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        self.end_headers()
        if status == 200:
            said = {"choices": [{"message": {"role": "assistant", "content": self.server.says(body)}}]}
            self.wfile.write(json.dumps(said).encode())

    def log_message(self, *args):
        pass


def longer(body) -> str:
    text = body["messages"][0]["content"]
    first = text.split("Reply A:\n")[1].split("\n\nReply B:")[0]
    second = text.split("Reply B:\n")[1].split("\n\nWhich reply")[0]
    return "A" if len(first) > len(second) else "B"


@pytest.fixture
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    made.asked, made.statuses, made.says = [], [], longer
    threading.Thread(target=made.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{made.server_port}/v1"
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def services(tmp_path):
    made = services_module.build(Settings(home=tmp_path))
    yield made
    made.judging.close()
    made.labels.close()


@pytest.fixture
def this(services):
    """A round of 24 comparisons; two people, who like the shorter reply on a quarter of them."""
    made = lifecycle.create(
        services.labels, "one", "collect", ["pocket"], RoundSettings(votes_wanted=2, common_items=0)
    )
    replies = ("A long and patient answer.", "Short.")
    items = [
        Comparison(f"Question {i}?", replies[i % 2], replies[1 - i % 2], "pocket@1", "pocket@1") for i in range(24)
    ]
    lifecycle.add_comparisons(services.labels, made.round_id, items)
    made = lifecycle.move(services.labels, made.round_id, "open")
    for _ in range(2):
        person, _ = annotators.join(services.labels, annotators.room(services.labels).code)
        while not (item := services.voting.next(person)).get("done"):
            number = int(item["prompt"][0]["content"].split()[1][:-1])
            left_longer = len(item["left"]) > len(item["right"])
            winner = "left" if left_longer == (number % 4 != 0) else "right"
            body = {"annotation_id": new_id(), "comparison_id": item["comparison_id"], "winner": winner}
            services.voting.cast(person, body)
    return made


def endpoint(server, **more) -> JudgeChoice:
    return JudgeChoice("endpoint", "stand-in", server.url, SECRET, **more)


def test_an_endpoint_is_asked_in_both_orders_and_agrees_as_often_as_it_does(services, this, server):
    found = services.judging.label(TEACHER, this.round_id, endpoint(server))
    assert (found.n, found.done, found.tally) == (24, 24, {"agreed": 24})
    assert len(server.asked) == 48
    path, key, body = server.asked[0]
    assert (path, key, body["temperature"]) == ("/v1/chat/completions", f"Bearer {SECRET}", 0)
    assert "Harmless" in body["messages"][0]["content"]
    firsts = {each[2]["messages"][0]["content"].split("Reply A:\n")[1][:6] for each in server.asked}
    assert firsts == {"A long", "Short."}
    (row,) = services.judging.agreement(TEACHER, this.round_id)
    assert (row.labelled, row.n, row.value, row.people) == (24, 24, 0.75, 1.0)
    assert row.low < 0.75 < row.high
    again = services.judging.label(TEACHER, this.round_id, endpoint(server))
    assert (again.done, len(server.asked)) == (0, 48)  # what is labelled is not asked again


def test_what_stands_first_wins_nothing(services, this, server):
    server.says = lambda body: "A"
    found = services.judging.label(TEACHER, this.round_id, endpoint(server))
    assert found.tally == {"orders_differ": 24}
    said = vote_selection.judged_of(services.labels, this.round_id, "ai")
    assert {vote.winner for each in said for vote in each.annotations} == {"tie"}
    (row,) = services.judging.agreement(TEACHER, this.round_id)
    assert (row.n, row.value) == (0, None)


def test_machines_are_never_mixed_with_people_unasked(services, this, server):
    aligning, results = services.aligning, services.results
    before = aligning.usable(TEACHER, this.round_id)
    counters, report = progress.counters(services.labels, this), results.report(TEACHER, this.round_id, "en")
    services.judging.label(TEACHER, this.round_id, endpoint(server))
    assert aligning.usable(TEACHER, this.round_id) == before
    assert progress.counters(services.labels, this) == counters
    assert results.report(TEACHER, this.round_id, "en")["n_votes"] == report["n_votes"] == 48
    every, ai = (aligning.pairs(TEACHER, this.round_id, "every", sources=which) for which in ("all", "ai"))
    assert ai.n_train + ai.n_heldout == 24
    assert every.n_train + every.n_heldout == 72
    exported = {}
    for which in ("people", "ai", "all"):
        path = results.export(TEACHER, this.round_id, "jsonl", sources=which).path
        exported[which] = [json.loads(line)["source"] for line in path.read_text().splitlines()]
    assert set(exported["people"]) == {"human"} and set(exported["ai"]) == {"ai"}
    assert len(exported["all"]) == 72
    with pytest.raises(AfinaError):
        aligning.pairs(TEACHER, this.round_id, sources="robots")
    run = aligning.start(TEACHER, "dpo", this.round_id, "from-ai", sources="ai", source_model="pocket")
    chosen = {pair.chosen for pair in services.training.store.get(run).examples("train", Pair)}
    assert chosen == {"A long and patient answer."}


def test_the_key_is_nowhere(services, this, server, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    asked = endpoint(server)
    services.judging.label(TEACHER, this.round_id, asked)
    server.statuses = [401]
    with pytest.raises(AfinaError) as caught:
        services.judging.label(TEACHER, this.round_id, endpoint(server, rubric="other"))
    assert caught.value.key == "judge.key"
    assert SECRET not in repr(asked) + str(caught.value) + repr(caught.value.params) + caplog.text
    services.labels.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert SECRET.encode() not in kept


@pytest.mark.parametrize(("statuses", "key"), [([404], "judge.answer"), ([403], "judge.key")])
def test_what_an_endpoint_refuses_is_told(services, this, server, statuses, key):
    server.statuses = statuses
    with pytest.raises(AfinaError) as caught:
        services.judging.label(TEACHER, this.round_id, endpoint(server))
    assert caught.value.key == key
    with pytest.raises(AfinaError) as caught:
        services.judging.label(TEACHER, this.round_id, JudgeChoice("endpoint", "m", "http://127.0.0.1:9"))
    assert caught.value.key == "judge.unreachable"
    with pytest.raises(AfinaError) as caught:
        services.judging.label(TEACHER, this.round_id, JudgeChoice("endpoint", "m", "file:///etc/passwd"))
    assert caught.value.key == "judge.endpoint"


def test_a_busy_endpoint_is_asked_again(services, this, server, monkeypatch):
    monkeypatch.setattr("workbench.alignment.judge_endpoint.time.sleep", lambda seconds: None)
    server.statuses = [429, 503]
    assert services.judging.label(TEACHER, this.round_id, endpoint(server)).done == 24


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("A", "A"),
        ("B.", "B"),
        ("**B** because it is kinder", "B"),
        ("T", "T"),
        ("Tie.", "T"),
        ("A tie", "T"),
        ("Reply B is better.", "B"),
        ("La respuesta A cumple mejor.", "A"),
        ("Un empate", "T"),
        ("I prefer A", "A"),
        ("Both are fine", ""),
        ("", ""),
        ("Always!", ""),
    ],
)
def test_letters_are_read(said, expected):
    assert letter(said) == expected


def test_verdicts():
    assert verdict("A", "B").winner == "model_a"
    assert verdict("B", "A").winner == "model_b"
    assert (verdict("A", "A").winner, verdict("A", "A").why) == ("tie", "orders_differ")
    assert (verdict("A", "hm").winner, verdict("A", "hm").why) == ("tie", "unclear")
    assert verdict("A", "T").why == "orders_differ"


def test_revisions_become_pairs_of_their_own(services, server):
    pytest.importorskip("torch")

    def says(body) -> str:
        return "Kindly: it is so." if len(body["messages"]) > 1 else "It is rude."

    server.says = says
    prompts = services.rounds.prompts(TEACHER, "prompts.en")
    found = services.judging.revise(TEACHER, "pocket", "revised", prompts, endpoint(server), 4, 2)
    assert found.done == 6 == sum(found.tally.values())
    this = lifecycle.get(services.labels, "revised")
    assert services.aligning.pairs(TEACHER, "revised", sources="people").n_train == 0
    pairs = services.aligning.pairs(TEACHER, "revised", sources="ai")
    assert (pairs.n_train, pairs.n_heldout) == (4, 2)
    assert {row.chosen for row in pairs.data.rows} == {"Kindly: it is so."}
    assert all(
        each.metadata["critique"] == "It is rude." for each in lifecycle.comparisons_of(services.labels, this.round_id)
    )
    with pytest.raises(AfinaError) as caught:
        services.judging.revise(TEACHER, "pocket", "more", prompts, JudgeChoice("reward", "any"), 1, 1)
    assert caught.value.key == "judge.reward_writes_not"


@pytest.mark.slow
def test_a_policy_judges_and_says_what_it_could_not(services, this):
    pytest.importorskip("torch")
    found = services.judging.label(TEACHER, this.round_id, JudgeChoice("policy", "pocket"))
    assert found.done == 24
    assert set(found.tally) <= {"agreed", "orders_differ", "unclear", "tie"}


def test_behind_the_page_one_at_a_time_and_stopped(services, this, server):
    gate = threading.Event()
    server.says = lambda body: gate.wait(20) and longer(body)
    work = services.judging.begin(TEACHER, this.round_id, endpoint(server))
    with pytest.raises(AfinaError) as caught:
        services.judging.begin(TEACHER, this.round_id, endpoint(server))
    assert caught.value.key == "judge.busy"
    while not server.asked:
        assert work.busy
    services.judging.stop(TEACHER)
    gate.set()
    work.thread.join(30)
    assert work.error is None
    assert 0 < work.result.done < 24
    assert len(ai_annotators.listed(services.labels, this.round_id)) == 1
    rest = services.judging.label(TEACHER, this.round_id, endpoint(server))
    assert rest.done == 24 - work.result.done


def test_principles_are_edited_and_come_back(services):
    assert "Inofensiva" in services.judging.constitution(VISITOR, "es")
    assert services.judging.write(TEACHER, "en", "Be brief.") == "Be brief."
    assert services.judging.constitution(TEACHER, "en") == "Be brief."
    assert "Helpful" in services.judging.write(TEACHER, "en", "  ")


def test_only_the_teacher_lets_machines_judge(services, this):
    for call in (
        lambda: services.judging.label(VISITOR, this.round_id, JudgeChoice("policy", "pocket")),
        lambda: services.judging.begin(VISITOR, this.round_id, JudgeChoice("policy", "pocket")),
        lambda: services.judging.revise(VISITOR, "pocket", "x", ["Why?"], JudgeChoice("policy", "pocket")),
        lambda: services.judging.agreement(VISITOR, this.round_id),
        lambda: services.judging.write(VISITOR, "en", "Obey."),
        lambda: services.judging.work(VISITOR),
    ):
        with pytest.raises(NotAllowed):
            call()


def test_the_command_line_labels_and_tells_the_agreement(services, this, server, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AFINA_HOME", str(tmp_path))
    monkeypatch.setenv("AFINA_JUDGE_KEY", SECRET)
    asked = ["--judge", "endpoint", "--name", "stand-in", "--url", server.url]
    assert cli.main(["label", "--round", "one", *asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["done"] == 24 and told["tally"] == {"agreed": 24}
    assert server.asked[0][1] == f"Bearer {SECRET}"
    assert cli.main(["agreement", "--round", "one", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["judges"][0]["value"] == 0.75
    assert cli.main(["label", "--round", "none", *asked]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_reward_model_counts_on_what_it_has_not_trained_on(services, this, monkeypatch):
    class Longer:
        def scores(self, replies):
            return [float(len(reply)) for _, reply in replies]

    monkeypatch.setattr(services.aligning, "reward_model", lambda actor, name: Longer())
    services.judging.label(TEACHER, this.round_id, JudgeChoice("reward", "judge"))
    (row,) = services.judging.agreement(TEACHER, this.round_id)
    assert (row.judge, row.n, row.heldout_only) == ("reward model judge", 24, False)
    services.aligning.start(TEACHER, "reward", this.round_id, "judge")
    (row,) = services.judging.agreement(TEACHER, this.round_id)
    held = sum(each.split == "heldout" for each in lifecycle.comparisons_of(services.labels, this.round_id))
    assert (row.n, row.heldout_only) == (held, True)
