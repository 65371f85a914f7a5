"""Who comes in by the routes: the right code always, a device a few times, a full room says so."""

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from common.errors import NotAllowed, NotFound
from common.settings import Settings
from ui.phone.routes import routes
from workbench import services as services_module
from workbench.actors import TEACHER, Actor
from workbench.rate_limits import TooMany

VISITOR = Actor("visitor", "somebody")


@pytest.fixture
def services(tmp_path):
    made = services_module.build(Settings(home=tmp_path))
    yield made
    made.labels.close()


@pytest.fixture
def client(services):
    with TestClient(Starlette(routes=routes(services)), headers={"accept-language": "en"}) as client:
        yield client


def knock(client, code, language="en"):
    return client.post(f"/vote/join?language={language}", json={"room": code})


@pytest.mark.slow
def test_wrong_codes_never_refuse_the_right_one(client, services):
    code = services.voting.code()
    wrong = [knock(client, f"WRONG{i}").status_code for i in range(1100)]
    assert set(wrong) == {404, 429} and wrong.count(404) < 1000  # the bucket fills again as this machine goes
    for _ in range(100):
        assert knock(client, code).status_code == 200
    look = services.doors.look(TEACHER)
    assert look.wrong_codes == 1100 and look.refused == 0


def test_a_device_that_guesses_is_refused_and_no_other(client, services):
    code = services.voting.code()
    client.get("/vote")
    for i in range(25):
        knock(client, f"WRONG{i}")
    answer = knock(client, code)
    assert answer.status_code == 429 and answer.json()["error"]["key"] == "limit.codes"
    assert int(answer.headers["retry-after"]) > 0
    client.cookies.clear()
    assert knock(client, code).status_code == 200


def test_a_device_joins_a_few_times_and_a_class_without_cookies_joins(client, services):
    code = services.voting.code()
    client.get("/vote")
    found = [knock(client, code).status_code for _ in range(10)]
    assert found == [200] * 6 + [429] * 4
    told = knock(client, code, "es").json()["error"]
    assert told["key"] == "limit.device" and "docente" in told["text"]
    client.cookies.clear()
    assert [knock(client, code).status_code for _ in range(100)] == [200] * 100
    look = services.doors.look(TEACHER)
    assert look.refused == 5 and look.door.inside == 106
    services.doors.trust(TEACHER)  # one tap lets those in who were refused
    client.get("/vote")
    assert knock(client, code).status_code == 200


def test_a_refused_seat_costs_the_device_nothing(client, services):
    code = services.voting.code()
    services.doors.close(TEACHER, True)
    client.get("/vote")
    for _ in range(20):
        answer = knock(client, code)
        assert (answer.status_code, answer.json()["error"]["key"]) == (403, "label.door_closed")
    services.doors.close(TEACHER, False)
    assert knock(client, code).status_code == 200
    services.doors.set_seats(TEACHER, 1)
    client.cookies.clear()
    client.get("/vote")
    answer = knock(client, code)
    assert answer.json()["error"]["key"] == "label.full" and "token" not in answer.json()
    services.doors.set_seats(TEACHER, 0)
    assert knock(client, code).status_code == 200


def test_the_teacher_alone_handles_the_door(services):
    doors = services.doors
    for act in (
        lambda: doors.look(VISITOR),
        lambda: doors.set_seats(VISITOR, 3),
        lambda: doors.close(VISITOR, True),
        lambda: doors.undo(VISITOR),
        lambda: doors.take_back(VISITOR),
        lambda: doors.trust(VISITOR),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_the_label_tab_asks_for_the_code_as_the_phone_does(services):
    doors = services.doors
    with pytest.raises(NotFound):
        doors.step_in(VISITOR, "")
    for _ in range(6):
        doors.step_in(VISITOR, services.voting.code().lower())
    with pytest.raises(TooMany):
        doors.step_in(VISITOR, services.voting.code())
    doors.close(TEACHER, True)
    assert doors.step_in(TEACHER, "")


def test_an_undone_joining_is_told_at_once(client, services):
    code = services.voting.code()
    me = {"authorization": f"Bearer {knock(client, code).json()['token']}"}
    assert client.get("/vote/state", headers=me).status_code == 200
    assert services.doors.undo(TEACHER) == 1
    answer = client.get("/vote/state", headers=me)
    assert (answer.status_code, answer.json()["error"]["key"]) == (401, "label.undone")
    assert services.doors.take_back(TEACHER) == 1
    assert client.get("/vote/state", headers=me).status_code == 200
