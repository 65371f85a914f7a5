"""Who makes the request that is being answered: what the limits at Gradio's edge count by.

The outermost layer sets it; Gradio's own code passes no request on to the places where its memory grows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from starlette.types import Scope

from workbench.actors import VISITOR, Actor

TEACHER = "teacher"  # no visitor's number looks like this: those have twelve characters
NOBODY = ""  # all who keep no cookie, together
_KEY = "afina_actor"

_caller: ContextVar[str | None] = ContextVar("afina_caller", default=None)


def note(scope: Scope, actor: Actor) -> None:
    """Notes who makes the request of `scope`, for the rest of it."""
    scope[_KEY] = actor
    _caller.set(TEACHER if actor.is_teacher else actor.person)


def actor_of(scope: Scope) -> Actor:
    """Who was noted; a visitor without a number for what did not come through the outermost layer."""
    return scope.get(_KEY, VISITOR)


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
