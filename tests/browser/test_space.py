"""The folder that a Space is built from: what is in it, that it starts as there, that it is uploaded whole."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from gradio_client import Client

from tests.browser.conftest import ROOT, TOKEN
from tests.standin import openid
from tests.standin.hub import Hub

SPACE = {
    "SYSTEM": "spaces",
    "SPACE_ID": "owner/afina",
    "SPACE_HOST": "owner-afina.hf.space",
    "HF_HUB_OFFLINE": "1",
    "OAUTH_CLIENT_ID": "client",
    "OAUTH_CLIENT_SECRET": "client's secret",
    "OAUTH_SCOPES": "openid profile",
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
        "README.md",
        "LICENSE",
        "app.py",
        "requirements.txt",
        "common",
        "tuning",
        "labeling",
        "workbench",
        "ui",
        "docs",
    }
    front = metadata_load(folder / "README.md")
    assert (front["sdk"], front["app_file"], front["hf_oauth"]) == ("gradio", "app.py", True)
    assert len(front["short_description"]) <= 60
    assert "# Afina" in (folder / "README.md").read_text(encoding="utf-8")
    again = deploy("--space", "owner/afina", "--dry-run", str(folder), HF_HUB_OFFLINE="1")
    assert again.returncode == 2
    assert "not empty" in again.stderr
    assert deploy("--space", "afina", "--dry-run", str(folder.parent / "x")).returncode == 2


@pytest.fixture(scope="module")
def provider():
    with openid.serve() as made:
        yield made


@pytest.fixture(scope="module")
def space(folder, provider, tmp_path_factory):
    """(where it listens, its log) of the folder, started as on the platform."""
    home = tmp_path_factory.mktemp("home")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env |= SPACE | {"AFINA_HOME": str(home), "AFINA_TEACHER_TOKEN": TOKEN, "AFINA_PORT": str(port)}
    env |= {"OPENID_PROVIDER_URL": provider.url, "AFINA_TEACHERS": "colleague, Another-One"}
    log = home / "log"
    with log.open("wb") as output:
        app = subprocess.Popen([sys.executable, "app.py"], cwd=folder, env=env, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 120
        while "Teacher / docente" not in log.read_text():
            assert app.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        opened = {each.laddr.port for each in psutil.Process(app.pid).net_connections() if each.status == "LISTEN"}
        assert opened == {port}  # no reload server on 7887
        assert "__main__" not in log.read_text()
        yield port, log
    finally:
        app.terminate()
        app.wait(60)


@pytest.mark.slow
def test_it_starts_as_on_the_platform_and_opens_in_a_browser(space, chromium):
    port, log = space
    assert "https://owner-afina.hf.space" in log.read_text()
    context = chromium.new_context()
    here = f"http://127.0.0.1:{port}/"
    context.route("**/*", lambda route: route.continue_() if route.request.url.startswith(here) else route.abort())
    page = context.new_page()
    page.goto(f"{here}enter?token={TOKEN}")
    page.get_by_text("https://owner-afina.hf.space").wait_for()
    assert page.url == here
    page.get_by_role("link", name="Sign in").wait_for()
    page.get_by_text("No backup: labels are lost when this Space sleeps").wait_for()
    page.locator("#before-class-open").click()
    page.get_by_text("all labels and runs are lost when this Space sleeps or restarts").wait_for()
    page.go_back()
    assert "token" not in page.url  # the address with the token is no step of the history
    context.close()


@pytest.mark.slow
def test_sign_in_leaves_another_sites_frame(space, chromium):
    """Browsers that keep no third party's cookies would go round in circles in there."""
    port, _ = space
    context = chromium.new_context()
    here = f"http://127.0.0.1:{port}/"
    context.route("**/*", lambda route: route.continue_() if route.request.url.startswith(here) else route.abort())
    page = context.new_page()
    page.goto(here)
    page.get_by_text("sign in as a teacher of this Space, or ask the teacher").wait_for()
    assert page.locator("#before-class-open").count() == 0
    link = page.get_by_role("link", name="Sign in")
    link.wait_for()
    assert link.get_attribute("target") in (None, "_self")
    framed = f'<!doctype html><iframe src="{here}" width=1200 height=700></iframe>'
    page.route(f"{here}framed", lambda route: route.fulfill(content_type="text/html", body=framed))
    page.goto(f"{here}framed")
    link = page.frame_locator("iframe").get_by_role("link", name="Sign in")
    link.wait_for()
    assert link.get_attribute("target") == "_blank"
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize(("around", "shown"), [("https://huggingface.co", True), ("https://elsewhere.test", False)])
def test_the_hubs_page_may_frame_it_and_no_other(space, launch, around, shown):
    """As on the platform: the Hub's page around ours, whose frame talks to its own server alone."""
    port, _ = space
    # The Hub's page is public and ours, here, on this machine: Chromium would ask before it lets one frame the other.
    browser = launch("--disable-features=LocalNetworkAccessChecks")
    context = browser.new_context()
    context.set_default_timeout(120_000)
    here = f"http://127.0.0.1:{port}/"
    framed = f'<!doctype html><iframe src="{here}" width=1200 height=700></iframe>'

    def answer(route):
        if route.request.url.startswith(here):
            route.continue_()
        elif route.request.url == f"{around}/spaces/owner/afina":
            route.fulfill(content_type="text/html", body=framed)
        else:
            route.abort()

    context.route("**/*", answer)
    page = context.new_page()
    page.goto(f"{around}/spaces/owner/afina")
    frame = page.frame_locator("iframe")
    if shown:
        frame.get_by_role("tab", name="Numbers").click()
        frame.get_by_role("tabpanel").get_by_role("button").first.wait_for()
    else:
        page.wait_for_timeout(1000)
        assert page.frames[1].url.startswith("chrome-error:")
        assert frame.get_by_role("tab").count() == 0
    browser.close()


