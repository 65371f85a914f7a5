"""The Classify tab: labelled texts, several strategies at once, figures, a sentence to try.

Wires only: the components are in `ui/laboratory/classify_layout.py`, what is shown is made in
`ui/laboratory/classify_view.py`, what is done in `training.classification`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from common import hashing
from common.errors import AfinaError
from tuning.data import labelled, uploads
from tuning.pocket.world.shipped import shipped_language
from tuning.runs.status import RESUMABLE
from ui.chat import safety_view
from ui.components import data_view, shipped_data
from ui.laboratory import classify_view
from ui.laboratory.classify_layout import Form, Results, Source
from ui.request import QUIET, actor, language_of, on_open, shown
from ui.translations import word

if TYPE_CHECKING:
    from workbench.services import Services

_SECONDS = 2.0


def build_classify_tab(services: Services) -> None:
    """Lays the task out in the Blocks context it is called in."""
    with gr.Row():
        form = Form(services)
        results = Results()
    new = _wire_data(services, form, results)
    _wire_runs(services, form, results)
    _wire_results(services, form, results, new)


def _wire_data(services: Services, form: Form, results: Results) -> dict[str, Any]:
    """Gives the event that looks at newly chosen data."""

    @shown
    def uploaded(file: str, request: gr.Request) -> Any:
        services.roles.require_teacher(actor(services, request))
        place = uploads.keep(Path(file), services.settings.home)
        choices = [*services.classifying.sets(), (place.name, str(place))]
        return gr.update(choices=choices, value=str(place))

    @shown
    def check(values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        return _check(services, form, results, form.source(values), request)

    @shown
    def inspect(values: dict[Any, Any], request: gr.Request) -> str:
        who, source = actor(services, request), form.source(values)
        services.roles.require_teacher(who)
        if not source.name:
            raise AfinaError("data.none_chosen")
        data = services.classifying.load(who, *source)
        return safety_view.quality(services.course.inspect(who, data.rows), language_of(request))

    # One at a time, in order: the answer for the data chosen last must come last.
    ordered: dict[str, Any] = {
        "fn": check,
        "outputs": [results.data, form.text, form.label, results.look, results.closer],
        **QUIET,
        "concurrency_id": "classify-check",
        "concurrency_limit": 1,
    }
    # Not the columns: they were chosen for other data.
    new: dict[str, Any] = {"inputs": {form.dataset, form.limit}, **ordered}
    form.upload.upload(uploaded, form.upload, form.dataset, api_visibility="private").success(**new)
    form.dataset.input(**new)
    gr.on([form.text.input, form.label.input, form.limit.change], inputs=form.source_inputs, **ordered)
    results.look.click(inspect, form.source_inputs, results.closer, **QUIET)
    return new


def _check(services: Services, form: Form, results: Results, source: Source, request: gr.Request) -> dict[Any, Any]:
    """Updates of what is said of the data, or why they cannot be used, and of the columns to choose from."""
    language, who = language_of(request), actor(services, request)
    closed = {results.look: gr.update(visible=False), results.closer: ""}
    if not source.name or not who.is_teacher:
        return {results.data: "", **closed}
    try:
        data = services.classifying.load(who, *source)
    except AfinaError as error:  # its remedy may be to choose a column
        columns = services.classifying.columns(who, source.name)
        return {results.data: data_view.problem(error, language), **_columns(form, columns, source), **closed}
    text, label = labelled.guess(data.columns)
    source = source._replace(text=source.text or text, label=source.label or label)
    return {
        results.data: classify_view.data(data, language),
        **_columns(form, data.columns, source),
        results.look: gr.update(visible=True),
        results.closer: "",
    }


def _columns(form: Form, columns: tuple[str, ...], source: Source) -> dict[Any, Any]:
    chosen = {form.text: source.text, form.label: source.label}
    return {box: gr.update(choices=["", *columns], value=value or "") for box, value in chosen.items()}


def _wire_runs(services: Services, form: Form, results: Results) -> None:
    @shown
    def start(values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        who, config, source = actor(services, request), form.config(values), form.source(values)
        if not source.name:
            raise AfinaError("data.none_chosen")
        data = services.classifying.load(who, *source)
        name = (values[form.name] or "").strip()
        group = services.classifying.start(who, config, data, values[form.strategies], name)
        return {results.group: gr.update(choices=_groups(services, request), value=group), form.name: ""}

    @shown
    def stop(group: str, request: gr.Request) -> None:
        services.classifying.stop(actor(services, request), group)

    @shown
    def resume(group: str, request: gr.Request) -> None:
        services.classifying.resume(actor(services, request), group)

    form.start.click(start, form.inputs, [results.group, form.name], **QUIET)
    form.stop.click(stop, results.group, None, **QUIET)
    form.resume.click(resume, results.group, None, **QUIET)


def _wire_results(services: Services, form: Form, results: Results, new: dict[str, Any]) -> None:
    @shown
    def poll(group: str, picked: str, seen: list[str] | None, request: gr.Request) -> dict[Any, Any]:
        return _poll(services, form, results, group, picked, seen, request)

    @shown
    def arrive(request: gr.Request) -> dict[Any, Any]:
        who, language, groups = actor(services, request), language_of(request), _groups(services, request)
        trained = (run.name for run in services.training.runs(who) if run.downloadable)
        models = dict.fromkeys([services.settings.base_model, "pocket", *classify_view.ENCODERS, *trained])
        sets = sorted(services.classifying.sets(), key=lambda name: not name.endswith(shipped_language(language)))
        first_set = sets[0] if sets and who.is_teacher else None
        return {
            form.box: gr.update(visible=who.is_teacher),
            form.model: gr.update(choices=list(models)),
            form.dataset: gr.update(choices=sets, value=first_set, **shipped_data.info(language)),
            results.group: gr.update(choices=groups, value=groups[0][1] if groups else ""),
        }

    @shown
    def chosen(run_id: str, request: gr.Request) -> dict[Any, Any]:
        return {**_details(services, results, run_id, request), results.answer: ""}

    def picked(run_id: str) -> str:
        return run_id

    @shown
    def ask(run_id: str, text: str, request: gr.Request) -> str:
        if not run_id:
            raise AfinaError("classify.nothing_trained")
        found = services.classifying.probabilities(actor(services, request), run_id, text or "")
        return classify_view.probabilities(found, language_of(request))

    @shown
    def written(group: str, request: gr.Request) -> None:
        services.classifying.measure_written(actor(services, request), group)

    figures = [results.table, results.written, results.plot, results.confusion, results.mistakes]
    watch: dict[str, Any] = {
        "fn": poll,
        "inputs": [results.group, results.picked, results.seen],
        "outputs": [results.group, form.stop, form.resume, *figures, results.run, results.seen],
        **QUIET,
    }
    on_open(arrive, None, [form.box, form.model, form.dataset, results.group], **QUIET).success(**new)
    results.group.change(**watch)
    gr.Timer(_SECONDS).tick(**watch, queue=False)
    results.run.input(picked, results.run, results.picked, queue=False, **QUIET)
    results.run.change(chosen, results.run, [results.confusion, results.mistakes, results.answer], **QUIET)
    gr.on(
        [results.ask.click, results.sentence.submit],
        ask,
        [results.run, results.sentence],
        results.answer,
        api_visibility="private",
    )
    results.written.click(written, results.group, None, api_visibility="private").success(**watch)


def _poll(
    services: Services,
    form: Form,
    results: Results,
    group: str,
    picked: str,
    seen: list[str] | None,
    request: gr.Request,
) -> dict[Any, Any]:
    """What changed since `seen`; `picked` stays chosen while a better classifier comes in."""
    language, who = language_of(request), actor(services, request)
    groups = _groups(services, request)
    if not group and groups:  # another page started the first
        return {results.group: gr.update(choices=groups, value=groups[0][1])}
    lines = services.classifying.lines(who, group or "")
    marks = [[line.state, line.share, line.metrics, bool(line.report)] for line in lines]
    now = [hashing.of_json(groups), hashing.of_json([language, group, marks])]
    if now == seen:
        return gr.skip()
    reports = {line.strategy: line.report for line in lines if line.report}
    figure = classify_view.comparison(reports, language) if reports else None
    waits = any(line.strategy == "generate" and line.report is None and line.state == "done" for line in lines)
    ready = [
        (word(f"classify.strategy.{line.strategy}", language), line.run_id)
        for line in lines
        if line.report and line.strategy != "generate"
    ]
    best = services.classifying.chosen_run(who, group or "") or ""
    if picked in [run_id for _, run_id in ready]:
        best = picked
    states = {line.state for line in lines}
    return {
        results.group: gr.skip() if seen and now[0] == seen[0] else gr.update(choices=groups),
        form.stop: gr.update(visible=bool(states & {"queued", "starting", "running"})),
        form.resume: gr.update(visible=bool(states & set(RESUMABLE))),
        results.table: classify_view.table(lines, language),
        results.written: gr.update(visible=waits and who.is_teacher),
        results.plot: gr.update(value=figure, visible=figure is not None),
        results.run: gr.update(choices=ready, value=best),
        **_details(services, results, best, request),  # a resumed run is chosen already, and its figures are new
        results.seen: now,
    }


def _details(services: Services, results: Results, run_id: str, request: gr.Request) -> dict[Any, Any]:
    """Updates of the figures of one classifier."""
    nothing = {results.confusion: gr.update(visible=False), results.mistakes: ""}
    if not run_id:
        return nothing
    try:
        report = services.classifying.report(actor(services, request), run_id)
    except AfinaError:
        return nothing
    language = language_of(request)
    return {
        results.confusion: gr.update(value=classify_view.confusion(report, language), visible=True),
        results.mistakes: classify_view.mistakes(report, language),
    }


def _groups(services: Services, request: gr.Request) -> list[tuple[str, str]]:
    found = services.classifying.groups(actor(services, request))
    return [(f"{name} · {group[-8:]}", group) for group, name in found.items()]
