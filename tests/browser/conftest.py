"""A real Chromium and a real app in a process of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import ROOT
from tests.browser.helpers import WAIT
from tests.ui.phone.stub import TOKEN as INVITED
from tests.ui.phone.stub import Serving, Stub

TOKEN = "browser-test-token"
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)


@dataclass
class App:
    """A running app: where it is, and where it keeps its runs."""

    port: int
    home: Path
    process: subprocess.Popen
    log: Path

    def url(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}"

    @property
    def teachers_link(self) -> str:
        return f"{self.url()}/enter?token={TOKEN}"

    @property
    def printed(self) -> str:
        """What it has printed since it started."""
        return self.log.read_text(encoding="utf-8")


def start(home: Path, *arguments: str, port: int | None = None) -> App:
    """Starts the app on a free port and returns when it has printed its link."""
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    env = {**os.environ, "AFINA_HOME": str(home), "AFINA_TEACHER_TOKEN": TOKEN, "HF_HUB_OFFLINE": "1"}
    log = home / f"app-{time.monotonic_ns()}.log"
    command = [sys.executable, "app.py", "--no-browser", "--port", str(port), *arguments]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output)
    app = App(port, home, process, log)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, app.printed
        if "/enter?token=" in app.printed:
            return app
        time.sleep(0.1)
    stop(app)
    raise AssertionError(f"the app printed no link: {app.printed}")


def stop(app: App) -> None:
    app.process.terminate()
    try:
        app.process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        app.process.kill()
        app.process.wait()


@pytest.fixture(scope="session")
def app(tmp_path_factory) -> Iterator[App]:
    running = start(tmp_path_factory.mktemp("home"), "--class")
    yield running
    stop(running)


@pytest.fixture(scope="session")
def launch():
    """Starts a Chromium with further flags. A process has one Playwright, so all browsers come from here."""
    if _CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        yield lambda *flags: playwright.chromium.launch(executable_path=_CHROMIUM, args=[*_FLAGS, *flags])


@pytest.fixture(scope="session")
def chromium(launch):
    browser = launch()
    yield browser
    browser.close()


@pytest.fixture
def visit(chromium):
    """Opens a page in a fresh profile; at the end nothing may have gone wrong or gone out."""
    contexts, troubles = [], []

    def open_page(url: str, width: int = 1280, locale: str = "en-US", dark: bool = False):
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, locale=locale, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        context.set_default_timeout(120_000)
        host = url.split("/")[2]
        context.on("request", lambda request: _stays(request.url, host, troubles))
        page = context.new_page()
        page.on("websocket", lambda socket: _stays(socket.url, host, troubles))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: _is_quiet(message, troubles))
        page.goto(url)
        page.get_by_role("tab").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles


def _is_quiet(message, troubles: list[str]) -> None:
    left = ("AbortError", "Connection errored out")  # a page reloaded while Gradio still waits for an answer
    if message.type == "error" and not any(each in message.text for each in left):
        troubles.append(f"console: {message.text} ({message.location.get('url')})")


def _stays(url: str, host: str, troubles: list[str]) -> None:
    if url.startswith(("http", "ws")) and url.split("/")[2] != host:
        troubles.append(f"a request left for {url}")


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    serving = Serving(made.app())
    made.port = serving.port
    yield made
    serving.stop()


@pytest.fixture
def phone(chromium, stub: Stub) -> Iterator[Callable]:
    """Opens the page in a fresh profile, in the room already unless told; no script may fail, nothing go out."""
    contexts, troubles = [], []

    def open_page(link: str = "", joined: bool = True, width: int = 390, locale: str = "en-US", **more):
        size = {"width": width, "height": 800}
        context = chromium.new_context(viewport=size, locale=locale, has_touch=width < 700, **more)
        contexts.append(context)
        context.set_default_timeout(WAIT)
        context.on("request", lambda request: _stays_with_votes(request.url, stub.port, troubles))
        page = context.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(f"a dialog: {dialog.message}"))
        page.goto(stub.url + (link or (f"#invite={INVITED}" if joined else "")))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not troubles


def _stays_with_votes(url: str, port: int, troubles: list[str]) -> None:
    if url.startswith("http") and f"127.0.0.1:{port}/vote" not in url:
        troubles.append(f"a request left for {url}")
