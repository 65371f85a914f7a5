"""Writes replies into the Chat tab's columns: one answer at a time on each page, which can be stopped.

What comes of an answer is settled at its end, also where it was stopped or an error ended it: a reply that was cut is
marked, an empty one leaves the talk, and a question that nobody answered goes back to its field. Builds no components.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError
from tuning.evaluation.alternatives import parted
from tuning.inference.reply_engine import Partial
from ui.chat import alternatives_view
from ui.chat.chat_messages import STUB, Turn, shown_talk, whole
from ui.chat.chat_view import about, passages
from ui.request import actor, language_of
from workbench.chat.chat_service import WHOLE

if TYPE_CHECKING:
    from workbench.services import Services


class Answers:
    """The answers that are being written, one for each session."""

    def __init__(self) -> None:
        self._going: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    @contextmanager
    def begin(self, session: str | None) -> Iterator[threading.Event]:
        """Gives the wish to stop. Raises: AfinaError `chat.busy` where the session's last answer has not ended."""
        wish = threading.Event()
        key = session or f"none {id(wish)}"
        with self._lock:
            if key in self._going:
                raise AfinaError("chat.busy")
            self._going[key] = wish
        try:
            yield wish
        finally:
            with self._lock:
                del self._going[key]

    def stop(self, session: str | None) -> None:
        with self._lock:
            if wish := self._going.get(session or ""):
                wish.set()

    def going(self, session: str | None) -> bool:
        with self._lock:
            return (session or "") in self._going


@dataclass(frozen=True)
class ChatRequest:
    """One message to `policies`: the talk before it in each column, and what stands there if no reply comes."""

    message: str
    policies: list[str]
    histories: list[list[Turn]]
    before: list[list[Turn]]
    system: str
    sampling: dict[str, Any]
    returns: bool = False  # whether an unanswered message goes back to its field


@dataclass(frozen=True)
class Row:
    """What the page shows at a moment while the columns write."""

    message: Any  # the message's field
    unsent: str  # what goes back to that field at the end
    talks: list[Any]  # of each column that is shown
    facts: list[str]  # HTML under each of them


def sent(message: str, policies: list[str], talks: Sequence[list[Turn]], system: str, sampling: dict) -> ChatRequest:
    """`message` after what each column holds."""
    histories = [whole(talk) for talk in talks]
    return ChatRequest(message, policies, histories, histories, system, sampling, returns=True)


def again(policies: list[str], talks: Sequence[list[Turn]], system: str, sampling: dict) -> ChatRequest:
    """The last message once more, in the place of its replies. A column that has none of them gets it at its end."""
    before = [whole(talk) for talk in talks]
    longest = max(before, key=len, default=[])
    message = next((turn.content for turn in reversed(longest) if turn.role == "user"), "")
    return ChatRequest(message, policies, [_until(talk, message) for talk in before], before, system, sampling)


def _until(talk: list[Turn], message: str) -> list[Turn]:
    places = [place for place, turn in enumerate(talk) if turn.role == "user"]
    return talk[: places[-1]] if places and talk[places[-1]].content == message else talk


def rows(services: Services, answers: Answers, request: gr.Request, chat_request: ChatRequest) -> Iterator[Row]:
    """What the page shows while the columns write. The last one is settled.

    Raises: as `Comparing.chat`, AfinaError `chat.busy`; then too the last row is settled.
    """
    language = language_of(request)
    question = Turn("user", chat_request.message)
    partials: list[Partial] = []
    contexts: list[str] = []
    field: Any = ""  # the message leaves its field once: what is typed meanwhile stays there
    with answers.begin(request.session_hash) as wish:
        stream = services.comparing.chat(
            actor(services, request),
            chat_request.policies,
            [[turn.plain for turn in talk] for talk in chat_request.histories],
            chat_request.message,
            chat_request.system,
            wish.is_set,
            language,
            **chat_request.sampling,
        )
        try:
            for partials in stream:
                contexts = contexts or [
                    _found(services, name, chat_request.message, request) for name in chat_request.policies
                ]
                boxes = [
                    [*talk, question, _turn(partial)]
                    for talk, partial in zip(chat_request.histories, partials, strict=True)
                ]
                yield _row(field, boxes, [about(each, language) for each in partials], contexts, language)
                field = gr.skip()
        except Exception:
            if partials:
                yield _settled(chat_request, [_failed(each) for each in partials], contexts, language)
            raise
        yield _settled(chat_request, partials, contexts, language)


def _failed(partial: Partial) -> Partial:
    return partial if partial.done else replace(partial, done=True, finish_reason="failed")


def _turn(partial: Partial) -> Turn:
    cut = partial.done and bool(partial.text) and partial.finish_reason not in WHOLE
    return Turn("assistant", partial.text or STUB, partial.seal, cut)


def _settled(chat_request: ChatRequest, partials: Sequence[Partial], contexts: list[str], language: str) -> Row:
    """What stays: replies, cut ones marked; where there is none, the talk as it was before."""
    question = Turn("user", chat_request.message)
    boxes = [
        [*talk, question, _turn(partial)] if partial.text else old
        for talk, old, partial in zip(chat_request.histories, chat_request.before, partials, strict=True)
    ]
    below = [about(each, language) for each in partials]
    unsent = chat_request.message if chat_request.returns and not any(each.text for each in partials) else ""
    return _row(gr.skip(), boxes, below, contexts, language, unsent)


def _row(
    field: Any,
    boxes: Sequence[list[Turn]],
    below: Sequence[str],
    contexts: Sequence[str],
    language: str,
    unsent: str = "",
) -> Row:
    shown = [shown_talk(box, language) for box in boxes]
    return Row(field, unsent, shown, [text + more for text, more in zip(below, contexts, strict=True)])


def _found(services: Services, policy: str, message: str, request: gr.Request) -> str:
    """HTML: the examples or passages that this column's way puts before the message; empty for the others."""
    way, ways, language = parted(policy or "")[1], services.comparing.alternatives, language_of(request)
    if way == "plain" or not message.strip():
        return ""
    if way == "few_shot":
        return alternatives_view.examples(ways.examples(actor(services, request), language), language)
    return passages(ways.search(actor(services, request), message), language)
