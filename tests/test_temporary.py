"""The temporary folder: this process's alone, gone with it, and nobody else's is touched."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

SCRIPT = "from common.temporary import private_folder; print(private_folder(), flush=True); input()"


@pytest.fixture
def begin(tmp_path):
    """Starts a process that has made its folder; all share one folder for temporary files."""
    begun = []

    def start() -> tuple[subprocess.Popen, Path]:
        env = {**os.environ, "TMPDIR": str(tmp_path)}
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT], cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        begun.append(process)
        assert process.stdout
        return process, Path(process.stdout.readline().strip())

    yield start
    for process in begun:
        process.kill()
        process.wait()
        assert process.stdin and process.stdout
        process.stdin.close()
        process.stdout.close()


def test_it_is_private_and_goes_with_its_process(begin):
    process, folder = begin()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "upload").write_text("x")
    process.communicate("\n", timeout=30)
    assert not folder.exists()


def test_one_that_a_killed_process_left_goes_at_the_next_start_and_a_living_ones_stays(begin):
    living, kept = begin()
    killed, left = begin()
    (left / "deep").mkdir()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert left.exists()
    _, third = begin()
    assert not left.exists() and kept.exists() and third.exists()
    assert living.poll() is None


def test_what_only_looks_like_one_is_left_alone(begin, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".lock").touch()
    (elsewhere / "thesis").write_text("x")
    (tmp_path / "afina-private-link").symlink_to(elsewhere)
    (tmp_path / "afina-private-file").write_text("x")
    begin()
    assert (elsewhere / "thesis").exists() and (tmp_path / "afina-private-file").exists()


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs to give a folder away")
def test_another_users_folder_is_neither_used_nor_removed(begin, tmp_path):
    theirs = tmp_path / "afina-private-theirs"
    theirs.mkdir()
    (theirs / ".lock").touch()
    os.chown(theirs, 12345, 12345)
    _, folder = begin()
    assert theirs.exists() and folder != theirs
