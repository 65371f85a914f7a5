"""The Chat tab: one message to several policies, their replies streamed side by side.

A conversation lives in its columns' chat boxes, in the reader's page; nothing of it is kept here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from ui.chat import alternatives_panel, reply_writer, reward_panel
from ui.chat.chat_messages import Turn, read
from ui.chat.chat_view import examples, first_columns, labels
from ui.chat.rating_panel import wire_feedback
from ui.chat.reply_writer import Answers
from ui.request import actor, always, language_of, on_open, shown
from ui.server.endpoint_values import typed
from ui.translations import t
from workbench.chat.chat_service import MOST_COLUMNS

if TYPE_CHECKING:
    from workbench.services import Services


@dataclass(frozen=True)
class Column:
    box: gr.Column
    policy: gr.Dropdown
    talk: gr.Chatbot
    facts: gr.HTML


@dataclass(frozen=True)
class Controls:
    message: gr.Textbox
    send: gr.Button
    stop: gr.Button
    retry: gr.Button
    clear: gr.Button
    star: gr.Button
    n_columns: gr.Radio
    system: gr.Textbox
    temperature: gr.Slider
    top_p: gr.Slider
    max_new_tokens: gr.Slider
    seed: gr.Number
    greedy: gr.Checkbox
    examples: gr.Dataset

    @property
    def sampling(self) -> list[Any]:
        return [self.temperature, self.top_p, self.max_new_tokens, self.seed, self.greedy]


def build_chat_tab(services: Services) -> None:
    """Lays the tab out in the Blocks context it is called in."""
    with gr.Row(equal_height=True):
        columns = [_column(index) for index in range(MOST_COLUMNS)]
    controls = _controls()
    alternatives_panel.build(services, [column.policy for column in columns], controls.n_columns)
    panel = reward_panel.lay_out()
    _wire_choices(services, columns, controls)
    _wire_talk(services, columns, controls)
    wire_feedback(services, [column.talk for column in columns], controls.star)
    reward_panel.wire(
        services,
        panel,
        [column.talk for column in columns],
        [column.policy for column in columns],
        controls.n_columns,
        controls.sampling[:4],
        controls.system,
    )
    _endpoint(services)


def _column(index: int) -> Column:
    with gr.Column(visible=index < 2, min_width=300, elem_classes="chat-column") as box:
        policy = gr.Dropdown(
            [],
            label=t("chat.policy"),
            show_label=False,
            container=False,
            filterable=False,
            elem_id=f"chat-policy-{index}",
        )
        talk = gr.Chatbot(
            show_label=False,
            height="46vh",
            min_height=260,
            placeholder=t("chat.empty_column"),
            sanitize_html=True,
            render_markdown=False,
            buttons=["copy"],
            elem_id=f"chat-talk-{index}",
            group_consecutive_messages=False,
        )
        facts = gr.HTML("", elem_classes="chat-facts", padding=False)
    return Column(box, policy, talk, facts)


def _controls() -> Controls:
    with gr.Row(equal_height=True):
        message = gr.Textbox(
            placeholder=t("chat.message"),
            show_label=False,
            lines=1,
            max_lines=6,
            scale=8,
            autofocus=True,
            elem_id="chat-message",
        )
        send = gr.Button(t("chat.send"), variant="primary", scale=1, min_width=90, elem_id="chat-send")
        stop = gr.Button(t("chat.stop"), variant="stop", scale=1, min_width=90, visible=False, elem_id="chat-stop")
    shown_examples = gr.Dataset(
        components=[gr.Textbox(visible=False)],
        samples=[[""]],
        label=t("chat.examples"),
        visible=False,
        elem_id="chat-examples",
    )
    with gr.Row():
        retry = gr.Button(t("chat.retry"), size="sm")
        clear = gr.Button(t("chat.clear"), size="sm")
        star = gr.Button(t("chat.star"), size="sm", elem_id="chat-star")
    with gr.Accordion(t("chat.settings"), open=False):
        with gr.Row():
            n_columns = gr.Radio([1, 2, 3, 4], value=2, label=t("chat.columns"), elem_id="chat-columns")
            greedy = gr.Checkbox(False, label=t("chat.greedy"), info=t("chat.greedy_info"))
        with gr.Row():
            temperature = gr.Slider(0.05, 2, 0.8, step=0.05, label=t("chat.temperature"))
            top_p = gr.Slider(0.05, 1, 0.95, step=0.05, label=t("chat.top_p"))
            max_new_tokens = gr.Slider(8, 512, 96, step=8, label=t("chat.max_new_tokens"))
            seed = gr.Number(0, precision=0, label=t("chat.seed"), info=t("chat.seed_info"))
        system = gr.Textbox(label=t("chat.system"), placeholder=t("chat.system_hint"), lines=2)
    return Controls(
        message,
        send,
        stop,
        retry,
        clear,
        star,
        n_columns,
        system,
        temperature,
        top_p,
        max_new_tokens,
        seed,
        greedy,
        shown_examples,
    )


def _wire_choices(services: Services, columns: list[Column], controls: Controls) -> None:
    quiet: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
    dropdowns = [column.policy for column in columns]

    @shown
    def arrive(request: gr.Request) -> list[Any]:
        choices = services.comparing.columns(actor(services, request))
        start = first_columns(choices, MOST_COLUMNS)
        found = examples(language_of(request))
        offered = gr.Dataset(samples=[[each] for each in found] or [[""]], visible=bool(found))
        named = labels(choices, language_of(request))
        return [*(gr.update(choices=named, value=value) for value in start), offered]

    @shown
    def refresh(request: gr.Request) -> list[Any]:
        named = labels(services.comparing.columns(actor(services, request)), language_of(request))
        return [gr.update(choices=named) for _ in dropdowns]

    def show_columns(count: int) -> list[Any]:
        return [gr.update(visible=index < count) for index in range(MOST_COLUMNS)]

    on_open(arrive, None, [*dropdowns, controls.examples], **quiet)
    gr.on([dropdown.focus for dropdown in dropdowns], refresh, None, dropdowns, **quiet)
    controls.n_columns.change(show_columns, controls.n_columns, [column.box for column in columns], **quiet)
    controls.examples.click(lambda row: row[0], controls.examples, controls.message, **quiet)


def _wire_talk(services: Services, columns: list[Column], controls: Controls) -> None:
    answers = Answers()
    talks, facts = [column.talk for column in columns], [column.facts for column in columns]
    unsent = gr.State("")  # a message that nobody answered, on its way back to its field
    buttons = [controls.send, controls.stop, controls.retry, controls.clear]
    outputs = [controls.message, unsent, *buttons, *talks, *facts]
    setup = [controls.system, *controls.sampling, controls.n_columns, *(column.policy for column in columns)]

    @shown
    def send(request: gr.Request, message: str, *values: Any) -> Iterator[list[Any]]:
        policies, held, system, sampling = _parts(values)
        asked = reply_writer.sent(message or "", policies, held, system, sampling)
        yield from reply_writer.rows(services, answers, request, asked)

    @shown
    def again(request: gr.Request, *values: Any) -> Iterator[list[Any]]:
        yield from reply_writer.rows(services, answers, request, reply_writer.again(*_parts(values)))

    def stop(request: gr.Request) -> None:
        answers.stop(request.session_hash)

    def clear(request: gr.Request) -> list[Any]:
        if answers.going(request.session_hash):  # the button is off then: another page of the session
            return [gr.skip()] * (len(talks) + len(facts))
        return [*([] for _ in talks), *("" for _ in facts)]

    def rest(request: gr.Request, typed: str, unsent: str) -> list[Any]:
        if answers.going(request.session_hash):  # what has ended was refused beside an answer that goes on
            return [gr.skip()] * (2 + len(buttons))
        back = unsent if unsent and not (typed or "").strip() else gr.skip()
        return [back, "", *reply_writer.busy(False)]

    quick: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    # The buttons come back when the answer is over for the browser too: before, it would not hear the next click.
    idle = {
        "fn": rest,
        "inputs": [controls.message, unsent],
        "outputs": [controls.message, unsent, *buttons],
        **quick,
    }
    streaming: dict[str, Any] = {
        "outputs": outputs,
        "concurrency_limit": 64,
        "api_visibility": "private",
        "show_progress": "hidden",
        "trigger_mode": "once",
    }
    always(
        gr.on(
            [controls.send.click, controls.message.submit],
            send,
            [controls.message, *setup, *talks],
            **streaming,
        ),
        **idle,
    )
    seeded = controls.retry.click(lambda seed: int(seed or 0) + 1, controls.seed, controls.seed, **quick)
    always(seeded.success(again, [*setup, *talks], **streaming), **idle)
    controls.stop.click(stop, None, None, **quick)
    controls.clear.click(clear, None, [*talks, *facts], **quick)


def _parts(values: Sequence[Any]) -> tuple[list[str], list[list[Turn]], str, dict[str, Any]]:
    """(policies, talks, system message, sampling) of the columns that are shown, from the controls' values."""
    system, *drawn, n = values[:7]
    policies, talks = values[7 : 7 + n], values[7 + MOST_COLUMNS :][:n]
    return list(policies), [read(talk) for talk in talks], system or "", reply_writer.sampling_of(*drawn)


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
