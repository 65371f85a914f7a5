"""The start: what makes it quick stays in place, and harms nobody."""

from __future__ import annotations

import gc
import subprocess
import sys
import tracemalloc

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from common import collecting
from common.settings import Settings
from ui.edge import page_sessions
from ui.page import build
from workbench.services import build as build_services


def said(script: str) -> str:
    """What `script` prints in a process that has imported nothing yet."""
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()


def test_gradio_imports_whole_and_is_spared_the_stubs():
    script = (
        "import ast, inspect; real = inspect.getfile\n"
        "read = []; parse = ast.parse; ast.parse = lambda *a, **k: read.append(1) or parse(*a, **k)\n"
        "from ui.server.quick_gradio_patches import import_gradio; import_gradio(); import gradio\n"
        "print(inspect.getfile is real, inspect.getfile(gradio.HTML).endswith('html.py'), len(read))\n"
        "from gradio.cli import cli; print(callable(cli))"
    )
    restored, whole, parsed, later = said(script).split()
    assert (restored, whole, later) == ("True", "True", "True")
    assert int(parsed) < 20  # two for each of some eighty components otherwise


def test_a_quiet_event_tells_its_progress_to_one_block_alone(tmp_path):
    services = build_services(Settings(home=tmp_path))
    try:
        events = build(services).fns.values()
        told = {block._id for each in events if each.show_progress == "hidden" for block in each.show_progress_on}
        assert len(told) == 1
        seen = {
            block._id
            for each in events
            if each.show_progress != "hidden"
            for block in (each.show_progress_on or each.outputs)
        }
        assert len(seen) <= 20  # each is looked up at every tick of every timer
    finally:
        services.stop()


def test_pages_that_come_and_go_do_not_fill_the_memory(tmp_path):
    """All sessions that there may be at once, each used, take no more than a part of a small machine."""
    services = build_services(Settings(home=tmp_path))
    try:
        page = build(services)
        tracemalloc.start()
        kept = [SessionState(page) for _ in range(10)]
        each = tracemalloc.get_traced_memory()[0] / len(kept)
        tracemalloc.stop()
        assert each < 0.2 * 2**20
        assert page_sessions.MOST * each < 0.5 * 2**30
        assert page_sessions.MOST >= 500  # a class, each with a page on two devices
    finally:
        services.stop()


def test_collecting_is_held_by_whoever_loads_last(monkeypatch):
    monkeypatch.setattr(gc, "freeze", lambda: None)
    assert gc.isenabled()
    with collecting.held():
        with pytest.raises(ValueError, match="broken"), collecting.held():
            raise ValueError("broken")
        assert not gc.isenabled()
    assert gc.isenabled()


def blocks(block):
    return [block, *(found for child in getattr(block, "children", ()) for found in blocks(child))]


def test_only_the_first_tab_is_filled_as_the_page_opens(tmp_path):
    services = build_services(Settings(home=tmp_path))
    try:
        page = build(services)
        tabs = next(each for each in page.children if isinstance(each, gr.Tabs))
        _, *later = (each for each in tabs.children if isinstance(each, gr.Tab))
        behind = {block._id for tab in later for block in blocks(tab)}
        filled = [each for each in page.fns.values() if (page._id, "load") in each.targets]
        assert filled
        assert not [each.name for each in filled if behind & {block._id for block in each.outputs}]
        events = [each for each in page.fns.values() if behind & {block._id for block in each.outputs}]
        assert any(name == "change" and target not in behind for each in events for target, name in each.targets)
    finally:
        services.stop()
