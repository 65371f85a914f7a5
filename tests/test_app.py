"""The app as a process: it answers, on a Space too, and a taken port is said in one line."""

import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests import ROOT
from tests.browser.conftest import TOKEN, start, stop
from ui.edge.addresses import lan_addresses


@pytest.mark.slow
def test_it_prints_the_teachers_link_and_an_address_for_the_room(tmp_path):
    begun = time.monotonic()
    app = start(tmp_path, "--class")
    try:
        with urllib.request.urlopen(app.url(), timeout=30) as page:
            text = page.read().decode()
        took = time.monotonic() - begun
    finally:
        stop(app)
    print(f"page after {took:.1f} s")  # 5 s on an idle machine; tests may share theirs
    assert took < 240
    assert "gradio" in text and text.index("navigator") < text.index('src="')
    assert f"http://127.0.0.1:{app.port}/enter?token=" in app.printed
    for address in lan_addresses():
        assert f"http://{address}:{app.port}" in app.printed
    assert "Traceback" not in app.printed


@pytest.mark.slow
def test_what_it_writes_is_its_users_alone(tmp_path, monkeypatch):
    """Its votes, its key, its temporary folder; a database that others could read until now too."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    (temporary / "afina-gradio").mkdir()  # as another user's would be: it is not touched
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    home = tmp_path / "home"
    home.mkdir()
    (home / "labels.db").touch(0o644)
    app = start(home)
    try:
        (folder,) = temporary.glob("afina-private-*")
        upload(app.port)
        made = [path for top in (home, folder) for path in top.rglob("*") if path != app.log]
        assert {"labels.db", "secret-key", "x.jsonl"} <= {path.name for path in made}
        open_ = {str(path): oct(path.stat().st_mode) for path in (folder, *made) if path.stat().st_mode & 0o077}
        assert not open_
        assert not list((temporary / "afina-gradio").iterdir())
    finally:
        stop(app)
    assert not folder.exists()


def upload(port: int) -> None:
    head = '--x\r\ncontent-disposition: form-data; name="files"; filename="x.jsonl"\r\n\r\n'
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/gradio_api/upload",
        f"{head}{{}}\r\n--x--\r\n".encode(),
        {"content-type": "multipart/form-data; boundary=x", "authorization": f"Bearer {TOKEN}"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def test_a_taken_port_is_told_in_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, "app.py", "--no-browser", "--port", str(taken.getsockname()[1])]
        env = {**os.environ, "AFINA_HOME": str(tmp_path)}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert "taken" in done.stderr


def test_a_setting_that_cannot_be_read_is_told_in_one_line(tmp_path):
    env = {**os.environ, "AFINA_HOME": str(tmp_path), "AFINA_PORT": "seven"}
    command = [sys.executable, "app.py", "--no-browser"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "AFINA_PORT is seven" in done.stderr


def test_a_short_token_ends_the_start_in_one_line(tmp_path):
    env = {**os.environ, "AFINA_HOME": str(tmp_path), "AFINA_TEACHER_TOKEN": "maestra2024"}
    command = [sys.executable, "app.py", "--no-browser"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert "AFINA_TEACHER_TOKEN has 11 characters" in done.stderr and done.stderr.strip().count("\n") == 0
    assert "maestra2024" not in done.stderr


@pytest.mark.slow
def test_the_page_is_built_on_a_space_where_gradio_imports_the_package_spaces(tmp_path):
    code = "import app, spaces; app.demo; assert hasattr(spaces, 'GPU'); print('built')"
    env = {**os.environ, "AFINA_HOME": str(tmp_path), "SYSTEM": "spaces", "SPACE_ID": "owner/afina"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip().endswith("built"), done.stderr


@pytest.mark.slow
def test_on_zero_gpu_the_package_spaces_comes_before_torch(tmp_path):
    """It takes the place of torch's CUDA when it is imported; nothing that the page needs may be there first."""
    code = """
import sys
seen = []
class Witness:
    def find_spec(self, name, path=None, target=None):
        if name in ("gradio", "spaces", "torch", "transformers"):
            seen.append(name)
sys.meta_path.insert(0, Witness())
import app
app.demo
print(*dict.fromkeys(seen))
"""
    env = {**os.environ, "AFINA_HOME": str(tmp_path), "SYSTEM": "spaces", "SPACE_ID": "owner/afina"}
    env |= {"SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": "http://127.0.0.1:9"}
    env["PYTHONPATH"] = str(ROOT / "tests" / "standin" / "zerogpu")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    order = done.stdout.split()
    assert order[:2] == ["gradio", "spaces"] and order.index("spaces") < order.index("torch"), done.stdout
