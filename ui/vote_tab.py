"""The Vote tab: the presenter's stage, a round's next steps, a new round, what the votes are worth, files.

Lays out and wires. What a screen shows is in `vote_stage` and `vote_worth`, the form of a new round in `vote_form`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from common import hashing
from common.errors import AfinaError
from labeling.schema import State
from ui import vote_files, vote_form, vote_rehearse, vote_stage, vote_worth
from ui.context import actor, language, shown
from ui.network import addresses, local_address
from ui.translations import t, word
from workbench.revealing import reveal

if TYPE_CHECKING:
    from workbench.roles import Actor
    from workbench.rounds import Stage
    from workbench.services import Services

_SECONDS = 1.0
_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
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
    choice: gr.Dropdown
    screen: gr.HTML
    buttons: dict[str, gr.Button]
    below: gr.Column
    seen: gr.State

    @property
    def outputs(self) -> list[Any]:
        return [self.screen, *self.buttons.values(), self.seen]


def build_vote_tab(services: Services) -> None:
    """Lays the tab out in the Blocks context it is called in."""
    with gr.Row():
        choice = gr.Dropdown(
            [], label=t("vote.round"), allow_custom_value=True, elem_id="vote-round", visible=False
        )
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
    with gr.Column(visible=False) as below:
        with gr.Accordion(t("vote.new"), open=False, elem_id="vote-new") as new:
            form = vote_form.lay_out(services)
        with gr.Accordion(t("vote.worth"), open=False) as opened:
            worth = vote_worth.lay_out(services, choice)
        with gr.Accordion(t("vote.files"), open=False):
            files = vote_files.lay_out(services, choice)
        with gr.Accordion(t("vote.rehearse"), open=False, elem_id="vote-rehearse"):
            rehearse = vote_rehearse.lay_out()
    panel = Panel(choice, screen, buttons, below, gr.State(""))
    filled = vote_form.wire(services, form, choice, new)
    _wire(services, panel, new, filled)
    vote_worth.wire(services, worth, choice, opened)
    vote_files.wire(services, files, choice)
    vote_rehearse.wire(services, rehearse, choice)


def _wire(services: Services, panel: Panel, new: gr.Accordion, filled: Any) -> None:
    """`filled`: the event after which the form can be used; before, it is not shown."""

    @shown
    def look(name: str, seen: str, request: gr.Request) -> list[Any]:
        return _look(services, panel, name, seen, actor(services, request), language(request))

    @shown
    def arrive(request: gr.Request) -> list[Any]:
        who = actor(services, request)
        if not who.is_teacher:
            told = vote_stage.visitor(f"{_link(services)}/vote", language(request))
            return [gr.skip(), gr.skip(), gr.skip(), told]
        names = [each.name for each in services.rounds.listed(who)]
        chosen = gr.update(choices=names, value=names[0] if names else None, visible=bool(names))
        empty = gr.skip() if names else vote_stage.empty(language(request))
        return [chosen, gr.update(visible=True), gr.update(open=not names), empty]

    watch: dict[str, Any] = {
        "fn": look,
        "inputs": [panel.choice, panel.seen],
        "outputs": panel.outputs,
        **_QUIET,
    }
    start = [panel.choice, panel.below, new, panel.screen]
    filled.then(arrive, None, start, **_QUIET).then(**watch)
    gr.Timer(_SECONDS).tick(**watch, queue=False)
    panel.choice.change(**watch, queue=False)
    for name, button in panel.buttons.items():
        button.click(_step(services, panel, name), [panel.choice, panel.seen], panel.outputs, **_QUIET)


def _step(services: Services, panel: Panel, name: str) -> Any:
    @shown
    def step(chosen: str, seen: str, request: gr.Request) -> list[Any]:
        who = actor(services, request)
        if name == "discuss":
            services.rounds.discuss(who, chosen)
        elif name == "generate":
            services.rounds.generate(who, chosen)
        else:
            services.rounds.move(who, chosen, name)  # type: ignore[arg-type]
        return _look(services, panel, chosen, seen, who, language(request))

    return step


def _look(services: Services, panel: Panel, name: str, seen: str, who: Actor, tongue: str) -> list[Any]:
    """Updates of stage and buttons; nothing where nothing has changed since `seen`."""
    unchanged = [gr.skip()] * len(panel.outputs)
    if not who.is_teacher or not name:
        return unchanged
    stage = services.rounds.stage(who, name)
    html = _screen(services, stage, who, tongue)
    mark = hashing.of_json([name, html])[:16]
    if mark == seen:
        return unchanged
    steps = offered(stage)
    return [html, *(gr.update(visible=name in steps) for name in panel.buttons), mark]


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


def _screen(services: Services, stage: Stage, who: Actor, tongue: str) -> str:
    this = stage.this
    discussed, told = None, None
    if this.discussed and this.state in ("discussing", "locked", "revealed", "done"):
        each = services.rounds.comparison(who, this.discussed[-1])
        found = services.results.findings(this)
        shares = services.results.shares(this, each.comparison_id)
        discussed = vote_stage.Discussed(each, shares, found.report["discussion"])
    if this.state in ("revealed", "done"):
        told = reveal(this, services.results.findings(this), tongue)
    return vote_stage.screen(stage, _link(services), tongue, discussed, told)


def _link(services: Services) -> str:
    """The address that phones can open; this computer's own where there is no other."""
    return next(iter(addresses(services.settings)), local_address(services.settings))


