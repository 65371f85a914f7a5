"""Gradio's import is spared its stub files, and no second server starts; without us both would."""

from __future__ import annotations

import inspect
import subprocess
import sys

import gradio.component_meta
import gradio.http_server
import pytest

from ui.server.gradio_import_patches import no_reload_server

_COUNTED = """
import ast, inspect
real, parsed, parse = inspect.getfile, [], ast.parse
ast.parse = lambda *a, **k: parsed.append(1) or parse(*a, **k)
{how}
import gradio
print(inspect.getfile is real, inspect.getfile(gradio.HTML).endswith("html.py"), len(parsed))
"""


def _imported(how: str) -> list[str]:
    """What a process prints that has imported nothing yet: restored, known, sources parsed."""
    done = subprocess.run([sys.executable, "-c", _COUNTED.format(how=how)], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.slow
def test_gradio_imports_whole_and_parses_none_of_its_components():
    restored, known, parsed = _imported("from ui.server.gradio_import_patches import import_gradio; import_gradio()")
    assert (restored, known) == ("True", "True")
    assert int(parsed) < 20
    *_, without = _imported("")
    assert int(without) > 80  # two for each of its components
    assert "inspect.getfile" in inspect.getsource(gradio.component_meta)


def test_no_second_server_on_a_space(monkeypatch):
    source = inspect.getsource(gradio.http_server.start_server)
    assert "if get_space() is not None:\n                reloader = SpacesReloader(" in source
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("SPACE_ID", "owner/afina")
    before = gradio.http_server.get_space
    assert before() == "owner/afina"
    try:
        no_reload_server()
        assert gradio.http_server.get_space() is None
    finally:
        gradio.http_server.get_space = before
