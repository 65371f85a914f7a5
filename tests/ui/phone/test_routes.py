"""The voting routes over real HTTP messages: a whole round, and everything a client may send wrong."""

import time
import uuid

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from common.settings import Settings
from labeling.admission import annotators
from labeling.rounds import lifecycle
from labeling.schema import Comparison, RoundSettings
from tuning.runs.run_store import RunStore
from ui.phone.routes import routes, whole_page
from workbench import services as services_module
from workbench.actors import TEACHER


@pytest.fixture
def services(tmp_path):
    made = services_module.build(Settings(home=tmp_path))
    yield made
    made.labels.close()


@pytest.fixture
def client(services):
    with TestClient(Starlette(routes=routes(services)), headers={"accept-language": "en"}) as client:
        yield client


def draft(services):
    """A round of eight comparisons."""
    made = lifecycle.create(services.labels, "one", "judge", ["secret-a", "secret-b"], RoundSettings(votes_wanted=2))
    lifecycle.add_comparisons(
        services.labels,
        made.round_id,
        [
            Comparison(f"Question {i}?", f"<b>first</b> {i}", f"second {i}", "secret-a@1", "secret-b@2")
            for i in range(8)
        ],
    )
    return made


@pytest.fixture
def this(services):
    return draft(services)


def join(client, services, language="en") -> dict[str, str]:
    code = annotators.room(services.labels).code
    token = client.post("/vote/join", json={"room": code, "language": language}).json()["token"]
    return {"authorization": f"Bearer {token}"}


def ballot(item, winner="left", **more):
    body = {"annotation_id": str(uuid.uuid4()), "comparison_id": item["comparison_id"], "winner": winner}
    return body | {"assignment_id": item["assignment_id"]} | more


def move(services, this, to):
    return services.rounds.move(TEACHER, this.round_id, to)


def test_a_whole_round(client, services, this):
    me = join(client, services)
    lobby = client.get("/vote/state", headers=me).json()
    assert (lobby["state"], lobby["round"]) == ("lobby", None)
    move(services, this, "open")
    state = client.get("/vote/state", headers=me).json()
    assert state["state"] == "voting"
    assert state["version"] > lobby["version"]
    everyone = [me, *(join(client, services) for _ in range(3))]
    for person in everyone:
        while not (item := client.get("/vote/next", headers=person).json()).get("done"):
            assert set(item) == {
                "assignment_id",
                "comparison_id",
                "phase",
                "prompt",
                "left",
                "right",
                "remaining",
                "judged",
            }
            winner = "left" if "second" in item["left"] else "right"
            answer = client.post("/vote/cast", json=ballot(item, winner), headers=person)
            assert answer.json()["ok"] is True
    move(services, this, "locked")
    assert client.get("/vote/state", headers=me).json()["state"] == "locked"
    services.rounds.discuss(TEACHER, this.round_id)
    talked = client.get("/vote/state", headers=me).json()
    assert talked["state"] == "discussing"
    sides = [talked["shown"][side] for side in ("left", "right")]  # a coin draws them
    assert sorted("second" in text for text in sides) == [False, True]
    move(services, this, "open_again")
    item = client.get("/vote/next", headers=me).json()
    assert item["phase"] == "discussed"
    assert client.post("/vote/cast", json=ballot(item), headers=me).status_code == 200
    assert client.get("/vote/next", headers=me).json() == {"done": True, "judged": 1}
    assert "secret" not in client.get("/vote/state", headers=me).text
    move(services, this, "revealed")
    end = client.get("/vote/state?language=es", headers=me).json()
    assert end["result"]["rows"][0]["name"] == "secret-b"
    assert end["result"]["rows"][0]["value"] == 1.0
    assert "gana el 100 %" in end["result"]["winner_line"]
    assert end["card"]["votes"] > 4
    assert end["card"]["agreement"] == 1.0


def test_a_vote_brings_the_next_comparison(client, services, this):
    move(services, this, "open")
    me = join(client, services)
    item = client.get("/vote/next", headers=me).json()
    seen = set()
    while item and not item.get("done"):
        assert item["comparison_id"] not in seen
        seen.add(item["comparison_id"])
        answer = client.post("/vote/cast/next", json=ballot(item), headers=me).json()
        assert answer["ok"] is True
        item = answer["next"]
    assert item == {"done": True, "judged": len(seen)}
    assert len(seen) >= 4


def test_a_late_vote_is_kept_and_not_counted(client, services, this):
    move(services, this, "open")
    me = join(client, services)
    item = client.get("/vote/next", headers=me).json()
    move(services, this, "locked")
    late = client.post("/vote/cast", json=ballot(item), headers=me)
    assert late.status_code == 409
    assert late.json()["error"]["key"] == "vote.late"
    report = services.results.report(TEACHER, this.round_id, "en")
    assert report["n_votes"] == 0
    assert report["left_out"] == {"late": 1}


def test_the_same_vote_twice_counts_once_and_another_body_is_refused(client, services, this):
    move(services, this, "open")
    me = join(client, services)
    item = client.get("/vote/next", headers=me).json()
    body = ballot(item)
    assert [client.post("/vote/cast", json=body, headers=me).status_code for _ in range(3)] == [200] * 3
    assert client.post("/vote/cast", json=body | {"winner": "tie"}, headers=me).status_code == 409
    assert services.results.report(TEACHER, this.round_id, "en")["n_votes"] == 1


