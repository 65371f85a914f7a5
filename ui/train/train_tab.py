"""The Train tab: choose a model and data, see them as the trainer will, start, watch, stop, resume.

Wires only: components are in `ui/train/train_layout.py`, what happens in `ui/train/train_handlers.py`, what is shown in
`ui/components/data_view.py` and `ui/components/run_view.py`. Nothing of a run lives here: a timer reads its status.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import AfinaError
from tuning.runs.status import RESUMABLE
from ui import static_files
from ui.components import data_view, run_view
from ui.request import actor, language_of, on_open, shown
from ui.train import methods_panel, quality_panel, remedy_panel, run_endpoints, search_panel
from ui.train.train_handlers import Form, Train
from ui.train.train_layout import DataPanel, LivePanel, Setup
from ui.translations import t

if TYPE_CHECKING:
    from workbench.services import Services

_POLL_SECONDS = 1.0


def build_train_tab(services: Services) -> None:
    """Lays the tab out in the Blocks context it is called in."""
    train = Train(services)
    gr.HTML(f"<style>{static_files.text('train.css')}</style>", padding=False, elem_classes="train-style")
    with gr.Row():
        setup = Setup(train)
        with gr.Column(scale=7, min_width=340), gr.Tabs() as pages:
            with gr.Tab(t("train.panel.data"), id="data") as data_page:
                data = DataPanel()
            with gr.Tab(t("train.panel.live"), id="live"):
                live = LivePanel()
    check_new = _wire_data(train, setup, data, pages)
    with data_page:
        quality_panel.build(train, setup, check_new)
    _wire_estimate(train, setup)
    watch = _wire_live(train, setup, live, pages)
    methods_panel.build_chooser(train, setup, live, pages)
    search_panel.build(train, setup, live, pages)
    remedy_panel.wire(train, live.mend, live.choice)
    _wire_arrival(train, setup, pages).success(**check_new).success(**watch)
    run_endpoints.add(train)


def _wire_data(train: Train, setup: Setup, data: DataPanel, pages: gr.Tabs) -> dict[str, Any]:
    """Gives the event that looks at newly chosen data; who brings data wants to see them, not the run."""

    @shown
    def uploaded(file: str, request: gr.Request) -> list[Any]:
        place = train.keep_upload(actor(train.services, request), file)
        choices = [*train.datasets(language_of(request)), (Path(place).name, place)]
        return [gr.update(choices=choices, value=place), gr.update(selected="data")]

    @shown
    def check(values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        return _check(train, setup, data, setup.form(values), request)

    @shown
    def check_new(values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        unmapped = dict.fromkeys(setup.mapping.values(), "")  # the mapping was for other data
        return {**unmapped, **_check(train, setup, data, setup.form({**values, **unmapped}), request)}

    outputs = [
        setup.about_model,
        setup.about,
        setup.mapping_box,
        setup.mapping_table,
        *setup.mapping.values(),
        setup.estimate,
        *vars(data).values(),
    ]
    # One at a time and in their order: the answer for the data chosen last must come last.
    shared: dict[str, Any] = {
        "inputs": setup.inputs,
        "outputs": outputs,
        "api_visibility": "private",
        "show_progress": "minimal",
        "show_progress_on": [data.facts, data.tokens],
        "concurrency_id": "train-check",
        "concurrency_limit": 1,
    }
    new = {"fn": check_new, **shared}
    setup.upload.upload(uploaded, setup.upload, [setup.dataset, pages], api_visibility="private").success(**new)
    setup.dataset.input(**new)
    shape = [setup.knobs[name] for name in ("max_length", "heldout_fraction", "reply_only")]
    gr.on([setup.model.input, setup.mapping_apply.click, *(box.input for box in shape)], check, **shared)
    return new


def _check(train: Train, setup: Setup, data: DataPanel, form: Form, request: gr.Request) -> dict[Any, Any]:
    """Updates of the data panel (and of what hangs on it) for the form as it stands."""
    who, language = actor(train.services, request), language_of(request)
    nothing = {box: gr.update(visible=False) for box in (data.tokens_title, data.tokens, data.details)}
    about, about_model = (
        train.about(form.source, language),
        train.about_model(who, form.source_model, language),
    )
    common = {
        setup.about: gr.update(value=about, visible=bool(about)),
        setup.about_model: gr.update(value=about_model, visible=bool(about_model)),
        setup.mapping_box: gr.update(visible=bool(form.mapping)),
    }
    if not form.source:
        empty = data_view.empty(language, actor(train.services, request).is_teacher)
        return {**nothing, **common, data.facts: empty, setup.estimate: ""}
    try:
        loaded, report = train.check(actor(train.services, request), form)
    except AfinaError as error:
        problem = gr.update(value=data_view.problem(error, language), visible=True)
        return {
            **nothing,
            **common,
            setup.about: problem,
            data.facts: data_view.empty(language),
            setup.estimate: "",
        }
    if report is None:
        return {
            **nothing,
            **common,
            **_ask_mapping(setup, loaded),
            data.facts: data_view.asks(language),
            setup.estimate: "",
        }
    fraction = form.config().heldout_fraction
    return {
        **common,
        data.facts: data_view.facts(loaded, report, language) + data_view.remarks(report, language),
        data.tokens_title: gr.update(visible=True),
        data.tokens: gr.update(value=data_view.tokens(report.preview, language), visible=True),
        data.details: gr.update(visible=True),
        data.table: data_view.table(loaded.rows, language, fraction),
        data.lengths: gr.update(**data_view.bars(report, language)),
        setup.estimate: train.estimate(actor(train.services, request), form, language),
    }


def _ask_mapping(setup: Setup, loaded: Any) -> dict[Any, Any]:
    guess = data_view.guess(loaded.columns)
    boxes = {
        box: gr.update(choices=[("—", ""), *loaded.columns], value=guess.get(part, ""))
        for part, box in setup.mapping.items()
    }
    raw = data_view.raw_table(loaded.first_records, loaded.columns)
    return {**boxes, setup.mapping_box: gr.update(visible=True), setup.mapping_table: raw}


def _wire_estimate(train: Train, setup: Setup) -> None:
    @shown
    def preset(name: str) -> dict[Any, Any]:
        return {setup.knobs[knob]: value for knob, value in train.preset(name).items()}

    @shown
    def estimate(values: dict[Any, Any], request: gr.Request) -> str:
        form = setup.form(values)
        return train.estimate(actor(train.services, request), form, language_of(request))

    @shown
    def formula(values: dict[Any, Any], request: gr.Request) -> str:
        return train.formula(actor(train.services, request), setup.form(values), language_of(request))

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    at_once = [setup.model.change, *(setup.knobs[name].change for name in ("rank", "alpha", "peft"))]
    gr.on(at_once, formula, setup.inputs, setup.formula, queue=False, trigger_mode="always_last", **quiet)
    on_open(formula, setup.inputs, setup.formula, queue=False, **quiet)
    setup.preset.input(preset, setup.preset, list(setup.knobs.values()), **quiet).success(
        estimate, setup.inputs, setup.estimate, **quiet
    )
    gr.on(
        [box.input for box in setup.knobs.values()],
        estimate,
        setup.inputs,
        setup.estimate,
        trigger_mode="always_last",
        **quiet,
    )


def _wire_live(train: Train, setup: Setup, live: LivePanel, pages: gr.Tabs) -> dict[str, Any]:
    """Gives the event that shows the run as it is now."""

    @shown
    def poll(chosen: str, seen: Any, request: gr.Request) -> dict[Any, Any]:
        return _poll(train, live, chosen, seen, request)

    @shown
    def start(values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        run_id = train.start(actor(train.services, request), setup.form(values))
        chosen = gr.update(choices=train.run_choices(language_of(request)), value=run_id)
        return {live.choice: chosen, pages: gr.update(selected="live"), setup.name: ""}

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    watch = {"fn": poll, "inputs": [live.choice, live.seen], "outputs": live.outputs, **quiet}
    setup.start.click(start, setup.inputs, [live.choice, pages, setup.name], **quiet)
    live.choice.change(**watch)
    gr.Timer(_POLL_SECONDS).tick(**watch, queue=False)
    for button, action in ((live.stop, "stop"), (live.resume, "resume"), (live.cancel, "cancel")):
        button.click(_acting(train, action), live.choice, None, **quiet)
    return watch


def _wire_arrival(train: Train, setup: Setup, pages: gr.Tabs) -> Any:
    """On load: the teacher gets the form, with data already chosen; who watches gets the run."""

    @shown
    def arrive(request: gr.Request) -> dict[Any, Any]:
        who, language = actor(train.services, request), language_of(request)
        teaches = who.kind == "teacher"
        sets = train.datasets(language)
        return {
            setup.column: gr.update(visible=teaches),
            setup.model: gr.update(choices=train.models(language)),
            setup.dataset: gr.update(choices=sets, value=sets[0][1] if sets and teaches else None),
            # The data's page is open already: to open it again would undo the click of who was quicker.
            pages: gr.skip() if teaches and not train.is_busy(who) else gr.update(selected="live"),
        }

    outputs = [setup.column, setup.model, setup.dataset, pages]
    return on_open(arrive, None, outputs, api_visibility="private", show_progress="hidden")


def _acting(train: Train, action: str) -> Any:
    @shown
    def handler(chosen: str, request: gr.Request) -> None:
        train.act(actor(train.services, request), action, chosen)

    return handler


def _poll(train: Train, live: LivePanel, chosen: str, seen: Any, request: gr.Request) -> dict[Any, Any]:
    """Updates of the live panel; what did not change since `seen` is left alone."""
    who, language = actor(train.services, request), language_of(request)
    status, waiting, choices = train.watch(who, chosen), train.waiting(who), train.run_choices(language)
    seen = seen or {}
    now = {
        "all": run_view.mark(status, waiting, choices),
        "choices": run_view.mark(None, choices),
        "worded": bool(status) or seen.get("worded", False),
    }
    # What a plot is sent while it is drawn anew (new words, another width) is lost: what changes no more is sent again.
    now["again"] = all(seen.get(name) == value for name, value in now.items())
    if now == seen:
        return {live.seen: gr.skip()}
    updates: dict[Any, Any] = {live.seen: now, live.queue: run_view.queue_line(waiting, language)}
    if now["choices"] != seen.get("choices"):
        updates[live.choice] = gr.update(choices=choices)
    state = status.state if status and who.kind == "teacher" else ""
    updates |= {
        live.stop: gr.update(visible=state in ("starting", "running")),
        live.resume: gr.update(visible=state in RESUMABLE),
        live.cancel: gr.update(visible=state == "queued"),
        live.mend.box: gr.update(visible=remedy_panel.offered(status, who.is_teacher)),
    }
    if status is None:
        return {
            **updates,
            live.head: run_view.empty(language, who.is_teacher),
            live.losses: gr.update(visible=False),
            live.details: gr.update(visible=False),
        }
    words = {} if seen.get("worded") else run_view.loss_words(language)  # once for a page: they draw it anew
    measured = status.step > 0  # one point is no curve
    return {
        **updates,
        live.head: run_view.head(status, language),
        live.losses: gr.update(value=run_view.losses(status.series, language), visible=measured, **words),
        live.details: gr.update(visible=measured),
        live.rate: run_view.curve(status.series, "learning_rate"),
        live.norm: run_view.curve(status.series, "grad_norm"),
    }
