"""What several browser tests do on the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from labeling.admission import annotators
from labeling.storage.label_store import connect
from tests.ui.phone import stub

WAIT = 10_000  # ms that a phone page is waited for


def room_code(home: Path) -> str:
    """The code that the app of this home folder shows."""
    store = connect(home / "labels.db")
    code = annotators.room(store).code
    store.close()
    return code


def ask(page, message: str) -> None:
    """Sends a message in the Chat tab and waits until every column has ended."""
    # The columns are chosen a moment after the tab is first shown.
    page.wait_for_function("document.querySelector('#chat-policy-0 input')?.value")
    page.locator("#chat-message textarea").fill(message)
    asked = page.locator(".user.message:visible").count()
    page.locator("#chat-send").click()
    # Stop may have come and gone between two looks of a busy machine; the question itself stays, and "…" until a word.
    page.wait_for_function(
        """asked => {
            const shown = kind => [...document.querySelectorAll(kind)].filter(each => each.offsetParent);
            return shown(".user.message").length > asked && shown("#chat-send").length
                && !shown(".bot.message").some(each => each.innerText.trim() === "…");
        }""",
        arg=asked,
        timeout=180_000,
    )


def replies(page, at_least: int) -> list[str]:
    """Texts of all replies in the visible columns, column by column."""
    bubbles = page.locator(".bot.message:visible")
    bubbles.nth(at_least - 1).wait_for()
    return [text.strip() for text in bubbles.all_inner_texts()]


def choose(page, dropdown, name: str) -> None:
    """Chooses an option; a list that was opened before its options came does not show them until opened again."""
    option = page.get_by_role("option", name=name)
    for _ in range(40):
        dropdown.click()
        page.wait_for_timeout(250)
        if option.count():
            break
        dropdown.blur()
    option.click()
    dropdown.blur()


def wait_for_step(page, step: int) -> None:
    """Until the live panel shows this step or a later one."""
    for _ in range(600):
        found = re.search(r"(\d+) / \d+", page.locator(".train-tiles").last.inner_text())
        if found and int(found.group(1)) >= step:
            return
        page.wait_for_timeout(500)
    raise AssertionError(f"step {step} never came")


def tap(page, name: str) -> None:
    page.get_by_role("button", name=re.compile(f"^{name}")).locator("visible=true").first.tap()


def asked(page, number: int) -> None:
    """Until the page shows this comparison, ready to be judged."""
    page.locator("#prompt", has_text=stub.PROMPTS[number]).wait_for()
    page.locator("[data-choice=left]:enabled").wait_for()


def until(page, true: Callable[[], bool]) -> None:
    for _ in range(WAIT // 50):
        if true():
            return
        page.wait_for_timeout(50)
    raise AssertionError("it never came")


def hurry(page) -> None:
    """What coming back to the page does: it looks at once."""
    page.evaluate("dispatchEvent(new Event('focus'))")
