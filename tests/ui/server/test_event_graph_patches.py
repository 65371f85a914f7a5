"""Events keep their progress to one block and fill a tab when it is shown; without us the browser is told otherwise."""

from __future__ import annotations

import gradio as gr

from common.settings import Settings
from ui.page import build
from ui.server import event_graph_patches
from workbench.services import build as build_services


def test_what_the_browser_is_told_before_and_after():
    with gr.Blocks() as demo:
        top = gr.HTML("")
        with gr.Tabs():
            with gr.Tab("first") as first:
                one = gr.Textbox()
            with gr.Tab("second") as second:
                two = gr.Textbox()
        opened = {first: gr.Checkbox(visible=False), second: gr.Checkbox(visible=False)}
        demo.load(lambda: "", None, one, show_progress="hidden")
        demo.load(lambda: "", None, two)

    def told() -> list:
        return [
            (event["show_progress_on"], [tuple(target) for target in event["targets"]])
            for event in demo.get_config_file()["dependencies"]
        ]

    at_once = (demo._id, "load")
    assert told() == [(None, [at_once]), (None, [at_once])]
    event_graph_patches.keep_progress_to_what_shows_it(demo, top)
    event_graph_patches.fill_when_first_shown(demo, opened)
    assert told() == [([top._id], [at_once]), (None, [(opened[second]._id, "change")])]


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


def test_only_the_first_tab_is_filled_as_the_page_opens(tmp_path):
    services = build_services(Settings(home=tmp_path))
    try:
        page = build(services)
        tabs = next(each for each in page.children if isinstance(each, gr.Tabs))
        _, *later = (each for each in tabs.children if isinstance(each, gr.Tab))
        behind = {block._id for tab in later for block in event_graph_patches.blocks_in(tab)}
        filled = [each for each in page.fns.values() if (page._id, "load") in each.targets]
        assert filled
        assert not [each.name for each in filled if behind & {block._id for block in each.outputs}]
        events = [each for each in page.fns.values() if behind & {block._id for block in each.outputs}]
        assert any(name == "change" and target not in behind for each in events for target, name in each.targets)
    finally:
        services.stop()
