"""The Align tab: a round's votes into a reward model and a DPO run, watched live, measured, and voted on again.

Lays out and wires; what is shown is made in `align_words`, what is done in `workbench.alignment.preference_training`.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError
from tuning.config.training_methods import METHODS, REWARD_MODELS
from tuning.pocket.world.shipped import shipped_language
from ui.align import (
    ai_feedback_panel,
    align_view,
    from_file_panel,
    lineage_panel,
    other_methods_panel,
    scaling_panel,
)
from ui.align.align_layout import After, Live, Setup
from ui.components import run_view
from ui.request import QUIET, actor, language_of, on_open, shown
from ui.translations import word
from ui.vote.round_choice import TO_THE_STAGE
from workbench.voting.prompt_sources import read_prompts
from workbench.voting.rounds import RoundRequest

if TYPE_CHECKING:
    from tuning.runs.status import RunStatus
    from ui.vote.round_choice import Way
    from workbench.actors import Actor
    from workbench.services import Services

_SECONDS = 1.0
_AGAIN = 40  # held-out prompts of the round that one click makes


def build_align_tab(services: Services, way: Way) -> None:
    """Lays the tab out in the Blocks context it is called in; `way` leads to the rounds that are made here."""
    fork = gr.HTML("", padding=False)
    with gr.Row():
        setup = Setup()
        with gr.Column(scale=6, min_width=340):
            live = Live()
            after = After()
    dial = scaling_panel.Dial()
    _wire(services, fork, setup, live, after, way)
    other_methods_panel.build(services, setup.round, setup.way, setup.sources, live.choice)
    from_file_panel.build(services, live.choice)
    scaling_panel.wire(services, dial, live.choice, after.reward_run, way)
    ai_feedback_panel.build(services, setup.round)
    lineage_panel.build(services)


def _wire(services: Services, fork: gr.HTML, setup: Setup, live: Live, after: After, to_vote: Way) -> None:
    @shown
    def arrive(request: gr.Request) -> dict[Any, Any]:
        who, language = actor(services, request), language_of(request)
        names = _runs(services, who)
        listed = services.rounds.listed(who) if who.is_teacher else []
        rounds = [each.name for each in listed]
        # A round that compares policies is on held-out prompts: the newest that collects has pairs to train on.
        taken = next((each.name for each in listed if each.purpose == "collect"), rounds[0] if rounds else None)
        return {
            fork: align_view.fork(language),
            setup.box: gr.update(visible=who.is_teacher),
            setup.round: gr.update(choices=rounds, value=taken),
            live.choice: gr.update(choices=names, value=names[0] if names else None),
        }

    @shown
    def facts(values: dict[Any, Any], request: gr.Request) -> str:
        who, language = actor(services, request), language_of(request)
        name, way, sources = (values[box] for box in (setup.round, setup.way, setup.sources))
        if not name:
            return f'<p class="quiet">{word("align.no_round", language)}</p>'
        pairs = services.aligning.pairs(who, name, way, sources=sources, ties=True)
        usable = services.aligning.usable(who, name, sources)
        epochs = {"reward": values[setup.reward_epochs], "dpo": values[setup.epochs]}
        quotes = services.aligning.quote(who, name, way, sources, epochs)
        return align_view.usable(usable, pairs, language) + align_view.quoted(quotes, language)

    @shown
    def usual(name: str, request: gr.Request) -> Any:
        who = actor(services, request)
        return services.results.sources(who, name) if name and who.is_teacher else gr.skip()

    @shown
    def choices(request: gr.Request) -> Any:
        return gr.update(choices=[each.name for each in services.rounds.listed(actor(services, request))])

    @shown
    def runs(request: gr.Request) -> Any:
        return gr.update(choices=_runs(services, actor(services, request)))

    @shown
    def look(name: str, seen: str, request: gr.Request) -> dict[Any, Any]:
        return _look(services, live, after, name, seen, actor(services, request), language_of(request))

    told_by: set[Any] = {*setup.data, setup.reward_epochs, setup.epochs}
    plots = [*live.first.values(), live.more, *live.second.values()]
    buttons = [live.stop, live.resume, after.measure, after.reward_run, after.outcome, after.again]
    outputs = [live.head, live.sample, *plots, *buttons, live.seen]
    watch: dict[str, Any] = {"fn": look, "inputs": [live.choice, live.seen], "outputs": outputs, **QUIET}
    on_open(arrive, None, [fork, setup.box, setup.round, live.choice], **QUIET).success(
        usual, setup.round, setup.sources, **QUIET
    ).success(facts, told_by, setup.facts, **QUIET).success(**watch)
    gr.Timer(_SECONDS).tick(**watch, queue=False)
    live.choice.change(**watch, queue=False)
    setup.round.change(usual, setup.round, setup.sources, queue=False, **QUIET)
    gr.on([each.change for each in told_by], facts, told_by, setup.facts, **QUIET)
    setup.round.focus(choices, None, setup.round, queue=False, **QUIET)
    live.choice.focus(runs, None, live.choice, queue=False, **QUIET)  # others start runs too
    _wire_starts(services, setup, live)
    _wire_after(services, live, after, to_vote)
    for button, action in ((live.stop, "stop"), (live.resume, "resume")):
        button.click(_acting(services, action), live.choice, None, **QUIET)


def _acting(services: Services, action: str) -> Any:
    @shown
    def act(name: str, request: gr.Request) -> None:
        getattr(services.training, action)(actor(services, request), name)

    return act


def _wire_starts(services: Services, setup: Setup, live: Live) -> None:
    def started(method: str, values: dict[Any, Any], name: str, settings: dict[str, Any], request: gr.Request) -> Any:
        who = actor(services, request)
        round_, way, sources = (values[box] for box in (setup.round, setup.way, setup.sources))
        run_id = services.aligning.start(who, method, round_, name or "", way, sources=sources, **settings)
        names = _runs(services, who)
        return gr.update(choices=names, value=services.training.summary(who, run_id).name)

    @shown
    def reward(values: dict[Any, Any], request: gr.Request) -> Any:
        settings = {
            "epochs": values[setup.reward_epochs] or 0,
            "learning_rate": values[setup.reward_rate],
            "from_base": values[setup.reward_from] == "base",
        }
        return started("reward", values, values[setup.reward_name], settings, request)

    @shown
    def dpo(values: dict[Any, Any], request: gr.Request) -> Any:
        settings = {
            "loss": values[setup.loss],
            "beta": values[setup.beta],
            "epochs": values[setup.epochs] or 0,
            "learning_rate": values[setup.rate],
            "sft_weight": values[setup.sft_weight] or 0,
        }
        return started("dpo", values, values[setup.name], settings, request)

    knobs = {setup.reward_from, setup.reward_epochs, setup.reward_rate, setup.reward_name}
    setup.reward.click(reward, setup.data | knobs, live.choice, **QUIET)
    knobs = {setup.loss, setup.beta, setup.epochs, setup.rate, setup.sft_weight, setup.name}
    setup.dpo.click(dpo, setup.data | knobs, live.choice, **QUIET)


def _wire_after(services: Services, live: Live, after: After, to_vote: Way) -> None:
    @shown
    def measure(name: str, request: gr.Request) -> str:
        who = actor(services, request)
        services.roles.require_teacher(who)
        run = services.training.summary(who, name)
        voted = services.aligning.taught_by(who, run.run_id)
        found = services.aligning.measure(who, run.run_id, voted)
        against = services.rewarding.disagreements(who, run.run_id, voted)
        language = language_of(request)
        return f"{align_view.measured(found, language)}{align_view.disagreements(against, language)}"

    @shown
    def outcome(name: str, reward_run: str, request: gr.Request) -> str:
        found = services.aligning.outcome(actor(services, request), name, reward_run or "")
        return align_view.outcome(found, language_of(request))

    @shown
    def again(name: str, request: gr.Request) -> dict[Any, Any]:
        who, language = actor(services, request), language_of(request)
        services.roles.require_teacher(who)
        run = services.training.summary(who, name)
        if not run.parent:
            raise AfinaError("align.no_parent", name=run.name)
        prompts = tuple(read_prompts(f"prompts.{shipped_language(language)}", services.settings))
        # A name of its own would say what it compares.
        round_request = RoundRequest("", (run.name, run.parent), "judge", prompts, 0, _AGAIN, language=language)
        new_round = services.rounds.make(who, round_request)
        note = f"<p>{escape(word('align.again.made', language, name=new_round.name))}</p>"
        return {after.result: note, **to_vote.to(services, who, new_round.name, language)}

    slow = {**QUIET, "show_progress": "minimal"}
    after.measure.click(measure, live.choice, after.result, **slow)
    after.outcome.click(outcome, [live.choice, after.reward_run], after.result, **slow)
    after.again.click(again, live.choice, [after.result, *to_vote.outputs], **QUIET).success(
        None, None, None, js=TO_THE_STAGE
    )
    live.choice.change(lambda: "", None, after.result, queue=False, **QUIET)  # it was another run's


def _runs(services: Services, who: Actor) -> list[str]:
    return align_view.runs(services.training.runs(who))


def _look(
    services: Services, live: Live, after: After, name: str, seen: str, who: Actor, language: str
) -> dict[Any, Any]:
    """Updates of the live panel; nothing where nothing changed."""
    if not name:
        return {live.head: align_view.empty(who.is_teacher, language)} if seen == "" else gr.skip()
    run = services.training.summary(who, name)
    status = services.training.status(who, run.run_id)
    drawn = bool(status.series)
    plotted = f"{run.run_id} plotted "  # its plot has its words
    mark = f"{plotted if drawn else run.run_id + ' '}{run_view.mark(status, len(status.samples))}"
    # What a plot is sent while it is drawn anew (new words, another width) is lost: what changes no more is sent again.
    settled = f"{mark} again"
    if seen == settled or (seen == mark and not drawn):
        return gr.skip()
    fresh = not seen.startswith(plotted)

    def plots(boxes: dict[str, gr.LinePlot], order: str) -> dict[Any, Any]:
        return {
            box: _plot(status, getattr(METHODS[method], order), language, fresh=fresh)
            if method == run.method and drawn
            else gr.update(visible=False)
            for method, box in boxes.items()
        }

    curves = plots(live.first, "first_curves") | plots(live.second, "second_curves")
    if seen == mark:
        return curves | {live.seen: settled}
    teacher, done = who.is_teacher, status.state in ("done", "stopped")
    tuned = teacher and done and METHODS[run.method].result == "policy"
    judges = services.rewarding.models(who)
    return curves | {
        live.head: align_view.head(status, run.method, language),
        live.stop: gr.update(visible=teacher and status.state in ("starting", "running")),
        live.resume: gr.update(visible=teacher and status.resumable),
        live.sample: align_view.sample(status, language),
        live.more: gr.update(visible=drawn),
        live.seen: mark,
        after.measure: gr.update(visible=teacher and done and run.method in REWARD_MODELS),
        after.reward_run: gr.update(visible=tuned, choices=["", *judges], value=judges[0] if judges else ""),
        after.outcome: gr.update(visible=tuned),
        after.again: gr.update(visible=tuned),
    }


def _plot(status: RunStatus, names: tuple[str, ...], language: str, fresh: bool) -> Any:
    """One plot's curves; its words and colours once for each run that is chosen."""
    words: dict[str, Any] = {
        "color_map": align_view.colours(names, language),
        "x_title": word("align.axis.step", language),
        "y_title": " ",
        "color_title": " ",
    }
    return gr.update(value=align_view.frame(status.series, names, language), visible=True, **(words if fresh else {}))
