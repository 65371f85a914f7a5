"""Imports Gradio without what only those need who write components or deploy by its command line."""

from __future__ import annotations

import inspect
import sys
import types
from typing import Any


def no_reload_server() -> None:
    """On a Space Gradio starts the package spaces' reload server on 0.0.0.0:7887, for changes made on the platform.

    Nobody here uses it, and it looks for `demo` in `__main__`. Gradio starts it where `get_space` names a Space.
    """
    import gradio.http_server

    gradio.http_server.get_space = lambda: None  # type: ignore[assignment]


def import_gradio() -> None:
    """Imports Gradio. To be called before anything else does.

    At every import Gradio parses the source of each of its components to renew a `.pyi` file beside it (2.7 of 4.3 s
    when measured), a help for those who write components. It leaves a component alone whose source file
    `inspect.getfile` does not know, so that is what it is told, during this import only. Likewise an empty module
    stands where its command line would be, a tenth of the rest; who imports that later gets the real one.
    """
    real, commands = inspect.getfile, types.ModuleType("gradio.cli")
    commands.deploy = None  # type: ignore[attr-defined]

    def getfile(what: Any) -> str:
        if sys._getframe(1).f_globals.get("__name__") == "gradio.component_meta":
            raise OSError("no stub is wanted")
        return real(what)

    inspect.getfile = getfile  # type: ignore[assignment]
    sys.modules.setdefault("gradio.cli", commands)
    try:
        import gradio  # noqa: F401
    finally:
        inspect.getfile = real
        if sys.modules.get("gradio.cli") is commands:
            del sys.modules["gradio.cli"]
