"""The door of the room on the Vote tab: who came in just now, seats, closing, undoing what a script did.

Shows and calls; what is doubted and undone is decided in `workbench.voting.door`.
"""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from ui.request import QUIET, actor, inform, language_of, on_open, shown
from ui.server.endpoint_values import typed
from ui.translations import t, word

if TYPE_CHECKING:
    from workbench.services import Services
    from workbench.voting.door import Doorway

_SECONDS = 2.0
_MANY_CODES = 20  # wrong ones in a minute: more than a class mistypes


class Seats:
    """The panel's components, laid out in the Blocks context it is made in."""

    def __init__(self) -> None:
        with gr.Column(visible=False, elem_id="vote-seats") as self.box:
            self.line = gr.HTML("", padding=False, elem_id="vote-seats-line")
            with gr.Row(elem_classes="ends"):
                self.seats = gr.Number(
                    0,
                    label=t("vote.seats.number"),
                    precision=0,
                    minimum=0,
                    scale=0,
                    min_width=190,
                    elem_id="vote-seats-number",
                )
                self.close = _button("close", 190, True)
                self.undo = _button("undo", 240, key="undo_none")
                self.again = _button("again", 240, key="undo_none")
                self.trust = _button("trust", 240)
        self.seen = gr.State("")


def build(services: Services) -> None:
    """Lays the panel out in the Blocks context it is called in, and wires it."""
    _wire(services, Seats())
    _endpoints(services)


def _button(name: str, width: int, visible: bool = False, key: str = "") -> gr.Button:
    """A button of the panel; `key` names its first words where they are not those of `name`."""
    words = t(f"vote.seats.{key or name}")
    return gr.Button(words, size="md", scale=0, min_width=width, visible=visible, elem_id=f"vote-seats-{name}")


def _wire(services: Services, panel: Seats) -> None:
    timer = gr.Timer(_SECONDS, active=False)

    @shown
    def look(seen: str, request: gr.Request) -> dict[Any, Any]:
        if not actor(services, request).is_teacher:  # who opens the tab and is not the teacher is shown no panel
            return gr.skip()
        return _look(services, panel, seen, request)

    @shown
    def arrive(request: gr.Request) -> dict[Any, Any]:
        who = actor(services, request)
        if not who.is_teacher:
            return gr.skip()
        door = services.doors.look(who).door
        return {panel.box: gr.update(visible=True), panel.seats: door.seats or 0, timer: gr.Timer(active=True)}

    @shown
    def seat(n: float | None, request: gr.Request) -> dict[Any, Any]:
        services.doors.set_seats(actor(services, request), int(n or 0))
        return _look(services, panel, "", request)

    @shown
    def close(request: gr.Request) -> dict[Any, Any]:
        who = actor(services, request)
        services.doors.close(who, not services.doors.look(who).door.closed)
        return _look(services, panel, "", request)

    def act(name: str) -> Any:
        @shown
        def done(request: gr.Request) -> dict[Any, Any]:
            n = getattr(services.doors, name)(actor(services, request))
            inform(word(f"vote.seats.{name}_done", language_of(request), n=n), 6)
            return _look(services, panel, "", request)

        return done

    outputs = [panel.line, panel.close, panel.undo, panel.again, panel.trust, panel.seen]
    watch: dict[str, Any] = {"fn": look, "inputs": panel.seen, "outputs": outputs}
    on_open(arrive, None, [panel.box, panel.seats, timer], queue=False, **QUIET).success(**watch, queue=False, **QUIET)
    timer.tick(**watch, queue=False, **QUIET)
    gr.on([panel.seats.submit, panel.seats.blur], seat, panel.seats, outputs, queue=False, **QUIET)
    panel.close.click(close, None, outputs, queue=False, **QUIET)
    for button, name in ((panel.undo, "undo"), (panel.again, "take_back"), (panel.trust, "trust")):
        button.click(act(name), None, outputs, queue=False, **QUIET)


def _look(services: Services, panel: Seats, seen: str, request: gr.Request) -> dict[Any, Any]:
    """The line and the buttons, or nothing where nothing has changed."""
    who, language = actor(services, request), language_of(request)
    if not who.is_teacher:
        return gr.skip()
    doorway = services.doors.look(who)
    mark = f"{language} {doorway}"
    if mark == seen:
        return gr.skip()
    door = doorway.door
    close = word("vote.seats.open" if door.closed else "vote.seats.close", language)
    undo = word("vote.seats.undo", language, n=door.last)
    back = word("vote.seats.take_back", language, n=door.undone)
    return {
        panel.line: line(doorway, language),
        panel.close: gr.update(value=close, variant="primary" if door.closed else "secondary"),
        panel.undo: gr.update(value=undo, visible=door.last > 0, variant="stop" if door.doubted else "secondary"),
        panel.again: gr.update(value=back, visible=door.undone > 0),
        panel.trust: gr.update(visible=door.doubted > 0 or doorway.refused > 0),
        panel.seen: mark,
    }


def line(doorway: Doorway, language: str) -> str:
    """Who is inside and how fast they came; beneath it, what looks like no class."""
    door = doorway.door
    parts = [
        word("vote.seats.inside", language, n=door.inside),
        word("vote.seats.recent", language, n=door.recent),
    ]
    if door.seats is not None:
        parts.append(word("vote.seats.of", language, n=door.seats))
    if door.closed:
        parts.append(word("vote.seats.closed", language))
    troubles = []
    if door.doubted:
        troubles.append(word("vote.seats.doubted", language, n=door.doubted))
    if doorway.refused:
        troubles.append(word("vote.seats.refused", language, n=doorway.refused))
    if doorway.wrong_codes > _MANY_CODES:
        troubles.append(word("vote.seats.codes", language, n=doorway.wrong_codes))
    below = f'<div class="train-problem">{escape(" ".join(troubles))}</div>' if troubles else ""
    return f'<p class="quiet">{escape(" · ".join(parts))}</p>{below}'


def _endpoints(services: Services) -> None:
    """What scripts call through `gradio_client`, with the teacher's token as bearer."""

    @shown
    def room_door(request: gr.Request) -> dict[str, Any]:
        """Who came in: seats, closed, inside, recent, doubted, undone, wrong codes and refusals of a minute."""
        return status(request)

    @shown
    @typed
    def set_seats(n: int, closed: bool, request: gr.Request) -> dict[str, Any]:
        """So many people may join (0: no limit), and nobody new while `closed`."""
        who = actor(services, request)
        services.doors.set_seats(who, n)
        services.doors.close(who, closed)
        return status(request)

    @shown
    @typed
    def undo_joins(minutes: float, request: gr.Request) -> dict[str, Any]:
        """Undoes the joinings of the last `minutes` (0: the last crowd)."""
        n = services.doors.undo(actor(services, request), minutes)
        return status(request) | {"n": n}

    def status(request: gr.Request) -> dict[str, Any]:
        doorway = services.doors.look(actor(services, request))
        values = vars(doorway.door) | {"wrong_codes": doorway.wrong_codes, "refused": doorway.refused}
        return values | {"at": time.time()}

    for handler in (room_door, set_seats, undo_joins):
        gr.api(handler, api_name=handler.__name__, concurrency_limit=4)
