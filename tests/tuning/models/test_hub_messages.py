"""Models and data of a Hub that says no, in a process of its own: HF_ENDPOINT is read once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests import ROOT

_ASK = """
import json
from pathlib import Path
from common.errors import AfinaError
from tuning.models import loader, model_info
from tuning.runs import resolver
from tuning.data import loading
found = {}
def ask(name, call):
    try:
        call()
        found[name] = "no error"
    except AfinaError as error:
        found[name] = error.key
        assert "{" not in error.words("en") + error.words("es")
for kind in ("gated", "absent"):
    base = resolver.resolve(f"someone/{kind}", Path("home")).base
    for load in (model_info.describe, loader.load_tokenizer, loader.load_model):
        ask(f"{kind}.{load.__name__}", lambda: load(base))
    ask(f"{kind}.data", lambda: loading.load(f"someone/{kind}"))
print(json.dumps(found))
"""


class Refusing(BaseHTTPRequestHandler):
    """As the Hub answers somebody without a token."""

    def do_GET(self) -> None:
        gated = "gated" in self.path
        self.send_response(401)
        self.send_header("X-Error-Code", "GatedRepo" if gated else "RepoNotFound")
        self.send_header("X-Error-Message", "Access is restricted." if gated else "Repository not found")
        self.send_header("content-length", "0")
        self.end_headers()

    do_HEAD = do_POST = do_GET

    def log_message(self, *args) -> None:
        pass


@pytest.fixture
def refusing():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_gated_and_unknown_ids_are_told_apart(refusing, tmp_path):
    env = {name: value for name, value in os.environ.items() if name not in ("HF_HUB_OFFLINE", "HF_TOKEN")}
    env |= {"HF_ENDPOINT": refusing, "HF_HOME": str(tmp_path / "hf"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _ASK], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    for call in ("describe", "load_tokenizer", "load_model"):
        assert found[f"gated.{call}"] == "models.gated", found
        assert found[f"absent.{call}"] == "models.not_found", found
    assert found["gated.data"] == "data.hub_gated", found
    assert found["absent.data"] == "data.hub_unknown", found
