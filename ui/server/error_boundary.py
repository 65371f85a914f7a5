"""The last edge before Gradio's handlers: what may come in, how many at once, and what goes wrong around a handler.

Gradio prints an exception with its words, which quote what the client sent, and sends them to the page: here it is
worded as within a handler (`@shown`).
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import gradio as gr

from common.errors import AfinaError
from ui.edge import caller
from ui.edge.file_values import require_local_files
from ui.request import unexpected, worded
from ui.server import gradio_patches

logger = logging.getLogger(__name__)
THREADS = 96  # that run handlers; one that streams a reply holds its own while it waits for a token
_VISITORS_AT_ONCE = THREADS - 16


class Page(gr.Blocks):
    """A page whose events print nothing and tell nobody what only the log should know."""

    _visitors: asyncio.Semaphore | None = None

    def queue(self, *arguments: Any, **options: Any) -> Page:
        super().queue(*arguments, **options)
        gradio_patches.keep_places(self._queue)
        return self

    async def process_api(self, block_fn: Any, inputs: list[Any], *rest: Any, **more: Any) -> dict[str, Any]:
        function = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        request = more.get("request")
        teacher = _is_teachers(request)
        try:
            require_local_files(inputs, function.inputs, teacher)
            async with self._place(teacher):
                return await super().process_api(block_fn, inputs, *rest, **more)
        except gr.Error as error:
            error.print_exception = False
            raise
        except AfinaError as error:
            raise worded(error, request) from None
        except Exception as error:
            logger.error("around %s", getattr(function.fn, "__qualname__", "?"), exc_info=error)
            raise unexpected(error, request) from None

    def _place(self, teacher: bool) -> AbstractAsyncContextManager[Any]:
        """Visitors wait for one another where they are many; the teacher waits for none of them."""
        if teacher:
            return nullcontext()
        if self._visitors is None:
            self._visitors = asyncio.Semaphore(_VISITORS_AT_ONCE)
        return self._visitors


def _is_teachers(request: Any) -> bool:
    """Whether `ui.edge.allowed_routes` found that the teacher asks; what did not pass it is a visitor's."""
    first = request[0] if isinstance(request, list) and request else request
    return caller.actor_of(getattr(getattr(first, "request", None), "scope", None) or {}).is_teacher
