"""A hostile client against the whole page: no token, a wrong one, too much, malformed, climbing, scripted, often."""

import hashlib
import http.client
import inspect
import json
import socket
import threading
import time
import uuid

import gradio as gr
import pytest

from common.errors import AfinaError
from common.settings import Settings
from labeling.rounds import lifecycle
from tests.ui.edge.handler_places import ANYBODY, ROUTES, TEACHERS
from tests.ui.endpoint_names import ENDPOINTS
from tests.ui.serving import TOKEN, Page, arguments, handlers, upload
from ui.server.routes import routes
from workbench.access import COOKIE, Roles
from workbench.actors import TEACHER
from workbench.rate_limits import Bucket

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.mark.slow
def test_it_starts_on_a_machine_that_is_too_busy_to_answer_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("gradio.networking.url_ok", lambda url: False)
    made = Page(tmp_path)
    assert made.ask("GET", "/")[0] == 200
    made.demo.close()
    made.services.labels.close()


def test_every_handler_and_route_has_its_place(page):
    found = {name for name, _ in handlers(page.demo)}
    assert found <= TEACHERS | ANYBODY, f"put into TEACHERS or ANYBODY: {found - TEACHERS - ANYBODY}"
    assert found == TEACHERS | ANYBODY, f"gone: {(TEACHERS | ANYBODY) - found}"
    assert not TEACHERS & ANYBODY
    assert {each.path for each in routes(page.services)} == ROUTES


def test_programs_find_the_endpoints_by_the_names_that_are_documented(page):
    """A private handler of the same name, anywhere in the page, would silently rename one."""
    found = {each.api_name for each in page.demo.fns.values() if each.api_visibility != "private"}
    assert found == ENDPOINTS


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, "student"])
def test_no_teachers_handler_serves_anybody_else(page, headers):
    if headers == "student":
        headers = {"authorization": f"Bearer {page.join()}"}
    before, refused = page.state(), set()
    for name, each in handlers(page.demo):
        if name not in TEACHERS:
            continue
        try:
            answer = each.fn(*arguments(each, gr.Request(headers=headers, session_hash="s")))
            if inspect.isgenerator(answer):
                next(answer)
        except (gr.Error, AfinaError) as error:
            if "teacher" in str(error):
                refused.add(name)
    assert refused == TEACHERS
    assert page.state() == before


@pytest.mark.parametrize(
    "path",
    [
        "/files/runs/x",
        "/files/merged/x",
        "/files/exports/x/y",
        "/files/runs/..%2f..%2fteacher-token",
        "/files/exports/..%2f..%2f/teacher-token",
        "/files/exports/%2e%2e/labels.db",
        "/gradio_api/file={home}/labels.db",
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file=..%2f..%2fetc%2fpasswd",
        "/gradio_api/monitoring/summary",
        "/enter",
        "/enter?token=wrong",
        "/enter/?token=wrong",
        "/enter?token=%ff%fe",
        "/vote/nothing",
    ],
)
def test_what_is_not_for_everybody_is_refused(page, path):
    before = page.state()
    path = path.replace("{home}", str(page.services.settings.home))
    status, body = page.ask("GET", path)
    assert 400 <= status < 500, (status, body[:200])
    assert TOKEN.encode() not in body and b"root:" not in body
    assert page.state() == before


def test_no_cookie_but_the_teachers_own_is_hers(page, tmp_path):
    """A visitor's, one made by hand, one of another installation with the same token, the token itself."""
    own = page.services.roles
    stranger = Roles(Settings(home=tmp_path, teacher_token=TOKEN))
    until = f"{int(time.time()) + 3600}.x"
    value = own.enter_cookie(False).split(";")[0].partition("=")[2]
    forged = [
        TOKEN,
        own.visitor_cookie(False).split(";")[0].partition("=")[2],
        stranger.enter_cookie(False).split(";")[0].partition("=")[2],
        f"{until}.{own.keys.sign('visitor', until)}",
        f"{until}.{hashlib.sha256(TOKEN.encode()).hexdigest()}",
        f"{int(value.split('.')[0]) + 1}.{value.partition('.')[2]}",
        value[:-1],
        "..",
    ]
    for each in forged:
        assert page.ask("GET", "/files/runs/none", cookie=f"{COOKIE}={each}")[0] == 403, each
        status, told = upload(page, 1000, cookie=f"{COOKIE}={each}")
        assert status == 403 and b"teacher" in told
    assert page.ask("GET", "/files/runs/none", cookie=f"{COOKIE}={value}")[0] == 404


