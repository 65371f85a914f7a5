"""The teacher's entrance, downloads, health, and the page's language, over real HTTP semantics."""

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from common.settings import Settings
from ui.routes import middleware, routes
from workbench.roles import COOKIE
from workbench.services import build


@pytest.fixture
def client(tmp_path):
    services = build(Settings(home=tmp_path, teacher_token="s3cret"))

    async def page(request):
        return HTMLResponse(
            "<!doctype html><html><head><script>first()</script></head><body>page</body></html>"
        )

    app = Starlette(routes=[Route("/", page), *routes(services)], middleware=middleware(services))
    with TestClient(app, follow_redirects=False) as client:
        yield client


def test_the_right_token_sets_the_cookie_and_leaves_no_trace(client):
    answer = client.get("/enter", params={"token": "s3cret"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    assert answer.headers["set-cookie"].startswith(f"{COOKIE}=s3cret; Path=/")
    assert "SameSite=Lax" in answer.headers["set-cookie"]
    assert answer.headers["cache-control"] == "no-store"


def test_behind_https_the_cookie_works_in_an_iframe(client):
    answer = client.get("/enter", params={"token": "s3cret"}, headers={"x-forwarded-proto": "https"})
    assert "SameSite=None; Secure; Partitioned" in answer.headers["set-cookie"]


@pytest.mark.parametrize("token", ["", "wrong", "s3cret "])
def test_a_wrong_token_is_told_so_in_the_readers_language(client, token):
    answer = client.get("/enter", params={"token": token}, headers={"accept-language": "es"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert "enlace" in answer.text


def test_downloads_are_the_teachers(client):
    assert client.get("/files/runs/nothing").status_code == 403
    bearer = {"authorization": "Bearer s3cret"}
    assert client.get("/files/runs/nothing", headers=bearer).status_code == 404
    assert client.get("/files/runs/..%2f..%2fteacher-token", headers=bearer).status_code == 404


def test_merged_models_are_the_teachers_and_stay_with_their_run(client):
    assert client.get("/files/merged/nothing").status_code == 403
    bearer = {"authorization": "Bearer s3cret"}
    assert client.get("/files/merged/nothing", headers=bearer).status_code == 404
    assert client.get("/files/merged/..%2f..%2fteacher-token", headers=bearer).status_code == 404


def test_health(client):
    told = client.get("/healthz").json()
    assert told == {"status": "ok", "database": "ok", "disk": "ok", "queue": "stopped"}


def test_health_tells_when_no_vote_could_be_kept(client, tmp_path, monkeypatch):
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(2**40, 2**40, 0))
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["disk"]) == (503, "full")


@pytest.mark.parametrize(("headers", "language"), [
    ({"accept-language": "es-ES"}, "es"),
    ({"accept-language": "es-ES", "cookie": "afina_language=en"}, "en"),
    ({}, "en"),
])  # fmt: skip
def test_the_language_is_fixed_before_any_other_script(client, headers, language):
    text = client.get("/", headers=headers).text
    assert f"var l='{language}'" in text
    assert text.index("navigator") < text.index("first()")
    assert text.endswith("</html>")