def ask(port: int, path: str, cookie: str = "") -> tuple[int, str, str]:
    """(status, where it sends the browser, the session's cookie): a browser's part, on http despite `Secure`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"cookie": cookie, "x-forwarded-proto": "https"})
        answer = connection.getresponse()
        answer.read()
        given = next((v.split(";")[0] for k, v in answer.getheaders() if v.startswith("session=")), cookie)
        return answer.status, answer.headers.get("location", ""), given
    finally:
        connection.close()


def sign_in(port: int, provider: openid.Provider, user: str) -> str:
    """The session's cookie of somebody who went through the provider and back."""
    provider.user = user
    status, there, cookie = ask(port, "/login/huggingface")
    assert status in (302, 307) and there.startswith(provider.url)
    back = provider.authorize(there)
    assert back.startswith("https://owner-afina.hf.space/login/callback?")
    status, there, cookie = ask(port, back.removeprefix("https://owner-afina.hf.space"), cookie)
    assert status in (302, 307) and there.startswith("/") and "code" not in there
    return cookie


@pytest.mark.slow
@pytest.mark.parametrize(
    ("user", "is_teacher"),
    [
        ("owner", True),
        ("OWNER", True),
        ("colleague", True),
        ("another-one", True),
        ("stranger", False),
        ("owner2", False),
        ("afina", False),
        ("", False),
        ("colleague, Another-One", False),
    ],
)
def test_the_owner_and_named_teachers_sign_in(space, provider, user, is_teacher):
    port, log = space
    cookie = sign_in(port, provider, user)
    # a route of ours, and a handler of Gradio's
    assert ask(port, "/files/runs/none", cookie)[0] == (404 if is_teacher else 403)
    if user in ("owner", "stranger"):
        here = f"http://127.0.0.1:{port}"
        client = Client(here, headers={"cookie": cookie, "origin": here}, verbose=False)  # as a browser sends them
        with pytest.raises(Exception, match="no run" if is_teacher else "Only the teacher"):
            client.predict("none", api_name="/stop_run")
    told = log.read_text()
    assert TOKEN not in told and "hf_oauth_secret" not in told and "code-" not in told


@pytest.mark.slow
def test_a_session_that_is_forged_or_over_is_nobodys(space, provider):
    port, _ = space
    cookie = sign_in(port, provider, "owner")
    name, value = cookie.split("=", 1)
    body, rest = value.split(".", 1)
    other = json.loads(base64.b64decode(body)) | {"oauth_info": {"userinfo": {"preferred_username": "owner"}}}
    forged = base64.b64encode(json.dumps(other).encode()).decode()
    for each in (f"{forged}.{rest}", body, f"{body}.x.y", ""):
        assert ask(port, "/files/runs/none", f"{name}={each}")[0] == 403
    provider.expires = -1
    assert ask(port, "/files/runs/none", sign_in(port, provider, "owner"))[0] == 403
    provider.expires = 3600
    out = ask(port, "/logout", cookie)[2]
    assert ask(port, "/files/runs/none", out)[0] == 403


@pytest.fixture
def hub():
    made = Hub()
    yield made
    made.close()