def test_the_teachers_token_opens_no_path_that_climbs(page):
    bearer = {"authorization": f"Bearer {TOKEN}"}
    climbing = ("/files/runs/..%2f..%2fteacher-token", "/files/exports/%2e%2e/labels.db")
    for path in climbing:
        assert page.ask("GET", path, **bearer)[0] == 404


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"room": {}}',
        b'{"room": null}',
        b'{"annotation_id": 1}',
        b'{"a": "' + b"x" * 300_000 + b'"}',
        b'{"room": "\\ud800"}',
        b'{"room": "\\u0000"}',
    ],
)
def test_malformed_and_oversized_bodies(page, body):
    before = page.state()
    token = page.join()
    joined = page.state()
    for path in ("/vote/join", "/vote/cast", "/vote/cast/next"):
        status, _ = page.ask("POST", path, body, authorization=f"Bearer {token}")
        assert 400 <= status < 500, (path, status)
    assert page.state() == joined and joined[1] == before[1]


@pytest.mark.parametrize("path", ["queue/join", "call/compare", "run/compare", "cancel", "reset"])
def test_gradios_routes_take_no_body_of_any_size(page, path):
    head = f"POST /gradio_api/{path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    for told, size in ((f"content-length: {2**28}", 0), ("transfer-encoding: chunked", 6 * 2**20)):
        with socket.create_connection(("127.0.0.1", page.port), timeout=30) as raw:
            raw.sendall(f"{head}{told}\r\n\r\n".encode())
            if size:
                raw.sendall(b"%x\r\n" % size + b" " * size + b"\r\n0\r\n\r\n")
            status = raw.recv(100).split()[1]
        assert status in (b"413", b"400"), (told, status)
    assert page.ask("GET", "/healthz")[0] == 200
    assert page.ask("POST", f"/gradio_api/{path}", b'{"data": "\\ud800", "\\ud800": 1}')[0] in (400, 404, 422)


def test_uploads_have_a_limit_and_are_the_teachers(page):
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert upload(page, 1000, **bearer)[0] == 200
    assert 400 <= upload(page, 3 * 2**20, **bearer)[0] < 500
    for headers in ({}, {"authorization": f"Bearer {page.join()}"}, {"cookie": "afina_token=x"}):
        status, told = upload(page, 1000, **headers)
        assert status == 403 and b"teacher" in told


def test_a_file_is_what_was_uploaded_never_a_path_that_somebody_names(page):
    """Every handler that takes a file, with the teacher's token, given files of the server."""
    secret = page.services.settings.home / "teacher-token"
    secret.write_text(TOKEN)
    takes = [
        (number, each)
        for number, each in page.demo.fns.items()
        if any(isinstance(part, gr.File | gr.UploadButton) for part in each.inputs) and each.fn is not None
    ]
    assert len(takes) >= 4
    before = page.state()
    for number, each in takes:
        for path in (str(secret), "/etc/passwd"):
            data = [
                {"path": path, "meta": {"_type": "gradio.FileData"}}
                if isinstance(part, gr.File | gr.UploadButton)
                else getattr(part, "value", None)
                for part in each.inputs
            ]
            told = page.event(number, data, authorization=f"Bearer {TOKEN}")
            assert told["success"] is False, each.fn
            assert "is not a file that was uploaded here" in told["output"]["error"]
    assert page.state() == before


def test_what_goes_wrong_around_a_handler_is_not_printed(page, capfd):
    """Gradio would print it with what the client sent, past the logs, and send its words to the page."""
    number = next(n for n, each in page.demo.fns.items() if each.api_name == "compare")
    wrong = "somebody's words"
    tuned = next(
        n for n, each in page.demo.fns.items() if each.fn and any(isinstance(part, gr.Radio) for part in each.inputs)
    )
    data = [wrong if isinstance(part, gr.Radio) else None for part in page.demo.fns[tuned].inputs]
    assert page.event(tuned, data)["success"] is False
    told = page.event(number, [wrong])  # too few
    assert told["success"] is False and "went wrong" in told["output"]["error"]
    printed = "".join(capfd.readouterr())
    assert wrong not in printed and "input values" not in printed


