"""The Label tab: one comparison at a time with every field, for careful annotation; the same service as the phones.

The annotator's token lives in the browser. Keys 1, 2, 0 and 9 choose, as on the voting page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError, Conflict, NotAllowed
from labeling.schema import new_id
from ui.context import language, on_open, shown
from ui.translations import t, word

if TYPE_CHECKING:
    from labeling.schema import Annotator
    from workbench.services import Services

_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_CHOICES = {"left": "left_wins", "right": "right_wins", "tie": "tie", "both_bad": "both_bad"}
_KEYS = """() => { if (window.afinaLabelKeys) return; window.afinaLabelKeys = true;
document.addEventListener('keydown', event => {
  const place = {1: 0, 2: 1, 0: 2, 9: 3}[event.key];
  const at = document.activeElement;
  const busy = /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName) && at.type !== 'radio';
  const radios = document.querySelectorAll('#label-choice input[type=radio]');
  if (place === undefined || busy || event.ctrlKey || event.metaKey || event.altKey || !radios.length) return;
  if (radios[place].offsetParent !== null) radios[place].click();
}); }"""


@dataclass(frozen=True)
class Desk:
    told: gr.HTML
    work: gr.Column
    prompt: gr.HTML
    left: gr.HTML
    right: gr.HTML
    choice: gr.Radio
    strength: gr.Radio
    ratings: gr.Dataframe
    rationale: gr.Textbox
    edit_side: gr.Radio
    edited: gr.Textbox
    guidelines: gr.Markdown
    past: gr.Dropdown
    item: gr.State  # what is being judged: ids and texts, and what it supersedes


def build_label_tab(services: Services) -> None:
    """Lays the tab out in the Blocks context it is called in."""
    token = gr.BrowserState("", storage_key="afina-label", secret="afina-label")
    with gr.Row() as door:
        join = gr.Button(t("label.join"), variant="primary", scale=1, elem_id="label-join")
        link = gr.Textbox(label=t("label.link"), max_lines=1, scale=3, elem_id="label-link")
        resume = gr.Button(t("label.resume"), scale=0, min_width=120)
    told = gr.HTML("", padding=False, elem_id="label-told")
    with gr.Column(visible=False) as work:
        prompt = gr.HTML("", padding=False, elem_classes="stage-prompt", elem_id="label-prompt")
        with gr.Row(equal_height=True):
            left = gr.HTML("", padding=False, elem_id="label-left")
            right = gr.HTML("", padding=False, elem_id="label-right")
        choice = gr.Radio([(t(f"label.{text}"), value) for value, text in _CHOICES.items()], label=t("label.choice"),
                          elem_id="label-choice")  # fmt: skip
        with gr.Row():
            strength = gr.Radio([(t(f"label.strength_{n}"), n) for n in (1, 2, 3)], label=t("label.strength"))
            edit_side = gr.Radio([("A", "left"), ("B", "right"), (t("label.edit_none"), "")], value="",
                                 label=t("label.edit_side"))  # fmt: skip
        edited = gr.Textbox(label=t("label.edited"), lines=3, visible=False)
        with gr.Row():
            ratings = gr.Dataframe(headers=["", "A", "B"], datatype=["str", "number", "number"], interactive=True,
                                   static_columns=[0], label=t("label.ratings"), column_count=3)  # fmt: skip
            rationale = gr.Textbox(label=t("label.rationale"), lines=3)
        with gr.Row():
            send = gr.Button(t("label.send"), variant="primary", elem_id="label-send")
            skip = gr.Button(t("label.skip"), elem_id="label-skip")
            report = gr.Button(t("label.report"))
    look = gr.Button(t("label.look"), size="sm", visible=False, elem_id="label-look")
    with gr.Row(visible=False) as history:
        past = gr.Dropdown([], label=t("label.history"), scale=4, elem_id="label-past")
        correct = gr.Button(t("label.correct"), size="sm", scale=0, min_width=200, elem_id="label-correct")
    with gr.Accordion(t("label.guidelines"), open=False):
        guidelines = gr.Markdown("")
    desk = Desk(told, work, prompt, left, right, choice, strength, ratings, rationale, edit_side, edited, guidelines,
                past, gr.State(None))  # fmt: skip
    _wire(services, desk, token, (door, look, history), (join, link, resume, send, skip, report, correct))


def _wire(services: Services, desk: Desk, token: gr.BrowserState, parts: tuple, buttons: tuple) -> None:
    door, look, history = parts
    join, link, resume, send, skip, report, correct = buttons
    shown_parts = [*vars(desk).values(), door, look, history]

    def show(of: str, request: gr.Request) -> list[Any]:
        return _show(services, of, language(request), len(vars(desk)))

    @shown
    def begin(request: gr.Request) -> str:
        # Whoever can open this page is in the room: its code is on the teacher's screen.
        return services.voting.join(services.voting.code(), language(request))

    @shown
    def use(pasted: str, request: gr.Request) -> str:
        found = (re.findall(r"invite=([\w-]+)", pasted or "") or [(pasted or "").strip()])[0]
        services.voting.person(found)
        return found

    @shown
    def after(of: str, request: gr.Request) -> list[Any]:
        return show(of, request)

    def judging(action: str) -> Any:
        @shown
        def judge(of: str, item: Any, choice: str, strength: int, ratings: Any, why: str, side: str, edited: str,
                  request: gr.Request) -> list[Any]:  # fmt: skip
            if not item:
                return show(of, request)
            if action == "vote" and not choice:
                gr.Warning(word("label.choose", language(request)))
                return [gr.skip()] * len(shown_parts)
            body = _ballot(item, action, choice, strength, ratings, why, side, edited)
            services.voting.cast(services.voting.person(of), body)
            return show(of, request)

        return judge

    @shown
    def take_up(of: str, chosen: str, request: gr.Request) -> list[Any]:
        return _correcting(services, of, chosen, language(request), len(vars(desk)))

    answer = [
        token,
        desk.item,
        desk.choice,
        desk.strength,
        desk.ratings,
        desk.rationale,
        desk.edit_side,
        desk.edited,
    ]
    for button, action in ((send, "vote"), (skip, "skip"), (report, "report")):
        button.click(judging(action), answer, shown_parts, **_QUIET)
    join.click(begin, None, token, **_QUIET).then(after, token, shown_parts, **_QUIET)
    resume.click(use, link, token, **_QUIET).then(after, token, shown_parts, **_QUIET)
    look.click(after, token, shown_parts, **_QUIET)
    correct.click(take_up, [token, desk.past], shown_parts, **_QUIET)
    desk.edit_side.change(_draft, [desk.edit_side, desk.item], desk.edited, queue=False, **_QUIET)
    on_open(after, token, shown_parts, **_QUIET)
    on_open(None, None, None, js=_KEYS)


def _draft(side: str, item: Any) -> Any:
    """The reply to be mended."""
    return gr.update(visible=bool(side and item), value=item[side] if side and item else "")


def _show(services: Services, token: str, tongue: str, n: int) -> list[Any]:
    """The next comparison, or why there is none."""
    try:
        person = services.voting.person(token)
    except NotAllowed as error:
        told = word("label.nobody", tongue) if not token else error.words(tongue)
        return _nothing(told, n, door=True)
    try:
        item = services.voting.next(person)
    except Conflict:
        return _nothing(word("label.closed", tongue), n, past=_past(services, person, tongue))
    if item.get("done"):
        return _nothing(word("label.done", tongue), n, past=_past(services, person, tongue))
    told = word("label.progress", tongue, judged=item["judged"], remaining=item["remaining"])
    return _desk(services, item, told, tongue, _past(services, person, tongue))


def _correcting(services: Services, token: str, chosen: str, tongue: str, n: int) -> list[Any]:
    person = services.voting.person(token)
    every = services.voting.history(person)
    each = next((each for each in every if each.annotation_id == chosen), None)
    if each is None:
        raise AfinaError("label.no_annotation", annotation=chosen or "-")
    item = {"assignment_id": each.assignment_id, "comparison_id": each.comparison_id, "prompt": list(each.prompt),
            "left": each.left, "right": each.right, "supersedes": each.annotation_id}  # fmt: skip
    found = _desk(services, item, word("label.correcting", tongue), tongue, _past(services, person, tongue))
    found[5] = each.winner
    found[8] = each.rationale or ""
    return found


def _desk(services: Services, item: dict[str, Any], told: str, tongue: str, past: Any) -> list[Any]:
    about = services.voting.scene().public["round"] or {"criteria": [], "guidelines": ""}
    turns = "".join(f'<p class="{turn["role"]}">{escape(turn["content"])}</p>' for turn in item["prompt"])
    replies = [
        f'<div class="reply"><h3>{escape(word(f"label.{side}", tongue))}</h3><p>{escape(item[side])}</p></div>'
        for side in ("left", "right")
    ]
    rows = [[name, None, None] for name in about["criteria"]]
    return [
        f'<p class="quiet">{escape(told)}</p>', gr.update(visible=True),
        f'<div class="stage plain"><div class="prompt">{turns}</div></div>',
        *(f'<div class="stage plain">{reply}</div>' for reply in replies),
        None, None, rows, "", "", gr.update(value="", visible=False), about["guidelines"], past, item,
        gr.update(visible=False), gr.update(visible=False), gr.update(visible=True),
    ]  # fmt: skip


def _nothing(told: str, n: int, door: bool = False, past: Any = None) -> list[Any]:
    rest: list[Any] = [gr.skip()] * (n - 4)
    return [
        f'<div class="train-empty">{escape(told)}</div>', gr.update(visible=False), *rest, past or gr.skip(), None,
        gr.update(visible=door), gr.update(visible=not door), gr.update(visible=bool(past)),
    ]  # fmt: skip


def _past(services: Services, person: Annotator, tongue: str) -> Any:
    def called(each: Any) -> str:
        verdict = (
            word(f"label.{_CHOICES[each.winner]}", tongue)
            if each.winner
            else word(f"label.{each.action}", tongue)
        )
        return f"{each.prompt[-1]['content'][:60]} → {verdict.split('  ')[0]}"

    every = services.voting.history(person)
    return gr.update(choices=[(called(each), each.annotation_id) for each in every], value=None)


def _ballot(item: dict[str, Any], action: str, choice: str, strength: Any, ratings: Any, why: str, side: str,
            edited: str) -> dict[str, Any]:  # fmt: skip
    body: dict[str, Any] = {"annotation_id": new_id(), "action": action}
    body |= {name: item.get(name) for name in ("comparison_id", "assignment_id", "supersedes")}
    if action != "vote":
        return body
    body |= {"winner": choice, "rationale": (why or "").strip() or None}
    if choice in ("left", "right"):
        body["strength"] = strength
    if side and (edited or "").strip() and edited.strip() != item[side].strip():
        body |= {"edited_completion": edited, "edited_side": side}
    scores: dict[str, dict[str, int]] = {"left": {}, "right": {}}
    for name, left, right in ratings.values.tolist():
        for key, value in (("left", left), ("right", right)):
            if value not in (None, "") and value == value:  # not empty, not NaN
                scores[key][name] = int(value)
    if scores["left"] or scores["right"]:
        body["ratings"] = scores
    return body
