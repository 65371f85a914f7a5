"""Garbage collection, held while libraries load: what they make stays, and searching it takes a third of the time."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()
_holders = 0


@contextmanager
def held() -> Iterator[None]:
    """No collection meanwhile, in any thread; afterwards what exists is left out of later ones. May be nested."""
    global _holders
    with _LOCK:
        _holders += 1
        gc.disable()
    try:
        yield
    finally:
        with _LOCK:
            _holders -= 1
            if not _holders:
                gc.freeze()
                gc.enable()
