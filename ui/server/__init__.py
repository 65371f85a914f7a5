"""Serving the page: routes, start page, connections, patches of Gradio."""

__all__ = [
    "connections",
    "endpoint_values",
    "error_boundary",
    "gradio_patches",
    "quick_gradio_patches",
    "routes",
    "zerogpu",
]
