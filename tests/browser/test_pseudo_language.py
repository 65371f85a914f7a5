"""In a made-up language no visible text of the page or the phone is English: all come from the files of texts."""

from __future__ import annotations

import re
import tarfile

import pytest

from common.settings import Settings
from labeling.rounds import lifecycle
from labeling.schema import Comparison, RoundSettings
from tests import ROOT, pseudo_language
from tests.browser import helpers
from tests.browser.conftest import start, stop
from tuning.models.peft_methods import PEFT_METHODS
from workbench.actors import TEACHER
from workbench.services import build

# Texts that are seen or read aloud: [text, where it stands].
_SHOWN = """skipped => {
    const found = [];
    const seen = element => !element.closest(skipped)
        && element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length;
    const named = element => [element.tagName.toLowerCase(), element.id, ...element.classList].join(" ");
    const add = (text, element) => found.push([text.trim(), `${named(element.parentElement)} > ${named(element)}`]);
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode, element = text.parentElement;
        if (!element.closest("script, style, noscript") && seen(element)) add(text.textContent, element);
    }
    for (const name of ["aria-label", "placeholder", "title"])
        for (const element of document.querySelectorAll(`[${name}]`))
            if (seen(element)) add(element.getAttribute(name), element);
    return found;
}"""
# Data, and what people and models wrote: the rows of tables, tokens, runs, the language list, the room's code.
_DATA = (
    "[role=gridcell], .virtual-row, .tok-row, .class-bar, .token, table.runs, .legendtext, .runs-details h3, "
    "svg text.name, #afina-language, #language, p.address, .code, .qr, .train-head, .reply .text, .asked, #round"
)
# Widgets of Gradio, Plotly and Vega, whose own words are in the languages that these ship: help for screen readers.
_WIDGETS = (
    ".toolbar, .modebar, .drop-hint, .vega-embed svg, footer, .tab-like-container, input[type=range], .token-remove, "
    ".upload-container, .wrap > .sr-only"
)
# Values whose words stand beside them: Gradio gives them to a choice as its title.
_CHOSEN = ("learning_rate", "batch_size", "epochs", "rank", "feature", "generate", r"ask_\w+")
_NAMES = (
    r"pocket|Afina|CPU|on-tiny|tiny-llama|few\.jsonl|apache-2\.0|float32|\w+\.(?:en|es)(?:\.txt)?|[0-9a-f]{16}|"
    r"[\d.,]+ [kMGTP]?B\b|https?://\S+|A|B|Vega visualization|Dataframe|chatbot conversation"
)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """An app with the language, whose home folder holds two runs, a round with votes and one that is open."""
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("languages")
    pseudo_language.write(folder)
    with tarfile.open(ROOT / "tests" / "homes" / "before_rooms.tar.xz") as archive:
        archive.extractall(home, filter="data")
    for path in home.glob("runs/*/run.json"):
        path.write_text(path.read_text(encoding="utf-8").replace("HOME", str(home)), encoding="utf-8")
    _open_a_round(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AFINA_LANGUAGES", str(folder))
        running = start(home)
    yield running
    stop(running)


def _open_a_round(home) -> None:
    services = build(Settings(home=home))
    settings = RoundSettings(votes_wanted=2, ask_strength=True, ask_ratings=True, ask_rationale=True, ask_edit=True)
    this = lifecycle.create(services.labels, "mine", "judge", ["a", "b"], settings)
    pairs = [Comparison(f"{i}?", f"{i}", f"{i + 1}", "a@1", "b@2") for i in range(2)]
    lifecycle.add_comparisons(services.labels, this.round_id, pairs)
    services.rounds.move(TEACHER, this.round_id, "open")
    services.stop()


def english(page) -> set[tuple[str, str]]:
    """What of the page is in letters of English, without names and data."""
    methods = sorted((re.escape(method.label) for method in PEFT_METHODS.values()), key=len, reverse=True)
    allowed = re.compile("|".join([*methods, *PEFT_METHODS, *_CHOSEN, _NAMES]))
    shown = page.evaluate(_SHOWN, f"{_DATA}, {_WIDGETS}")
    return {(text, where) for text, where in shown if re.search(r"[A-Za-z]{2}", allowed.sub("", text))}


def unfold(page) -> None:
    folded = page.locator("button.label-wrap:visible:not(.open)")
    while folded.count():
        folded.first.click()
    page.wait_for_timeout(2_500)  # what is drawn when it is unfolded, or its tab chosen, comes from the server


def to_pseudo_language(page, choice: str) -> None:
    page.locator(choice).select_option(pseudo_language.CODE)
    page.wait_for_function("code => document.documentElement.lang === code", arg=pseudo_language.CODE)


@pytest.mark.slow
def test_no_text_of_the_page_is_english(app, visit):
    page = visit(app.teachers_link)
    to_pseudo_language(page, "#afina-language select")
    page.get_by_role("tab", name=pseudo_language.transformed("Train"), exact=True).wait_for()
    left: set[tuple[str, str]] = set()
    tabs = page.locator("[role=tablist]").first.get_by_role("tab")
    for number in range(tabs.count()):
        tabs.nth(number).click()
        page.wait_for_timeout(1_500)
        tasks = page.locator(".tasks:visible").locator("[role=tablist]").first.get_by_role("tab")
        for task in range(tasks.count() or 1):
            if tasks.count():
                tasks.nth(task).click()
            unfold(page)
            left |= english(page)
    assert not left
    assert page.evaluate("document.documentElement.lang") == pseudo_language.CODE
    assert page.locator("#afina-language select").input_value() == pseudo_language.CODE


@pytest.mark.slow
def test_no_text_of_the_phone_is_english(app, chromium):
    context = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(f"{app.url()}/vote")
    to_pseudo_language(page, "#language")
    left = english(page)
    page.locator("#room").fill("222222")
    page.locator("#join button").click()
    page.locator("#wrong", has_text=pseudo_language.transformed("room")).wait_for()
    left |= english(page)
    page.locator("#room").fill(helpers.room_code(app.home))
    page.locator("#join button").click()
    for _ in range(2):
        page.locator("[data-choice=left]:enabled").click()
        left |= english(page)  # with what is asked beside the choice
        page.locator("#sending [type=submit]").click()
    page.locator(".done").wait_for()
    page.locator("#leave").click()
    left |= english(page)
    context.close()
    assert not left
