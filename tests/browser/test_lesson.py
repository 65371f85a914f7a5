"""A lesson in a real browser: train, watch, chat, reload, stop, resume; two languages, a phone, a visitor."""

from __future__ import annotations

import re

import pytest

from tests.browser import helpers
from tests.browser.conftest import App


@pytest.mark.slow
def test_a_lesson(visit, app: App):
    """Start a run, watch it to its end, talk to base and tuned, find it again after a reload."""
    page = visit(app.teachers_link)
    assert "token" not in page.url
    page.get_by_text("learned (carries loss)").wait_for()  # the first rows, token by token
    page.get_by_text("Quick").click()
    page.get_by_label("Name of the run").fill("lesson")
    page.get_by_role("button", name="Start training").click()
    page.locator(".badge.done").first.wait_for(timeout=300_000)

    page.get_by_role("tab", name="Chat").click()
    page.reload()
    page.get_by_role("tab", name="Chat").click()
    helpers.ask(page, "What is the capital of Peru?")
    base, tuned = helpers.replies(page, 2)
    assert tuned and tuned != base
    helpers.ask(page, "And of France?")
    assert len(helpers.replies(page, 4)) == 4

    page.get_by_role("tab", name="Models").click()
    row = page.locator("table.runs tr", has_text="lesson").first
    row.wait_for()
    assert "done" in row.inner_text()
    page.locator(".js-plotly-plot").first.wait_for()
    with page.expect_download() as download:
        page.locator("a.runs-download").first.click()
    assert download.value.suggested_filename.endswith(".zip")


@pytest.mark.slow
def test_stop_and_resume(visit, app: App):
    page = visit(app.teachers_link)
    page.get_by_text("learned (carries loss)").wait_for()
    page.get_by_text("Thorough").click()
    page.get_by_label("Name of the run").fill("long")
    page.get_by_role("button", name="Start training").click()
    page.locator(".run-head", has_text="long").wait_for()
    page.locator(".badge.running").first.wait_for()
    helpers.wait_for_step(page, 3)
    page.get_by_role("button", name="Stop and save").click()
    page.locator(".badge.stopped").first.wait_for(timeout=180_000)
    page.get_by_role("button", name="Resume").click()
    page.locator(".badge.running").first.wait_for(timeout=180_000)
    other = visit(app.teachers_link)  # a second browser sees the same run
    other.get_by_role("tab", name="The run").click()
    other.locator(".run-head", has_text="long").wait_for()
    other.get_by_role("button", name="Stop and save").click()
    page.locator(".badge.stopped").first.wait_for(timeout=180_000)


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390])
def test_a_visitor_may_look_and_chat_but_not_train(visit, app: App, width):
    page = visit(app.url() + "/", width=width)
    page.get_by_text("Watching.").wait_for()
    page.get_by_role("button", name="Start training").wait_for(state="detached")
    page.get_by_role("tab", name="Chat").click()
    helpers.ask(page, "What colour is the snow?")
    assert all(helpers.replies(page, 2))
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 1


@pytest.mark.slow
@pytest.mark.parametrize("who", ["visitor", "teacher"])
def test_no_tab_opens_with_an_error(visit, app: App, who):
    page = visit(app.teachers_link if who == "teacher" else app.url())
    tabs = page.get_by_role("tab")
    tabs.first.wait_for()
    for index in range(tabs.count()):
        if tabs.nth(index).is_visible():
            tabs.nth(index).click()
            page.wait_for_timeout(700)
            assert page.locator(".toast-body").all_inner_texts() == [], tabs.nth(index).inner_text()


@pytest.mark.slow
def test_spanish_by_the_browser_and_english_by_the_switch(visit, app: App):
    page = visit(app.teachers_link, locale="es-ES", dark=True)
    page.get_by_role("tab", name="Entrenar").wait_for()
    page.get_by_role("button", name="Empezar a entrenar").wait_for()
    assert page.evaluate("document.documentElement.lang") == "es"
    title, language = (
        page.locator(f"#afina-top > {which}").bounding_box() for which in (":first-child", "#afina-language")
    )
    assert title["width"] > 600 and language["x"] > title["x"] + title["width"]
    page.locator("#afina-language select").select_option(label="English")
    page.get_by_role("button", name="Start training").wait_for()
    page.reload()
    page.get_by_role("button", name="Start training").wait_for()


@pytest.mark.slow
def test_the_rooms_address_opens_the_page_without_a_secure_origin(visit, app: App):
    from ui.edge.addresses import lan_addresses

    addresses = lan_addresses()
    if not addresses:
        pytest.skip("this machine has no address but its own")
    page = visit(app.url(addresses[0]) + "/", locale="es-MX")
    assert page.evaluate("window.isSecureContext") is False
    page.get_by_role("tab", name="Chat").click()
    helpers.ask(page, "¿Cuál es la capital de Perú?")
    assert all(helpers.replies(page, 2))


@pytest.mark.slow
def test_the_teacher_sees_the_address_for_phones(visit, app: App):
    from ui.edge.addresses import lan_addresses

    if not lan_addresses():
        pytest.skip("this machine has no address but its own")
    page = visit(app.teachers_link)
    shown = page.locator(".afina-chip.address").first.inner_text()
    assert re.fullmatch(rf"http://[\d.]+:{app.port}", shown)


@pytest.mark.slow
def test_a_tab_that_is_not_shown_asks_for_nothing(visit, app: App):
    """Each tick of a timer costs the browser a fifth of a second, on the machine that trains and counts votes."""
    page = visit(app.teachers_link)
    for name in ("Vote", "Align", "Chat"):
        page.get_by_role("tab", name=name, exact=True).click()
        page.wait_for_timeout(2000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(4000)
    assert len(asked) <= 1, asked
    page.get_by_role("tab", name="Vote", exact=True).click()
    page.wait_for_timeout(4000)
    assert len(asked) >= 3, asked


@pytest.mark.slow
def test_a_file_that_is_too_large_is_refused_before_a_byte_is_sent(visit, app: App, tmp_path):
    page = visit(app.teachers_link)
    page.get_by_text("learned (carries loss)").wait_for()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "upload" in request.url else None)
    large = tmp_path / "large.jsonl"
    with large.open("wb") as file:
        file.truncate(2**30)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload").first.click()
    chooser.value.set_files(large)
    note = page.get_by_role("alert").filter(has_text="large.jsonl has 1024 MB; at most 200 MB are read")
    note.wait_for()
    assert "AFINA_MAX_UPLOAD_MB" in note.inner_text()
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"x")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload").first.click()
    chooser.value.set_files(picture)
    other = page.get_by_role("alert").filter(has_text="picture.png is not of a type that Afina reads")
    other.wait_for()
    assert not sent and not note.count()
    other.click()
    other.wait_for(state="detached")
