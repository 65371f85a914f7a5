"""Messages between the services and Gradio's chat boxes: what a box is given, and what is read back from it.

A box reads text as HTML even without Markdown, keeps it in the reader's page, and hands back whatever that page sends:
what is read here proves nothing but by its seal. Has no components and no services.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.languages import ENGLISH
from ui.translations import word

Message = dict[str, str]
STUB = "…"  # stands where a reply is being written
CUT_SIGN = "\u2060"  # ends the line below a cut reply; invisible, `style.css` takes the thumbs away by it
_CUT = "cut"
# Browsers read some names without their semicolon too: `&copy=2` would be `©=2`.
_BARE = "|".join(sorted((name for name in html.entities.html5 if not name.endswith(";")), key=len, reverse=True))
_MARKUP = re.compile(rf"<(?=[A-Za-z/!?])|&(?=#|\w+;|(?:{_BARE}))")
_MARKED = {"<": "&lt;", "&": "&amp;"}


@dataclass(frozen=True)
class Turn:
    """One message of a talk. `seal`: proof of who wrote a whole reply. `cut`: it was stopped, or failed on its way."""

    role: str
    content: str
    seal: str = ""
    cut: bool = False

    @property
    def is_stub(self) -> bool:
        return self.role == "assistant" and not self.seal and self.content.strip() in ("", STUB)

    @property
    def plain(self) -> Message:
        return {"role": self.role, "content": self.content}


def read(talk: Sequence[dict[str, Any]] | None) -> list[Turn]:
    """A chat box's messages, in their places."""
    turns = []
    for message in talk or []:
        mark = str((message.get("metadata") or {}).get("id") or "")
        cut = mark == _CUT and message["role"] == "assistant"
        text = _plain(message["content"], first_only=cut)
        turns.append(Turn(message["role"], text, "" if cut else mark, cut))
    return turns


def whole(turns: Sequence[Turn]) -> list[Turn]:
    """The talk without questions that nobody answered: a stub is not what the assistant said."""
    kept: list[Turn] = []
    for turn in turns:
        if (turn.is_stub or turn.role == "user") and kept and kept[-1].role == "user":
            kept.pop()
        if not turn.is_stub:
            kept.append(turn)
    return kept[:-1] if kept and kept[-1].role == "user" else kept


def said(talk: Sequence[dict[str, Any]] | None) -> list[Message]:
    """Same as `read`, as plain messages."""
    return [turn.plain for turn in read(talk)]


def shown_talk(turns: Sequence[Turn | Message], language: str = ENGLISH) -> list[dict[str, Any]]:
    """Messages for a chat box. Only what HTML would read is marked: `a < b` is copied from the box as it is.

    Texts go as blocks: Gradio takes leading spaces and tabs out of plain ones.
    """
    return [_shown(turn if isinstance(turn, Turn) else Turn(turn["role"], turn["content"]), language) for turn in turns]


def _shown(turn: Turn, language: str) -> dict[str, Any]:
    blocks = [_block(turn.content)]
    if turn.cut:
        blocks.append(_block(word("chat.cut", language) + CUT_SIGN))
    mark = _CUT if turn.cut else turn.seal
    found: dict[str, Any] = {"role": turn.role, "content": blocks}
    return found | {"metadata": {"id": mark}} if mark else found


def _block(text: str) -> dict[str, str]:
    return {"type": "text", "text": _MARKUP.sub(lambda sign: _MARKED[sign[0]], text)}


def _plain(content: Any, first_only: bool) -> str:
    """The text of a message's blocks; Gradio hands each content over as a list of them."""
    if not isinstance(content, str):
        texts = [block.get("text", "") for block in content if isinstance(block, dict)]
        content = "".join(texts[:1] if first_only else texts)
    return content.replace("&lt;", "<").replace("&amp;", "&")
