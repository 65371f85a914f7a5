"""The start: what makes it quick stays in place, and harms nobody."""

from __future__ import annotations

import gc
import tracemalloc

import pytest
from gradio.state_holder import SessionState

from common import collecting
from common.settings import Settings
from ui.edge import page_sessions
from ui.page import build
from workbench.services import build as build_services


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
