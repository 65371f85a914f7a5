"""Texts with slots: `{name}` shows a value, `{n:row|rows}` the word that goes with a number. Knows no language."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class _Words(string.Formatter):
    def get_value(self, key: int | str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        return kwargs[key]  # type: ignore[index]

    def format_field(self, value: Any, spec: str) -> str:
        if "|" not in spec:
            return super().format_field(value, spec)
        one, many = spec.split("|")
        return one if str(value) == "1" else many


def fill(template: str, values: Mapping[str, Any]) -> str:
    """`template` with its slots filled. Raises: KeyError for a slot without a value."""
    return _Words().vformat(template, (), values)


def unsigned(text: str) -> str:
    """`text` with every address cut off at its `?`: what follows may be a signature, which is as good as a key."""
    return re.sub(r"(https?://[^\s?'\"]+)\?[^\s'\")]*", r"\1", text)


def placeless(name: str) -> str:
    """Of a file or folder of this machine its last part: where it lies is nobody's business, and wide."""
    return Path(name).name if Path(name).is_absolute() else name
