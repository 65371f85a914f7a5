"""AFINA_STOP_RUNS: an app that is told to end saves the run at work first, and the next one goes on with it."""

from __future__ import annotations

import time

import pytest
from gradio_client import Client

from tests.browser.conftest import TOKEN, start, stop
from tuning.runs.run_store import RunStore

pytestmark = pytest.mark.slow


def test_a_run_is_saved_when_the_app_ends_and_goes_on_in_the_next(tmp_path, monkeypatch):
    monkeypatch.setenv("AFINA_STOP_RUNS", "1")
    headers = {"Authorization": f"Bearer {TOKEN}"}
    app = start(tmp_path)
    client = Client(app.url(), headers=headers, verbose=False)
    given = {"epochs": 1.5, "batch_size": 4}  # long enough that it still goes on when it is stopped
    run_id = client.predict("pocket", "plain.en", "saved", given, api_name="/start_run")
    store = RunStore(tmp_path)

    def until(true, seconds=120):
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, (store.get(run_id).state, app.printed)
            time.sleep(0.1)

    until(lambda: store.get(run_id).status().step >= 3)
    total = store.get(run_id).status().total_steps
    stop(app)  # SIGTERM
    assert app.process.returncode == 0
    run = store.get(run_id)
    at = run.status().step
    assert run.state == "stopped" and run.has_adapter and 3 <= at < total
    assert list(run.checkpoints_dir.iterdir())
    time.sleep(1)
    assert not run.held and run.status().step == at  # nobody goes on behind

    again = start(tmp_path)
    try:
        client = Client(again.url(), headers=headers, verbose=False)
        assert client.predict(run_id, api_name="/run_status")["state"] == "stopped"
        client.predict(run_id, api_name="/resume_run")
        until(lambda: store.get(run_id).state == "done", 400)
        steps = [event.step for event in store.get(run_id).events() if event.kind == "train" and event.step]
        resumed = [step for step in steps if step > at]
        assert resumed and min(resumed) == at + 1 and store.get(run_id).status().step == total
    finally:
        stop(again)
