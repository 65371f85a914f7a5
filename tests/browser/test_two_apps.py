"""The composition without containers: what the image holds, twice, PostgreSQL, and the proxy, in a real browser."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
import uuid

import pytest
from gradio_client import Client
from sqlalchemy import create_engine, text

from labeling.admission import annotators
from labeling.rounds import lifecycle
from labeling.schema import Comparison, RoundSettings
from labeling.storage.label_store import connect
from tests.browser import helpers
from tests.browser.conftest import TOKEN, App, stop
from tests.labeling.conftest import postgresql  # noqa: F401
from tests.test_container import Proxy, assemble, free_port

pytestmark = pytest.mark.slow


@pytest.fixture
def composed(tmp_path, postgresql):  # noqa: F811
    """(proxy, the two apps, the database's address)."""
    engine = create_engine(
        f"{postgresql.replace('postgresql', 'postgresql+psycopg')}/postgres", isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE afina"))
    engine.dispose()
    image = tmp_path / "image"
    image.mkdir()
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | assemble(image)
    env |= {
        "AFINA_HOME": str(tmp_path / "home"),
        "AFINA_HOST": "127.0.0.1",
        "AFINA_TEACHER_TOKEN": TOKEN,
        "AFINA_LOG_JSON": "true",
        "DATABASE_URL": f"{postgresql}/afina",
        "HF_HUB_OFFLINE": "1",
    }
    apps, ports = [], [free_port(), free_port()]
    proxy = Proxy(*(f"127.0.0.1:{port}" for port in ports))
    env["AFINA_PUBLIC_URL"] = f"http://127.0.0.1:{proxy.port}"
    for number, port in enumerate(ports):
        log = tmp_path / f"app-{number}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "app.py", "--no-browser"],
                cwd=image,
                env=env | {"AFINA_PORT": str(port)},
                stdout=output,
                stderr=output,
            )
        apps.append(App(port, tmp_path / "home", process, log))
    deadline = time.monotonic() + 120
    while not all("/enter?token=" in each.printed for each in apps):
        assert all(each.process.poll() is None for each in apps) and time.monotonic() < deadline, [
            each.printed for each in apps
        ]
        time.sleep(0.2)
    yield proxy, apps, f"{postgresql}/afina"
    for each in apps:
        stop(each)
    proxy.stop()


def cookies_roam(one: App, other: App) -> bool:
    """Whether the teacher's cookie of one app opens what is the teacher's at the other."""
    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=30)
    connection.request("GET", f"/enter?token={TOKEN}")
    cookie = str(connection.getresponse().headers["set-cookie"]).split(";")[0]
    connection.close()
    statuses = []
    for headers in ({"cookie": cookie}, {}):
        connection = http.client.HTTPConnection("127.0.0.1", other.port, timeout=30)
        connection.request("GET", "/files/runs/none", headers=headers)
        statuses.append(connection.getresponse().status)
        connection.close()
    return statuses == [404, 403]


def test_pages_stay_votes_roam_and_one_app_may_go(composed, chromium):
    proxy, apps, database = composed
    here = f"http://127.0.0.1:{proxy.port}"
    while any(proxy.ask("/healthz")[0] != 200 for _ in range(4)):
        time.sleep(0.2)

    assert cookies_roam(*apps)

    context = chromium.new_context()
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.goto(f"{here}/enter?token={TOKEN}")
    page.get_by_text(here).wait_for()  # the address that phones open, and nobody's own
    assert page.url == f"{here}/"
    page.get_by_role("tab", name="Chat").click()
    helpers.ask(page, "What is the capital of Peru?")
    assert helpers.replies(page, 1)[0]
    where = next(each["value"] for each in context.cookies() if each["name"] == "afina_app")

    programs = [
        Client(here, verbose=False),
        Client(here, verbose=False, headers={"Authorization": f"Bearer {TOKEN}"}),
    ]
    for each in programs:
        told = each.predict("And of France?", ["pocket"], {"max_new_tokens": 5}, "", api_name="/compare")
        assert "pocket" in json.dumps(told)

    store = connect(database)
    this = lifecycle.create(store, "one", "judge", ["a", "b"], RoundSettings(votes_wanted=1000))
    made = [Comparison(f"Question {i}?", f"first {i}", f"second {i}", "a@1", "b@2") for i in range(5)]
    lifecycle.add_comparisons(store, this.round_id, made)
    lifecycle.move(store, this.round_id, "open")
    code, cast = annotators.room(store).code, []

    def ask(path, body=None, token=""):
        request = urllib.request.Request(here + path, json.dumps(body).encode() if body else None)
        request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def voter():
        token = ask("/vote/join", {"room": code})["token"]
        while not (item := ask("/vote/next", token=token)).get("done"):
            key = uuid.uuid4().hex
            body = {"annotation_id": key, "comparison_id": item["comparison_id"], "winner": "left"}
            ask("/vote/cast", body, token)
            cast.append(key)

    voters = [threading.Thread(target=voter) for _ in range(20)]
    for each in voters[:10]:
        each.start()
    for each in voters[:10]:
        each.join()
    gone = apps[int(where[-1]) - 1]
    stop(gone)  # the app at which the teacher's page is
    for each in voters[10:]:
        each.start()
    for each in voters[10:]:
        each.join()
    with store.read() as connection:
        kept = connection.execute(text("SELECT annotation_id FROM annotations")).scalars().all()
    store.close()
    assert len(cast) == 100 and sorted(kept) == sorted(cast)

    page.reload()  # at the other app, whose the queue is now
    page.get_by_text(here).wait_for()
    page.get_by_role("tab", name="Train").click()
    page.get_by_text("learned (carries loss)").wait_for()
    page.get_by_text("Quick").click()
    page.get_by_label("Name of the run").fill("taken-over")
    page.get_by_role("button", name="Start training").click()
    helpers.wait_for_step(page, 1)
    page.get_by_role("button", name="Stop and save").click()
    page.locator(".badge.stopped").first.wait_for(timeout=180_000)
    context.close()
    for each in apps:
        assert TOKEN not in each.printed and "Traceback" not in each.printed
        assert not re.search(r"127\.0\.0\.1.*\"GET", each.printed)  # no log of who asked what
