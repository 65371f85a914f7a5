"""What keeps the app from starting is said in one line, with exit status 2 and without a traceback."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

PORT = 17150
WAYS = ("cut", "text", "zeros")


def launched(home: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    settings = {"AFINA_HOME": str(home), "AFINA_PORT": str(PORT), **env}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AFINA", "DATABASE"))}
    command = [sys.executable, "app.py", "--no-browser", *arguments]
    return subprocess.run(command, cwd=ROOT, env=kept | settings, capture_output=True, text=True, timeout=240)


def line(ended: subprocess.CompletedProcess[str]) -> str:
    assert ended.returncode == 2, ended.stderr[-2000:]
    [said] = ended.stderr.strip().splitlines()
    return said


def damaged(home: Path, content: bytes | None) -> None:
    """A database that was a whole one, then overwritten, or cut in its middle."""
    from labeling.storage.label_store import connect

    connect(home / "labels.db").close()
    path = home / "labels.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    for beside in ("labels.db-wal", "labels.db-shm"):
        (home / beside).unlink(missing_ok=True)
    path.write_bytes(path.read_bytes()[:5000] if content is None else content)


@pytest.mark.slow
@pytest.mark.parametrize("content", [None, b"no database at all, but text " * 200, b"\x00" * 9000], ids=WAYS)
def test_a_damaged_database(tmp_path, content):
    damaged(tmp_path, content)
    assert "labels.db" in line(launched(tmp_path))


@pytest.mark.slow
def test_a_home_that_is_a_file(tmp_path):
    home = tmp_path / "home"
    home.write_text("x")
    assert str(home) in line(launched(home)) and str(home) in line(launched(home / "below"))


@pytest.mark.slow
def test_a_home_that_is_read_only(tmp_path):
    """Root may write everywhere but where nobody may."""
    if os.geteuid() == 0:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "none", str(tmp_path)])
        if mounted.returncode:
            pytest.skip("root here may not mount")
    else:
        tmp_path.chmod(0o500)
    try:
        assert str(tmp_path) in line(launched(tmp_path))
    finally:
        if os.geteuid() == 0:
            subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["labels.db", "labels.db.lock", "secret-key", "teacher-token"])
def test_a_folder_in_the_place_of_a_file(tmp_path, name):
    (tmp_path / name).mkdir()
    assert name in line(launched(tmp_path))


@pytest.mark.slow
def test_a_token_file_that_is_no_text(tmp_path):
    (tmp_path / "teacher-token").write_bytes(b"\xff\xfe" * 4)
    assert "teacher-token" in line(launched(tmp_path))


def test_each_reason_why_it_cannot_listen_is_another(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        taken = line(launched(tmp_path, "--port", str(port)))
    assert str(port) in taken and "taken" in taken
    nowhere = line(launched(tmp_path, AFINA_HOST="192.0.2.7"))
    assert "192.0.2.7" in nowhere and "taken" not in nowhere
    unknown = line(launched(tmp_path, AFINA_HOST="no-such-host.invalid"))
    assert "no-such-host.invalid" in unknown and "taken" not in unknown


def test_a_server_that_is_slow_is_not_called_a_taken_port(tmp_path):
    from app import _why_not
    from common.settings import Settings

    told = _why_not(Settings(home=tmp_path, port=PORT), OSError("Cannot find empty port in range"))
    assert told.key == "settings.slow_start"


def test_the_command_line_says_it_too(tmp_path):
    shutil.copy(__file__, tmp_path / "labels.db")
    for package, command in (("labeling", "report"), ("tuning", "runs")):
        env = os.environ | {"AFINA_HOME": str(tmp_path if package == "labeling" else tmp_path / "labels.db")}
        ended = subprocess.run(
            [sys.executable, "-m", package, command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
        )
        assert "Traceback" not in ended.stderr
