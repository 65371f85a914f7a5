"""The teacher's entrance, downloads, health, and the page's language, over real HTTP semantics."""

from urllib.parse import quote, unquote

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from common.settings import Settings
from ui.server.routes import middleware, routes
from workbench.access import COOKIE
from workbench.services import build

TOKEN = 's3cret;of+the/teacher&more#100%"=x'


@pytest.fixture
def client(tmp_path):
    services = build(Settings(home=tmp_path, teacher_token=TOKEN))

    async def page(request):
        return HTMLResponse("<!doctype html><html><head><script>first()</script></head><body>page</body></html>")

    app = Starlette(routes=[Route("/", page), *routes(services)], middleware=middleware(services))
    with TestClient(app, follow_redirects=False) as client:
        yield client


def test_the_right_token_sets_the_cookie_and_leaves_no_trace(client):
    answer = client.get("/enter", params={"token": TOKEN})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].split(";")[0]
    assert cookie.startswith(f"{COOKIE}=") and TOKEN not in answer.headers["set-cookie"]
    assert client.get("/files/runs/none", headers={"cookie": cookie}).status_code == 404  # no longer 403
    assert "SameSite=Lax" in answer.headers["set-cookie"]
    assert answer.headers["cache-control"] == "no-store"


def test_behind_https_the_cookie_works_in_an_iframe(client):
    answer = client.get("/enter", params={"token": TOKEN}, headers={"x-forwarded-proto": "https"})
    assert "SameSite=None; Secure; Partitioned" in answer.headers["set-cookie"]


@pytest.mark.parametrize("path", ["/enter", "/enter/"])
@pytest.mark.parametrize("written", [quote(TOKEN, safe=""), quote(TOKEN, safe="+/;=")])
def test_both_spellings_of_the_entrance_answer_and_never_repeat_the_token(client, path, written):
    for token, status in ((written, 303), (f"{written}x", 403)):
        answer = client.get(f"{path}?token={token}")
        assert answer.status_code == status
        said = unquote(f"{answer.headers} {answer.text}")
        assert TOKEN not in said and written not in str(answer.headers)


def test_wrong_tokens_get_429_after_some_and_the_right_one_is_let_in(client):
    bearer = {"authorization": "Bearer wrong", "accept-language": "es"}
    told = [client.get("/files/runs/none", headers=bearer).status_code for _ in range(40)]
    assert told == [403] * 30 + [429] * 10
    assert "Espere" in client.get("/", headers=bearer).json()["detail"]
    assert client.get("/").status_code == 200 and client.get("/healthz").status_code == 200
    assert client.get("/files/runs/none", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 404
    told = [client.get("/enter", params={"token": "wrong"}).status_code for _ in range(40)]
    assert told == [403] * 30 + [429] * 10
    assert client.get("/enter", params={"token": TOKEN}).status_code == 303


def test_an_address_that_would_write_lines_into_the_log_is_refused(client):
    for name in ("x%0A%0A  Teacher:%20fake", "x%1b[2J", "x%0d", "x%e2%80%a8y"):
        assert client.get(f"/files/runs/{name}").status_code == 400
    for path in ("/custom_component/a/b/c/x%0Ay", "/vote/x%0Ay"):
        assert client.get(path).status_code in (400, 404)


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + " "])
def test_a_wrong_token_is_told_so_in_the_readers_language(client, token):
    answer = client.get("/enter", params={"token": token}, headers={"accept-language": "es"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert "enlace" in answer.text


def test_downloads_are_the_teachers(client):
    assert client.get("/files/runs/nothing").status_code == 403
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert client.get("/files/runs/nothing", headers=bearer).status_code == 404
    assert client.get("/files/runs/..%2f..%2fteacher-token", headers=bearer).status_code == 404


def test_merged_models_are_the_teachers_and_stay_with_their_run(client):
    assert client.get("/files/merged/nothing").status_code == 403
    bearer = {"authorization": f"Bearer {TOKEN}"}
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


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({"accept-language": "es-ES"}, "es"),
        ({"accept-language": "es-ES", "cookie": "afina_language=en"}, "en"),
        ({}, "en"),
    ],
)
def test_the_language_is_fixed_before_any_other_script(client, headers, language):
    text = client.get("/", headers=headers).text
    assert f"var l='{language}'" in text
    assert text.index("navigator") < text.index("first()")
    assert text.endswith("</html>")


def test_the_page_knows_who_reads_it_before_anything_is_shown(client):
    client.get("/enter", params={"token": TOKEN})
    assert "classList.add('teacher')" in client.get("/").text
    client.cookies.clear()
    assert "classList.add('visitor')" in client.get("/").text
