"""The whole app as on ZeroGPU: the real package `spaces` forks, pickles and schedules; no model computes elsewhere.

Without SPACE_ID, with which Gradio's page asks huggingface.co for the Space's likes.
"""

from __future__ import annotations

import pytest

from tests.browser import conftest, helpers
from tests.standin import device_api

pytestmark = pytest.mark.slow


@pytest.fixture
def space(tmp_path, monkeypatch):
    """(app, scheduler): the app with slices so short that a quick run takes several."""
    with device_api.serve() as scheduler:
        for name, value in {
            "SPACES_ZERO_GPU": "true",
            "SPACES_ZERO_DEVICE_API_URL": scheduler.url,
            "AFINA_GPU_SLICE": "12",
            "PYTHONPATH": str(conftest.ROOT / "tests" / "standin" / "zerogpu"),
        }.items():
            monkeypatch.setenv(name, value)
        running = conftest.start(tmp_path)
        yield running, scheduler
        conftest.stop(running)


def test_a_lesson_on_lent_gpus(space, visit):  # in this order: the page closes before the app
    app, scheduler = space
    page = visit(app.teachers_link)
    page.get_by_text("learned (carries loss)").wait_for()
    page.get_by_text("keep this page open").wait_for()  # the quote, before the click
    assert not scheduler.asked
    page.get_by_text("Quick").click()
    page.get_by_label("Name of the run").fill("lent")
    page.get_by_role("button", name="Start training").click()
    helpers.wait_for_step(page, 1)
    for _ in range(600):
        if len(scheduler.asked) >= 3:
            break
        page.wait_for_timeout(200)
    assert set(scheduler.asked) == {12}  # one slice after the other, each asked for as quoted
    page.get_by_role("button", name="Stop and save").click()
    page.locator(".badge.stopped").first.wait_for(timeout=180_000)

    page.get_by_role("tab", name="Chat").click()
    page.reload()
    page.get_by_role("tab", name="Chat").click()
    helpers.ask(page, "What is the capital of Peru?")
    base, tuned = helpers.replies(page, 2)
    assert base and tuned and base != tuned
    assert not any(scheduler.released)  # no call failed
    assert "outside of the process" not in app.printed

    scheduler.quota = 0
    page.locator("#chat-message textarea").fill("And of France?")
    page.locator("#chat-send").click()
    page.get_by_text("has reached its GPU limit").first.wait_for()
    page.locator("#chat-send").wait_for(state="visible")
