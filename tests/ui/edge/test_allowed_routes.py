"""Gradio's edge against a hostile client: routes that are no use here, files by address, foreign pages, crowds."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import uuid
from pathlib import Path

import gradio as gr
import pytest
from gradio import processing_utils
from gradio.utils import get_upload_folder

from tests.ui.serving import TOKEN, upload
from ui.edge import fair_queue, page_sessions
from ui.edge.body_limit import MOST_VISITORS

BEARER = {"authorization": f"Bearer {TOKEN}"}
# Every route of Gradio that somebody may reach. All others are 404, also those of a later Gradio.
OPEN = {
    "/",
    "/config",
    "/config/",
    "/theme.css",
    "/favicon.ico",
    "/robots.txt",
    "/manifest.json",
    "/assets/{path:path}",
    "/static/{path:path}",
    "/svelte/{path:path}",
    "/gradio_api/info",
    "/gradio_api/info/",
    "/gradio_api/startup-events",
    "/gradio_api/theme.css",
    "/gradio_api/heartbeat/{session_hash}",
    "/gradio_api/queue/data",
    "/gradio_api/queue/join",
    "/gradio_api/call/{api_name}",
    "/gradio_api/call/{api_name}/",
    "/gradio_api/call/{api_name}/{event_id}",
    "/gradio_api/call/v2/{api_name}",
    "/gradio_api/call/v2/{api_name}/",
    "/gradio_api/call/v2/{api_name}/{event_id}",
    "/gradio_api/run/{api_name}",
    "/gradio_api/run/{api_name}/",
    "/gradio_api/api/{api_name}",
    "/gradio_api/api/{api_name}/",
    "/gradio_api/cancel",
    "/gradio_api/reset",
    "/gradio_api/reset/",
    "/gradio_api/upload",
}


def gradio_routes(page):
    """(method, template) of all that Gradio itself answers."""
    for outer in page.demo.app.routes:
        router = getattr(outer, "original_router", None)  # newer FastAPI keeps included routers whole
        for route in router.routes if router else [outer]:
            if not route.endpoint.__module__.startswith("ui."):
                for method in route.methods or ():
                    yield method, route.path


def is_closed(answer):
    return answer in ((404, b"Not found"), (404, b""))  # the latter for HEAD


@pytest.mark.parametrize("headers", [{}, BEARER])
def test_no_route_of_gradio_is_open_but_those_of_the_page(page, headers):
    endless = "/gradio_api/heartbeat/{session_hash}"  # every browser has it open
    found = {endless}
    for method, template in gradio_routes(page):
        if template == endless:
            continue
        path = re.sub(r"\{[^}]*\}", "x", template)
        try:
            closed = is_closed(page.ask(method, path, {} if method == "POST" else None, **headers))
        except http.client.IncompleteRead:  # a stream of events that there are not
            closed = False
        if not closed:
            found.add(template)
    assert found == OPEN | ({"/gradio_api/upload_progress"} if headers else set())
    assert len({template for _, template in gradio_routes(page)}) > len(OPEN) + 20


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://127.0.0.1/x",
        "/gradio_api/file=https://example.org/x",
        "/gradio_api/file=//x/y",
        "/gradio_api/proxy=http://127.0.0.1/x",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=%2fetc%2fpasswd",
        "/gradio_api/dev/reload",
        "/gradio_api/deep_link?session_hash=x",
        "/gradio_api/custom_component/a/client/b/c",
        "/gradio_api//queue/join",
        "//gradio_api/monitoring",
        "/monitoring/summary",
        "/docs",
        "/openapi.json",
        "/gradio_api/file=" + "a" * 5_000,
        "/gradio_api/file=/%00",
        "/login",
        "/logout",
        "/x",
        "/vote2",
    ],
)
def test_nothing_else_is_there(page, path):
    for headers in ({}, BEARER):
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert page.ask(method, path, **headers)[0] == 404, (method, headers)


def test_uploaded_files_are_the_teachers(page):
    status, answer = upload(page, 100, **BEARER)
    assert status == 200
    path = json.loads(answer)[0]
    assert page.ask("GET", f"/gradio_api/file={path}", **BEARER) == (200, b"x" * 100)
    assert is_closed(page.ask("GET", f"/gradio_api/file={path}"))
    beside = Path(get_upload_folder()).parent / "beside.txt"
    beside.write_text("secret")
    climbing = f"{get_upload_folder()}/../beside.txt"
    link = Path(get_upload_folder()) / f"link-{uuid.uuid4().hex}"
    link.symlink_to(beside)
    for named in (beside, climbing, link):
        assert is_closed(page.ask("GET", f"/gradio_api/file={named}", **BEARER))
    link.unlink()
    beside.unlink()


@pytest.fixture
def fetched(monkeypatch):
    """The addresses that Gradio tries to download."""
    found = []

    async def note(url, *_, **__):
        found.append(url)
        raise ValueError("not in this test")

    monkeypatch.setattr(processing_utils, "async_ssrf_protected_download", note)
    monkeypatch.setattr(processing_utils, "ssrf_protected_download", lambda url, *_: found.append(url))
    return found


def file_value(path):
    return {"path": path, "url": path, "orig_name": "x", "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize("headers", [{}, BEARER])
def test_no_event_downloads_an_address(page, fetched, headers):
    """Every component that takes values, by every event: a chat's message, a file, a value of another kind."""
    address = "http://11.22.33.44:8099/large"
    message = {"role": "user", "content": file_value(address)}
    tried = set()
    for number, event in page.demo.fns.items():
        for position, part in enumerate(event.inputs):
            if event.fn is None or type(part) in tried:
                continue
            tried.add(type(part))
            for value in (
                file_value(address),
                [file_value(address)],
                [message],
                {"value": file_value(address)},
            ):
                data = [None] * len(event.inputs)
                data[position] = value
                page.ask(
                    "POST",
                    "/gradio_api/run/predict",
                    {"data": data, "fn_index": number, "session_hash": uuid.uuid4().hex},
                    **headers,
                )
                session = uuid.uuid4().hex
                body = {"data": data, "fn_index": number, "session_hash": session}
                if page.ask("POST", "/gradio_api/queue/join", body, **headers)[0] == 200:
                    page.ask("GET", f"/gradio_api/queue/data?session_hash={session}", **headers)
    assert {gr.Chatbot, gr.File, gr.UploadButton} <= tried
    assert fetched == []


