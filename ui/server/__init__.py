"""Serving the page: routes, start page, open files, errors; and the changes to Gradio (`*_patches.py`)."""

__all__ = [
    "connections",
    "endpoint_values",
    "error_boundary",
    "event_graph_patches",
    "gradio_import_patches",
    "gradio_patches",
    "routes",
    "zerogpu",
]
