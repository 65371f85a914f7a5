"""The last edge before Gradio: what goes wrong around a handler, before or after it, is worded as within (`@shown`).

Gradio prints such an exception with its words, which quote what the client sent, and sends them to the page.
"""

from __future__ import annotations

import logging
from typing import Any

import gradio as gr

from ui.context import unexpected

logger = logging.getLogger(__name__)


class Page(gr.Blocks):
    """A page whose events print nothing and tell nobody what only the log should know."""

    async def process_api(self, block_fn: Any, inputs: list[Any], *rest: Any, **more: Any) -> dict[str, Any]:
        try:
            return await super().process_api(block_fn, inputs, *rest, **more)
        except gr.Error as error:
            error.print_exception = False
            raise
        except Exception as error:
            function = self.fns[block_fn].fn if isinstance(block_fn, int) else block_fn.fn
            logger.error("around %s", getattr(function, "__qualname__", "?"), exc_info=error)
            raise unexpected(error, more.get("request")) from None
