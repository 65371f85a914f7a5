"""Page and engine ask for the same library at the same moment, as they do when the app starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_BOTH = """
import threading, traceback, sys
from tuning import libraries, models

def page():
    models.load_tokenizer(models.resolve("pocket").base)

def engine():
    libraries.transformers()
    import tuning.generate

failed = []
threading.excepthook = lambda told: failed.append(traceback.format_exception(told.exc_value))
threads = [threading.Thread(target=each) for each in (page, engine, page, engine)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit("".join(map("".join, failed)) or None)
"""


def test_two_threads_may_need_the_library_first():
    done = subprocess.run(
        [sys.executable, "-c", _BOTH],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
