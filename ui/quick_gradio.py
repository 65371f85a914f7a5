"""Imports Gradio without its rewriting the type stubs of its own components, which takes most of the import."""

from __future__ import annotations

import inspect
import sys
from typing import Any


def import_gradio() -> None:
    """Imports Gradio. To be called before anything else does.

    At every import Gradio parses the source of each of its components to renew a `.pyi` file beside it (2.7 of 4.3 s
    when measured), a help for those who write components. It leaves a component alone whose source file
    `inspect.getfile` does not know, so that is what it is told, during this import only.
    """
    real = inspect.getfile

    def getfile(what: Any) -> str:
        if sys._getframe(1).f_globals.get("__name__") == "gradio.component_meta":
            raise OSError("no stub is wanted")
        return real(what)

    inspect.getfile = getfile  # type: ignore[assignment]
    try:
        import gradio  # noqa: F401
    finally:
        inspect.getfile = real
