"""What our changes to Gradio rely on: each fails when a new Gradio does it otherwise."""

import inspect
import re
import subprocess
import sys

import gradio as gr
import pytest
from gradio import blocks, queueing, route_utils, routes, state_holder

from ui.edge.fair_queue import FairQueue
from ui.edge.page_sessions import Sessions
from ui.server import gradio_patches
from ui.server.error_boundary import Page


def test_sessions_copy_the_page_for_deep_links_alone():
    users = {
        module.__name__
        for module in (blocks, queueing, route_utils, routes, state_holder)
        if re.search(r"config_values|state_holder\[[^]]*\]\.components", inspect.getsource(module))
    }
    assert users == {"gradio.state_holder", "gradio.routes"}
    deep_link = inspect.getsource(routes.App.create_app)
    assert deep_link.count(".components\n") == 1 and "def deep_link(" in deep_link


def test_a_session_keeps_its_values_without_that_copy():
    gradio_patches.apply()
    with gr.Blocks() as demo:
        box, kept = gr.Textbox("a"), gr.State([1])
    session = state_holder.SessionState(demo)
    assert session[box._id] is box and session[kept._id] == [1]
    session[kept._id] = [2]
    other = gr.Textbox("b", render=False)
    session[box._id] = other
    assert session[kept._id] == [2] and session[box._id] is other
    assert state_holder.SessionState(demo)[kept._id] == [1] and demo.blocks[box._id] is box
    session._update_config(box._id)
    session._update_value_in_config(box._id, "c")
    assert session.config_values == {} and list(session.components) == []
    assert [value for _, value, _ in session.state_components] == [[2]]


def test_what_is_replaced_is_what_gradio_looks_up():
    gradio_patches.apply()
    source = inspect.getsource(routes.App)
    assert "StateHolder()" in source and routes.StateHolder is Sessions
    assert "CustomCORSMiddleware," in source
    launch = inspect.getsource(blocks.Blocks.launch)
    assert "self._queue.max_thread_count = max_threads" in launch
    assert "_frontend" in inspect.signature(blocks.Blocks.launch).parameters and "if _frontend and " in launch


def test_the_pages_queue_keeps_places():
    with Page() as demo:
        demo.queue(max_size=10)
    assert type(demo._queue) is FairQueue and demo._queue.max_size == 10
    for name in ("push", "get_events", "start"):
        assert list(inspect.signature(getattr(FairQueue, name)).parameters) == list(
            inspect.signature(getattr(queueing.Queue, name)).parameters
        )
    assert "self._queue = queueing.Queue(" in inspect.getsource(blocks.Blocks.queue)  # no class of ours is asked for


def test_no_summary_of_former_events_is_made(monkeypatch):
    """Settings of Gradio, no patch: `app` sets them before Gradio is imported."""
    import app

    for name in ("GRADIO_ANALYTICS_MAX_EVENTS", "GRADIO_ANALYTICS_CACHE_FREQUENCY"):
        monkeypatch.delenv(name, raising=False)
    app._prepare_environment()
    with Page() as demo:
        demo.queue()
    assert (demo._queue.ANALYTICS_MAX_EVENTS, demo._queue.ANAYLTICS_CACHE_FREQUENCY) == (1, 10**9)
    assert demo._queue.compute_analytics_summary([{"function": "f"}]) == {"functions": {}}


_WITHOUT = """
import gradio as gr
from gradio import blocks, routes, state_holder
with gr.Blocks() as demo:
    for _ in range(20): gr.Textbox("a")
session = state_holder.SessionState(demo)
holder = routes.StateHolder()
print(len(session.config_values) + len(list(session.components)))
holder.set_blocks(demo); holder["one"]; holder["two"]
print(holder.capacity)
demo.queue()
print(type(demo._queue).__name__)
print(routes.CustomCORSMiddleware.__module__)
"""


@pytest.mark.slow
def test_without_us_sessions_copy_the_page_and_nobody_owns_them():
    """Fails when Gradio does it itself: then the patch can go."""
    done = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, check=True)
    copied, capacity, queue, origins = done.stdout.split()
    assert int(copied) >= 20 and int(capacity) >= 10_000
    assert (queue, origins) == ("Queue", "gradio.route_utils")
