"""What every page of a study shares: its state told by a timer that stands still while nothing goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gradio as gr

from common import hashing
from ui.request import UNQUEUED, actor, language_of, shown

if TYPE_CHECKING:
    from workbench.background import Study
    from workbench.services import Services

logger = logging.getLogger(__name__)
SECONDS = 1.0


def wire(
    services: Services,
    kind: str,
    words: Callable[[Study | None, str], str],
    report: gr.HTML,
    stop: gr.Button,
    timer: gr.Timer,
) -> None:
    """Shows the study of this kind in `told` as `words(study, language)`; `stop` is seen while it goes on."""
    seen = gr.State("")

    @shown
    def watch(mark: str, request: gr.Request) -> dict[Any, Any]:
        study, language = services.course.latest(actor(services, request), kind), language_of(request)
        running = study is not None and study.running
        now = hashing.of_json([language, vars(study) if study else None])
        if now == mark:
            return {timer: gr.Timer(active=running)}
        return {
            report: _worded(words, study, language),
            stop: gr.update(visible=running and actor(services, request).is_teacher),
            seen: now,
            timer: gr.Timer(active=running),
        }

    @shown
    def halt(request: gr.Request) -> None:
        services.course.stop(actor(services, request), kind)

    timer.tick(watch, seen, [report, stop, seen, timer], **UNQUEUED)
    stop.click(halt, None, None, **UNQUEUED)


def _worded(words: Callable[[Study | None, str], str], study: Study | None, language: str) -> str:
    """What is told of a study; of one whose file holds other things than we write, that there is none."""
    try:
        return words(study, language)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        logger.warning("the file of a study: %s", type(error).__name__)
        return words(None, language)