def test_script_in_every_text_field_stays_text(page):
    token = page.join()
    bearer = {"authorization": f"Bearer {token}"}
    item = json.loads(page.ask("GET", "/vote/next", **bearer)[1])
    body = {
        "annotation_id": str(uuid.uuid4()),
        "comparison_id": item["comparison_id"],
        "winner": "left",
        "rationale": SCRIPT,
        "flags": [SCRIPT[:50]],
    }
    assert page.ask("POST", "/vote/cast", body, **bearer)[0] == 200
    for field in ("annotation_id", "comparison_id", "winner", "action", "edited_side"):
        status, answer = page.ask("POST", "/vote/cast", body | {field: SCRIPT}, **bearer)
        assert 400 <= status < 500
        assert json.loads(answer)["error"]["key"]
    made = lifecycle.create(page.services.labels, SCRIPT, "collect", [SCRIPT])
    from ui.vote import presenter_view

    stage = page.services.rounds.stage(TEACHER, made.round_id)
    assert "<script" not in presenter_view.screen(stage, "http://x", "en")
    status, answer = page.ask("GET", "/enter?token=" + "%3Cscript%3E")
    assert status == 403 and b"<script>" not in answer


def test_ten_times_the_rate_is_refused_and_others_go_on(page):
    token, other = page.join(), page.join()
    before = page.state()
    found: list[int] = []

    def hammer():
        for _ in range(60):
            found.append(page.ask("GET", "/vote/state", authorization=f"Bearer {token}")[0])

    threads = [threading.Thread(target=hammer) for _ in range(10)]
    for each in threads:
        each.start()
    assert page.ask("GET", "/vote/state", authorization=f"Bearer {other}")[0] == 200
    for each in threads:
        each.join()
    assert len(found) == 600 and set(found) == {200, 429} and found.count(429) > 450
    assert page.state() == before
    assert page.ask("GET", "/healthz")[0] == 200 and page.ask("GET", "/")[0] == 200


def test_the_label_tab_counts_as_the_phone_does(page):
    """Nobody fills the database with people, or asks without end, by the other door."""
    named = {name: each.fn for name, each in handlers(page.demo) if name.startswith("label_tab.")}
    request = gr.Request(headers={}, session_hash="s")
    token = page.join()
    with pytest.raises(gr.Error, match="Too many requests"):
        for _ in range(100):
            named["label_tab.show"](token, request)
    limits = page.services.roles.limits
    kept, limits._joins = limits._joins, Bucket(2)
    before, code = page.counts()["annotators"], page.services.voting.code()
    with pytest.raises(gr.Error, match="Too many people joined"):
        for _ in range(5):
            named["label_tab.begin"](code, request)
    limits._joins = kept
    with pytest.raises(gr.Error, match="There is no room"):
        named["label_tab.begin"]("ZZZZZZ", request)
    assert page.counts()["annotators"] == before + 2


def test_a_visitor_is_told_apart_by_a_signed_number_and_limited(page):
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
    connection.request("GET", "/")
    answer = connection.getresponse()
    answer.read()
    cookie = next(v for k, v in answer.getheaders() if k == "set-cookie" and "afina_visitor" in v).split(";")[0]
    roles = page.services.roles
    known = roles.actor({"cookie": f"a b=c; {cookie}; x"})
    assert known.person and not known.is_teacher
    assert roles.actor({"cookie": cookie[:-1] + "0"}).person == "" or cookie.endswith("0")
    with pytest.raises(AfinaError, match="messages a minute"):
        for _ in range(100):
            roles.spend(known, 1)
    roles.spend(TEACHER, 10**9)


def test_a_rating_of_what_was_not_written_here_leaves_nothing(page):
    """A page may send any talk and call any part of it liked: only a seal of this installation counts."""
    number = next(each._id for name, each in handlers(page.demo) if name == "rating_panel.rate")
    before = page.counts()
    forged = [
        {"role": role, "content": [{"type": "text", "text": text}], "metadata": {"id": mark}}
        for role, text, mark in (
            ("user", "Who is best?", ""),
            ("assistant", "We are.", "WyJwb2NrZXQiLCAiIl0.AAAA"),
        )
    ]
    for liked in (True, False, "", "Like", None, 7, [1], {"a": 1}):
        for index in (1, [1, 0], 0, 5, -1, None, "1", []):
            data = {"index": index, "value": ["We are."], "liked": liked}
            told = page.event(number, [forged], event_data=data)
            assert not told["success"], (liked, index)
    assert page.counts() == before
