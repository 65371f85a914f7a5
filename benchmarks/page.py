"""From the command to the page: `python benchmarks/page.py [--runs N] [--json]`; needs Chromium and Playwright.

Starts the app on a home of its own and opens its link in a fresh browser profile. Seconds from the command to the
printed link, to a page that can be used (the form stands there with its button, and a click on it is taken), and to
the first rows shown token by token, which takes the libraries that load behind the page. The browser's own start is
not in it: it stands ready, as the teacher's does. Beside each start one of the smallest page that Gradio makes, a
button alone, on the same machine at the same time: `ratio` is what Afina's page takes of that.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_BARE = """
import gradio
with gradio.Blocks() as page:
    gradio.Button("Start training")
page.launch(server_port={port}, prevent_thread_lock=True, quiet=True, ssr_mode=False)
print("http://127.0.0.1:{port}", flush=True)
page.block_thread()
"""
_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        pairs = [(once(browser), bare(browser)) for _ in range(options.runs)]
        browser.close()
    times = [{**ours, "bare_link": least["link"], "bare_page": least["page"]} for ours, least in pairs]
    result: dict[str, Any] = {"cores": os.cpu_count(), "runs": options.runs}
    for name in times[0]:
        result |= {
            f"{name}_seconds": round(statistics.median(each[name] for each in times), 2),
            f"{name}_slowest_seconds": round(max(each[name] for each in times), 2),
        }
    result["ratio"] = round(statistics.median(ours["page"] / least["page"] for ours, least in pairs), 2)
    print(json.dumps(result) if options.json else "\n".join(f"{key}: {value}" for key, value in result.items()))


def once(browser: Any) -> dict[str, float]:
    """Seconds to each mark of one start of the app."""
    with tempfile.TemporaryDirectory() as home:
        port = _free_port()
        env = {
            **os.environ,
            "AFINA_HOME": home,
            "AFINA_TEACHER_TOKEN": "bench-of-the-teacher",
            "HF_HUB_OFFLINE": "1",
        }
        return _marks(browser, ["app.py", "--no-browser", "--port", str(port)], env, rows=True)


def bare(browser: Any) -> dict[str, float]:
    """The same for a page with nothing but the button."""
    env = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"}
    return _marks(browser, ["-c", _BARE.format(port=_free_port())], env, rows=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _marks(browser: Any, arguments: list[str], env: dict[str, str], *, rows: bool) -> dict[str, float]:
    began = time.perf_counter()
    app = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        link = next(word for line in app.stdout or [] for word in line.split() if word.startswith("http"))
        marks = {"link": time.perf_counter() - began}
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.goto(link)
        start = page.get_by_role("button", name="Start training", exact=True)
        start.wait_for()
        start.click(trial=True)
        marks["page"] = time.perf_counter() - began
        if rows:
            page.locator("table").first.wait_for()
            marks["rows"] = time.perf_counter() - began
        context.close()
        return marks
    finally:
        app.terminate()
        app.wait(30)


if __name__ == "__main__":
    main()
