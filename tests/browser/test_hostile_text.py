"""Script in every text that a person, a file, a model or an address can bring: it is shown, and nothing runs."""

from __future__ import annotations

import json
import uuid

import pytest

from labeling.admission import annotators
from labeling.rounds import lifecycle
from labeling.schema import Comparison, RoundSettings
from tests.ui.serving import TOKEN, Page
from tuning.config.training import SFTConfig
from tuning.data.loading import load
from workbench.actors import TEACHER

_WITNESS = """  // where the text became a picture, by the elements around it
window.witnessed = [];
new MutationObserver(changes => changes.forEach(change => change.addedNodes.forEach(node => {
  for (const each of node.querySelectorAll ? [node, ...node.querySelectorAll('img')] : [])
    if (each.matches('img[src$="/hit"]')) {
      const around = [];
      for (let at = each.parentElement; at; at = at.parentElement) around.push(at.id || at.className);
      window.witnessed.push(around.slice(0, 8).join(' < '));
    }
}))).observe(document, {childList: true, subtree: true});
"""
# Gradio's own, where it runs within the tests' process.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
HIT = "<img src=/hit onerror=window.hit=1>"  # a picture that is asked for is enough to fail


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """An app whose votes, rounds, runs, data and guidelines all carry it."""
    tmp_path = tmp_path_factory.mktemp("hostile")
    made = Page(tmp_path / "home")
    services = made.services
    labels = services.labels
    wanted = RoundSettings(
        ask_rationale=True, ask_ratings=True, ask_edit=True, criteria=(HIT, "helpful"), common_items=2
    )

    def round_(name):
        this = lifecycle.create(
            labels, name, "judge", [HIT + "a", HIT + "b"], wanted, guidelines_text=f"Be {HIT} honest"
        )
        turns = [{"role": "system", "content": HIT}, {"role": "user", "content": f"Why {HIT}?"}]
        some = [Comparison(tuple(turns), f"one {HIT}", f"two {i} {HIT}", HIT + "a", HIT + "b") for i in range(3)]
        lifecycle.add_comparisons(labels, this.round_id, some)
        lifecycle.move(labels, this.round_id, "open")
        return this

    for state in ("locked", "revealed"):
        lifecycle.move(labels, lifecycle.listed(labels)[0].round_id, state)
    voted = round_(f"voted {HIT}")
    for _ in range(3):
        bearer = {"authorization": f"Bearer {made.join()}"}
        while not (item := json.loads(made.ask("GET", "/vote/next", **bearer)[1])).get("done"):
            body = {
                "annotation_id": uuid.uuid4().hex,
                "comparison_id": item["comparison_id"],
                "winner": "left",
                "rationale": HIT,
                "flags": [HIT],
                "edited_side": "left",
                "edited_completion": HIT,
            }
            assert made.ask("POST", "/vote/cast", body, **bearer)[0] == 200
    for state in ("locked", "revealed", "done"):
        lifecycle.move(labels, voted.round_id, state)
    services.rounds.invite(TEACHER, 1, HIT, 0)
    made.open = round_(f"open {HIT}")

    data = tmp_path / "rows.jsonl"
    rows = [{"instruction": f"{i} {HIT}", "output": f"{HIT} {i}"} for i in range(40)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    loaded = load(data)
    object.__setattr__(loaded, "name", HIT)
    run = services.queue.submit("sft", SFTConfig(source_model="pocket"), loaded, "told", extra={"group": HIT})
    run.move("failed", ("queued",))
    yield made
    made.demo.close()
    labels.close()


@pytest.fixture
def watched(chromium, hostile):
    """Opens an address; in the end nothing was asked for that only a running text could ask for."""
    asked, contexts = [], []

    def open_page(path, **more):
        context = chromium.new_context(locale="en-US", **more)
        contexts.append(context)
        context.set_default_timeout(20_000)
        context.on("request", lambda request: asked.append(request.url))
        context.add_init_script(_WITNESS)
        page = context.new_page()
        page.on("dialog", lambda dialog: asked.append("/hit"))
        page.goto(f"http://127.0.0.1:{hostile.port}{path}")
        return page

    yield open_page
    seen = [page.evaluate("[window.witnessed, window.hit]") for context in contexts for page in context.pages]
    for context in contexts:
        context.close()
    assert seen == [[[], None]] * len(seen)
    assert not [url for url in asked if "hit" in url.rsplit("/", 1)[-1]]


def shown(page, n=1):
    """Until the text itself is to be read on the page, at `n` places or more."""
    page.wait_for_function(f"document.body.innerText.split({json.dumps(HIT)}).length > {n}")


@pytest.mark.slow
def test_on_the_phone(watched, hostile):
    code = annotators.room(hostile.services.labels).code
    page = watched(f"/vote#room={code}", viewport={"width": 390, "height": 800}, has_touch=True)
    page.get_by_role("button", name="Join").click()
    page.locator("[data-choice=left]:enabled").wait_for()
    shown(page, 3)
    page.locator("#guidelines summary").tap()
    page.locator("#guidelines div").get_by_text("honest").wait_for()
    shown(page, 3)


@pytest.mark.slow
def test_on_the_teachers_page(watched, hostile):
    page = watched(f"/enter?token={TOKEN}")
    train(page)
    page.get_by_role("tab", name="Models").click()
    shown(page)
    page.get_by_role("tab", name="Vote").click()
    page.locator(".stage").wait_for()
    shown(page)
    page.get_by_role("button", name="Vote statistics").click()
    page.locator("#vote-round input").click()
    page.get_by_role("option", name="voted").click()
    page.locator("#vote-refresh").click()
    page.get_by_text("Krippendorff's alpha").first.wait_for()
    shown(page, 3)
    page.get_by_role("tab", name="Align").click()
    page.locator("#align-facts p").first.wait_for()
    page.get_by_role("tab", name="Label").click()
    page.locator("#label-join").click()
    page.locator("#label-choice input").first.wait_for()
    shown(page, 3)
    page.get_by_role("tab", name="Chat").click()
    page.locator("#chat-message textarea").fill(HIT)
    page.locator("#chat-send").click()
    page.locator(".user.message:visible", has_text=HIT).nth(1).wait_for()  # in both columns


def train(page):
    """File names, columns, rows, names and models that do not exist: the errors say them again."""
    page.get_by_text("learned (carries loss)").wait_for()
    for first, second in (
        (HIT, "b"),
        ("instruction", "output"),
    ):  # a mapping is asked for; the rows are shown
        rows = [{first: f"{i} {HIT}", second: f"{HIT} {i}"} for i in range(30)]
        body = "".join(json.dumps(row) + "\n" for row in rows).encode()
        page.locator("input[type=file]").first.set_input_files(
            {"name": HIT.replace("/", "") + ".jsonl", "mimeType": "application/json", "buffer": body}
        )
        page.wait_for_timeout(1500)
        shown(page)
    toasts = page.get_by_test_id("toast-text")
    page.get_by_label("Name of the run").fill(HIT)
    page.get_by_role("button", name="Start training").click()
    toasts.filter(has_text=HIT).first.wait_for()
    page.get_by_label("Base model").first.fill(HIT)
    page.get_by_label("Base model").first.press("Enter")
    page.get_by_role("button", name="Start training").click()
    toasts.filter(has_text=HIT).nth(1).wait_for()
