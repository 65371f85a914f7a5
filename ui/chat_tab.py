"""The Chat tab: one message to several policies, their replies streamed side by side.

A conversation lives in its columns' chat boxes, in the reader's page; nothing of it is kept here but the wish to
stop, by session.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from tuning.alternatives import parted
from ui import chat_helps, chat_reward, study_words
from ui.chat_feedback import wire_feedback
from ui.chat_words import about, examples, first_columns, labels, passages
from ui.context import actor, language, on_open, shown
from ui.translations import t
from workbench.comparing import MOST_COLUMNS

if TYPE_CHECKING:
    from workbench.services import Services

Message = dict[str, str]
_MARKUP = re.compile(r"<(?=[A-Za-z/!?])|&(?=#|\w+;)")
_MARKED = {"<": "&lt;", "&": "&amp;"}


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
    chat_helps.build(services, [column.policy for column in columns], controls.n_columns)
    panel = chat_reward.lay_out()
    _wire_choices(services, columns, controls)
    _wire_talk(services, columns, controls)
    wire_feedback(
        services, [column.talk for column in columns], [column.policy for column in columns], controls.star
    )
    chat_reward.wire(
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
        stop = gr.Button(
            t("chat.stop"), variant="stop", scale=1, min_width=90, visible=False, elem_id="chat-stop"
        )
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
        found = examples(language(request))
        offered = gr.Dataset(samples=[[each] for each in found] or [[""]], visible=bool(found))
        named = labels(choices, language(request))
        return [*(gr.update(choices=named, value=value) for value in start), offered]

    @shown
    def refresh(request: gr.Request) -> list[Any]:
        named = labels(services.comparing.columns(actor(services, request)), language(request))
        return [gr.update(choices=named) for _ in dropdowns]

    def show_columns(count: int) -> list[Any]:
        return [gr.update(visible=index < count) for index in range(MOST_COLUMNS)]

    on_open(arrive, None, [*dropdowns, controls.examples], **quiet)
    gr.on([dropdown.focus for dropdown in dropdowns], refresh, None, dropdowns, **quiet)
    controls.n_columns.change(show_columns, controls.n_columns, [column.box for column in columns], **quiet)
    controls.examples.click(lambda row: row[0], controls.examples, controls.message, **quiet)


def _wire_talk(services: Services, columns: list[Column], controls: Controls) -> None:
    wishes: dict[str, threading.Event] = {}  # session -> whether its answer is to stop
    talks = [column.talk for column in columns]
    facts = [column.facts for column in columns]
    outputs = [controls.message, controls.send, controls.stop, *talks, *facts]
    setup = [controls.system, *controls.sampling, controls.n_columns, *(column.policy for column in columns)]

    @shown
    def send(request: gr.Request, message: str, *values: Any) -> Iterator[list[Any]]:
        yield from _answer(services, wishes, request, message, *values)

    @shown
    def again(request: gr.Request, *values: Any) -> Iterator[list[Any]]:
        setting, talked = list(values[: len(setup)]), values[len(setup) :]
        histories = [said(talk) for talk in talked]
        asked = next((turn["content"] for turn in reversed(histories[0]) if turn["role"] == "user"), "")
        yield from _answer(
            services, wishes, request, asked, *setting, *(history[:-2] for history in histories)
        )

    def stop(request: gr.Request) -> None:
        if wish := wishes.get(request.session_hash or ""):
            wish.set()

    def clear() -> list[Any]:
        return [*([] for _ in talks), *("" for _ in facts)]

    quick: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
    # The buttons come back when the answer is over for the browser too: before, it would not hear the next click.
    idle = {"fn": lambda: (gr.update(visible=True), gr.update(visible=False)), "inputs": None,
            "outputs": [controls.send, controls.stop], **quick}  # fmt: skip
    streaming: dict[str, Any] = {"outputs": outputs, "concurrency_limit": 64, "api_visibility": "private",
                                 "show_progress": "hidden", "trigger_mode": "once"}  # fmt: skip
    gr.on(
        [controls.send.click, controls.message.submit], send, [controls.message, *setup, *talks], **streaming
    ).then(**idle)
    controls.retry.click(lambda seed: int(seed or 0) + 1, controls.seed, controls.seed, **quick).then(
        again, [*setup, *talks], **streaming
    ).then(**idle)
    controls.stop.click(stop, None, None, **quick)
    controls.clear.click(clear, None, [*talks, *facts], **quick)


def _answer(
    services, wishes, request, message, system, temperature, top_p, max_new_tokens, seed, greedy, n, *rest
):
    """Rows of outputs while `n` columns write; `rest` is the policies and then the talks of all columns."""
    policies, histories = rest[:n], [said(talk) for talk in rest[MOST_COLUMNS : MOST_COLUMNS + n]]
    sampling = {
        "temperature": temperature,
        "top_p": top_p,
        "max_new_tokens": int(max_new_tokens),
        "seed": int(seed or 0),
        "greedy": greedy,
    }
    found = [_found(services, name, message or "", request) for name in policies]
    stop = wishes[request.session_hash] = threading.Event()
    asked = {"role": "user", "content": message}
    who, tongue = actor(services, request), language(request)
    try:
        stream = services.comparing.chat(
            who, policies, histories, message or "", system or "", stop.is_set, tongue, **sampling
        )
        sent: Any = ""  # the message leaves its field once: what is typed meanwhile stays there
        for partials in stream:
            boxes = [
                shown_talk([*history, asked, {"role": "assistant", "content": partial.text or "…"}])
                for history, partial in zip(histories, partials, strict=True)
            ]
            below = [about(partial, tongue) + shown for partial, shown in zip(partials, found, strict=True)]
            yield _row(sent, boxes, below)
            sent = gr.skip()
    finally:
        wishes.pop(request.session_hash, None)


def _found(services: Services, policy: str, message: str, request: gr.Request) -> str:
    """HTML: the examples or passages that this column's way puts before the message; empty for the others."""
    way, ways, tongue = parted(policy or "")[1], services.comparing.alternatives, language(request)
    if way == "plain" or not message.strip():
        return ""
    if way == "few_shot":
        return study_words.examples(ways.examples(actor(services, request), tongue), tongue)
    return passages(ways.search(actor(services, request), message), tongue)


def _row(message: Any, boxes: list[Any], below: list[str]) -> list[Any]:
    """Values in the order of the outputs while an answer is written; columns that are not shown stay as they are."""
    rest = [gr.skip()] * (MOST_COLUMNS - len(boxes))
    return [message, gr.update(visible=False), gr.update(visible=True), *boxes, *rest, *below, *rest]


def shown_talk(messages: Sequence[Message]) -> list[Message]:
    """Messages for a chat box, which reads them as HTML even without Markdown; `said` gives them back as they were.

    Only what HTML would read is marked, so that `a < b` is copied from the box as it is.
    """
    return [
        {"role": turn["role"], "content": _MARKUP.sub(lambda found: _MARKED[found[0]], turn["content"])}
        for turn in messages
    ]


def said(talk: Sequence[dict[str, Any]] | None) -> list[Message]:
    """A chat box's messages as plain ones: Gradio hands each content over as a list of blocks."""
    messages = []
    for turn in talk or []:
        content = turn["content"]
        if not isinstance(content, str):
            content = "".join(block.get("text", "") for block in content if isinstance(block, dict))
        plain = content.replace("&lt;", "<").replace("&amp;", "&")
        messages.append({"role": turn["role"], "content": plain})
    return messages


def _endpoint(services: Services) -> None:
    @shown
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
