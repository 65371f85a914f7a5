"""Strength of the change, in the Align tab: set it, read the reply, compare reward and facts, vote on where to stop."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError
from common.number_format import number
from ui.components import svg_charts
from ui.request import QUIET, actor, language_of, shown
from ui.translations import t, word
from ui.vote.round_choice import TO_THE_STAGE
from workbench.alignment.adapter_scaling import SETTINGS

if TYPE_CHECKING:
    from ui.vote.round_choice import Way
    from workbench.alignment.adapter_scaling import Heard, Sweep
    from workbench.services import Services

_VOTED = (0.5, 1.0, 1.5, 2.0)


class Dial:
    """The panel's components, laid out in the Blocks context it is made in."""

    def __init__(self) -> None:
        with gr.Column(visible=False, elem_id="align-dial") as self.box:
            gr.Markdown(t("dial.about"), elem_classes="train-hint")
            with gr.Row(equal_height=False):
                with gr.Column(min_width=320):
                    self.strength = gr.Slider(
                        0,
                        3,
                        1,
                        step=0.25,
                        label=t("dial.strength"),
                        info=t("dial.strength_info"),
                        elem_id="dial-strength",
                        buttons=[],
                    )
                    self.prompt = gr.Textbox(label=t("dial.prompt"), max_lines=2, elem_id="dial-prompt")
                    self.heard = gr.HTML("", padding=False, elem_id="dial-heard")
                    with gr.Group():
                        self.settings = gr.CheckboxGroup(
                            [f"{each:g}" for each in SETTINGS],
                            value=[f"{s:g}" for s in _VOTED],
                            label=t("dial.settings"),
                            elem_id="dial-settings",
                        )
                        self.n = gr.Number(40, label=t("dial.n"), minimum=2, precision=0)
                        self.vote = gr.Button(t("dial.vote"), elem_id="dial-vote")
                    with gr.Group():
                        self.called = gr.Textbox(
                            label=t("dial.called"), info=t("dial.called_info"), max_lines=1, elem_id="dial-name"
                        )
                        self.keep = gr.Button(t("dial.keep"), elem_id="dial-keep")
                with gr.Column(min_width=320):
                    self.figure = gr.HTML("", padding=False, elem_id="dial-figure")
                    self.sweep = gr.Button(t("dial.sweep"), variant="primary", visible=False, elem_id="dial-sweep")
            self.report = gr.HTML("", padding=False, elem_id="dial-told")
        self.of = gr.State("")  # the run whose dial is shown


def wire(services: Services, dial: Dial, run: gr.Dropdown, judge: gr.Dropdown, to_vote: Way) -> None:
    _wire_replies(services, dial, run, judge)
    _wire_sweep(services, dial, run, judge)
    _wire_vote(services, dial, run, to_vote)


def _wire_replies(services: Services, dial: Dial, run: gr.Dropdown, judge: gr.Dropdown) -> None:
    @shown
    def hear(name: str, strength: float, prompt: str, judged: str, request: gr.Request) -> dict[Any, Any]:
        who, language = actor(services, request), language_of(request)
        found = services.dialling.hear(who, name, strength, prompt or "", judged or "")
        measured = services.dialling.measured(who, name)
        return {dial.heard: heard(found, strength, language), dial.figure: _figure(measured, strength, language)}

    @shown
    def arrive(name: str, seen: str, strength: float, judged: str, request: gr.Request) -> dict[Any, Any]:
        """Once for each run that is looked at and done; the page's clock asks every second."""
        who, language = actor(services, request), language_of(request)
        summary = services.training.summary(who, name) if name else None
        there = summary is not None and summary.method == "dpo" and summary.state in ("done", "stopped")
        mark = f"{name} {there}"
        if mark == seen or summary is None:
            return gr.skip()
        if not there:
            return {dial.box: gr.update(visible=False), dial.of: mark}
        measured = services.dialling.measured(who, name)
        prompt = services.dialling.prompt(who, name)
        reply = ""
        if services.dialling.may_hear(who, name, strength):
            reply = heard(services.dialling.hear(who, name, strength, prompt, judged or ""), strength, language)
        return {
            dial.box: gr.update(visible=True),
            dial.prompt: prompt,
            dial.heard: reply,
            dial.report: "",
            dial.figure: _figure(measured, strength, language),
            dial.sweep: gr.update(visible=who.is_teacher),
            dial.of: mark,
        }

    heard_by: dict[str, Any] = {
        "fn": hear,
        "inputs": [run, dial.strength, dial.prompt, judge],
        "outputs": [dial.heard, dial.figure],
        **QUIET,
    }
    gr.on([dial.strength.change, dial.prompt.submit], trigger_mode="always_last", **heard_by)
    shown_by = [dial.box, dial.prompt, dial.heard, dial.report, dial.figure, dial.sweep, dial.of]
    looked = [run, dial.of, dial.strength, judge]
    gr.Timer(1.5).tick(arrive, looked, shown_by, trigger_mode="once", queue=False, **QUIET)


