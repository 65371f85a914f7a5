"""Changes around Gradio's import and start, one function each. Read in Gradio 6.31.

`tests/ui/server/test_gradio_import_patches.py` fails when Gradio's import looks otherwise.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any


def import_gradio() -> None:
    """Imports Gradio without writing its stub files. To be called before anything else imports it.

    At every import Gradio parses the source of each of its components to renew a `.pyi` file beside it, a help for
    those who write components: 6.3 s of CPU time with it, 4.5 without (medians of three). It leaves a component alone
    whose source file `inspect.getfile` does not know, so that is what it is told, during this import only.

    Can go when `gradio.component_meta` writes these files on demand.
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


def no_reload_server() -> None:
    """Keeps Gradio from starting a second server on a Space.

    Where `gradio.http_server.get_space` names a Space, Gradio starts the package spaces' reload server on 0.0.0.0:7887,
    for changes made on the platform. Nobody here uses it, and it looks for `demo` in `__main__`.

    Can go when `launch` has an argument for it.
    """
    import gradio.http_server

    gradio.http_server.get_space = lambda: None  # type: ignore[assignment]
