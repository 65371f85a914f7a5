"""Thumbs and stars in the chat: a reply rated alone teaches too (the data of KTO), a good question is kept for a round.

Who rates is an annotator of the room like everybody on a phone, known by a random token in the browser alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import NotAllowed
from ui.context import actor, inform, language, shown, warn
from ui.translations import word

if TYPE_CHECKING:
    from workbench.services import Services

_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}  # queued: notices need it


def wire_feedback(
    services: Services,
    talks: Sequence[gr.Chatbot],
    policies: Sequence[gr.Dropdown],
    star: gr.Button,
) -> None:
    """Thumbs on every reply of `talks`, whose columns answer by `policies`; `star` keeps the last question."""
    token = gr.BrowserState("", storage_key="afina-label", secret="afina-label")

    @shown
    def rate(of: str, talk: list[Any], policy: str, data: gr.LikeData, request: gr.Request) -> str:
        index = data.index[0] if isinstance(data.index, (list, tuple)) else data.index
        turns = _plain(talk)
        if not isinstance(index, int) or not 0 < index < len(turns) or turns[index]["role"] != "assistant":
            return of
        services.comparing.may_chat(actor(services, request))
        mine = _known(services, of) or services.voting.join(services.voting.code(), language(request))
        good = data.liked if isinstance(data.liked, bool) else data.liked == "Like"
        services.voting.rate(mine, turns[:index], turns[index]["content"], policy, good)
        inform(word("chat.rated", language(request)), 2)
        return mine

    @shown
    def keep(talk: list[Any], request: gr.Request) -> None:
        asked = [turn["content"] for turn in _plain(talk) if turn["role"] == "user"]
        if not asked:
            warn(word("chat.star_nothing", language(request)))
            return
        n = services.rounds.star(actor(services, request), asked[-1])
        inform(word("chat.starred", language(request), n=n))

    for talk, policy in zip(talks, policies, strict=True):
        talk.like(rate, [token, talk, policy], token, **_QUIET)
    star.click(keep, talks[0], None, **_QUIET)


def _known(services: Services, token: str) -> str:
    """The token if it is still somebody's, else nothing."""
    try:
        services.voting.person(token)
    except NotAllowed:
        return ""
    return token


def _plain(talk: Sequence[dict[str, Any]] | None) -> list[dict[str, str]]:
    from ui.chat_tab import said

    return said(talk)
