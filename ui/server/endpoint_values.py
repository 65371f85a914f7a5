"""Values of the endpoints that programs call: a value of another kind is told by name, not as a fault of the server."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from typing import Any, get_args, get_origin, get_type_hints

import gradio as gr

from common.errors import AfinaError
from common.records import fits

logger = logging.getLogger(__name__)
_KINDS = {
    str: "text",
    list: "list",
    dict: "object",
    int: "whole number",
    float: "number",
    bool: "true or false",
}


def typed(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """An endpoint that is called with values of the kinds that its annotations name.

    Raises: AfinaError `api.kind`; `api.inside` where a value within an object or a list is of a kind nobody expects.
    """
    hints = {name: hint for name, hint in _hints(endpoint).items() if name not in ("request", "return")}
    signature = inspect.signature(endpoint)

    @functools.wraps(endpoint)
    def checked(*args: Any, **kwargs: Any) -> Any:
        arguments = signature.bind_partial(*args, **kwargs).arguments
        for name, hint in hints.items():
            if name in arguments and not fits(arguments[name], hint):
                raise AfinaError("api.kind", name=name, expected=_worded(hint), found=type(arguments[name]).__name__)
        try:
            return endpoint(*args, **kwargs)
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            if isinstance(error, gr.Error):
                raise
            logger.error("%s", endpoint.__qualname__, exc_info=error)
            raise AfinaError("api.inside", name=endpoint.__name__) from None

    return checked


def _hints(endpoint: Callable[..., Any]) -> dict[str, Any]:
    names = {**endpoint.__globals__, "gr": gr}  # type: ignore[attr-defined]
    return get_type_hints(endpoint, names)


def _worded(hint: Any) -> str:
    kind, inner = get_origin(hint) or hint, get_args(hint)
    if kind is list and inner and inner[0] in _KINDS:
        return f"list of {_KINDS[inner[0]]}"
    return _KINDS.get(kind, str(hint))
