"""Who makes the request that is being answered: what the limits at Gradio's edge count by.

The outermost layer sets it; Gradio's own code passes no request on to the places where its memory grows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.roles import Actor

TEACHER = "teacher"  # no visitor's number looks like this: those have twelve characters
NOBODY = ""  # all who keep no cookie, together

_caller: ContextVar[str | None] = ContextVar("afina_caller", default=None)


def note(actor: Actor) -> None:
    """Notes `actor` for the rest of this request."""
    _caller.set(TEACHER if actor.is_teacher else actor.person)


def current() -> str | None:
    """`TEACHER`, a visitor's number, `NOBODY`; None outside of any request."""
    return _caller.get()


@contextmanager
def outside() -> Iterator[None]:
    """Tasks that are started inside belong to no request."""
    before = _caller.set(None)
    try:
        yield
    finally:
        _caller.reset(before)
