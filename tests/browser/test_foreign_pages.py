"""A page of another origin against the browser of somebody who is the teacher here, in a real Chromium."""

from __future__ import annotations

import http.server
import threading

import pytest

from tests.browser.conftest import TOKEN, start, stop

PAGE = b"<!doctype html><title>another page</title><p>hello</p>"


@pytest.fixture(scope="module")
def foreign():
    """The port of a server that is not ours."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    made = start(tmp_path_factory.mktemp("home"))
    yield made
    stop(made)


@pytest.fixture(scope="module")
def browser(launch):
    made = launch("--host-resolver-rules=MAP *.uni.test 127.0.0.1")
    yield made
    made.close()


# Handlers are tried by number, as an attacker would: the answers that could be read, and their words.
ATTACK = """async (target) => {
  const read = [];
  const look = async (name, work) => {
    try { read.push(name + ' ' + (await (await work()).text()).slice(0, 200)) } catch (error) { }
  };
  const post = (path, body, more) => fetch(target + path, {method: 'POST', credentials: 'include', body, ...more});
  const json = {headers: {'content-type': 'application/json'}};
  const event = (n) => JSON.stringify({data: ['none'], fn_index: n, session_hash: 'a' + n});
  await look('page', () => fetch(target + '/', {credentials: 'include'}));
  await look('config', () => fetch(target + '/config', {credentials: 'include'}));
  await look('file', () => fetch(target + '/files/runs/none', {credentials: 'include'}));
  for (let n = 0; n < 30; n++) {
    await look('join', () => post('/gradio_api/queue/join', event(n), json));
    await look('plain', () => post('/gradio_api/queue/join', event(n), {headers: {'content-type': 'text/plain'}}));
    await look('data', () => fetch(target + '/gradio_api/queue/data?session_hash=a' + n, {credentials: 'include'}));
  }
  const form = new FormData(); form.append('files', new Blob(['x']), 'x.jsonl');
  await look('upload', () => post('/gradio_api/upload', form));
  return read;
}"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("127.0.0.1", "127.0.0.1"),  # another port of the same host, where browsers tell where requests come from
        ("afina.uni.test", "people.uni.test"),  # a sibling host on plain http, where they tell the origin alone
    ],
)
def test_a_page_of_another_origin_reads_and_does_nothing(browser, running, foreign, ours, theirs):
    target = f"http://{ours}:{running.port}"
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{target}/enter?token={TOKEN}")
    page.get_by_text("Teacher", exact=True).first.wait_for(timeout=120_000)
    before = sorted(path for path in running.home.rglob("*") if path.is_file() and path.suffix != ".log")
    page.goto(f"http://{theirs}:{foreign}/")
    assert page.evaluate(ATTACK, target) == []
    page.evaluate(
        "target => new Promise(done => { const frame = document.createElement('iframe');"
        "frame.src = target; frame.onload = done; document.body.append(frame) })",
        target,
    )
    framed = page.frames[-1]
    assert framed.url.startswith("chrome-error:") and "Afina" not in framed.content()
    form = (
        "target => { const form = document.createElement('form'); form.method = 'post'; form.action = target;"
        "form.enctype = 'multipart/form-data'; document.body.append(form); form.submit() }"
    )
    with page.expect_navigation() as sent:
        page.evaluate(form, f"{target}/gradio_api/upload")
    assert sent.value.status == 403
    after = sorted(path for path in running.home.rglob("*") if path.is_file() and path.suffix != ".log")
    assert {path.name for path in after} - {path.name for path in before} <= {
        "labels.db-wal",
        "labels.db-shm",
    }
    page.goto(target)  # by hand: it is the teacher's page again
    page.get_by_text("Teacher", exact=True).first.wait_for(timeout=120_000)
    context.close()
