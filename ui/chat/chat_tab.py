"""The Chat tab: one message to several policies, their replies streamed side by side.

A conversation lives in its columns' chat boxes, in the reader's page; nothing of it is kept here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from ui.chat import alternatives_panel, reply_writer, reward_panel
from ui.chat.chat_layout import Column, Controls
from ui.chat.chat_messages import Turn, read
from ui.chat.chat_view import examples, first_columns, labels
from ui.chat.rating_panel import wire_feedback
from ui.chat.reply_writer import Answers, Row
from ui.request import actor, always, language_of, on_open, shown
from ui.server.endpoint_values import typed
from workbench.chat.chat_service import MOST_COLUMNS

if TYPE_CHECKING:
    from workbench.services import Services


def build_chat_tab(services: Services) -> None:
    """Lays the tab out in the Blocks context it is called in."""
    with gr.Row(equal_height=True):
        columns = [Column(index) for index in range(MOST_COLUMNS)]
    controls = Controls()
    alternatives_panel.build(services, [column.policy for column in columns], controls.n_columns)
    panel = reward_panel.Panel()
    _wire_choices(services, columns, controls)
    _wire_talk(services, columns, controls)
    wire_feedback(services, [column.talk for column in columns], controls.star)
    reward_panel.wire(services, panel, columns, controls)
    _endpoint(services)


def _wire_choices(services: Services, columns: list[Column], controls: Controls) -> None:
    quiet: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
    dropdowns = [column.policy for column in columns]

    @shown
    def arrive(request: gr.Request) -> dict[Any, Any]:
        choices = services.comparing.columns(actor(services, request))
        start = first_columns(choices, MOST_COLUMNS)
        found = examples(language_of(request))
        offered = gr.Dataset(samples=[[each] for each in found] or [[""]], visible=bool(found))
        named = labels(choices, language_of(request))
        chosen = zip(dropdowns, start, strict=True)
        return {
            controls.examples: offered,
            **{box: gr.update(choices=named, value=value) for box, value in chosen},
        }

    @shown
    def refresh(request: gr.Request) -> dict[Any, Any]:
        named = labels(services.comparing.columns(actor(services, request)), language_of(request))
        return {dropdown: gr.update(choices=named) for dropdown in dropdowns}

    def show_columns(count: int) -> dict[Any, Any]:
        return {column.box: gr.update(visible=index < count) for index, column in enumerate(columns)}

    on_open(arrive, None, [*dropdowns, controls.examples], **quiet)
    gr.on([dropdown.focus for dropdown in dropdowns], refresh, None, dropdowns, **quiet)
    controls.n_columns.change(show_columns, controls.n_columns, [column.box for column in columns], **quiet)
    controls.examples.click(lambda row: row[0], controls.examples, controls.message, **quiet)


def _wire_talk(services: Services, columns: list[Column], controls: Controls) -> None:
    answers = Answers()
    unsent = gr.State("")  # a message that nobody answered, on its way back to its field
    talks, facts = [column.talk for column in columns], [column.facts for column in columns]
    policies = [column.policy for column in columns]
    setup = {controls.system, controls.greedy, controls.n_columns, *controls.drawing, *policies, *talks}

    def parts(values: dict[Any, Any]) -> tuple[list[str], list[list[Turn]], str, dict[str, Any]]:
        """(policies, talks, system message, sampling) of the columns that are shown."""
        taken = columns[: values[controls.n_columns]]
        held = [read(values[column.talk]) for column in taken]
        sampling = {**controls.sampling(values), "greedy": values[controls.greedy]}
        return [values[column.policy] for column in taken], held, values[controls.system] or "", sampling

    def updates(rows: Iterator[Row]) -> Iterator[dict[Any, Any]]:
        """Columns that are not shown stay as they are."""
        for row in rows:
            yield {
                controls.message: row.message,
                unsent: row.unsent,
                **controls.busy(True),
                **dict(zip(talks, row.talks, strict=False)),
                **dict(zip(facts, row.facts, strict=False)),
            }

    @shown
    def send(values: dict[Any, Any], request: gr.Request) -> Iterator[dict[Any, Any]]:
        chat_request = reply_writer.sent(values[controls.message] or "", *parts(values))
        yield from updates(reply_writer.rows(services, answers, request, chat_request))

    @shown
    def again(values: dict[Any, Any], request: gr.Request) -> Iterator[dict[Any, Any]]:
        yield from updates(reply_writer.rows(services, answers, request, reply_writer.again(*parts(values))))

    def stop(request: gr.Request) -> None:
        answers.stop(request.session_hash)

    def clear(request: gr.Request) -> dict[Any, Any]:
        if answers.going(request.session_hash):  # the button is off then: another page of the session
            return gr.skip()
        return {**{talk: [] for talk in talks}, **dict.fromkeys(facts, "")}

    def rest(typed: str, waiting: str, request: gr.Request) -> dict[Any, Any]:
        if answers.going(request.session_hash):  # what has ended was refused beside an answer that goes on
            return gr.skip()
        back = waiting if waiting and not (typed or "").strip() else gr.skip()
        return {controls.message: back, unsent: "", **controls.busy(False)}

    quick: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    # The buttons come back when the answer is over for the browser too: before, it would not hear the next click.
    idle = {
        "fn": rest,
        "inputs": [controls.message, unsent],
        "outputs": [controls.message, unsent, *controls.busy(False)],
        **quick,
    }
    streaming: dict[str, Any] = {
        "outputs": [controls.message, unsent, *controls.busy(True), *talks, *facts],
        "concurrency_limit": 64,
        "api_visibility": "private",
        "show_progress": "hidden",
        "trigger_mode": "once",
    }
    sent = gr.on([controls.send.click, controls.message.submit], send, {controls.message, *setup}, **streaming)
    always(sent, **idle)
    seeded = controls.retry.click(lambda seed: int(seed or 0) + 1, controls.seed, controls.seed, **quick)
    always(seeded.success(again, setup, **streaming), **idle)
    controls.stop.click(stop, None, None, **quick)
    controls.clear.click(clear, None, [*talks, *facts], **quick)


def _endpoint(services: Services) -> None:
    @shown
    @typed
    def compare(
        message: str, policies: list[str], sampling: dict[str, Any], system: str, request: gr.Request
    ) -> list[dict[str, Any]]:
        """One reply of each policy to `message`: [{"policy", "text", "n_tokens", "finish_reason"}].

        sampling: any of temperature, top_p, max_new_tokens, seed, greedy; {} takes the defaults.
        """
        replies = services.comparing.replies(actor(services, request), policies, message, system, **sampling)
        return [
            {
                "policy": name,
                "text": reply.text,
                "n_tokens": reply.n_tokens,
                "finish_reason": reply.finish_reason,
            }
            for name, reply in zip(policies, replies, strict=True)
        ]

    gr.api(compare, api_name="compare", concurrency_limit=8)
