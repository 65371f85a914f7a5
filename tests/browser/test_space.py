"""The folder that a Space is built from: what is in it, that it starts as there, that it is uploaded whole."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.browser.conftest import ROOT, TOKEN
from tests.standin.hub import Hub

SPACE = {
    "SYSTEM": "spaces",
    "SPACE_ID": "owner/afina",
    "SPACE_HOST": "owner-afina.hf.space",
    "HF_HUB_OFFLINE": "1",
}


def deploy(*arguments: str, **env: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "spaces" / "deploy.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **env}, timeout=120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("space") / "space"
    done = deploy("--space", "owner/afina", "--dry-run", str(made), HF_HUB_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    return made


def test_the_folder_holds_the_app_and_valid_front_matter(folder):
    from huggingface_hub import metadata_load

    assert {each.name for each in folder.iterdir()} == {
        "README.md", "LICENSE", "app.py", "requirements.txt", "common", "tuning", "labeling", "workbench", "ui", "docs"
    }  # fmt: skip
    front = metadata_load(folder / "README.md")
    assert (front["sdk"], front["app_file"], front["hf_oauth"]) == ("gradio", "app.py", True)
    assert len(front["short_description"]) <= 60
    assert "# Afina" in (folder / "README.md").read_text(encoding="utf-8")
    again = deploy("--space", "owner/afina", "--dry-run", str(folder), HF_HUB_OFFLINE="1")
    assert again.returncode == 2
    assert "not empty" in again.stderr
    assert deploy("--space", "afina", "--dry-run", str(folder.parent / "x")).returncode == 2


def test_it_starts_as_on_the_platform_and_opens_in_a_browser(folder, tmp_path, chromium):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= SPACE | {"AFINA_HOME": str(tmp_path), "AFINA_TEACHER_TOKEN": TOKEN, "AFINA_PORT": str(port)}
    log = tmp_path / "log"
    with log.open("wb") as output:
        app = subprocess.Popen([sys.executable, "app.py"], cwd=folder, env=env, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 120
        while "https://owner-afina.hf.space" not in log.read_text():
            assert app.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        assert TOKEN not in log.read_text()
        context = chromium.new_context()
        here = f"http://127.0.0.1:{port}/"
        context.route(
            "**/*", lambda route: route.continue_() if route.request.url.startswith(here) else route.abort()
        )
        page = context.new_page()
        page.goto(f"{here}enter?token={TOKEN}")
        page.get_by_text("https://owner-afina.hf.space").wait_for()
        assert "token" not in page.url
        context.close()
    finally:
        app.terminate()
        app.wait(60)


def test_space_and_private_labels_are_made_once_and_updated():
    hub = Hub()
    try:
        env = hub.env() | {"AFINA_SPACE_TOKEN": "hf_labels_only"}
        first = deploy("--space", "owner/afina", "--hardware", "cpu", **env)
        assert first.returncode == 0, first.stderr
        assert "/enter?token=" in first.stdout
        space, labels = hub.repo("owner/afina", "space"), hub.repo("owner/afina-labels")
        assert labels.private
        assert "app.py" in space.files and not any(name.startswith("spaces/") for name in space.files)
        told = str(space.about)
        assert "AFINA_TEACHER_TOKEN" in told and "hf_labels_only" in told and "owner/afina-labels" in told
        again = deploy("--space", "owner/afina", "--hardware", "cpu", **env)
        assert again.returncode == 0, again.stderr
        assert "/enter?token=" not in again.stdout  # the teacher's link stays as it is
        hub.broken = 500
        assert deploy("--space", "owner/afina", **env).returncode == 2
    finally:
        hub.close()
