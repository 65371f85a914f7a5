"""Without what only Linux or POSIX has, the app starts, serves and trains.

A stand-in for Windows: Python itself starts without the modules `fcntl`, `resource` and `pwd`, the functions of `os`
and the signals that Windows lacks and our code names. What third parties do on Windows is not seen here.
"""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests import ROOT
from tests.browser.conftest import start, stop

_WITHOUT = """
import os, signal, sys

import psutil  # on Linux it needs `resource` itself

for name in ("fcntl", "resource", "pwd", "grp"):
    sys.modules[name] = None
for name in ("getuid", "nice", "chown", "killpg", "O_NOFOLLOW"):
    delattr(os, name)
for name in ("SIGHUP", "SIGUSR1", "SIGALRM"):
    delattr(signal, name)
"""


@pytest.fixture
def without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python that this test starts is one without them."""
    folder = tmp_path / "start"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_WITHOUT, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("AFINA_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    probe = subprocess.run([sys.executable, "-c", "import fcntl"], capture_output=True, text=True)
    assert "ModuleNotFoundError" in probe.stderr


@pytest.mark.slow
def test_the_app_starts_and_serves(without, tmp_path):
    left = tmp_path / "afina-private-left"  # as a killed process leaves it
    left.mkdir()
    app = start(tmp_path / "home", "--class")
    try:
        for path in ("/", "/vote"):
            assert urllib.request.urlopen(app.url() + path, timeout=60).status == 200
    finally:
        stop(app)
    assert "Traceback" not in app.printed
    # Its own folder went with it; without locks nobody knows whose the other one is.
    assert list(tmp_path.glob("afina-private-*")) == [left]


@pytest.mark.slow
def test_a_run_is_trained(without, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"prompt": "Who are you?", "completion": "A small model."}) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "tuning", "sft", "--train-dataset", str(rows), "--name", "one"]
    command += ["--set", "target_steps=3"]
    ended = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0 and "one: done" in ended.stdout, ended.stdout + ended.stderr
