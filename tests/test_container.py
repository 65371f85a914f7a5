"""What the container files say is what the app is; the proxy's rules, in front of two servers that say who they are."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from common.settings import Settings
from tests import ROOT
from ui.edge.addresses import addresses, local_address
from ui.phone.routes import routes as phone_routes
from workbench.services import build

PROXY = ROOT / "docker" / "haproxy.cfg"
_SETTINGS = {each.metadata["env"] for each in Settings.__dataclass_fields__.values()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def dockerfile() -> list[tuple[str, str]]:
    """(instruction, rest) of every instruction, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.M).replace("\\\n", " ").splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines if line.strip()]


def assemble(target: Path) -> dict[str, str]:
    """Copies into `target` what the Dockerfile copies, as .dockerignore lets it; the environment that it sets."""
    env: dict[str, str] = {}
    for instruction, rest in dockerfile():
        if instruction == "ENV":
            env |= dict(pair.split("=", 1) for pair in rest.split())
        if instruction == "COPY":
            *sources, to = rest.split()
            for source in sources:
                whole, there = ROOT / source, target / to
                if whole.is_dir():
                    shutil.copytree(whole, there, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy2(whole, there)
    return env


def test_the_image_holds_the_app_and_nothing_else(tmp_path):
    env = assemble(tmp_path)
    packages = {name.rstrip("*") for name in _pyproject()["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert {each.name for each in tmp_path.iterdir()} == packages | {
        "app.py",
        "LICENSE",
        "requirements.txt",
        "constraints.txt",
    }
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert {line[1:] for line in ignored if line.startswith("!")} == {each.name for each in tmp_path.iterdir()}
    assert {name for name in env if name.startswith("AFINA_")} <= _SETTINGS
    assert env["AFINA_HOME"] == "/data" and ("VOLUME", "/data") in dockerfile()
    assert dict(dockerfile())["CMD"] == '["python", "app.py", "--no-browser"]'  # no shell between it and SIGTERM


def test_the_image_takes_the_torch_that_the_app_asks_for():
    """The first `pip install` finds one line of constraints.txt, and that line is the version of torch alone."""
    (step,) = (rest for instruction, rest in dockerfile() if instruction == "RUN" and "pip install" in rest)
    command = re.search(r"\$\((grep [^)]+)\)", step)
    assert command
    found = subprocess.run(command.group(1), shell=True, cwd=ROOT, capture_output=True, text=True)
    assert re.fullmatch(r"torch==[\d.]+\n", found.stdout)
    for device, expected in (("cpu", 2), ("cuda", 1)):
        dry = step.replace("pip install", "echo pip install")
        done = subprocess.run(
            dry, shell=True, cwd=ROOT, env=os.environ | {"DEVICE": device}, capture_output=True, text=True
        )
        assert done.returncode == 0 and done.stdout.count("pip ") == expected


def test_the_composition_knows_its_parts():
    given = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    services = given["services"]
    apps = [name for name in services if name.startswith("app-")]
    assert len(apps) == 2
    for name in apps:
        env = services[name]["environment"]
        assert set(env) <= _SETTINGS and "@database/" in env["DATABASE_URL"]
        assert services[name]["volumes"] == ["home:/data"]
    proxy = services["proxy"]
    used = set(re.findall(r"\"\$\{(\w+)\}\"", PROXY.read_text(encoding="utf-8")))
    assert used == set(proxy["environment"])
    assert {proxy["environment"][f"APP_{i}"] for i in (1, 2)} == {f"{name}:7860" for name in apps}
    assert (ROOT / proxy["volumes"][0].split(":")[0]) == PROXY
    assert set(given["volumes"]) == {"home", "database"}


def test_the_address_that_was_given_is_the_one_shown():
    behind = Settings(host="0.0.0.0", public_url="https://afina.example.org/")
    assert addresses(behind) == ["https://afina.example.org"] == [local_address(behind)]


def _pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


class Named(BaseHTTPRequestHandler):
    """Answers everything with the name of its server and what it was told of TLS."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = f"{self.server.server_port} {self.headers.get('x-forwarded-proto')}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer

    def log_message(self, *_) -> None:
        pass


class Proxy:
    """The proxy of docker-compose.yml as a process here, in front of two addresses."""

    def __init__(self, first: str, second: str) -> None:
        binary = shutil.which("haproxy") or "/usr/sbin/haproxy"
        if not Path(binary).exists():
            pytest.skip("HAProxy is not installed (apt-get install haproxy)")
        self.port = free_port()
        env = os.environ | {"PROXY_BIND": f"127.0.0.1:{self.port}", "APP_1": first, "APP_2": second}
        self._process = subprocess.Popen(
            [binary, "-db", "-f", str(PROXY)], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for _ in range(200):
            assert self._process.poll() is None
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, str]:
        """(status, body, the proxy's cookie)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            answer = connection.getresponse()
            cookie = next((v for k, v in answer.getheaders() if v.startswith("afina_app=")), "")
            return answer.status, answer.read().decode(), cookie
        finally:
            connection.close()

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)


class Quiet(ThreadingHTTPServer):
    def handle_error(self, *_) -> None:
        """A connection that the proxy let go of is nothing to tell."""


@pytest.fixture
def behind() -> Iterator[tuple[Proxy, list[ThreadingHTTPServer]]]:
    servers = [Quiet(("127.0.0.1", 0), Named) for _ in range(2)]
    for each in servers:
        threading.Thread(target=each.serve_forever, daemon=True).start()
    proxy = Proxy(*(f"127.0.0.1:{each.server_port}" for each in servers))
    yield proxy, servers
    proxy.stop()
    for each in servers:
        each.shutdown()
        each.server_close()


def test_votes_go_to_either_and_a_page_stays(behind, tmp_path):
    proxy, servers = behind
    both = {str(each.server_port) for each in servers}
    services = build(Settings(home=tmp_path, teacher_token="x" * 16))
    votes = [(route.path, next(iter(route.methods - {"HEAD"}))) for route in phone_routes(services)]
    services.labels.close()
    for path, method in votes:
        found = {proxy.ask(path, method, cookie="afina_app=app-1")[1].split()[0] for _ in range(6)}
        assert found == both, path
    for path in (
        "/",
        "/voters",
        "/gradio_api/queue/join",
        "/gradio_api/upload",
        "/enter?token=x",
        "/files/x",
    ):
        assert {proxy.ask(path)[1].split()[0] for _ in range(6)} == both, path  # whoever comes first, anywhere
        _, first, cookie = proxy.ask(path)
        kept = {proxy.ask(path, cookie="a=b; " + cookie.split(";")[0])[1] for _ in range(6)}
        assert kept == {first}, path
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
        bearer = {proxy.ask(path, authorization="Bearer some token")[1] for _ in range(6)}
        assert len(bearer) == 1, path  # a program keeps no cookies
    tokens = {proxy.ask("/", authorization=f"Bearer {i}")[1].split()[0] for i in range(40)}
    assert tokens == both
    https = proxy.ask("/", X_Forwarded_Proto="https")
    assert https[1].endswith("https") and "SameSite=None; Secure; Partitioned" in https[2]


def test_an_app_that_is_down_is_left_out_at_once(behind):
    proxy, servers = behind
    cookies = {proxy.ask("/")[2].split(";")[0] for _ in range(4)}
    assert cookies == {"afina_app=app-1", "afina_app=app-2"}
    servers[0].shutdown()
    servers[0].server_close()
    for path in ("/vote/state", "/"):
        for cookie in cookies:
            assert proxy.ask(path, cookie=cookie)[:2] == (200, f"{servers[1].server_port} None")
