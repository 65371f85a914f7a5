"""Scripts at the door, over real sockets, bounded: a class is neither kept out nor left without work."""

import pytest
from starlette.applications import Starlette

from benchmarks import doors
from common.settings import Settings
from tests.ui.phone.stub import Serving
from ui.phone.routes import routes
from workbench import services as services_module
from workbench.actors import TEACHER


@pytest.fixture
def served(tmp_path):
    services = services_module.build(Settings(home=tmp_path))
    code = doors.open_round(services.labels)
    serving = Serving(Starlette(routes=routes(services)))
    yield services, serving.port, code
    serving.stop()
    services.labels.close()


@pytest.mark.slow
def test_wrong_codes_refuse_nobody(served):
    _, port, code = served
    found = doors.codes(port, code)
    assert found["honest_joined"] == found["honest"] == 20
    assert found["answers"][404] < 1_000 and set(found["answers"]) == {404, 429}


@pytest.mark.slow
def test_seventy_five_scripted_joins_leave_everything_to_an_honest_person(served):
    services, port, code = served
    found = doors.places(port, code)
    assert found["joined"] == 75 and found["honest_served"] == found["of"]
    assert services.doors.undo(TEACHER) == 75
    assert services.doors.look(TEACHER).door.inside == 1


@pytest.mark.slow
def test_a_class_of_a_hundred_is_served_beside_two_scripts(served):
    services, port, _ = served
    services.rounds.move(TEACHER, services.voting.scene().this.round_id, "locked")
    services.rounds.move(TEACHER, services.voting.scene().this.round_id, "revealed")
    code = doors.open_round(services.labels, doors.WANTED["class"])
    services.voting.news()
    found = doors.class_(port, code)
    assert found["honest_joined"] == found["honest_served_all"] == 100 and not found["honest_refusals"]
    assert found["script_joined"] == 1_000
    look = services.doors.look(TEACHER).door
    assert look.doubted == look.last == 1_000  # one tap takes out the script, and nobody of the class
    assert services.doors.undo(TEACHER) == 1_000 and services.doors.look(TEACHER).door.inside == 100
