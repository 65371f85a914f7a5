"""The reward model in the chat: it judges the replies on the screen, and picks the best of n of one policy."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError
from common.number_format import number
from ui.chat.chat_messages import said
from ui.components.token_heatmap import heat
from ui.request import QUIET, actor, language_of, on_open, shown
from ui.translations import t, word
from workbench.alignment.reward_training import MOST

if TYPE_CHECKING:
    from ui.chat.chat_layout import Column, Controls
    from workbench.alignment.reward_training import Scored, Verdict
    from workbench.services import Services

_SAME = 0.005  # rewards that look alike with two decimals


class Panel:
    """The panel's components, laid out in the Blocks context it is made in."""

    def __init__(self) -> None:
        with gr.Accordion(t("chat.reward"), open=False, elem_id="chat-reward"):
            gr.Markdown(t("chat.reward.about"), elem_classes="train-hint")
            with gr.Row(equal_height=True):
                self.model = gr.Dropdown(
                    [],
                    label=t("chat.reward.model"),
                    allow_custom_value=True,
                    min_width=200,
                    elem_id="chat-reward-model",
                )
                self.judge = gr.Button(t("chat.reward.judge"), min_width=180, elem_id="chat-reward-judge")
                self.n = gr.Slider(1, MOST, 8, step=1, label=t("chat.reward.n"), min_width=200, elem_id="chat-reward-n")
                self.best = gr.Button(t("chat.reward.best"), min_width=180, elem_id="chat-reward-best")
            self.report = gr.HTML("", padding=False, elem_id="chat-reward-told")


def wire(services: Services, panel: Panel, columns: Sequence[Column], controls: Controls) -> None:
    """Over the replies in `columns`; what is written for the best of n is sampled as `controls` say."""

    @shown
    def refresh(chosen: str, request: gr.Request) -> Any:
        names = services.rewarding.models(actor(services, request))
        return gr.update(choices=names, value=chosen if chosen in names else names[0] if names else None)

    @shown
    def judge(values: dict[Any, Any], request: gr.Request) -> str:
        model, system = values[panel.model], (values[controls.system] or "").strip()
        taken = columns[: values[controls.n_columns]]
        boxes = [(values[column.policy], said(values[column.talk])) for column in taken]
        if not model:
            raise AfinaError("reward.no_model")
        ended = [(name, box) for name, box in boxes if len(box) > 1]
        if not ended or len({str(box[-2]["content"]) for _, box in ended}) > 1:
            raise AfinaError("reward.two")
        opening = [{"role": "system", "content": system}] if system else []
        talks_so_far = [box[:-1] for _, box in ended]
        shared = (
            talks_so_far[0] if all(each == talks_so_far[0] for each in talks_so_far) else talks_so_far[0][-1:]
        )  # else the last question
        talk = [*opening, *shared]
        found = services.rewarding.verdict(
            actor(services, request), model, talk, [box[-1]["content"] for _, box in ended], [name for name, _ in ended]
        )
        return verdict(found, model, [name for name, _ in ended], language_of(request))

    @shown
    def best(values: dict[Any, Any], request: gr.Request) -> str:
        model = values[panel.model]
        if not model:
            raise AfinaError("reward.no_model")
        right = columns[values[controls.n_columns] - 1]
        policy = values[right.policy]
        turns = [turn["content"] for turn in said(values[right.talk]) if turn["role"] == "user"]
        if not turns:
            raise AfinaError("reward.two")
        n, system, how = int(values[panel.n]), values[controls.system] or "", controls.sampling(values)
        found = services.rewarding.best_of(actor(services, request), model, policy, turns[-1], n, system, **how)
        return ranked(found, policy, turns[-1], language_of(request))

    on_open(refresh, panel.model, panel.model, queue=False, **QUIET)
    panel.model.focus(refresh, panel.model, panel.model, queue=False, **QUIET)
    slow = {**QUIET, "show_progress": "minimal"}
    replies = {controls.n_columns, controls.system, *(part for each in columns for part in (each.policy, each.talk))}
    panel.judge.click(judge, {panel.model, *replies}, panel.report, **slow)
    panel.best.click(best, {panel.model, panel.n, *controls.drawing, *replies}, panel.report, **slow)


def verdict(judged: Verdict, model: str, names: Sequence[str], language: str) -> str:
    """Rewards, what the model prefers, and what the class said."""
    most = max(judged.rewards)
    first = [i for i, reward in enumerate(judged.rewards) if most - reward < _SAME]
    columns = [_column(i, names[i], language) for i in first]
    heats = heat(judged.words) if judged.words else [""] * len(names)
    cells = "".join(
        f'<div class="reply{" best" if i in first else ""}"><small>{escape(_column(i, name, language))}</small>'
        f"<b>{number(reward, language, '+.2f')}</b>{coloured}</div>"
        for i, (name, reward, coloured) in enumerate(zip(names, judged.rewards, heats, strict=True))
    )
    read = f'<p class="quiet">{escape(word("chat.reward.words", language))}</p>' if any(judged.words) else ""
    p = "" if judged.first is None else f" (p = {number(max(judged.first, 1 - judged.first), language, '.0%')})"
    if len(first) > 1:
        text = word("chat.reward.same", language, model=model, columns=" = ".join(columns))
    else:
        text = word("chat.reward.prefers", language, model=model, column=columns[0]) + p
    people = _people(judged, names, language)
    return f'<div class="judged"><div class="pair">{cells}</div>{read}<p>{escape(text)}</p>{people}</div>'


def _people(found: Verdict, names: Sequence[str], language: str) -> str:
    said = found.people
    if len(names) != 2:
        return ""
    if said is None:
        return f'<p class="quiet">{escape(word("chat.reward.unknown", language))}</p>'
    place = 0 if said.first >= 0.5 else 1
    share = number(100 * max(said.first, 1 - said.first), language, ".0f")
    column = _column(place, names[place], language)
    if not said.round:
        key = "chat.reward.class" if said.first != 0.5 else "chat.reward.class_tie"
        return f"<p>{escape(word(key, language, column=column, share=share, n=said.n))}</p>"
    low, high = (said.low or 0, said.high or 1) if place == 0 else (1 - (said.high or 1), 1 - (said.low or 0))
    between = f"{100 * low:.0f}–{100 * high:.0f}"
    text = word(
        "chat.reward.class_policies", language, column=column, share=share, between=between, round=said.round, n=said.n
    )
    return f"<p>{escape(text)}</p>"


def ranked(replies: Sequence[Scored], policy: str, prompt: str, language: str) -> str:
    """All n replies with their rewards, the chosen one first."""
    title = word("chat.reward.ranked", language, n=len(replies), policy=policy, prompt=prompt)
    rows = "".join(
        f"<li{' class=best' if i == 0 else ''}><b>{number(reply.reward, language, '+.2f')}</b>"
        f"<span>{escape(reply.text)}</span></li>"
        for i, reply in enumerate(replies)
    )
    return f'<div class="judged"><p>{escape(title)}</p><ol>{rows}</ol></div>'


def _column(index: int, name: str, language: str) -> str:
    return word("chat.reward.column", language, n=index + 1, name=name)