LINK = "/enter?token="


def suggested(space) -> str:
    """The hardware that the Space's README asks for."""
    return re.findall(r"suggested_hardware: (\S+)", space.files["README.md"].decode())[0]


@pytest.mark.slow
def test_space_and_private_labels_are_made_once_and_updated(hub):
    env = hub.env() | {"AFINA_SPACE_TOKEN": "hf_labels_only"}
    first = deploy("--space", "owner/afina", "--hardware", "cpu", **env)
    assert first.returncode == 0, first.stderr
    assert LINK in first.stdout and "NO BACKUP" not in first.stdout
    space, labels = hub.repo("owner/afina", "space"), hub.repo("owner/afina-labels")
    assert labels.private
    assert "app.py" in space.files and not any(name.startswith("spaces/") for name in space.files)
    given = space.about["secrets"]
    assert given["HF_TOKEN"] == "hf_labels_only" and given["AFINA_BACKUP"] == "owner/afina-labels"
    assert f"{LINK}{given['AFINA_TEACHER_TOKEN']}" in first.stdout
    assert not space.about.get("variables")  # a duplicate would inherit them
    again = deploy("--space", "owner/afina", **env)
    assert again.returncode == 0, again.stderr
    asked = "POST /api/spaces/owner/afina/hardware"
    assert not hub.calls[asked] and suggested(space) == "cpu-basic"  # it keeps what it has
    assert LINK not in again.stdout and "stays as it is" in again.stdout
    assert space.about["secrets"]["AFINA_TEACHER_TOKEN"] == given["AFINA_TEACHER_TOKEN"]
    other = deploy("--space", "owner/afina", "--hardware", "gpu", "--new-link", **env)
    assert other.returncode == 0 and hub.calls[asked] == 1 and suggested(space) == "t4-small"
    assert f"{LINK}{space.about['secrets']['AFINA_TEACHER_TOKEN']}" in other.stdout
    labels.private = False
    public = deploy("--space", "owner/afina", **env)
    assert public.returncode == 2 and "owner/afina-labels is public" in public.stderr
    labels.private = True
    hub.broken = 500
    assert deploy("--space", "owner/afina", **env).returncode == 2


@pytest.mark.slow
@pytest.mark.parametrize("fault", [400, 403, "half"])
def test_a_first_run_that_fails_in_the_upload_is_run_again(hub, fault):
    env = hub.env()
    hub.failing = [fault] * 12
    failed = deploy("--space", "owner/afina", **env)
    assert failed.returncode == 2 and "Traceback" not in failed.stderr
    assert failed.stderr.count("Run the same command again") == 1  # among the client's own progress bars
    hub.failing = []
    done = deploy("--space", "owner/afina", **env)
    assert done.returncode == 0, done.stderr
    token = hub.repo("owner/afina", "space").about["secrets"]["AFINA_TEACHER_TOKEN"]
    assert f"{LINK}{token}" in done.stdout
    assert "app.py" in hub.repo("owner/afina", "space").files


@pytest.mark.slow
def test_the_hosts_own_token_is_not_given_away_and_duplicates_inherit_nothing(hub):
    env = hub.env()
    done = deploy("--space", "owner/afina", **env)
    space = hub.repo("owner/afina", "space")
    assert env["HF_TOKEN"] not in str(space.about) and "HF_TOKEN" not in space.about["secrets"]
    assert "NO BACKUP YET" in done.stdout and "AFINA_SPACE_TOKEN" in done.stdout
    space.about["variables"] = {
        "AFINA_BACKUP": "owner/afina-labels",
        "OTHER": "x",
    }  # as an earlier Afina left it
    again = deploy("--space", "owner/afina", **env | {"AFINA_SPACE_TOKEN": "hf_labels_only"})
    assert again.returncode == 0, again.stderr
    assert space.about["variables"] == {"OTHER": "x"}
    assert space.about["secrets"]["HF_TOKEN"] == "hf_labels_only"
    third = deploy("--space", "owner/afina", **env)
    assert "NO BACKUP" not in third.stdout and space.about["secrets"]["HF_TOKEN"] == "hf_labels_only"


@pytest.mark.slow
def test_the_readme_of_the_folder_links_what_is_there(folder):
    text = (folder / "README.md").read_text(encoding="utf-8")
    links = [to for to in re.findall(r"\]\(([^)]+)\)", text) if not re.match("[a-z]+:|#", to)]
    assert links and all((folder / to).exists() for to in links)
    assert "benchmarks/README.md" in text
