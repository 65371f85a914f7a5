"""The Train tab: choose a model and data, see them as the trainer will, start, watch, stop, resume.

Wires only: components are in `ui/train_layout.py`, what happens in `ui/train_handlers.py`, what is shown in
`ui/train_data.py` and `ui/train_live.py`. Nothing of a run lives here: a timer reads its status.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from ui.context import actor, language, shown
from ui.translations import t

from common.errors import AfinaError
from ui import train_api, train_data, train_live
from ui.train_handlers import Form, Train
from ui.train_layout import DataPanel, LivePanel, Setup, data_panel, live_panel, setup_form

if TYPE_CHECKING:
    from workbench.services import Services

_STYLE = Path(__file__).with_name("train.css")
_POLL_SECONDS = 1.0


def build_train_tab(services: Services) -> None:
    """Lays the tab out in the Blocks context it is called in."""
    train = Train(services)
    gr.HTML(f"<style>{_STYLE.read_text(encoding='utf-8')}</style>", padding=False)
    with gr.Row():
        setup = setup_form(train)
        with gr.Column(scale=7, min_width=340), gr.Tabs() as pages:
            with gr.Tab(t("train.panel.data"), id="data"):
                data = data_panel()
            with gr.Tab(t("train.panel.live"), id="live"):
                live = live_panel()
    _wire_data(train, setup, data)
    _wire_estimate(train, setup)
    _wire_live(train, setup, live, pages)
    train_api.add(train)


def _wire_data(train: Train, setup: Setup, data: DataPanel) -> None:
    @shown
    def uploaded(file: str, request: gr.Request) -> Any:
        place = train.keep_upload(actor(train.services, request), file)
        return gr.update(choices=[*train.datasets(language(request)), (Path(place).name, place)], value=place)

    @shown
    def check(values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        return _check(train, setup, data, setup.form(values), request)

    @shown
    def other_data(values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        form = setup.form({**values, **dict.fromkeys(setup.mapping.values(), "")})
        return _check(train, setup, data, form, request)

    outputs = [setup.about, setup.mapping_box, setup.mapping_table, *setup.mapping.values(), setup.estimate,
               *vars(data).values()]  # fmt: skip
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
    setup.upload.upload(uploaded, setup.upload, setup.dataset, **quiet).then(
        other_data, setup.inputs, outputs, **quiet
    )
    setup.dataset.input(other_data, setup.inputs, outputs, **quiet)
    shape = [setup.knobs[name] for name in ("max_length", "heldout_fraction", "reply_only")]
    gr.on([setup.model.input, setup.mapping_apply.click, *(box.input for box in shape)], check,
          setup.inputs, outputs, **quiet)  # fmt: skip


def _check(train: Train, setup: Setup, data: DataPanel, form: Form, request: gr.Request) -> dict[Any, Any]:
    """Updates of the data panel (and of what hangs on it) for the form as it stands."""
    tongue = language(request)
    nothing = {box: gr.update(visible=False) for box in (data.tokens_title, data.tokens, data.details)}
    about = train.about(form.source, tongue)
    common = {
        setup.about: gr.update(value=about, visible=bool(about)),
        setup.mapping_box: gr.update(visible=False),
    }
    if not form.source:
        return {**nothing, **common, data.facts: train_data.empty(tongue), setup.estimate: ""}
    try:
        loaded, report = train.check(actor(train.services, request), form)
    except AfinaError as error:
        return {**nothing, **common, data.facts: train_data.problem(error, tongue), setup.estimate: ""}
    if report is None:
        return {**nothing, **common, **_ask_mapping(setup, loaded), data.facts: train_data.asks(tongue),
                setup.estimate: ""}  # fmt: skip
    fraction = form.config().heldout_fraction
    return {
        **common,
        data.facts: train_data.facts(loaded, report, tongue) + train_data.remarks(report, tongue),
        data.tokens_title: gr.update(visible=True),
        data.tokens: gr.update(value=train_data.tokens(report.preview, tongue), visible=True),
        data.details: gr.update(visible=True),
        data.table: train_data.table(loaded.rows, tongue, fraction),
        data.lengths: train_data.bars(report, tongue),
        setup.estimate: train.estimate(actor(train.services, request), form, tongue),
    }


def _ask_mapping(setup: Setup, loaded: Any) -> dict[Any, Any]:
    guess = train_data.guess(loaded.columns)
    boxes = {
        box: gr.update(choices=[("—", ""), *loaded.columns], value=guess.get(part, ""))
        for part, box in setup.mapping.items()
    }
    raw = train_data.raw_table(loaded.first_records, loaded.columns)
    return {**boxes, setup.mapping_box: gr.update(visible=True), setup.mapping_table: raw}


def _wire_estimate(train: Train, setup: Setup) -> None:
    @shown
    def preset(name: str) -> dict[Any, Any]:
        return {setup.knobs[knob]: value for knob, value in train.preset(name).items()}

    @shown
    def estimate(values: dict[Any, Any], request: gr.Request) -> str:
        form = setup.form(values)
        return train.estimate(actor(train.services, request), form, language(request))

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    setup.preset.input(preset, setup.preset, list(setup.knobs.values()), **quiet).then(
        estimate, setup.inputs, setup.estimate, **quiet
    )
    gr.on([box.input for box in setup.knobs.values()], estimate, setup.inputs, setup.estimate,
          trigger_mode="always_last", **quiet)  # fmt: skip


def _wire_live(train: Train, setup: Setup, live: LivePanel, pages: gr.Tabs) -> None:
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    outputs = [box for name, box in vars(live).items()]

    @shown
    def poll(chosen: str, seen: Any, request: gr.Request) -> dict[Any, Any]:
        return _poll(train, live, chosen, seen, request)

    @shown
    def start(values: dict[Any, Any], request: gr.Request) -> dict[Any, Any]:
        who = actor(train.services, request)
        run_id = train.start(who, setup.form(values))
        choices = train.run_choices(language(request))
        return {live.choice: gr.update(choices=choices, value=run_id), pages: gr.update(selected="live"),
                setup.name: ""}  # fmt: skip

    @shown
    def arrive(request: gr.Request) -> dict[Any, Any]:
        who, tongue = actor(train.services, request), language(request)
        teacher = who.kind == "teacher"
        is_busy = train.is_busy(who)
        first = {} if teacher and not is_busy else {pages: gr.update(selected="live")}
        return {setup.column: gr.update(visible=teacher), setup.model: gr.update(choices=train.models()),
                setup.dataset: gr.update(choices=train.datasets(tongue)), **first}  # fmt: skip

    watched = [live.choice, live.seen]
    setup.start.click(start, setup.inputs, [live.choice, pages, setup.name], **quiet).then(
        poll, watched, outputs, **quiet
    )
    live.choice.input(poll, watched, outputs, **quiet)
    gr.Timer(_POLL_SECONDS).tick(poll, watched, outputs, queue=False, **quiet)
    for button, action in ((live.stop, "stop"), (live.resume, "resume"), (live.cancel, "cancel")):
        button.click(_acting(train, action), live.choice, None, **quiet).then(poll, watched, outputs, **quiet)
    _blocks().load(arrive, None, [setup.column, setup.model, setup.dataset, pages], **quiet).then(
        poll, watched, outputs, **quiet
    )


def _acting(train: Train, action: str) -> Any:
    @shown
    def handler(chosen: str, request: gr.Request) -> None:
        train.act(actor(train.services, request), action, chosen)

    return handler


def _poll(train: Train, live: LivePanel, chosen: str, seen: Any, request: gr.Request) -> dict[Any, Any]:
    """Updates of the live panel; what did not change since `seen` is left alone."""
    who, tongue = actor(train.services, request), language(request)
    status = train.watch(who, chosen)
    waiting = train.waiting(who)
    choices = train.run_choices(tongue)
    now = train_live.mark(status, waiting, choices, tongue)
    if now == seen:
        return {live.seen: gr.skip()}
    updates: dict[Any, Any] = {live.seen: now, live.queue: train_live.queue_line(waiting, tongue)}
    updates[live.choice] = gr.update(choices=choices)
    may = who.kind == "teacher" and status is not None
    updates |= {
        live.stop: gr.update(visible=bool(may and status and status.state in ("starting", "running"))),
        live.resume: gr.update(visible=bool(may and status and status.resumable)),
        live.cancel: gr.update(visible=bool(may and status and status.state == "queued")),
    }
    if status is None:
        return {**updates, live.head: train_live.empty(tongue)}
    measured = bool(status.series)
    updates[live.head] = train_live.head(status, tongue)
    updates[live.losses] = gr.update(value=train_live.losses(status.series, tongue), visible=measured,
                                     color_map=train_live.colour_map(tongue))  # fmt: skip
    updates[live.details] = gr.update(visible=measured)
    updates[live.rate] = train_live.curve(status.series, "learning_rate")
    updates[live.norm] = train_live.curve(status.series, "grad_norm")
    return updates


def _blocks() -> gr.Blocks:
    blocks = gr.context.Context.root_block
    assert isinstance(blocks, gr.Blocks), "build_train_tab is called inside gr.Blocks"
    return blocks
