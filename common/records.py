"""An object read from a file, as one of our dataclasses: its types checked, its unknown fields left aside.

A newer version may have written more fields, so what is not known is no error. Does not depend on what the records
mean.
"""

from __future__ import annotations

import logging
import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeGuard, TypeVar, Union, get_args, get_origin, get_type_hints

from common.files import BrokenFile, read_json

logger = logging.getLogger(__name__)
T = TypeVar("T")


def read(kind: type[T], path: Path) -> T:
    """The record of this `kind` in the JSON file `path`. Raises: FileNotFoundError; BrokenFile."""
    return build(kind, read_json(path), path)


def read_if_whole(kind: type[T], path: Path) -> T | None:
    """Same, of a file without which things go on: None where it is missing or broken; broken ones are logged."""
    try:
        return read(kind, path)
    except FileNotFoundError:
        return None
    except BrokenFile as error:
        logger.warning("%s", error)
        return None


def build(kind: type[T], values: Mapping[str, Any], path: Path) -> T:
    """A dataclass `kind` made of `values`, which stood in `path`.

    Raises: BrokenFile naming the first field that is missing or of another type than the dataclass declares.
    """
    check(kind, values, path)
    arguments = {}
    for name, hint, required in _fields(kind):  # type: ignore[arg-type]
        if name in values:
            arguments[name] = tuple(values[name]) if get_origin(hint) is tuple else values[name]
        elif required:
            raise BrokenFile(path, "no_field", name=name)
    try:
        return kind(**arguments)
    except ValueError as error:  # its own check of what belongs together
        raise BrokenFile(path, "record", what=error) from None


def check(kind: type, values: Mapping[str, Any], path: Path) -> None:
    """Raises: BrokenFile where a field of `kind` that `values` have is of another type."""
    for name, hint, _ in _fields(kind):
        if name in values and not fits(values[name], hint):
            raise BrokenFile(path, "field", name=name, value=_short(values[name]))


def fits(value: object, hint: Any) -> bool:
    """Whether a value from JSON is of the type `hint`; a whole number is a float too, a truth value is no number."""
    if hint is Any:
        return True
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, each) for each in inner)
    if origin is Literal:
        return value in inner
    if origin is dict:
        return isinstance(value, dict) and all(fits(each, inner[1]) for each in value.values())
    if origin in (list, tuple):
        return isinstance(value, list) and (not inner or all(fits(each, inner[0]) for each in value))
    if hint in (float, int):
        return is_number(value) and (hint is float or isinstance(value, int))
    return isinstance(value, hint if isinstance(hint, type) else object)


def is_number(value: object) -> TypeGuard[float]:
    """Whether it is a finite number, and not a truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


@cache
def _fields(kind: type) -> list[tuple[str, Any, bool]]:
    """(name, type, whether it is required) of each field."""
    hints = get_type_hints(kind)
    return [
        (each.name, hints[each.name], each.default is MISSING and each.default_factory is MISSING)
        for each in fields(kind)
    ]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
