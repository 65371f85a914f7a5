"""Thumbs and stars in the chat: a reply rated alone teaches too (the data of KTO), a good question is kept for a round.

Reads what a page sends and words what came of it; who may rate which reply is `workbench.chat.thumbs`' to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import NotAllowed
from ui.chat.chat_messages import read
from ui.request import QUIET, actor, inform, language_of, shown, warn
from ui.translations import word

if TYPE_CHECKING:
    from workbench.services import Services


def wire_feedback(services: Services, talks: Sequence[gr.Chatbot], star: gr.Button) -> None:
    """Thumbs on every reply of `talks`; `star` keeps the last question."""

    @shown
    def rate(talk: list[Any], data: gr.LikeData, request: gr.Request) -> None:
        turns, language = read(talk), language_of(request)
        index = data.index[0] if isinstance(data.index, (list, tuple)) and data.index else data.index
        if not isinstance(index, int) or not 0 < index < len(turns) or turns[index].role != "assistant":
            raise NotAllowed("rating.unsigned")
        before, reply, good = [turn.plain for turn in turns[:index]], turns[index], _liked(data.liked)
        services.thumbs.rate(actor(services, request), reply.seal, before, reply.content, good, language)
        inform(word("chat.taken_back" if good is None else "chat.rated", language), 2)

    @shown
    def keep(talk: list[Any], request: gr.Request) -> None:
        questions = [turn.content for turn in read(talk) if turn.role == "user"]
        if not questions:
            warn(word("chat.star_nothing", language_of(request)))
            return
        n = services.rounds.star(actor(services, request), questions[-1])
        inform(word("chat.starred", language_of(request), n=n))

    for talk in talks:
        talk.like(rate, talk, None, **QUIET)
    star.click(keep, talks[0], None, **QUIET)


def _liked(liked: object) -> bool | None:
    """Up, down, or None: Gradio sends an empty text where a thumb is taken back."""
    if liked is True or liked == "Like":
        return True
    return False if liked is False or liked == "Dislike" else None
