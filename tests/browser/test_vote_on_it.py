"""*Vote on it* and the dial's vote lead to the Vote tab, where the round that they made stands."""

from __future__ import annotations

import pytest

from labeling.rounds import lifecycle
from tests.standin.engine import StandInEngine
from tests.ui.edge.test_blind_names import run
from tests.ui.serving import TOKEN, Page


@pytest.fixture
def home(tmp_path):
    """A server in this process, whose policies answer at once: a finished DPO run without weights."""
    made, engine = Page(tmp_path), StandInEngine()
    services = made.services
    for state in ("locked", "revealed", "done"):
        lifecycle.move(services.labels, "one", state)
    services.rounds._engine = services.dialling._engine = lambda: engine
    services.rounds._identity = lambda policy: f"{policy}@1"
    services.dialling.prompt = lambda actor, name: "Hello."
    tuned = run(services, "tuned", "dpo", run(services, "before", "sft"))
    tuned.move("done")
    yield made
    made.demo.close()
    services.rounds.stop()
    services.labels.close()


@pytest.mark.slow
@pytest.mark.parametrize(("locale", "tab", "name"), [("en-US", "Align", "Round"), ("es-MX", "Alinear", "Ronda")])
def test_a_round_made_in_align_is_opened_in_the_vote_tab(home, visit, locale, tab, name):
    page = visit(f"http://127.0.0.1:{home.port}/enter?token={TOKEN}", locale=locale)
    page.set_default_timeout(40_000)
    for number, button in ((2, "#align-again"), (3, "#dial-vote")):
        page.get_by_role("tab", name=tab, exact=True).click()
        page.locator(f"{button}:visible").click()
        page.locator("#vote-stage .run-head b", has_text=f"{name} {number}").wait_for()
        assert page.locator("#vote-round input").input_value() == f"{name} {number}"
        assert "tuned" not in page.locator("#vote-stage").inner_text()
        page.locator("#vote-open:visible").wait_for()
        page.wait_for_function("window.scrollY === 0")  # the stage, not what stood as far down in Align