def test_nobody_votes_with_anothers_comparison_or_a_wrong_token(client, services, this):
    move(services, this, "open")
    me, other = join(client, services), join(client, services)
    item = client.get("/vote/next", headers=me).json()
    assert client.post("/vote/cast", json=ballot(item), headers=other).status_code == 404
    for wrong in (
        {},
        {"authorization": "Bearer nonsense"},
        {"authorization": "Basic " + me["authorization"][7:]},
    ):
        for path in ("/vote/state", "/vote/next"):
            answer = client.get(path, headers=wrong)
            assert answer.status_code == 401
            assert answer.json()["error"]["text"]
        assert client.post("/vote/cast", json=ballot(item), headers=wrong).status_code == 401
    assert services.results.report(TEACHER, this.round_id, "en")["n_votes"] == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{broken", 400),
        (b"[1]", 400),
        (b'{"annotation_id": "x"}', 400),
        (b'{"a": "' + b"x" * 1_000_000 + b'"}', 413),
        (b"\xff\xfe", 400),
    ],
)
def test_bad_bodies_are_told_and_change_nothing(client, services, this, body, status):
    move(services, this, "open")
    me = join(client, services)
    client.get("/vote/next", headers=me)
    answer = client.post("/vote/cast", content=body, headers=me)
    assert answer.status_code == status
    assert answer.json()["error"]["text"]
    assert services.results.report(TEACHER, this.round_id, "en")["n_votes"] == 0


@pytest.mark.parametrize(
    "more",
    [
        {"winner": "first"},
        {"strength": 9},
        {"rationale": "x" * 30_000},
        {"who": 1},
        {"comparison_id": "none"},
    ],
)
def test_bad_fields_are_named(client, services, this, more):
    move(services, this, "open")
    me = join(client, services)
    item = client.get("/vote/next", headers=me).json()
    answer = client.post("/vote/cast", json=ballot(item) | more, headers=me)
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["text"]


def test_who_withdraws_counts_no_more(client, services, this):
    move(services, this, "open")
    me = join(client, services)
    item = client.get("/vote/next", headers=me).json()
    client.post("/vote/cast", json=ballot(item), headers=me)
    told = client.post("/vote/withdraw", headers=me).json()
    assert told == {"ok": True, "trained": 0, "runs": []}
    assert client.get("/vote/state", headers=me).status_code == 401
    report = services.results.report(TEACHER, this.round_id, "en")
    assert (report["n_votes"], report["left_out"]) == (0, {"withdrawn": 1})


def test_who_withdraws_hears_which_runs_their_votes_trained(client, services, this, tmp_path):
    move(services, this, "open")
    me, other, third = (join(client, services) for _ in range(3))
    taught = []
    for person in (me, other):
        item = client.get("/vote/next", headers=person).json()
        answer = client.post("/vote/cast", json=ballot(item), headers=person).json()
        taught.append(answer["annotation_id"])
    for name in ("polite", "short"):
        run = RunStore(services.settings.home).create(
            method="dpo",
            config={},
            name=name,
            base={"name": "pocket", "sha256": ""},
            data={},
            train=[],
            heldout=[],
        )
        annotators.record_training(services.labels, run.id, taught)
    told = client.post("/vote/withdraw", headers=me).json()
    assert told == {"ok": True, "trained": 2, "runs": []}  # a round is open: no policy has a name
    for state in ("locked", "revealed"):
        move(services, this, state)
    assert client.post("/vote/withdraw", headers=other).json()["runs"] == ["polite", "short"]
    assert client.post("/vote/withdraw", headers=third).json()["trained"] == 0


def test_a_wrong_room_is_told_in_the_readers_language(client):
    answer = client.post("/vote/join?language=es", json={"room": "NOROOM"})
    assert answer.status_code == 404
    assert "sala" in answer.json()["error"]["text"]


def test_a_revocation_acts_within_a_second(client, services, this):
    move(services, this, "open")
    person, token = annotators.invite(services.labels)
    me = {"authorization": f"Bearer {token}"}
    assert client.get("/vote/next", headers=me).status_code == 200
    annotators.revoke(services.labels, person.annotator_id)  # as another app does it
    time.sleep(1.0)
    for path in ("/vote/state", "/vote/next"):
        answer = client.get(path, headers=me)
        assert (answer.status_code, answer.json()["error"]["key"]) == (401, "label.revoked")
    other, token = annotators.invite(services.labels)
    me = {"authorization": f"Bearer {token}"}
    assert client.get("/vote/state", headers=me).status_code == 200
    services.rounds.revoke(TEACHER, other.annotator_id)  # here: at once
    assert client.get("/vote/state", headers=me).status_code == 401


def test_a_second_vote_on_the_same_says_which_one_stands(client, services, this):
    move(services, this, "open")
    me = join(client, services)
    item = client.get("/vote/next", headers=me).json()
    first = client.post("/vote/cast", json=ballot(item), headers=me).json()
    answer = client.post("/vote/cast", json=ballot(item, "right"), headers=me)
    error = answer.json()["error"]
    assert (answer.status_code, error["key"], error["current"]) == (
        409,
        "vote.already",
        first["annotation_id"],
    )
    assert "supersedes" not in error["text"]


def test_the_page_brings_a_cookie_once(client):
    first = client.get("/vote")
    assert "afina_visitor=" in first.headers["set-cookie"] and "HttpOnly" in first.headers["set-cookie"]
    assert "set-cookie" not in client.get("/vote").headers


def test_the_page_is_one_small_piece(client):
    answer = client.get("/vote")
    assert answer.status_code == 200
    assert len(answer.content) <= 60_000
    assert len(whole_page(packed=True)) <= 20_000
    assert "/*" + "JS*/" not in answer.text
