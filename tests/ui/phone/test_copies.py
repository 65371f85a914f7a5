"""A vote that is to be safe elsewhere before its answer: over HTTP, where votes share commits."""

from starlette.applications import Starlette
from starlette.testclient import TestClient

from common.settings import Settings
from labeling.backup import destinations, labels_backup
from labeling.storage.label_store import connect
from labeling.storage.tables import annotation_log
from tests.ui.phone.test_routes import ballot, draft, join, move
from ui.phone.routes import routes
from workbench import services as services_module


def test_the_answer_waits_for_the_copy(tmp_path, request):
    there = tmp_path / "bucket"
    services = services_module.build(Settings(home=tmp_path / "home", backup=str(there), backup_wait=True))
    services.backup.start(services.complete)
    request.addfinalizer(services.labels.close)
    request.addfinalizer(services.backup.stop)
    move(services, draft(services), "open")
    with TestClient(Starlette(routes=routes(services))) as client:
        me = join(client, services)
        item = client.get("/vote/next", headers=me).json()
        answer = client.post("/vote/cast/next", json=ballot(item), headers=me)
        assert answer.status_code == 200, answer.text
    copied = connect(tmp_path / "copy" / "labels.db")
    labels_backup.restore(copied, destinations.Folder(there))  # at once: nobody has stopped the app
    with copied.read() as connection:
        rows = connection.execute(annotation_log.select()).all()
    copied.close()
    assert [row.annotation_id for row in rows] == [answer.json()["annotation_id"]]
