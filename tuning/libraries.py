"""The first import of `transformers`, by one thread at a time.

Page and engine both need it, each in a thread of its own and at about the same moment. The package puts another
module in its own place while it loads: whoever waited for the import holds the old one, and finds nothing in it.
"""

from __future__ import annotations

import threading
from types import ModuleType

from common import collecting

_FIRST = threading.Lock()


def transformers() -> ModuleType:
    """The module, loaded as far as tokenizers and configs need; torch is not."""
    with _FIRST, collecting.held():
        import transformers
        from transformers import AutoConfig, AutoTokenizer  # noqa: F401

    return transformers
