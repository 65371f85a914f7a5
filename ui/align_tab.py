"""The Align tab: a round's votes into a reward model and a DPO run, watched live, measured, and voted on again.

Lays out and wires; what is shown is made in `align_words`, what is done in `workbench.aligning`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError
from tuning.config import DPOConfig, RewardConfig
from ui import align_dial, align_judges, align_words, lineage_panel, train_live
from ui.context import actor, language, shown
from ui.translations import t, word
from workbench.rounds import Wanted, read_prompts

if TYPE_CHECKING:
    from workbench.roles import Actor
    from workbench.services import Services

_SECONDS = 1.0
_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_WAYS = ("majority", "every", "minimum")
_AGAIN = 40  # held-out prompts of the round that one click makes


@dataclass(frozen=True)
class Setup:
    box: gr.Column
    round: gr.Dropdown
    way: gr.Radio
    sources: gr.Radio
    facts: gr.HTML
    reward_epochs: gr.Number
    reward_rate: gr.Number
    reward_name: gr.Textbox
    reward: gr.Button
    loss: gr.Dropdown
    beta: gr.Number
    epochs: gr.Number
    rate: gr.Number
    sft_weight: gr.Number
    name: gr.Textbox
    dpo: gr.Button


@dataclass(frozen=True)
class Live:
    choice: gr.Dropdown
    head: gr.HTML
    stop: gr.Button
    resume: gr.Button
    sample: gr.HTML
    first: gr.LinePlot
    more: gr.Accordion
    second: gr.LinePlot
    seen: gr.State


@dataclass(frozen=True)
class After:
    measure: gr.Button
    reward_run: gr.Dropdown
    outcome: gr.Button
    again: gr.Button
    result: gr.HTML


def build_align_tab(services: Services) -> None:
    """Lays the tab out in the Blocks context it is called in."""
    fork = gr.HTML("", padding=False)
    with gr.Row():
        setup = _setup()
        with gr.Column(scale=6, min_width=340):
            live = _live()
            after = _after()
    dial = align_dial.lay_out()
    _wire(services, fork, setup, live, after)
    align_dial.wire(services, dial, live.choice, after.reward_run)
    align_judges.build(services, setup.round)
    lineage_panel.build(services)


def _setup() -> Setup:
    reward, dpo = RewardConfig(), DPOConfig()
    with gr.Column(scale=5, min_width=340, visible=False) as box:
        round_ = gr.Dropdown([], label=t("align.round"), allow_custom_value=True, elem_id="align-round")
        way = gr.Radio(
            [(t(f"vote.files.{each}"), each) for each in _WAYS], value="majority", label=t("align.way")
        )
        sources = gr.Radio(
            [(t(f"judges.sources.{each}"), each) for each in ("people", "ai", "all")],
            value="people",
            label=t("judges.sources"),
            elem_id="align-sources",
        )
        facts = gr.HTML("", padding=False, elem_id="align-facts")
        with gr.Group():
            gr.Markdown(t("align.reward.about"), elem_classes="train-pad")
            with gr.Accordion(t("align.more"), open=False), gr.Row():
                reward_epochs = gr.Number(reward.epochs, label=t("align.epochs"), minimum=0, min_width=110)
                reward_rate = gr.Number(reward.learning_rate, label=t("align.rate"), minimum=0, min_width=110)
                reward_name = gr.Textbox(label=t("train.name"), max_lines=1, min_width=140)
            start_reward = gr.Button(t("align.reward.start"), variant="primary", elem_id="align-reward")
        with gr.Group():
            gr.Markdown(t("align.dpo.about"), elem_classes="train-pad")
            with gr.Row():
                loss = gr.Dropdown(
                    ["sigmoid", "ipo", "hinge", "robust"],
                    value=dpo.loss,
                    label=t("align.loss"),
                    min_width=110,
                )
                beta = gr.Number(dpo.beta, label="β", info=t("align.beta"), minimum=0.001, min_width=110)
            with gr.Accordion(t("align.more"), open=False), gr.Row():
                epochs = gr.Number(dpo.epochs, label=t("align.epochs"), minimum=0, min_width=110)
                rate = gr.Number(dpo.learning_rate, label=t("align.rate"), minimum=0, min_width=110)
                sft_weight = gr.Number(dpo.sft_weight, label=t("align.sft_weight"), minimum=0, min_width=110)
                name = gr.Textbox(label=t("train.name"), max_lines=1, min_width=140)
            start_dpo = gr.Button(t("align.dpo.start"), variant="primary", elem_id="align-dpo")
    return Setup(box, round_, way, sources, facts, reward_epochs, reward_rate, reward_name, start_reward, loss, beta,
                 epochs, rate, sft_weight, name, start_dpo)  # fmt: skip


def _live() -> Live:
    choice = gr.Dropdown([], label=t("train.run"), allow_custom_value=True, elem_id="align-run")
    head = gr.HTML("", elem_id="align-head")
    with gr.Row():
        stop = gr.Button(t("train.stop"), variant="stop", visible=False)
        resume = gr.Button(t("train.resume"), variant="primary", visible=False)
    sample = gr.HTML("", padding=False, elem_id="align-sample")
    first = gr.LinePlot(x="step", y="value", color="which", height=360, show_label=False, visible=False)
    with gr.Accordion(t("align.curves"), open=False, visible=False) as more:
        second = gr.LinePlot(x="step", y="value", color="which", height=280, show_label=False)
    return Live(choice, head, stop, resume, sample, first, more, second, gr.State(""))


def _after() -> After:
    with gr.Row():
        measure = gr.Button(t("align.measure"), visible=False, elem_id="align-measure")
        reward_run = gr.Dropdown([], label=t("align.judge"), visible=False, allow_custom_value=True)
        outcome = gr.Button(t("align.outcome"), visible=False, elem_id="align-outcome")
        again = gr.Button(t("align.again"), visible=False, elem_id="align-again")
    return After(measure, reward_run, outcome, again, gr.HTML("", padding=False, elem_id="align-result"))


def _wire(services: Services, fork: gr.HTML, setup: Setup, live: Live, after: After) -> None:
    outputs = [*vars(live).values(), after.measure, after.reward_run, after.outcome, after.again]

    @shown
    def arrive(request: gr.Request) -> list[Any]:
        who, tongue = actor(services, request), language(request)
        names = _runs(services, who)
        rounds = [each.name for each in services.rounds.listed(who)] if who.is_teacher else []
        return [
            align_words.fork(tongue),
            gr.update(visible=who.is_teacher),
            gr.update(choices=rounds, value=rounds[0] if rounds else None),
            gr.update(choices=names, value=names[0] if names else None),
        ]

    @shown
    def facts(name: str, sources: Any, request: gr.Request) -> str:
        who, tongue = actor(services, request), language(request)
        if not name:
            return f'<p class="quiet">{word("align.no_round", tongue)}</p>'
        found = services.aligning.pairs(who, name, sources=sources)
        return align_words.usable(
            services.aligning.usable(who, name, sources), found.n_heldout, found.dropped, tongue
        )

    @shown
    def choices(request: gr.Request) -> Any:
        return gr.update(choices=[each.name for each in services.rounds.listed(actor(services, request))])

    @shown
    def look(name: str, seen: str, request: gr.Request) -> list[Any]:
        return _look(services, live, name, seen, actor(services, request), language(request))

    watch: dict[str, Any] = {"fn": look, "inputs": [live.choice, live.seen], "outputs": outputs, **_QUIET}
    gr.on(None, arrive, None, [fork, setup.box, setup.round, live.choice], **_QUIET).then(
        facts, [setup.round, setup.sources], setup.facts, **_QUIET).then(**watch)  # fmt: skip
    gr.Timer(_SECONDS).tick(**watch, queue=False)
    live.choice.input(**watch, queue=False)
    gr.on(
        [setup.round.change, setup.sources.change],
        facts,
        [setup.round, setup.sources],
        setup.facts,
        **_QUIET,
    )
    setup.round.focus(choices, None, setup.round, queue=False, **_QUIET)
    _wire_starts(services, setup, live, watch)
    _wire_after(services, live, after)
    for button, action in ((live.stop, "stop"), (live.resume, "resume")):
        button.click(_acting(services, action), live.choice, None, **_QUIET).then(**watch)


def _acting(services: Services, action: str) -> Any:
    @shown
    def act(name: str, request: gr.Request) -> None:
        getattr(services.training, action)(actor(services, request), name)

    return act


def _wire_starts(services: Services, setup: Setup, live: Live, watch: dict[str, Any]) -> None:
    def started(who: Actor, run_id: str) -> Any:
        names = _runs(services, who)
        return gr.update(choices=names, value=services.training.summary(who, run_id).name)

    @shown
    def reward(
        name: str, way: Any, sources: Any, epochs: float, rate: float, called: str, request: gr.Request
    ) -> Any:
        who = actor(services, request)
        settings: dict[str, Any] = {"epochs": epochs or 0, "learning_rate": rate}
        return started(
            who, services.aligning.start(who, "reward", name, called or "", way, sources=sources, **settings)
        )

    @shown
    def dpo(name: str, way: Any, sources: Any, loss: str, beta: float, epochs: float, rate: float, weight: float,
            called: str, request: gr.Request) -> Any:  # fmt: skip
        who = actor(services, request)
        settings: dict[str, Any] = {"loss": loss, "beta": beta, "epochs": epochs or 0}
        settings |= {"learning_rate": rate, "sft_weight": weight or 0}
        return started(
            who, services.aligning.start(who, "dpo", name, called or "", way, sources=sources, **settings)
        )

    data = [setup.round, setup.way, setup.sources]
    setup.reward.click(reward, [*data, setup.reward_epochs, setup.reward_rate, setup.reward_name], live.choice,
                       **_QUIET).then(**watch)  # fmt: skip
    setup.dpo.click(dpo, [*data, setup.loss, setup.beta, setup.epochs, setup.rate, setup.sft_weight, setup.name],
                    live.choice, **_QUIET).then(**watch)  # fmt: skip


def _wire_after(services: Services, live: Live, after: After) -> None:
    @shown
    def measure(name: str, request: gr.Request) -> str:
        who = actor(services, request)
        run = services.training.summary(who, name)
        found = services.aligning.measure(who, run.run_id, run.data_name)
        against = services.rewarding.disagreements(who, run.run_id, run.data_name)
        tongue = language(request)
        return f"{align_words.measured(found, tongue)}{align_words.disagreements(against, tongue)}"

    @shown
    def outcome(name: str, reward_run: str, request: gr.Request) -> str:
        found = services.aligning.outcome(actor(services, request), name, reward_run or "")
        return align_words.outcome(found, language(request))

    @shown
    def again(name: str, request: gr.Request) -> str:
        who, tongue = actor(services, request), language(request)
        run = services.training.summary(who, name)
        if not run.parent:
            raise AfinaError("align.no_parent", name=run.name)
        prompts = tuple(read_prompts(f"prompts.{tongue}", services.settings))
        wanted = Wanted(
            f"{run.name} / {run.parent}"[:200], (run.name, run.parent), "judge", prompts, 0, _AGAIN
        )
        made = services.rounds.make(who, wanted)
        return f"<p>{word('align.again.made', tongue, name=made.name)}</p>"

    slow = {**_QUIET, "show_progress": "minimal"}
    after.measure.click(measure, live.choice, after.result, **slow)
    after.outcome.click(outcome, [live.choice, after.reward_run], after.result, **slow)
    after.again.click(again, live.choice, after.result, **_QUIET)


def _runs(services: Services, who: Actor) -> list[str]:
    return [each.name for each in services.training.runs(who) if each.method in align_words.FIRST]


def _look(services: Services, live: Live, name: str, seen: str, who: Actor, tongue: str) -> list[Any]:
    """Updates of the live panel; nothing where nothing changed."""
    n = len(vars(live)) + 4
    if not name:
        return [gr.skip(), train_live.empty(tongue) if seen == "" else gr.skip(), *[gr.skip()] * (n - 2)]
    run = services.training.summary(who, name)
    status = services.training.status(who, run.run_id)
    mark = f"{run.run_id} {train_live.mark(status, len(status.samples))}"
    if mark == seen:
        return [gr.skip()] * n
    first, second = (
        align_words.FIRST.get(run.method, ("loss",)),
        align_words.SECOND.get(run.method, ("loss",)),
    )
    drawn = bool(status.series)
    teacher, done = who.is_teacher, status.state in ("done", "stopped")
    tuned = teacher and done and run.method == "dpo"
    judges = [
        each.name for each in services.training.runs(who) if each.method == "reward" and each.downloadable
    ]

    def plot(names: tuple[str, ...]) -> Any:
        words: dict[str, Any] = (
            {
                "color_map": align_words.colours(names, tongue),
                "x_title": word("align.axis.step", tongue),
                "y_title": " ",
                "color_title": " ",
            }
            if not seen.startswith(run.run_id)
            else {}
        )
        return gr.update(value=align_words.frame(status.series, names, tongue), visible=drawn, **words)

    return [
        gr.skip(), align_words.head(status, run.method, tongue),
        gr.update(visible=teacher and status.state in ("starting", "running")),
        gr.update(visible=teacher and status.resumable),
        align_words.sample(status, tongue), plot(first), gr.update(visible=drawn), plot(second), mark,
        gr.update(visible=teacher and done and run.method == "reward"),
        gr.update(visible=tuned, choices=["", *judges], value=judges[0] if judges else ""),
        gr.update(visible=tuned),
        gr.update(visible=tuned),
    ]  # fmt: skip