def test_forms_with_files_are_the_teachers_upload_alone(page):
    before = set(Path(get_upload_folder()).rglob("*"))
    mark = uuid.uuid4().hex
    head = 'content-disposition: form-data; name="files"; filename="x"'
    body = f"--{mark}\r\n{head}\r\n\r\nxx\r\n--{mark}--\r\n".encode()
    kind = f"multipart/form-data; boundary={mark}"
    for path in (
        "queue/join",
        "call/compare",
        "run/predict",
        "cancel",
        "component_server",
        "process_recording",
        "upload",
    ):
        assert page.ask("POST", f"/gradio_api/{path}", body, content_type=kind)[0] in (403, 404)
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert page.ask("POST", "/gradio_api/queue/join", b'{"data": []}', content_type=kind)[0] == 415
    assert set(Path(get_upload_folder()).rglob("*")) == before


@pytest.mark.parametrize("origin", ["http://people.uni.test", "http://127.0.0.1:1", "https://evil.test", "null"])
def test_a_foreign_page_gets_no_answer_and_no_rights(page, origin):
    cookie = page.services.roles.enter_cookie(False).split(";")[0]
    host = f"afina.uni.test:{page.port}"
    stop = next(number for number, event in page.demo.fns.items() if event.api_name == "stop_run")

    def refused_by(**headers):
        found = page.event(stop, ["none"], cookie=cookie, host=host, **headers)
        return "teacher" in str(found["output"])

    assert not refused_by(origin=f"http://{host}")
    assert not refused_by(sec_fetch_site="same-origin", origin=f"http://{host}")
    assert refused_by(origin=origin)
    assert refused_by(sec_fetch_site="same-site", origin=origin)
    assert not refused_by(origin=origin, **BEARER)
    for path in ("/files/runs/x", "/files/exports/x/y"):
        assert page.ask("GET", path, cookie=cookie, host=host)[0] == 404
        assert page.ask("GET", path, cookie=cookie, host=host, origin=origin)[0] == 403
    assert upload(page, 10, cookie=cookie, host=host, origin=origin)[0] == 403


