"""What all tests share: no test looks for the Hub, and runs live in a temporary home.

`AFINA_TESTS_COMPLETE=1`, which CI sets, makes a test fail that would be skipped because a program is missing.
"""

import gc
import os

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# As in app.py: else the queue summarises former events after each one.
os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "1")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**9))
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def pytest_collection_finish(session):
    """What is imported by now stays: the collector need not look through it after every few objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


_PROGRAMS = ("Chromium", "PostgreSQL", "HAProxy", "playwright", "torch")


def pytest_collection_modifyitems(config, items):
    """Leaves slow tests out, unless a marker expression (`-m`) or the name of a test says what to run."""
    if config.option.markexpr or any("::" in argument for argument in config.args):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if not item.get_closest_marker("slow")]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped and os.environ.get("AFINA_TESTS_COMPLETE") and call.excinfo is not None:
        reason = str(call.excinfo.value)
        if any(program in reason for program in _PROGRAMS):
            report.outcome, report.longrepr = "failed", f"CI has to have it: {reason}"
    return report