def endpoints(services: Services) -> None:
    """What scripts call through `gradio_client`, with the teacher's token as bearer."""

    @shown
    def open_round(name: str, wanted: dict[str, Any], request: gr.Request) -> dict[str, Any]:
        """Opens the round called `name` for voting; makes it first where `wanted` says how (see the README)."""
        who = actor(services, request)
        if wanted:
            services.rounds.make_now(who, vote_form.parse(services, who, {**wanted, "name": name}))
        services.rounds.move(who, name, "open")
        return status(name, request)

    @shown
    def round_status(name: str, request: gr.Request) -> dict[str, Any]:
        """State and counters of a round."""
        return status(name, request)

    @shown
    def leaderboard(request: gr.Request) -> list[dict[str, Any]]:
        """Win rates of the revealed judging rounds, newest first."""
        return services.results.leaderboard(actor(services, request))

    @shown
    def export_preferences(name: str, options: dict[str, Any], request: gr.Request) -> dict[str, Any]:
        """Writes a round's annotations: options are format, aggregation, minimum, phase, split, sources, ties."""
        who = actor(services, request)
        services.roles.require_teacher(who)
        unknown = set(options) - _EXPORT
        if unknown:
            known = ", ".join(sorted(_EXPORT))
            raise AfinaError("config.choice", name="option", value=", ".join(sorted(unknown)), choices=known)
        done = services.results.export(who, name, **{"format": "trl", **options})
        return done.to_dict() | {
            "path": done.path.name,
            "url": vote_files.url_of(done.path),
            "card": done.card.name,
        }

    def status(name: str, request: gr.Request) -> dict[str, Any]:
        stage = services.rounds.stage(actor(services, request), name)
        now = vars(stage.counters) | {"coverage": stage.counters.coverage}
        return {"name": stage.this.name, "state": stage.this.state, "room": stage.code, **now}

    for handler in (open_round, round_status, leaderboard, export_preferences):
        gr.api(handler, api_name=handler.__name__, concurrency_limit=4)


def refresh_choices(services: Services, who: Actor, chosen: str | None = None) -> Any:
    """The dropdown of rounds after a new one was made."""
    names = [each.name for each in services.rounds.listed(who)]
    return gr.update(choices=names, value=chosen or (names[0] if names else None), visible=bool(names))


def heading(key: str, tongue: str) -> str:
    return f"<h3>{word(key, tongue)}</h3>"
