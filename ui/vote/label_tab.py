"""The Label tab: one comparison at a time with every field, for careful annotation; the same service as the phones.

The annotator's token lives in the browser. Keys 1, 2, 0 and 9 choose, as on the voting page.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError, Conflict, NotAllowed
from labeling.schema import CRITERIA, new_id
from ui import static_files
from ui.components.safe_markdown import harmless
from ui.request import QUIET, actor, language_of, on_open, shown, warn
from ui.translations import word
from ui.vote.label_desk import CHOICES, Desk

if TYPE_CHECKING:
    from labeling.rounds.history import Past
    from labeling.schema import Annotator
    from workbench.services import Services

_KEYS = static_files.text("label_keys.js")


def build_label_tab(services: Services) -> None:
    """Lays the tab out in the Blocks context it is called in."""
    _wire(services, Desk())


def _wire(services: Services, desk: Desk) -> None:
    @shown
    def show(of: str, request: gr.Request) -> dict[Any, Any]:
        _count(services, of)
        return _show(services, desk, of, language_of(request))

    @shown
    def begin(name: str, request: gr.Request) -> str:
        return services.doors.step_in(actor(services, request), name or "", language_of(request))

    @shown
    def use(pasted: str, request: gr.Request) -> str:
        found = (re.findall(r"invite=([\w-]+)", pasted or "") or [(pasted or "").strip()])[0]
        _count(services, found)
        services.voting.person(found)
        return found

    now: dict[str, Any] = {"fn": show, "inputs": desk.token, "outputs": desk.shown, **QUIET}
    gr.on([desk.join.click, desk.code.submit], begin, desk.code, desk.token, **QUIET).success(**now)
    gr.on([desk.resume.click, desk.link.submit], use, desk.link, desk.token, **QUIET).success(**now)
    desk.look.click(**now)
    on_open(**now)
    on_open(None, None, None, js=_KEYS)
    _wire_work(services, desk)


def _wire_work(services: Services, desk: Desk) -> None:
    fields = {desk.choice, desk.strength, desk.ratings, desk.rationale, desk.edit_side, desk.edited}

    def judging(action: str) -> Any:
        @shown
        def judge(values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
            token, item, language = values[desk.token], values[desk.item], language_of(request)
            if item and action == "vote" and not values[desk.choice]:
                warn(word("label.choose", language))
                return {desk.choice: gr.skip()}
            _count(services, token)
            if item:
                body = _ballot(desk, values, action)
                person = services.voting.person(token)
                try:
                    services.voting.cast(person, body)
                except Conflict as conflict:  # judged in another tab, or too late: say so, and go on to the next
                    warn(conflict.words(language))
            return _show(services, desk, token, language)

        return judge

    @shown
    def take_up(of: str, chosen: str, request: gr.Request) -> dict[Any, Any]:
        _count(services, of)
        return _correcting(services, desk, of, chosen, language_of(request))

    for button, action in ((desk.send, "vote"), (desk.skip, "skip"), (desk.report, "report")):
        button.click(judging(action), {desk.token, desk.item, *fields}, desk.shown, **QUIET)
    desk.correct.click(take_up, [desk.token, desk.past], desk.shown, **QUIET)
    desk.edit_side.input(_draft, [desk.edit_side, desk.item], desk.edited, queue=False, **QUIET)
    desk.choice.input(
        _chosen,
        [desk.choice, desk.edit_side, desk.edited, desk.item],
        [desk.edit_side, desk.edited],
        queue=False,
        **QUIET,
    )


def _count(services: Services, token: str) -> None:
    """Counts a request as the phone's routes do, whichever page it comes from."""
    if token:
        services.roles.limits.request(token[:64])


def _draft(side: str, item: Any) -> Any:
    """The reply to be mended."""
    return gr.update(visible=bool(side and item), value=item[side] if side and item else "")


def _chosen(choice: str | None, side: str, edited: str, item: Any) -> list[Any]:
    """Drops a reply that was edited for another choice when an earlier vote is corrected, as `casting` would."""
    was = (item or {}).get("was")
    if was is None or not side or choice in (side, was["winner"]):
        return [gr.skip(), gr.skip()]
    if choice not in ("left", "right") and edited != was["edited"]:
        return [gr.skip(), gr.skip()]
    return [gr.update(value=""), gr.update(value="", visible=False)]


def _show(services: Services, desk: Desk, token: str, language: str) -> dict[Any, Any]:
    """The next comparison, or why there is none."""
    try:
        person = services.voting.person(token)
    except NotAllowed as error:
        text = word("label.nobody", language) if not token else error.words(language)
        hidden = {part: gr.update(visible=False) for part in (desk.look, desk.history)}
        return _nothing(desk, text, language) | {desk.door: gr.update(visible=True)} | hidden
    past = {desk.history: gr.update(visible=True), desk.past: _past(services, person, language)}
    try:
        item = services.voting.next(person)
    except Conflict:
        return _nothing(desk, word("label.closed", language), language) | past
    if item.get("done"):
        return _nothing(desk, word("label.done", language), language) | past
    text = word("label.progress", language, judged=item["judged"], remaining=item["remaining"])
    return _lay(services, desk, item, text, language) | past