def headers_of(page, method, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return {name.lower(): value for name, value in answer.getheaders()}


@pytest.mark.parametrize("path", ["/", "/config", "/vote", "/healthz", "/gradio_api/info", "/nothing", "/enter"])
def test_every_answer_names_who_may_frame_it_and_no_origin(page, path):
    for method in ("GET", "OPTIONS"):
        found = headers_of(
            page,
            method,
            path,
            origin="http://people.uni.test",
            host="afina.uni.test",
            access_control_request_method="POST",
        )
        assert "frame-ancestors 'self'" in found["content-security-policy"]
        assert not [name for name in found if name.startswith("access-control-")]


def test_bodies_of_visitors_are_small(page):
    body = b'{"data": ["' + b"x" * MOST_VISITORS + b'"], "fn_index": 0, "session_hash": "s"}'
    assert page.ask("POST", "/gradio_api/queue/join", body)[0] == 413
    assert page.ask("POST", "/gradio_api/queue/join", body, **BEARER)[0] == 200
    objects = b'{"data": [' + b"{}," * 60_000 + b"{}]}"
    for headers in ({}, BEARER):
        assert page.ask("POST", "/gradio_api/queue/join", objects, **headers)[0] == 400
        digits = b'{"data": [' + b"7" * 5_000 + b"]}"
        assert page.ask("POST", "/gradio_api/run/predict", digits, **headers)[0] == 400


def test_what_is_packed_or_names_no_event_is_refused_in_words(page):
    status, words = page.ask("POST", "/gradio_api/queue/join", b"{}", content_encoding="gzip")
    assert status == 415 and b"gzip" in words
    for number in (-1, 99_999):
        body = {"data": [], "fn_index": number, "session_hash": "numbers"}
        for path in ("queue/join", "run/predict"):
            assert page.ask("POST", f"/gradio_api/{path}", body)[0] == 404
    assert page.ask("POST", "/gradio_api/call/v2/nothing", {})[0] == 404


def endpoint(page, name):
    return next(number for number, event in page.demo.fns.items() if event.api_name == name)


def test_a_flood_of_events_leaves_the_teachers_places(page, monkeypatch):
    """Visitors' events wait for something that does not come; the teacher's are taken and answered meanwhile."""
    release = threading.Event()
    slow = endpoint(page, "leaderboard")
    monkeypatch.setattr(page.demo.fns[slow], "fn", lambda *_: release.wait(30) and {})
    cookie = headers_of(page, "GET", "/")["set-cookie"].split(";")[0]
    statuses: dict[str, list[int]] = {"": [], cookie: []}
    for owner, found in statuses.items():
        for _ in range(200):
            body = {"data": [], "fn_index": slow, "session_hash": uuid.uuid4().hex}
            found.append(page.ask("POST", "/gradio_api/queue/join", body, **({"cookie": owner} if owner else {}))[0])
    try:
        assert statuses[""].count(200) == fair_queue.NOBODYS and set(statuses[""]) == {200, 503}
        assert statuses[cookie].count(200) == fair_queue.OWN
        for _ in range(26):
            found = page.event(endpoint(page, "run_status"), ["none"], **BEARER)
            assert found["success"] is False and "none" in str(found["output"])
    finally:
        release.set()


def test_nobody_pushes_out_a_session_of_the_teachers(page):
    state = page.demo.app.state_holder

    def look(session, **headers):
        body = {"data": ["none"], "fn_index": endpoint(page, "run_status"), "session_hash": session}
        page.ask("POST", "/gradio_api/queue/join", body, **headers)
        page.ask("GET", f"/gradio_api/queue/data?session_hash={session}", **headers)

    look("teachers-own", **BEARER)
    cookie = headers_of(page, "GET", "/")["set-cookie"].split(";")[0]
    for number in range(page_sessions.NOBODYS + 30):
        look(f"flood-{number}")
    for number in range(page_sessions.OWN + 5):
        look(f"mine-{number}", cookie=cookie)
    assert "teachers-own" in state
    flood = [each for each in state.session_data if each.startswith("flood-")]
    mine = [each for each in state.session_data if each.startswith("mine-")]
    assert len(flood) <= page_sessions.NOBODYS and "flood-129" in flood
    assert len(mine) == page_sessions.OWN


def test_what_a_page_asks_first_is_made_once(page):
    made = []
    original = page.demo.app.get_blocks

    def counted():
        made.append(1)
        return original()

    page.demo.app.get_blocks = counted
    try:
        for path in ("/", "/config", "/gradio_api/info"):
            first = page.ask("GET", path, host="one.test")
            count = len(made)
            assert page.ask("GET", path, host="one.test") == first and len(made) == count
            page.ask("GET", path + "?deep_link=x&session_hash=y", host="one.test")
            for i in range(30):  # addresses without end
                page.ask("GET", path, host="one.test", x_forwarded_host=f"h{i}.test")
            assert page.ask("HEAD", path, host="one.test") == (200, b"")
            assert len(made) == count and page.ask("GET", path, host="one.test") == first
        assert b"two.test" in page.ask("GET", "/config", host="two.test")[1]
    finally:
        del page.demo.app.get_blocks


def sent(page, path, *lines):
    """The whole answer to a request with these header lines, some of them twice."""
    with socket.create_connection(("127.0.0.1", page.port), 30) as connection:
        head = [f"GET {path} HTTP/1.1", *lines, "Connection: close", "", ""]
        connection.sendall("\r\n".join(head).encode())
        answer = b""
        while part := connection.recv(1 << 16):
            answer += part
    return answer


def test_nobody_puts_an_address_into_the_page_of_another(page):
    """One layer read the first of two lines, another the last: what was kept for one address named the other."""
    assert sent(page, "/config", "Host: evil.test", "Host: honest.test").startswith(b"HTTP/1.1 400")
    sent(page, "/", "Host: a.test", "X-Forwarded-Host: evil.test", "X-Forwarded-Host: honest.test")
    sent(page, "/config", "Host: a.test", "X-Forwarded-Proto: https", "X-Forwarded-Proto: http")
    for lines in (["Host: honest.test"], ["Host: a.test", "X-Forwarded-Host: honest.test"]):
        answer = sent(page, "/", *lines)
        assert b'"root":"http://honest.test"' in answer and b"evil.test" not in answer
    assert b'"root":"http://a.test"' in sent(page, "/config", "Host: a.test", "X-Forwarded-Proto: http")
    for host in ('x"></script><script>', "x\\u0022"):
        assert sent(page, "/", "Host: a.test", f"X-Forwarded-Host: {host}").startswith(b"HTTP/1.1 400")


def test_cookies_in_several_lines_are_one_header(page):
    """Behind some proxies of HTTP/2 they come so. The teacher is known by them; from a foreign page, not."""
    cookie = page.services.roles.enter_cookie(False).split(";")[0]
    for lines in (["Cookie: a=b", f"Cookie: {cookie}"], [f"Cookie: {cookie}", "Cookie: a=b"]):
        host = "Host: a.test"
        assert b"404 Not Found" in sent(page, "/files/runs/x", host, "Sec-Fetch-Site: same-origin", *lines)
        twice = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin"]
        assert b"403 Forbidden" in sent(page, "/files/runs/x", host, *twice, *lines)


def test_a_sessions_name_is_short(page):
    """Gradio keeps the names of some thousand sessions: those of 240 KB took 0.45 MB each."""
    number = endpoint(page, "run_status")
    for path in ("/gradio_api/queue/join", "/gradio_api/run/run_status"):
        for length, right in ((page_sessions.LONGEST, True), (page_sessions.LONGEST + 1, False)):
            body = {"data": ["none"], "fn_index": number, "session_hash": "s" * length}
            status, answer = page.ask("POST", path, body)
            assert (status == 400 and b"session_hash" in answer) is not right, (path, answer)
    assert not any(len(each) > page_sessions.LONGEST for each in page.demo.app.state_holder.session_data)
