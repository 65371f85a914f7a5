"""The classification task of the Train tab: labelled texts, several strategies at once, figures, a sentence to try.

Lays out and wires; what is shown is made in `ui/laboratory/classify_view.py`, what is done in
`training.classification`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from common import hashing
from common.errors import AfinaError
from tuning.classification.compare import ALL
from tuning.config.classification import ClassifyConfig
from tuning.data import labelled, uploads
from tuning.data.file_types import KINDS
from tuning.runs.status import RESUMABLE
from ui import forms
from ui.chat import safety_view
from ui.components import data_view
from ui.laboratory import classify_view
from ui.request import QUIET, actor, language_of, on_open, shown
from ui.translations import t, word

if TYPE_CHECKING:
    from tuning.data.labelled import LabelledSet
    from workbench.services import Services

_SECONDS = 2.0
KNOBS = [
    knob
    for knob in forms.fields_of(ClassifyConfig)
    if knob.name in ("rank", "epochs", "learning_rate", "batch_size", "class_weights", "seed")
]


@dataclass(frozen=True)
class Form:
    box: gr.Column
    model: gr.Dropdown
    dataset: gr.Dropdown
    upload: gr.UploadButton
    text: gr.Dropdown
    label: gr.Dropdown
    limit: gr.Number
    strategies: gr.CheckboxGroup
    knobs: dict[str, Any]
    name: gr.Textbox
    start: gr.Button
    stop: gr.Button
    resume: gr.Button

    @property
    def source(self) -> list[Any]:
        return [self.dataset, self.text, self.label, self.limit]

    @property
    def inputs(self) -> list[Any]:
        return [self.model, *self.source, self.strategies, self.name, *self.knobs.values()]


@dataclass(frozen=True)
class Results:
    data: gr.HTML
    look: gr.Button
    closer: gr.HTML
    group: gr.Dropdown
    table: gr.HTML
    written: gr.Button
    plot: gr.Plot
    run: gr.Dropdown
    confusion: gr.Plot
    mistakes: gr.HTML
    sentence: gr.Textbox
    ask: gr.Button
    answer: gr.HTML
    seen: gr.State
    picked: gr.State  # the classifier somebody chose


def build_classify_tab(services: Services) -> None:
    """Lays the task out in the Blocks context it is called in."""
    with gr.Row():
        form = _form(services)
        results = _results()
    new = _wire_data(services, form, results)
    _wire_runs(services, form, results)
    _wire_results(services, form, results, new)


def _form(services: Services) -> Form:
    base = services.settings.base_model
    with gr.Column(scale=5, min_width=340) as box:
        model = gr.Dropdown(
            [base], value=base, allow_custom_value=True, label=t("classify.model"), info=t("classify.model.info")
        )
        with gr.Group():
            dataset = gr.Dropdown(
                services.classifying.sets(),
                value=None,
                allow_custom_value=True,
                label=t("classify.dataset"),
                info=t("classify.dataset.info"),
            )
            upload = gr.UploadButton(t("train.upload"), size="sm", file_types=list(KINDS))
        with gr.Row():
            text = gr.Dropdown([""], value="", allow_custom_value=True, label=t("classify.text"), min_width=110)
            label = gr.Dropdown([""], value="", allow_custom_value=True, label=t("classify.label"), min_width=110)
            limit = gr.Number(2000, precision=0, minimum=0, label=t("classify.limit"), min_width=110)
        strategies = gr.CheckboxGroup(
            [(t(f"classify.strategy.{name}"), name) for name in ALL],
            value=["feature", "lora", "full"],
            label=t("classify.strategies"),
            info=t("classify.strategies.info"),
        )
        with gr.Accordion(t("train.more"), open=False):
            knobs = forms.build(KNOBS, "classify.field")
        name = gr.Textbox(label=t("train.name"), placeholder=t("classify.name.info"), max_lines=1)
        start = gr.Button(t("classify.start"), variant="primary", size="lg", elem_id="classify-start")
        stop = gr.Button(t("classify.stop"), variant="stop", size="sm", visible=False)
        resume = gr.Button(t("classify.resume"), size="sm", visible=False, elem_id="classify-resume")
    return Form(box, model, dataset, upload, text, label, limit, strategies, knobs, name, start, stop, resume)


def _results() -> Results:
    with gr.Column(scale=7, min_width=340):
        data = gr.HTML(padding=False)
        look = gr.Button(t("quality.look"), size="sm", visible=False, elem_id="classify-look")
        closer = gr.HTML(padding=False, elem_id="classify-closer")
        group = gr.Dropdown([], value="", allow_custom_value=True, label=t("classify.group"))
        table = gr.HTML(padding=False, elem_id="classify-table")
        written = gr.Button(t("classify.written"), size="sm", visible=False)
        plot = gr.Plot(visible=False, show_label=False)
        run = gr.Dropdown([], value="", allow_custom_value=True, label=t("classify.run"))
        sentence = gr.Textbox(
            label=t("classify.sentence"),
            placeholder=t("classify.sentence.hint"),
            max_lines=3,
            elem_id="classify-sentence",
        )
        ask = gr.Button(t("classify.ask"), variant="primary", size="sm")
        answer = gr.HTML(elem_id="classify-answer", padding=False)
        confusion = gr.Plot(visible=False, show_label=False)
        mistakes = gr.HTML(padding=False)
    return Results(
        data,
        look,
        closer,
        group,
        table,
        written,
        plot,
        run,
        confusion,
        mistakes,
        sentence,
        ask,
        answer,
        gr.State(None),
        gr.State(""),
    )


def _wire_data(services: Services, form: Form, results: Results) -> dict[str, Any]:
    """Gives the event that looks at newly chosen data."""

    @shown
    def uploaded(file: str, request: gr.Request) -> Any:
        services.roles.require_teacher(actor(services, request))
        place = uploads.keep(Path(file), services.settings.home)
        choices = [*services.classifying.sets(), (place.name, str(place))]
        return gr.update(choices=choices, value=str(place))

    @shown
    def check(source: str, text: str, label: str, limit: float, request: gr.Request) -> list[Any]:
        found = _look(services, source, text, label, limit, request)
        if not found:
            return ["", gr.skip(), gr.skip(), gr.update(visible=False), ""]
        if isinstance(found, str):  # its remedy may be to choose a column
            told, columns = found, services.classifying.columns(actor(services, request), source)
        else:
            told, columns = classify_view.data(found, language_of(request)), found.columns
            text, label = (mine or seen for mine, seen in zip((text, label), labelled.guess(columns), strict=True))
        return [
            told,
            *(gr.update(choices=["", *columns], value=value or "") for value in (text, label)),
            gr.update(visible=told is not found),
            "",
        ]

    def check_new(source: str, limit: float, request: gr.Request) -> list[Any]:
        return check(source, "", "", limit, request)

    @shown
    def inspect(source: str, text: str, label: str, limit: float, request: gr.Request) -> str:
        who = actor(services, request)
        services.roles.require_teacher(who)
        if not source:
            raise AfinaError("data.none_chosen")
        found = services.classifying.load(who, source, text or "", label or "", int(limit or 0))
        return safety_view.quality(services.course.inspect(who, found.rows), language_of(request))

    # One at a time, in order: the answer for the data chosen last must come last.
    ordered: dict[str, Any] = {**QUIET, "concurrency_id": "classify-check", "concurrency_limit": 1}
    outputs = [results.data, form.text, form.label, results.look, results.closer]
    new: dict[str, Any] = {
        "fn": check_new,
        "inputs": [form.dataset, form.limit],
        "outputs": outputs,
        **ordered,
    }
    form.upload.upload(uploaded, form.upload, form.dataset, api_visibility="private").success(**new)
    form.dataset.input(**new)
    gr.on([form.text.input, form.label.input, form.limit.change], check, form.source, outputs, **ordered)
    results.look.click(inspect, form.source, results.closer, **QUIET)
    return new


def _wire_runs(services: Services, form: Form, results: Results) -> None:
    @shown
    def start(
        request: gr.Request,
        model: str,
        source: str,
        text: str,
        label: str,
        limit: float,
        strategies: list[str],
        name: str,
        *knobs: Any,
    ) -> list[Any]:
        who = actor(services, request)
        chosen = forms.settings(KNOBS, dict(zip(form.knobs, knobs, strict=True)))
        config = ClassifyConfig.from_settings({**chosen, "source_model": model or "pocket"})
        if not source:
            raise AfinaError("data.none_chosen")
        data = services.classifying.load(who, source, text or "", label or "", int(limit or 0))
        group = services.classifying.start(who, config, data, strategies, (name or "").strip())
        return [gr.update(choices=_groups(services, request), value=group), ""]

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
    shown_parts = [
        results.group,
        form.stop,
        form.resume,
        results.table,
        results.written,
        results.plot,
        results.run,
        results.confusion,
        results.mistakes,
        results.seen,
    ]

    @shown
    def poll(group: str, picked: str, seen: list[str] | None, request: gr.Request) -> list[Any]:
        return _poll(services, group, picked, seen, request)

    @shown
    def arrive(request: gr.Request) -> list[Any]:
        who = actor(services, request)
        groups = _groups(services, request)
        models = dict.fromkeys(
            [
                services.settings.base_model,
                "pocket",
                *classify_view.ENCODERS,
                *(run.name for run in services.training.runs(who) if run.downloadable),
            ]
        )
        sets = sorted(services.classifying.sets(), key=lambda name: not name.endswith(language_of(request)))
        return [
            gr.update(visible=who.is_teacher),
            gr.update(choices=list(models)),
            gr.update(choices=sets, value=sets[0] if sets and who.is_teacher else None),
            gr.update(choices=groups, value=groups[0][1] if groups else ""),
        ]

    @shown
    def chosen(run_id: str, request: gr.Request) -> list[Any]:
        return [*_details(services, run_id, request), ""]

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

    watch: dict[str, Any] = {
        "fn": poll,
        "inputs": [results.group, results.picked, results.seen],
        "outputs": shown_parts,
        **QUIET,
    }
    arrival = [form.box, form.model, form.dataset, results.group]
    on_open(arrive, None, arrival, **QUIET).success(**new)
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


def _poll(services: Services, group: str, picked: str, seen: list[str] | None, request: gr.Request) -> list[Any]:
    """What changed since `seen`; `picked` stays chosen while a better classifier comes in."""
    language, who = language_of(request), actor(services, request)
    groups = _groups(services, request)
    if not group and groups:  # another page started the first
        return [gr.update(choices=groups, value=groups[0][1]), *[gr.skip()] * 9]
    lines = services.classifying.lines(who, group or "")
    now = [
        hashing.of_json(groups),
        hashing.of_json(
            [language, group, [[line.state, line.share, line.metrics, bool(line.report)] for line in lines]]
        ),
    ]
    if now == seen:
        return [gr.skip()] * 10
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
    return [
        gr.skip() if seen and now[0] == seen[0] else gr.update(choices=groups),
        gr.update(visible=bool(states & {"queued", "starting", "running"})),
        gr.update(visible=bool(states & set(RESUMABLE))),
        classify_view.table(lines, language),
        gr.update(visible=waits and who.is_teacher),
        gr.update(value=figure, visible=figure is not None),
        gr.update(choices=ready, value=best),
        *_details(services, best, request),  # a resumed run is chosen already, and its figures are new
        now,
    ]


def _details(services: Services, run_id: str, request: gr.Request) -> list[Any]:
    if not run_id:
        return [gr.update(visible=False), ""]
    try:
        report = services.classifying.report(actor(services, request), run_id)
    except AfinaError:
        return [gr.update(visible=False), ""]
    language = language_of(request)
    return [
        gr.update(value=classify_view.confusion(report, language), visible=True),
        classify_view.mistakes(report, language),
    ]


def _look(
    services: Services, source: str, text: str, label: str, limit: float, request: gr.Request
) -> LabelledSet | str:
    """The data, or why they cannot be used (HTML)."""
    language = language_of(request)
    if not source or not actor(services, request).is_teacher:
        return ""
    try:
        return services.classifying.load(actor(services, request), source, text or "", label or "", int(limit or 0))
    except AfinaError as error:
        return data_view.problem(error, language)


def _groups(services: Services, request: gr.Request) -> list[tuple[str, str]]:
    found = services.classifying.groups(actor(services, request))
    return [(f"{name} · {group[-8:]}", group) for group, name in found.items()]
