"""The form of a new round.

Every field becomes a field of `RoundRequest`; the line under the form says what the numbers amount to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError
from common.languages import ENGLISH
from common.number_format import number
from labeling.schema import CRITERIA, Generation, RoundSettings
from tuning.data import uploads
from tuning.pocket.world.shipped import shipped_language
from ui.components import shipped_data
from ui.forms import named
from ui.request import QUIET, actor, language_of, on_open, shown
from ui.translations import word
from ui.vote import form_errors, round_choice
from ui.vote.round_fields import Form
from workbench.voting.rounds import LEAST_HELDOUT, RoundRequest

if TYPE_CHECKING:
    from workbench.actors import Actor
    from workbench.services import Services

MOST_PROMPTS = 10_000  # of each side of a round


def wire(services: Services, form: Form, place: round_choice.Place, new: gr.Accordion) -> Any:
    """Gives the event after which the form says what can be chosen."""
    _wire_make(services, form, place, new)
    _wire_numbers(services, form)
    form.source.change(
        lambda source: {getattr(form, each): gr.update(visible=source == each) for each in ("typed", "upload")},
        form.source,
        [form.typed, form.upload],
        queue=False,
        **QUIET,
    )
    return _wire_choices(services, form, new)


def _wire_make(services: Services, form: Form, place: round_choice.Place, new: gr.Accordion) -> None:
    @shown
    def make(values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        who, language = actor(services, request), language_of(request)
        services.roles.require_teacher(who)
        filled = _kept(services, form.filled(values)) | {"language": language}
        try:
            new_round = services.rounds.make(who, parse(services, who, filled))
        except AfinaError as error:  # what was typed stays as it is
            field = form_errors.field_of(error)
            unfolded = {form.more: gr.update(open=True)} if field == "more" else {}
            return unfolded | form_errors.shown(form.problems, field, error.words(language))
        emptied = gr.update(value="", placeholder=services.rounds.upcoming(who, language))
        return {
            **place.show(services, who, new_round.name, language),
            form.name: emptied,
            new: gr.update(open=False),
            **form_errors.shown(form.problems),
        }

    outputs = [*place.outputs, form.name, new, form.more, *form.problems.values()]
    inputs = set(form.fields.values())
    form.make.click(make, inputs, outputs, **QUIET).success(None, None, None, js=form_errors.SHOW)


def _kept(services: Services, fields: dict[str, Any]) -> dict[str, Any]:
    """The form with its files kept: those that Gradio received, never a path that somebody only names."""
    files = {
        name: str(uploads.keep(Path(fields[name]), services.settings.home))
        for name in ("upload", "gold")
        if fields[name]
    }
    return fields | files


def _wire_numbers(services: Services, form: Form) -> None:
    numbers = [form.people, form.minutes, form.votes_wanted]

    @shown
    def plan(people: float, minutes: float, votes: float, request: gr.Request) -> str:
        return _plan(services, actor(services, request), people, minutes, votes, language_of(request))

    @shown
    def suggest(purpose: str, people: float, minutes: float, votes: float, request: gr.Request) -> dict[Any, Any]:
        who = actor(services, request)
        try:
            planned = services.rounds.plan(who, int(people or 1), minutes or 1, int(votes or 1))
        except AfinaError:
            return gr.skip()  # the line below the numbers says why
        n = max(5, min(planned.comparisons, 200))
        held = n if purpose == "judge" else max(1, round(LEAST_HELDOUT * n))
        return {form.n_train: n - held, form.n_heldout: held}

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
    def choices(request: gr.Request) -> dict[Any, Any]:
        who, language = actor(services, request), language_of(request)
        if not who.is_teacher:  # the form is not shown to anybody else
            return gr.skip()
        policies = [each.name for each in services.comparing.policies(who)]
        newest = next((each for each in policies if each != services.settings.base_model), policies[0])
        return {
            form.name: gr.update(placeholder=services.rounds.upcoming(who, language)),
            form.policies: gr.update(choices=named(policies), value=[newest]),
            form.source: gr.update(
                choices=_sources(language), value=f"prompts.{shipped_language(language)}", **shipped_data.info(language)
            ),
            form.uncertain_by: gr.update(choices=["", *services.rewarding.models(who)]),
        }

    filled = [form.name, form.policies, form.source, form.uncertain_by]
    gr.on([new.expand], choices, None, filled, queue=False, **QUIET)
    return on_open(choices, None, filled, **QUIET)


def parse(services: Services, who: Actor, values: Mapping[str, Any]) -> RoundRequest:
    """What the form, or a script, asks for. Raises: AfinaError that names what is wrong."""
    known = {each.name for each in fields(RoundRequest)} | {each.name for each in fields(RoundSettings)}
    known |= {each.name for each in fields(Generation)}
    known |= {"source", "typed", "upload", "people", "minutes", "asks"}
    for name in set(values) - known:
        raise AfinaError("label.unknown_field", name=name)
    criteria = values.get("criteria") or ", ".join(CRITERIA)
    listed = criteria.split(",") if isinstance(criteria, str) else criteria
    settings = {each.name: values[each.name] for each in fields(RoundSettings) if values.get(each.name) is not None}
    settings |= {"criteria": tuple(each.strip() for each in listed if each.strip())}
    settings |= dict.fromkeys(values.get("asks") or (), True)
    numbers = {name: int(values.get(name) or 0) for name in ("n_train", "n_heldout")}
    for name, value in numbers.items():
        if not 0 <= value <= MOST_PROMPTS:
            raise AfinaError("label.number", name=name, value=value, low=0, high=MOST_PROMPTS)
    drawn = {each.name: values[each.name] for each in fields(Generation) if values.get(each.name) is not None}
    return RoundRequest(
        name=str(values.get("name") or "").strip(),
        policies=tuple(values.get("policies") or ()),
        purpose=values.get("purpose") or "collect",
        prompts=tuple(_prompts(services, who, values)),
        n_train=numbers["n_train"],
        n_heldout=numbers["n_heldout"],
        settings=RoundSettings(**settings),
        generation=Generation(**drawn),
        guidelines=values.get("guidelines") or "",
        gold=tuple(services.rounds.gold(who, Path(values["gold"]))) if values.get("gold") else (),
        language=values.get("language") or ENGLISH,
    )


def _prompts(services: Services, who: Actor, fields: Mapping[str, Any]) -> list[Any]:
    source = fields.get("source") or "typed"
    if fields.get("prompts"):
        return list(fields["prompts"])
    if source == "typed":
        return [line.strip() for line in (fields.get("typed") or "").splitlines() if line.strip()]
    if source == "upload":
        if not fields.get("upload"):
            raise AfinaError("round.no_prompts")
        return services.rounds.prompts(who, Path(fields["upload"]))
    if source == "starred":
        return services.rounds.starred(who)
    return services.rounds.prompts(who, source)


def _sources(language: str) -> list[tuple[str, str]]:
    return [
        *shipped_data.prompt_sets(language),
        (word("vote.set.starred", language), "starred"),
        (word("vote.set.typed", language), "typed"),
        (word("vote.set.upload", language), "upload"),
    ]


def _plan(services: Services, who: Actor, people: float, minutes: float, votes: float, language: str) -> str:
    try:
        plan = services.rounds.plan(who, int(people or 0), minutes or 0, int(votes or 1))
    except AfinaError as error:
        return f'<div class="train-remark">{escape(error.words(language))}</div>'
    text = word(
        "vote.plan",
        language,
        people=plan.people,
        votes_each=plan.votes_each,
        votes=plan.votes,
        comparisons=plan.comparisons,
        width=number(100 * plan.half_width, language, ".0f"),
    )
    return f'<p class="quiet">{escape(text)}</p>'