def _correcting(services: Services, desk: Desk, token: str, chosen: str, language: str) -> dict[Any, Any]:
    """An earlier judgement taken up again, with everything that was said."""
    person = services.voting.person(token)
    was = next((each for each in services.voting.history(person) if each.annotation_id == chosen), None)
    if was is None:
        raise AfinaError("label.no_annotation", annotation=chosen or "-")
    item = {
        "assignment_id": was.assignment_id,
        "comparison_id": was.comparison_id,
        "prompt": list(was.prompt),
        "left": was.left,
        "right": was.right,
        "supersedes": was.annotation_id,
        "was": {"winner": was.winner, "edited": was.edited_completion},
    }
    back = gr.update(visible=True, value=word("label.back", language))
    return _lay(services, desk, item, word("label.correcting", language), language, was) | {desk.look: back}


def _lay(
    services: Services, desk: Desk, item: dict[str, Any], text: str, language: str, was: Past | None = None
) -> dict[Any, Any]:
    """A comparison and its fields: empty, or as they were in `was`."""
    about = services.voting.scene().public["round"] or {"criteria": [], "guidelines": ""}
    turns = "".join(f'<p class="{turn["role"]}">{escape(turn["content"])}</p>' for turn in item["prompt"])
    left, right = (
        f'<div class="stage plain"><div class="reply"><h3>{escape(word(f"label.{side}", language))}</h3>'
        f"<p>{escape(item[side])}</p></div></div>"
        for side in ("left", "right")
    )
    rated = was.ratings if was else {}
    criteria = [*dict.fromkeys([*about["criteria"], *(name for scores in rated.values() for name in scores)])]
    edited = was.edited_completion if was else None
    return {
        desk.door: gr.update(visible=False),
        desk.status: f'<p class="quiet">{escape(text)}</p>',
        desk.work: gr.update(visible=True),
        desk.prompt: f'<div class="stage plain"><div class="prompt">{turns}</div></div>',
        desk.left: left,
        desk.right: right,
        desk.choice: was.winner if was else None,
        desk.strength: was.strength if was else None,
        desk.ratings: [
            [_criterion(name, language), *(rated.get(side, {}).get(name) for side in ("left", "right"))]
            for name in criteria
        ],
        desk.rationale: (was.rationale if was else None) or "",
        desk.edit_side: (was.edited_side if was else None) or "",
        desk.edited: gr.update(value=edited or "", visible=edited is not None),
        desk.look: gr.update(visible=False),
        desk.guidelines: harmless(about["guidelines"]),
        desk.item: item | {"criteria": criteria},
    }


def _criterion(name: str, language: str) -> str:
    """What a criterion is called; one of the teacher's own keeps its name."""
    return word(f"label.criterion.{name}", language) if name in CRITERIA else name


def _nothing(desk: Desk, text: str, language: str) -> dict[Any, Any]:
    return {
        desk.door: gr.update(visible=False),
        desk.status: f'<div class="train-empty">{escape(text)}</div>',
        desk.work: gr.update(visible=False),
        desk.look: gr.update(visible=True, value=word("label.look", language)),
        desk.item: None,
    }


def verdict(each: Past, language: str) -> str:
    """An earlier judgement in a few words: the question and what was said."""
    key = f"label.{CHOICES[each.winner]}" if each.winner else f"label.{each.action}"
    return f"{each.prompt[-1]['content'][:60]} → {word(key, language).split('  ')[0]}"


def _past(services: Services, person: Annotator, language: str) -> Any:
    every = services.voting.history(person)
    return gr.update(choices=[(verdict(each, language), each.annotation_id) for each in every], value=None)


def _ballot(desk: Desk, values: dict[Any, Any], action: str) -> dict[str, Any]:
    """What is sent of the fields."""
    item, choice, side = values[desk.item], values[desk.choice], values[desk.edit_side]
    edited = (values[desk.edited] or "").strip()
    body: dict[str, Any] = {"annotation_id": new_id(), "action": action}
    body |= {name: item.get(name) for name in ("comparison_id", "assignment_id", "supersedes")}
    body |= {"rationale": (values[desk.rationale] or "").strip() or None}  # why something is skipped or reported, too
    if action != "vote":
        return body
    body |= {"winner": choice}
    if choice in ("left", "right"):
        body["strength"] = values[desk.strength]
    if side and edited and edited != item[side].strip():
        body |= {"edited_completion": values[desk.edited], "edited_side": side}
    scores: dict[str, dict[str, int]] = {"left": {}, "right": {}}
    rows = values[desk.ratings].values.tolist()
    for name, (_, left, right) in zip(item["criteria"], rows, strict=False):  # rows may be added
        for key, value in (("left", left), ("right", right)):
            if value not in (None, "", 0) and value == value:  # not empty (0 after it was cleared), not NaN
                scores[key][name] = int(value)
    if scores["left"] or scores["right"]:
        body["ratings"] = scores
    return body
