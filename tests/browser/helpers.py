"""What several browser tests do on the page."""

from __future__ import annotations

import re


def ask(page, message: str) -> None:
    """Sends a message in the Chat tab and waits until every column has ended."""
    page.locator("#chat-message textarea").fill(message)
    page.locator("#chat-send").click()
    page.locator("#chat-stop").wait_for(state="visible")
    page.locator("#chat-send").wait_for(state="visible", timeout=180_000)


def replies(page, at_least: int) -> list[str]:
    """Texts of all replies in the visible columns, column by column."""
    bubbles = page.locator(".bot.message:visible")
    bubbles.nth(at_least - 1).wait_for()
    return [text.strip() for text in bubbles.all_inner_texts()]


def wait_for_step(page, step: int) -> None:
    """Until the live panel shows this step or a later one."""
    for _ in range(600):
        found = re.search(r"(\d+) / \d+", page.locator(".train-tiles").last.inner_text())
        if found and int(found.group(1)) >= step:
            return
        page.wait_for_timeout(500)
    raise AssertionError(f"step {step} never came")
