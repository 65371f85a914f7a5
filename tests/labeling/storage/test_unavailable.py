"""A full disk, a database that goes away and comes back: worded, nothing lost, and voting goes on afterwards."""

import logging
import subprocess
import time
import uuid
from pathlib import Path

import gradio as gr
import pytest
from sqlalchemy import create_engine, select, text
from starlette.applications import Starlette
from starlette.testclient import TestClient

from common.settings import Settings
from common.unavailable import Unavailable
from labeling.admission import annotators
from labeling.storage.label_store import Store, connect
from labeling.storage.tables import annotation_log
from tests.labeling.conftest import Room, _binaries
from ui.phone import routes as phone
from ui.request import shown
from workbench import services as services_module
from workbench.actors import TEACHER


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 6 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "none", str(disk)], capture_output=True).returncode:
        pytest.skip("no small disk can be mounted here (root's right)")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Leaves not one byte free."""
    path = disk / "filler"
    with path.open("ab", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                while file.write(b"x" * size) == size:
                    pass
                size //= 2
            except OSError:
                size //= 2
    return path


def kept(store: Store) -> set[str]:
    with store.read() as connection:
        return set(connection.execute(select(annotation_log.c.annotation_id)).scalars())


def ballot(item: dict) -> dict:
    return {"annotation_id": str(uuid.uuid4()), "comparison_id": item["comparison_id"], "winner": "left"}


def test_a_full_disk_is_a_worded_503_on_the_phones_and_passes(small_disk, caplog):
    services = services_module.build(Settings(home=small_disk / "home", teacher_token="a-token-of-some-length"))
    store = services.labels
    Room(store, n=400, votes_wanted=5)
    client = TestClient(Starlette(routes=phone.routes(services)), raise_server_exceptions=False)
    token = client.post("/vote/join", json={"room": annotators.room(store).code}).json()["token"]
    headers = {"authorization": f"Bearer {token}"}
    item = client.get("/vote/next", headers=headers).json()
    filler = fill(small_disk)
    acknowledged, refused = set(), []
    with caplog.at_level(logging.WARNING):
        for _ in range(60):
            body = ballot(item)
            answer = client.post("/vote/cast?language=es", json=body, headers=headers)
            if answer.status_code == 200:
                acknowledged.add(uuid.UUID(body["annotation_id"]).hex)
                following = client.get("/vote/next", headers=headers)
                item = following.json() if following.status_code == 200 else item
                continue
            refused.append(answer)
            joins = client.post("/vote/join", json={"room": annotators.room(store).code})
            assert joins.status_code in (200, 503)
    assert len(refused) > 5 and {each.status_code for each in refused} == {503}
    assert {each.json()["error"]["key"] for each in refused} == {"unavailable.full"}
    assert "disco" in refused[0].json()["error"]["text"]
    assert "Traceback" not in caplog.text
    assert sum("unavailable" in each.message for each in caplog.records) <= 3
    with pytest.raises(gr.Error, match="disk"):  # as a handler of the page says it
        shown(services.rounds.star)(TEACHER, "Why?" * 5000)
    filler.unlink()
    body = ballot(item)
    assert client.post("/vote/cast", json=body, headers=headers).status_code in (200, 409)
    assert acknowledged <= kept(store)
    store.close()


class Cluster:
    """A PostgreSQL of this test's own, which it may kill."""

    def __init__(self, folder: Path) -> None:
        import os
        import shutil
        import socket

        binaries = _binaries()
        if binaries is None:
            pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
        self.user = "postgres" if os.getuid() == 0 else None
        self.folder, self.data = folder, folder / "data"
        if self.user:
            shutil.chown(folder, self.user)
            for parent in list(folder.parents)[:3]:
                parent.chmod(0o755)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        make = [binaries / "initdb", "-D", self.data, "-U", "afina", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(make, user=self.user, check=True, capture_output=True, cwd=folder)
        self.serve = [
            binaries / "postgres",
            "-D",
            self.data,
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-k",
            "",
        ]
        self.address = f"postgresql://afina@127.0.0.1:{self.port}/postgres"
        self.start()

    def start(self) -> None:
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(self.serve, user=self.user, stdout=quiet, stderr=quiet, cwd=self.folder)
        engine = create_engine(self.address.replace("postgresql", "postgresql+psycopg"))
        for _ in range(150):
            try:
                with engine.connect() as connection:
                    connection.execute(text("SELECT 1"))
                break
            except Exception:
                time.sleep(0.2)
        engine.dispose()

    def kill(self) -> None:
        """As a crash does: no goodbye to anybody."""
        self.process.send_signal(3)  # SIGQUIT: immediate shutdown, its children too
        self.process.wait(30)


@pytest.fixture
def cluster(tmp_path_factory):
    made = Cluster(tmp_path_factory.mktemp("pg"))
    yield made
    made.kill()


@pytest.mark.slow
def test_a_database_that_goes_away_is_worded_and_voting_goes_on_when_it_is_back(cluster, tmp_path, caplog):
    settings = Settings(home=tmp_path, teacher_token="a-token-of-some-length", database_url=cluster.address)
    services = services_module.build(settings)
    Room(services.labels, n=40, votes_wanted=5)
    client = TestClient(Starlette(routes=phone.routes(services)), raise_server_exceptions=False)
    code = annotators.room(services.labels).code
    token = client.post("/vote/join", json={"room": code}).json()["token"]
    headers = {"authorization": f"Bearer {token}"}
    item = client.get("/vote/next", headers=headers).json()
    body = ballot(item)
    assert client.post("/vote/cast", json=body, headers=headers).status_code == 200
    item = client.get("/vote/next", headers=headers).json()
    cluster.kill()
    lost = ballot(item)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            answers = [
                client.post("/vote/cast", json=lost, headers=headers),
                client.get("/vote/next", headers=headers),
                client.post("/vote/join", json={"room": code}),
            ]
            assert {each.status_code for each in answers} == {503}
            assert {each.json()["error"]["key"] for each in answers} == {"unavailable.database"}
        with pytest.raises(Unavailable):
            services.rounds.listed(TEACHER)
        assert services.health()["database"] == "failing"
    assert "Traceback" not in caplog.text
    assert sum("unavailable" in each.message for each in caplog.records) <= 5
    cluster.start()
    for _ in range(2):  # sent again, as a phone does
        answer = client.post("/vote/cast", json=lost, headers=headers)
        assert answer.status_code == 200
    assert kept(services.labels) == {uuid.UUID(each["annotation_id"]).hex for each in (body, lost)}
    services.labels.close()


def test_an_address_where_nobody_answers_is_named_without_its_password(tmp_path):
    from common.errors import AfinaError

    with pytest.raises(AfinaError) as caught:
        connect("postgresql://afina:geheim@127.0.0.1:9/none")
    assert caught.value.key == "label.database" and "geheim" not in str(caught.value)