def _wire_sweep(services: Services, dial: Dial, run: gr.Dropdown, judge: gr.Dropdown) -> None:
    @shown
    def sweep(name: str, strength: float, judged: str, request: gr.Request) -> Iterator[str]:
        who, language = actor(services, request), language_of(request)
        services.roles.require_teacher(who)
        yield f'<div class="train-empty">{escape(word("dial.measuring", language))}</div>'
        try:
            for found in services.dialling.sweep(who, name, judged or ""):
                yield _figure(found, strength, language)
        except AfinaError:
            yield _figure(services.dialling.measured(who, name), strength, language)
            raise

    dial.sweep.click(sweep, [run, dial.strength, judge], dial.figure, api_visibility="private", show_progress="minimal")


def _wire_vote(services: Services, dial: Dial, run: gr.Dropdown, to_vote: Way) -> None:
    @shown
    def vote(name: str, settings: list[str], n: float, request: gr.Request) -> dict[Any, Any]:
        who, language = actor(services, request), language_of(request)
        new_round = services.dialling.vote(who, name, [float(each) for each in settings], int(n or 0), language)
        note = f"<p>{escape(word('align.again.made', language, name=new_round.name))}</p>"
        return {dial.report: note, **to_vote.to(services, who, new_round.name, language)}

    @shown
    def keep(name: str, strength: float, called: str, request: gr.Request) -> str:
        who, language = actor(services, request), language_of(request)
        run_id = services.dialling.keep(who, name, strength, called or "")
        kept = services.training.summary(who, run_id).name
        note = word("dial.kept", language, name=kept, run=name, strength=number(strength, language, "g"))
        return f"<p>{escape(note)}</p>"

    dial.vote.click(vote, [run, dial.settings, dial.n], [dial.report, *to_vote.outputs], **QUIET).success(
        None, None, None, js=TO_THE_STAGE
    )
    dial.keep.click(keep, [run, dial.strength, dial.called], dial.report, **QUIET)


def _figure(sweep: Sweep | None, at: float, language: str) -> str:
    """The curves of reward and facts over the strength, and the table; or that nothing is measured yet."""
    if sweep is None or not sweep.settings:
        return f'<div class="train-empty">{escape(word("dial.unmeasured", language))}</div>'
    return svg_charts.dial(sweep.settings, at, language) + table(sweep, at, language)


def heard(reply: Heard, strength: float, language: str) -> str:
    """The reply at this setting, large."""
    reward = ""
    if reply.reward is not None:
        reward = (
            f"<small>{escape(word('dial.reward_here', language, value=number(reply.reward, language, '+.2f')))}</small>"
        )
    text = escape(reply.text or "…")
    return f'<div class="dial-reply"><b>× {number(strength, language, "g")}</b><p>{text}</p>{reward}</div>'


def table(sweep: Sweep, at: float, language: str) -> str:
    """Every setting with its numbers and its text."""
    names = ("strength", "reward", "clean", "words", "text")
    head = "".join(f"<th>{escape(word(f'dial.column.{name}', language))}</th>" for name in names)
    rows = ""
    for setting in sweep.settings:
        cells = [
            number(setting.strength, language, "g"),
            "–" if setting.reward is None else number(setting.reward, language, "+.2f"),
            "–" if setting.clean is None else number(setting.clean, language, ".0%"),
            number(setting.words, language, ".0f"),
        ]
        here = ' class="here"' if setting.strength == at else ""
        row = "".join(f"<td>{cell}</td>" for cell in cells)
        rows += f'<tr{here}>{row}<td class="text">{escape(setting.text)}</td></tr>'
    first = sweep.settings[0]
    note = word("dial.note", language, prompt=sweep.prompt, n=first.n, facts=first.n_facts)
    return (
        f'<div class="worth"><div class="scroll"><table><tr>{head}</tr>{rows}</table></div>'
        f'<p class="quiet">{escape(note)}</p></div>'
    )
