"""The endpoints that scripts call, through `gradio_client`, against a real app that trains a tiny model."""

from __future__ import annotations

import json
import time

import pytest
from gradio_client import Client

from tests.browser.conftest import TOKEN, start, stop
from tests.tuning.conftest import sums, tiny_model  # noqa: F401
from tuning.runs.run_store import RunStore

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    running = start(tmp_path_factory.mktemp("home"))
    yield running
    stop(running)


def test_a_run_from_afar_is_started_followed_stopped_resumed_and_asked(app, tiny_model, sums, tmp_path):  # noqa: F811
    data = tmp_path / "sums.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in sums))
    client = Client(app.url(), headers={"Authorization": f"Bearer {TOKEN}"}, verbose=False)

    def until(run: str, wanted: tuple[str, ...], step: int = 0) -> dict:
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            told = client.predict(run, api_name="/run_status")
            if told["state"] in wanted and told["step"] >= step:
                return told
            time.sleep(0.1)
        raise AssertionError(told)

    settings = {"epochs": 100, "rank": 4, "batch_size": 4, "save_every": 50, "eval_every": 500}
    run = client.predict(str(tiny_model), str(data), "from-afar", settings, api_name="/start_run")
    until(run, ("running",), step=2)
    assert client.predict(run, api_name="/stop_run") == run
    stopped = until(run, ("stopped",))
    assert 0 < stopped["step"] < stopped["total_steps"]
    answer = client.predict(
        "What is 1 plus 2?",
        [str(tiny_model), "from-afar"],
        {"greedy": True, "max_new_tokens": 8},
        "",
        api_name="/compare",
    )
    assert len(answer) == 2
    assert client.predict("from-afar", api_name="/resume_run") == "from-afar"
    assert until(run, ("running",), step=stopped["step"] + 1)["step"] > stopped["step"]
    client.predict(run, api_name="/stop_run")
    until(run, ("stopped",))
    assert client.predict("", api_name="/run_status")["state"] == "stopped"


def states(app) -> dict[str, str]:
    """Every run of the app by name, as it lies on disk."""
    return {run.name: run.state for run in RunStore(app.home).list()}


@pytest.mark.parametrize("call", ["/start_run", "/stop_run", "/resume_run"])
def test_a_stranger_is_refused(app, call):
    client, before = Client(app.url(), verbose=False), states(app)
    given = ["pocket", "mixed.en", "x", {}] if call == "/start_run" else ["from-afar"]
    with pytest.raises(Exception, match=r"(?i)teacher"):
        client.predict(*given, api_name=call)
    assert states(app) == before
