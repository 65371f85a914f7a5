"""The one way to `transformers`: loaded when first needed, as far as tokenizers and configs need it.

`tuning.models.import_patches` makes its import safe in threads.
"""

from __future__ import annotations

import sys
from types import ModuleType

from common import collecting
from tuning.models import import_patches


def transformers() -> ModuleType:
    """The module, loaded as far as tokenizers and configs need; torch is not."""
    with import_patches.FIRST, collecting.held():
        import transformers
        from transformers import AutoConfig, AutoTokenizer  # noqa: F401

    return sys.modules.get("transformers", transformers)
