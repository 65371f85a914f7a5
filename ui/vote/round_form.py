"""The form of a new round.

Every field becomes a field of `RoundRequest`; the line under the form says what the numbers amount to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError
from labeling.schema import CRITERIA, Generation, RoundSettings
from tuning.data import uploads
from ui.components.prompt_sets import prompt_sets
from ui.forms import named
from ui.request import QUIET, actor, language_of, on_open, shown
from ui.translations import t, word
from ui.vote import form_errors, round_choice
from workbench.voting.rounds import LEAST_HELDOUT, RoundRequest

if TYPE_CHECKING:
    from workbench.actors import Actor
    from workbench.services import Services

_ASKS = ("ask_strength", "ask_ratings", "ask_rationale", "ask_edit")
MOST_PROMPTS = 10_000  # of each side of a round


@dataclass(frozen=True)
class Form:
    name: gr.Textbox
    purpose: gr.Radio
    policies: gr.Dropdown
    source: gr.Dropdown
    typed: gr.Textbox
    upload: gr.File
    people: gr.Number
    minutes: gr.Number
    votes_wanted: gr.Number
    n_train: gr.Number
    n_heldout: gr.Number
    plan: gr.HTML
    asks: gr.CheckboxGroup
    criteria: gr.Textbox
    guidelines: gr.Textbox
    temperature: gr.Slider
    top_p: gr.Slider
    max_new_tokens: gr.Slider
    seed: gr.Number
    common_items: gr.Number
    repeat_every: gr.Number
    quota: gr.Number
    gold: gr.File
    gold_every: gr.Number
    uncertain_by: gr.Dropdown


@dataclass(frozen=True)
class Around:
    """What stands around the fields: the button, and why a form was refused."""

    make: gr.Button
    more: gr.Accordion
    problems: dict[str, gr.HTML]  # a field (`vote_refusals`) -> the words under it


def lay_out(services: Services) -> tuple[Form, Around]:
    problems: dict[str, gr.HTML] = {}

    def problem(field: str) -> None:
        problems[field] = gr.HTML("", padding=False, visible=False, elem_id=f"vote-problem-{field}")

    with gr.Row():
        with gr.Column(scale=2, min_width=240):
            name = gr.Textbox(
                label=t("vote.form.name"), info=t("vote.form.name_info"), max_lines=1, elem_id="vote-name"
            )
            problem("name")
        purpose = gr.Radio(
            [(t("vote.purpose.collect"), "collect"), (t("vote.purpose.judge"), "judge")],
            value="collect",
            label=t("vote.form.purpose"),
            info=t("vote.form.purpose_info"),
            scale=3,
        )
    with gr.Row():
        with gr.Column(min_width=240):
            policies = gr.Dropdown(
                [],
                multiselect=True,
                label=t("vote.form.policies"),
                info=t("vote.form.policies_info"),
                elem_id="vote-policies",
            )
            problem("policies")
        with gr.Column(min_width=240):
            source = gr.Dropdown(
                [], label=t("vote.form.prompts"), info=t("vote.form.prompts_info"), elem_id="vote-source"
            )
            typed = gr.Textbox(label=t("vote.form.typed"), lines=4, visible=False, elem_id="vote-typed")
            upload = gr.File(
                label=t("vote.form.upload"), visible=False, file_types=[".jsonl", ".json", ".csv", ".txt", ".parquet"]
            )
            problem("prompts")
    with gr.Row():
        people = gr.Number(20, precision=0, label=t("vote.form.people"), min_width=120)
        minutes = gr.Number(5, label=t("vote.form.minutes"), min_width=120)
        votes_wanted = gr.Number(3, precision=0, label=t("vote.form.votes_wanted"), min_width=120)
        n_train = gr.Number(40, precision=0, label=t("vote.form.n_train"), min_width=120, elem_id="vote-train")
        n_heldout = gr.Number(10, precision=0, label=t("vote.form.n_heldout"), min_width=120, elem_id="vote-heldout")
    problem("numbers")
    plan = gr.HTML("", padding=False, elem_id="vote-plan")
    with gr.Accordion(t("vote.form.more"), open=False) as more:
        asks = gr.CheckboxGroup([(t(f"vote.form.{each}"), each) for each in _ASKS], label=t("vote.form.asks"))
        criteria = gr.Textbox(", ".join(CRITERIA), label=t("vote.form.criteria"), max_lines=1)
        guidelines = gr.Textbox(label=t("vote.form.guidelines"), lines=3)
        with gr.Row():
            temperature = gr.Slider(0.1, 2, 1.0, step=0.05, label=t("chat.temperature"))
            top_p = gr.Slider(0.1, 1, 1.0, step=0.05, label=t("chat.top_p"))
            max_new_tokens = gr.Slider(8, 512, 64, step=8, label=t("chat.max_new_tokens"))
            seed = gr.Number(0, precision=0, label=t("chat.seed"), min_width=100)
        with gr.Row():
            common_items = gr.Number(5, precision=0, label=t("vote.form.common_items"), min_width=120)
            repeat_every = gr.Number(0, precision=0, label=t("vote.form.repeat_every"), min_width=120)
            quota = gr.Number(0, precision=0, label=t("vote.form.quota"), min_width=120)
        gr.Markdown(t("vote.form.gold_about"), elem_classes="train-hint")
        with gr.Row():
            gold = gr.File(label=t("vote.form.gold"), file_types=[".jsonl", ".json", ".gz"], height=150, scale=3)
            gold_every = gr.Number(8, precision=0, label=t("vote.form.gold_every"), min_width=120)
        uncertain_by = gr.Dropdown(
            [],
            label=t("vote.form.uncertain"),
            info=t("vote.form.uncertain_info"),
            allow_custom_value=True,
            elem_id="vote-uncertain",
        )
        problem("more")
    problem("rest")
    make = gr.Button(t("vote.form.make"), variant="primary", elem_id="vote-make")
    form = Form(
        name,
        purpose,
        policies,
        source,
        typed,
        upload,
        people,
        minutes,
        votes_wanted,
        n_train,
        n_heldout,
        plan,
        asks,
        criteria,
        guidelines,
        temperature,
        top_p,
        max_new_tokens,
        seed,
        common_items,
        repeat_every,
        quota,
        gold,
        gold_every,
        uncertain_by,
    )
    return form, Around(make, more, problems)


def wire(services: Services, parts: tuple[Form, Around], place: round_choice.Place, new: gr.Accordion) -> Any:
    """Gives the event after which the form says what can be chosen."""
    form, around = parts
    _wire_make(services, form, around, place, new)
    _wire_numbers(services, form)
    form.source.change(
        lambda source: [gr.update(visible=source == "typed"), gr.update(visible=source == "upload")],
        form.source,
        [form.typed, form.upload],
        queue=False,
        **QUIET,
    )
    return _wire_choices(services, form, new)


def _wire_make(services: Services, form: Form, around: Around, place: round_choice.Place, new: gr.Accordion) -> None:
    inputs = set(vars(form).values()) - {form.plan}

    @shown
    def make(values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        who, language = actor(services, request), language_of(request)
        services.roles.require_teacher(who)
        given = {name: values[part] for name, part in vars(form).items() if part in inputs}
        try:
            this = services.rounds.make(who, parse(services, who, _kept(services, given) | {"language": language}))
        except AfinaError as error:  # what was typed stays as it is
            field = form_errors.field_of(error)
            unfolded = {around.more: gr.update(open=True)} if field == "more" else {}
            return unfolded | form_errors.shown(around.problems, field, error.words(language))
        shown_now = dict(zip(place.outputs, round_choice.chosen(services, who, this.name, language), strict=True))
        emptied = gr.update(value="", placeholder=services.rounds.upcoming(who, language))
        return shown_now | {form.name: emptied, new: gr.update(open=False)} | form_errors.shown(around.problems)

    outputs = [*place.outputs, form.name, new, around.more, *around.problems.values()]
    around.make.click(make, inputs, outputs, **QUIET).success(None, None, None, js=form_errors.SHOW)


def _kept(services: Services, given: dict[str, Any]) -> dict[str, Any]:
    """The form with its files kept: those that Gradio received, never a path that somebody only names."""
    files = {
        name: str(uploads.keep(Path(given[name]), services.settings.home)) for name in ("upload", "gold") if given[name]
    }
    return given | files


def _wire_numbers(services: Services, form: Form) -> None:
    numbers = [form.people, form.minutes, form.votes_wanted]

    @shown
    def plan(people: float, minutes: float, votes: float, request: gr.Request) -> str:
        return _plan(services, actor(services, request), people, minutes, votes, language_of(request))

    @shown
    def suggest(purpose: str, people: float, minutes: float, votes: float, request: gr.Request) -> list[Any]:
        who = actor(services, request)
        try:
            planned = services.rounds.plan(who, int(people or 1), minutes or 1, int(votes or 1))
        except AfinaError:
            return [gr.skip(), gr.skip()]  # the line below the numbers says why
        n = max(5, min(planned.comparisons, 200))
        held = n if purpose == "judge" else max(1, round(LEAST_HELDOUT * n))
        return [n - held, held]

    gr.on([each.change for each in numbers], plan, numbers, form.plan, queue=False, **QUIET)
    gr.on(
        [form.purpose.change, *(each.change for each in numbers)],
        suggest,
        [form.purpose, *numbers],
        [form.n_train, form.n_heldout],
        queue=False,
        **QUIET,
    )
    on_open(plan, numbers, form.plan, **QUIET)


def _wire_choices(services: Services, form: Form, new: gr.Accordion) -> Any:
    @shown
    def choices(request: gr.Request) -> list[Any]:
        who, language = actor(services, request), language_of(request)
        policies = [each.name for each in services.comparing.policies(who)]
        newest = next((each for each in policies if each != services.settings.base_model), policies[0])
        return [
            gr.update(placeholder=services.rounds.upcoming(who, language)) if who.is_teacher else gr.skip(),
            gr.update(choices=named(policies), value=[newest]),
            gr.update(choices=_sources(language), value=f"prompts.{language}"),
            gr.update(choices=["", *services.rewarding.models(who)]),
        ]

    filled = [form.name, form.policies, form.source, form.uncertain_by]
    gr.on([new.expand], choices, None, filled, queue=False, **QUIET)
    return on_open(choices, None, filled, **QUIET)


def parse(services: Services, who: Actor, given: Mapping[str, Any]) -> RoundRequest:
    """What the form, or a script, asks for. Raises: AfinaError that names what is wrong."""
    known = {each.name for each in fields(RoundRequest)} | {each.name for each in fields(RoundSettings)}
    known |= {each.name for each in fields(Generation)}
    known |= {"source", "typed", "upload", "people", "minutes", "asks"}
    for name in set(given) - known:
        raise AfinaError("label.unknown_field", name=name)
    criteria = given.get("criteria") or ", ".join(CRITERIA)
    listed = criteria.split(",") if isinstance(criteria, str) else criteria
    settings = {each.name: given[each.name] for each in fields(RoundSettings) if given.get(each.name) is not None}
    settings |= {"criteria": tuple(each.strip() for each in listed if each.strip())}
    settings |= dict.fromkeys(given.get("asks") or (), True)
    numbers = {name: int(given.get(name) or 0) for name in ("n_train", "n_heldout")}
    for name, value in numbers.items():
        if not 0 <= value <= MOST_PROMPTS:
            raise AfinaError("label.number", name=name, value=value, low=0, high=MOST_PROMPTS)
    drawn = {each.name: given[each.name] for each in fields(Generation) if given.get(each.name) is not None}
    return RoundRequest(
        name=str(given.get("name") or "").strip(),
        policies=tuple(given.get("policies") or ()),
        purpose=given.get("purpose") or "collect",
        prompts=tuple(_prompts(services, who, given)),
        n_train=numbers["n_train"],
        n_heldout=numbers["n_heldout"],
        settings=RoundSettings(**settings),
        generation=Generation(**drawn),
        guidelines=given.get("guidelines") or "",
        gold=tuple(services.rounds.gold(who, Path(given["gold"]))) if given.get("gold") else (),
        language=given.get("language") or "en",
    )


def _prompts(services: Services, who: Actor, given: Mapping[str, Any]) -> list[Any]:
    source = given.get("source") or "typed"
    if given.get("prompts"):
        return list(given["prompts"])
    if source == "typed":
        return [line.strip() for line in (given.get("typed") or "").splitlines() if line.strip()]
    if source == "upload":
        if not given.get("upload"):
            raise AfinaError("round.no_prompts")
        return services.rounds.prompts(who, Path(given["upload"]))
    if source == "starred":
        return services.rounds.starred(who)
    return services.rounds.prompts(who, source)


def _sources(language: str) -> list[tuple[str, str]]:
    return [
        *prompt_sets(language),
        (word("vote.set.starred", language), "starred"),
        (word("vote.set.typed", language), "typed"),
        (word("vote.set.upload", language), "upload"),
    ]


def _plan(services: Services, who: Actor, people: float, minutes: float, votes: float, language: str) -> str:
    try:
        made = services.rounds.plan(who, int(people or 0), minutes or 0, int(votes or 1))
    except AfinaError as error:
        return f'<div class="train-remark">{escape(error.words(language))}</div>'
    told = word(
        "vote.plan",
        language,
        people=made.people,
        votes_each=made.votes_each,
        votes=made.votes,
        comparisons=made.comparisons,
        width=f"{100 * made.half_width:.0f}",
    )
    return f'<p class="quiet">{escape(told)}</p>'
