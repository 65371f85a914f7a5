"""From the command to the page: `python benchmarks/page.py [--runs N] [--json]`; needs Chromium and Playwright.

Starts the app on a home of its own and opens its link in a fresh browser profile. Seconds from the command to the
printed link, to a page that can be used (the form stands there with its button, and a click on it is taken), and to
the first rows shown token by token, which takes the libraries that load behind the page. The browser's own start is
not in it: it stands ready, as the teacher's does.
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
        times = [once(browser) for _ in range(options.runs)]
        browser.close()
    result: dict[str, Any] = {"cores": os.cpu_count(), "runs": options.runs}
    for name in times[0]:
        result |= {f"{name}_seconds": round(statistics.median(each[name] for each in times), 2),
                   f"{name}_slowest_seconds": round(max(each[name] for each in times), 2)}  # fmt: skip
    print(
        json.dumps(result) if options.json else "\n".join(f"{key}: {value}" for key, value in result.items())
    )


def once(browser: Any) -> dict[str, float]:
    """Seconds to each mark of one start."""
    with socket.socket() as probe, tempfile.TemporaryDirectory() as home:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        env = {**os.environ, "AFINA_HOME": home, "AFINA_TEACHER_TOKEN": "bench", "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, "app.py", "--no-browser", "--port", str(port)]
        began = time.perf_counter()
        app = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        try:
            link = next(word for line in app.stdout or [] for word in line.split() if "/enter?token=" in word)
            marks = {"link": time.perf_counter() - began}
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.goto(link)
            start = page.get_by_role("button", name="Start training", exact=True)
            start.wait_for()
            start.click(trial=True)
            marks["page"] = time.perf_counter() - began
            page.locator("table").first.wait_for()
            marks["rows"] = time.perf_counter() - began
            context.close()
            return marks
        finally:
            app.terminate()
            app.wait(30)


if __name__ == "__main__":
    main()
