"""The Vote tab: the presenter's stage, a round's next steps, a new round, what the votes are worth, files.

Lays out and wires. What a screen shows is in `vote_stage` and `vote_worth`, the form of a new round in `vote_form`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from common import hashing
from common.errors import AfinaError
from labeling.rounds import lifecycle
from labeling.schema import State
from ui.edge.addresses import phones_address
from ui.request import QUIET, actor, language_of, shown
from ui.server.endpoint_values import typed
from ui.translations import t
from ui.vote import (
    door_panel,
    files_panel,
    presenter_view,
    report_panel,
    round_choice,
    round_form,
    simulation_panel,
)
from ui.vote.round_fields import Form
from workbench.voting.reveal import reveal

if TYPE_CHECKING:
    from workbench.actors import Actor
    from workbench.services import Services
    from workbench.voting.rounds import Stage

_SECONDS = 1.0
# Which steps a state offers: button -> where it leads; "discuss" and "generate" are steps of their own.
STEPS: dict[State, tuple[str, ...]] = {
    "draft": ("open",),
    "generating": ("generate",),
    "open": ("locked",),
    "locked": ("discuss", "open", "revealed"),
    "discussing": ("open_again", "discuss"),
    "open_again": ("locked",),
    "revealed": ("done",),
    "done": (),
}
BUTTONS = ("open", "generate", "locked", "discuss", "open_again", "revealed", "done")
_EXPORT = {"format", "aggregation", "minimum", "phase", "split", "sources", "ties"}
_FIRST = {"open", "locked", "open_again"}  # the usual next step stands out


@dataclass(frozen=True)
class Panel:
    place: round_choice.Place
    screen: gr.HTML
    buttons: dict[str, gr.Button]
    below: gr.Column
    seen: gr.State
    before: gr.State  # name -> state of all rounds, as they were listed last

    @property
    def choice(self) -> gr.Dropdown:
        return self.place.choice

    @property
    def inputs(self) -> list[Any]:
        return [self.choice, self.seen, self.before, self.place.held]

    @property
    def stage(self) -> list[Any]:
        return [self.screen, *self.buttons.values(), self.seen]


def build_vote_tab(services: Services) -> round_choice.Place:
    """Lays the tab out in the Blocks context it is called in; gives where other tabs may show a round."""
    with gr.Row():
        choice = gr.Dropdown([], label=t("vote.round"), allow_custom_value=True, elem_id="vote-round", visible=False)
    screen = gr.HTML("", elem_id="vote-stage", padding=False)
    with gr.Row(elem_id="vote-actions"):
        buttons = {
            name: gr.Button(
                t(f"vote.step.{name}"),
                variant="primary" if name in _FIRST else "secondary",
                visible=False,
                elem_id=f"vote-{name}",
            )
            for name in BUTTONS
        }
    door_panel.build(services)
    with gr.Column(visible=False) as below:
        with gr.Accordion(t("vote.new"), open=False, elem_id="vote-new") as new:
            form = Form()
        with gr.Accordion(t("vote.worth"), open=False) as opened:
            worth = report_panel.Worth()
        with gr.Accordion(t("vote.files"), open=False):
            files = files_panel.Files()
        with gr.Accordion(t("vote.rehearse"), open=False, elem_id="vote-rehearse"):
            rehearse = simulation_panel.Rehearse()
    place = round_choice.Place(choice, gr.State(""))
    panel = Panel(place, screen, buttons, below, gr.State(""), gr.State(None))
    filled = round_form.wire(services, form, place, new)
    _wire(services, panel, new, filled)
    report_panel.wire(services, worth, choice, opened)
    files_panel.wire(services, files, place)
    simulation_panel.wire(services, rehearse, choice)
    return place


def _wire(services: Services, panel: Panel, new: gr.Accordion, filled: Any) -> None:
    """`filled`: the event after which the form can be used; before, it is not shown."""

    @shown
    def look(
        name: str | None, seen: str, before: dict[str, State] | None, held: str, request: gr.Request
    ) -> dict[Any, Any]:
        return _look(services, panel, name, seen, before, held, actor(services, request), language_of(request))

    @shown
    def arrive(name: str | None, request: gr.Request) -> dict[Any, Any]:
        who, language = actor(services, request), language_of(request)
        if not who.is_teacher:
            text = presenter_view.visitor(f"{phones_address(services.settings)}/vote", language)
            return {panel.screen: text}
        listed = services.rounds.overview(who)
        return {
            panel.choice: round_choice.update(listed, round_choice.follow(listed, None, "", name), language),
            panel.below: gr.update(visible=True),
            new: gr.update(open=not listed),
            panel.screen: gr.skip() if listed else presenter_view.empty(language),
        }

    outputs = [*panel.stage, panel.choice, panel.before]
    watch: dict[str, Any] = {"fn": look, "inputs": panel.inputs, "outputs": outputs, **QUIET}
    start = [panel.choice, panel.below, new, panel.screen]
    filled.success(arrive, panel.choice, start, **QUIET).success(**watch)
    gr.Timer(_SECONDS).tick(**watch, queue=False)
    panel.choice.change(**watch, queue=False)
    # Not `.input`: it comes too when the list is opened and shut again.
    panel.choice.select(lambda name: name or "", panel.choice, panel.place.held, queue=False, **QUIET)
    for name, button in panel.buttons.items():
        button.click(_step(services, panel, name), [panel.choice, panel.seen], panel.stage, **QUIET)


def _step(services: Services, panel: Panel, name: str) -> Any:
    @shown
    def step(chosen: str, seen: str, request: gr.Request) -> dict[Any, Any]:
        who = actor(services, request)
        if name == "discuss":
            services.rounds.discuss(who, chosen)
        elif name == "generate":
            services.rounds.generate(who, chosen)
        else:
            services.rounds.move(who, chosen, name)  # type: ignore[arg-type]
        return _stage(services, panel, chosen, seen, who, language_of(request))

    return step


def _look(
    services: Services,
    panel: Panel,
    name: str | None,
    seen: str,
    before: dict[str, State] | None,
    held: str,
    who: Actor,
    language: str,
) -> dict[Any, Any]:
    """Updates of stage, buttons and list; nothing where nothing has changed since the last look."""
    if not who.is_teacher:
        return gr.skip()
    listed = services.rounds.overview(who)
    states = {each.name: each.state for each in listed}
    if states == before and name in states:
        return _stage(services, panel, name, seen, who, language)
    taken = round_choice.follow(listed, before, held, name)
    if taken is None:
        return gr.skip()
    return {
        **_stage(services, panel, taken, seen, who, language),
        panel.choice: round_choice.update(listed, taken, language),
        panel.before: states,
    }


def _stage(services: Services, panel: Panel, name: str, seen: str, who: Actor, language: str) -> dict[Any, Any]:
    """Updates of stage and buttons; nothing where nothing has changed since `seen`."""
    stage = services.rounds.stage(who, name)
    html = _screen(services, stage, who, language)
    mark = hashing.of_json([name, html])[:16]
    if mark == seen:
        return {panel.seen: gr.skip()}
    steps = offered(stage)
    buttons = {button: gr.update(visible=step in steps) for step, button in panel.buttons.items()}
    return {panel.screen: html, **buttons, panel.seen: mark}


def offered(stage: Stage) -> tuple[str, ...]:
    """The steps that make sense now."""
    state, steps = stage.this.state, list(STEPS[stage.this.state])
    if state == "generating" and stage.error is None:
        steps.remove("generate")
    if state == "draft" and not stage.counters.comparisons:
        steps.remove("open")
    if state == "locked" and stage.this.phase == "discussed":
        steps.remove("open")  # blind votes are over
    return tuple(steps)


def _screen(services: Services, stage: Stage, who: Actor, language: str) -> str:
    round_ = stage.this
    discussed, outcome = None, None
    if round_.discussed and round_.state in ("discussing", "locked", "revealed", "done"):
        comparison = services.rounds.comparison(who, round_.discussed[-1])
        found = services.results.findings(round_)
        shares = services.results.shares(round_, comparison.comparison_id)
        change = found.report["discussion"]
        discussed = presenter_view.Discussed(comparison.prompt, lifecycle.sides(round_, comparison), shares, change)
    if round_.state in ("revealed", "done"):
        outcome = reveal(round_, services.results.findings(round_), language)
    return presenter_view.screen(stage, phones_address(services.settings), language, discussed, outcome)


def endpoints(services: Services) -> None:
    """What scripts call through `gradio_client`, with the teacher's token as bearer."""

    @shown
    @typed
    def open_round(name: str, wanted: dict[str, Any], request: gr.Request) -> dict[str, Any]:
        """Opens the round called `name` for voting; makes it first where `wanted` says how (see docs/reference.md).

        Without a name a new round gets the next free one.
        """
        who = actor(services, request)
        if wanted:
            fields = {"language": language_of(request), **wanted, "name": name}
            name = services.rounds.make_now(who, round_form.parse(services, who, fields)).name
        services.rounds.move(who, name, "open")
        return status(name, request)

    @shown
    @typed
    def round_status(name: str, request: gr.Request) -> dict[str, Any]:
        """State and counters of a round."""
        return status(name, request)

    @shown
    @typed
    def leaderboard(request: gr.Request) -> list[dict[str, Any]]:
        """Win rates of the revealed judging rounds, newest first."""
        return services.results.leaderboard(actor(services, request))

    @shown
    @typed
    def export_preferences(name: str, options: dict[str, Any], request: gr.Request) -> dict[str, Any]:
        """Writes a round's annotations: options are format, aggregation, minimum, phase, split, sources, ties.

        `address` is where the file can be had, `url` the same without the host, `file` and `card` what they are called.
        """
        who = actor(services, request)
        services.roles.require_teacher(who)
        unknown = set(options) - _EXPORT
        if unknown:
            known = ", ".join(sorted(_EXPORT))
            raise AfinaError("config.choice", name="option", value=", ".join(sorted(unknown)), choices=known)
        done = services.results.export(who, name, **{"format": "trl", **options})
        answer = done.to_dict()
        del answer["path"]  # a client would take any dictionary that has one for a file to fetch
        url = files_panel.url_of(done.path)
        return answer | {
            "file": done.path.name,
            "card": done.card.name,
            "url": url,
            "address": address(request) + url,
        }

    def address(request: gr.Request) -> str:
        """Where the caller reached us: a download takes the same header from there."""
        here = str(request.request.base_url) if request.request else ""
        return (services.settings.public_url or here).rstrip("/")

    def status(name: str, request: gr.Request) -> dict[str, Any]:
        stage = services.rounds.stage(actor(services, request), name)
        now = vars(stage.counters) | {"coverage": stage.counters.coverage}
        return {"name": stage.this.name, "state": stage.this.state, "room": stage.code, **now}

    for handler in (open_round, round_status, leaderboard, export_preferences):
        gr.api(handler, api_name=handler.__name__, concurrency_limit=4)
