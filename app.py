"""Afina: settings -> services -> page -> launch.

    python app.py            for this computer
    python app.py --class    for every device of the room's network

Importing it starts nothing; `app.demo` is the page.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import os
import signal
import sys
import webbrowser
from urllib.parse import quote

from common import collecting, logs
from common.errors import AfinaError
from common.settings import Settings
from common.temporary import private_folder
from common.unavailable import in_words


def _prepare_environment() -> None:
    """Before Gradio is imported: nothing is reported anywhere, and what it serves lies outside the home folder."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    # After each event Gradio's queue summarises up to 10,000 former ones, 0.05 s, for a screen that is closed here.
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")
    os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def _settings(arguments: list[str]) -> tuple[Settings, bool]:
    parser = argparse.ArgumentParser(prog="app.py", description="Opens Afina's page.")
    parser.add_argument("--class", dest="room", action="store_true", help="let the network's other devices in")
    parser.add_argument("--port", type=int, help="port to listen on (7860)")
    parser.add_argument("--no-browser", action="store_true", help="print the link, open no browser")
    given = parser.parse_args(arguments)
    settings = Settings.from_env()
    if given.room:
        settings = dataclasses.replace(settings, host="0.0.0.0")
    if given.port:
        settings = dataclasses.replace(settings, port=given.port)
    return settings, not given.no_browser


def _build(settings: Settings):
    if not os.environ.get("GRADIO_TEMP_DIR"):  # Gradio reads it as it is imported
        os.environ["GRADIO_TEMP_DIR"] = str(private_folder())
    from ui.server.gradio_import_patches import import_gradio, no_reload_server

    import_gradio()
    no_reload_server()
    from ui.page import build, launch_options
    from ui.server import zerogpu
    from workbench.services import build as build_services

    services = build_services(settings, zerogpu.functions(settings))
    return build(services), services, launch_options(services)


def main(arguments: list[str]) -> int:
    from ui.edge.addresses import addresses, local_address, require_address
    from ui.edge.uvicorn_patches import bound_requests, keep_connections
    from ui.server.connections import allow_connections

    os.umask(0o077)  # what the app writes is its user's alone: votes, uploads, runs, backups
    try:
        settings, open_browser = _settings(arguments)
        (logs.as_json if settings.log_json else logs.as_lines)()
        require_address(settings)
        with collecting.held():
            demo, services, options = _build(settings)
    except Exception as problem:
        worded = in_words(problem)
        if worded is None:
            raise
        print(worded, file=sys.stderr)
        return 2
    allow_connections()
    try:
        with collecting.held():
            demo.launch(**options, prevent_thread_lock=True)
    except OSError as problem:  # Gradio gives one reason for all
        print(_why_not(settings, problem), file=sys.stderr)
        return 2
    logs.adopt("uvicorn", "uvicorn.error", "huggingface_hub")
    keep_connections(demo.server)
    bound_requests(demo.server)
    entrance = f"{local_address(settings)}/enter?token="
    token = quote(services.roles.token, safe="")
    kept = os.environ.get("SPACE_ID") or settings.log_json  # a Space's or a server's log is read by others
    known = kept and settings.teacher_token
    print(f"\n  Teacher / docente:   {entrance}{'$AFINA_TEACHER_TOKEN' if known else token}")
    for address in addresses(settings):
        print(f"  Class / clase:       {address}")
    print(flush=True)
    # Objects made between two collections (Python: 700): a search through all objects stops every vote.
    gc.set_threshold(20_000, 20, 50)
    sys.setswitchinterval(0.001)  # seconds; a vote does not wait for a long computation in another thread
    services.start()
    if open_browser:
        webbrowser.open(entrance + token)
    signal.signal(signal.SIGTERM, _end)
    try:
        demo.block_thread()
    finally:
        services.stop()
    return 0


def _why_not(settings: Settings, problem: OSError) -> AfinaError:
    """What kept the server from starting."""
    from ui.edge.addresses import require_address

    try:
        require_address(settings)
    except AfinaError as error:
        return error
    return in_words(problem) or AfinaError("settings.slow_start", port=settings.port)


def _end(*_: object) -> None:
    """SIGTERM ends the app as Ctrl+C does: votes are copied, a run is left to itself or saved."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # asked once is enough: what is left is being saved
    raise KeyboardInterrupt


def __getattr__(name: str):
    """`demo`, built when first asked for: importing this module touches nothing."""
    if name != "demo":
        raise AttributeError(name)
    globals()["demo"] = _build(Settings.from_env())[0]
    return globals()["demo"]


_prepare_environment()
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
