"""What all tests share: no test looks for the Hub, and runs live in a temporary home."""

import gc
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def pytest_collection_finish(session):
    """What is imported by now stays: the collector need not look through it after every few objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
