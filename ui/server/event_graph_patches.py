"""Changes to the events of a page that Gradio has built, one function each, before it is launched.

Gradio keeps them in `Blocks.fns`; the page in the browser reads them from its configuration. Read in Gradio 6.31.
`tests/ui/server/test_event_graph_patches.py` fails when Gradio keeps them otherwise.
"""

from __future__ import annotations

from typing import Any

import gradio as gr


def keep_progress_to_what_shows_it(demo: gr.Blocks, top: gr.HTML) -> None:
    """Events that show no progress report it to `top`, the page's first block, instead of all their outputs.

    Gradio's page tells the progress of every event to every block that any event reports to, and looks each one up
    from the root: hundreds of searches for one tick of a timer. A page that could be used after 16.4 s could be used
    after 6 with this, the imports of `gradio_import_patches`, and no garbage collection (`benchmarks/page.py`).

    Can go when a page whose hidden events report to all their outputs opens as fast.
    """
    for event in demo.fns.values():
        if event.show_progress == "hidden":
            event.show_progress_on = [top]


def fill_when_first_shown(demo: gr.Blocks, opened: dict[gr.Tab, gr.Checkbox]) -> None:
    """Moves what fills a tab from the page's `load` to the tab's first showing; `opened[tab]` turns true then.

    With every tab filled at once the page could be used a second later (`benchmarks/page.py`). An event keeps its
    targets, pairs of a block's id and an event's name, in `targets`; Gradio has no call that moves one.

    Can go when the tabs' own builders are told what fills them, or Gradio renders tabs as they are shown.
    """
    _, *later = opened  # the first is shown at once
    inside = {tab: {block._id for block in blocks_in(tab)} for tab in later}
    for event in demo.fns.values():
        touched = {block._id for block in (*event.inputs, *event.outputs)}
        owner = next((tab for tab in later if touched and touched <= inside[tab]), None)
        if owner is not None:
            load, first = (demo._id, "load"), (opened[owner]._id, "change")
            event.targets = [first if target == load else target for target in event.targets]


def blocks_in(block: Any) -> list[Any]:
    """`block` and all blocks in it."""
    return [block, *(inner for child in getattr(block, "children", ()) for inner in blocks_in(child))]
