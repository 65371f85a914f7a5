"""The Align tab's form for feedback in a file, for any method of the registry that learns from feedback.

Lays out and wires; what is done is in `workbench.training.training_service`. Does not know the methods: a new one is in
the list by its entry in `tuning.config.training_methods` and its name, `align.method.<name>`.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from tuning.config.training_methods import METHODS, NO_POLICY, from_votes
from tuning.data import uploads
from tuning.data.file_types import KINDS
from ui.align import align_view
from ui.request import QUIET, actor, language_of, on_open, shown
from ui.translations import t, word

if TYPE_CHECKING:
    from workbench.services import Services


def build(services: Services, watched: gr.Dropdown) -> None:
    """In the Blocks context it is called in. `watched`: where the new run is shown."""
    methods = list(from_votes())
    with gr.Accordion(t("align.file.title"), open=False, visible=False, elem_id="align-file") as panel:
        gr.Markdown(t("align.file.about"))
        with gr.Row():
            method = gr.Dropdown(
                [(t(f"align.method.{name}"), name) for name in methods],
                value=methods[0],
                label=t("align.file.method"),
                scale=2,
                filterable=False,
                elem_id="align-file-method",
            )
            source_model = gr.Dropdown(["pocket"], value="pocket", allow_custom_value=True, label=t("align.file.model"))
            epochs = gr.Number(0, label=t("align.epochs"), minimum=0, min_width=110)
            name = gr.Textbox(label=t("train.name"), max_lines=1, min_width=140)
        columns = gr.HTML("", padding=False, elem_id="align-file-columns")
        with gr.Row():
            source = gr.Textbox(label=t("align.file.source"), max_lines=1, elem_id="align-file-source")
            upload = gr.UploadButton(t("train.upload"), size="sm", file_types=list(KINDS))
        start = gr.Button(t("align.file.start"), variant="primary", elem_id="align-file-start")
        result = gr.HTML("", padding=False, elem_id="align-file-result")

    @shown
    def describe(chosen: str, request: gr.Request) -> str:
        kind = METHODS[chosen].learns_from if chosen in METHODS else ""
        return f'<p class="quiet">{word(f"align.file.columns.{kind}", language_of(request))}</p>' if kind else ""

    @shown
    def arrive(chosen: str, request: gr.Request) -> list[Any]:
        runs = services.training.runs(actor(services, request))
        policies = [run.name for run in runs if run.downloadable and run.method not in NO_POLICY]
        return [gr.update(choices=["pocket", *policies]), describe(chosen, request)]

    @shown
    def uploaded(file: str, request: gr.Request) -> str:
        services.roles.require_teacher(actor(services, request))
        return str(uploads.keep(Path(file), services.settings.home))

    @shown
    def begin(chosen: str, file: str, model: str, epochs: float, name: str, request: gr.Request) -> list[Any]:
        who, language = actor(services, request), language_of(request)
        run_id, data = services.training.start_from_file(who, chosen, file, model, name, epochs=epochs or 0)
        run = services.training.summary(who, run_id)
        text = word("align.file.started", language, name=run.name, n=len(data.rows))
        if data.n_skipped:
            first = data.skipped[0].words(language)
            text += " " + word("data.note.left_out", language, n=data.n_skipped, name=data.name, first=first)
        choices = align_view.runs(services.training.runs(who))
        return [gr.update(choices=choices, value=run.name), f'<p class="train-remark">{escape(text)}</p>']

    @shown
    def offer(request: gr.Request) -> Any:
        return gr.update(visible=actor(services, request).is_teacher)

    on_open(offer, None, panel, queue=False, **QUIET)
    panel.expand(arrive, method, [source_model, columns], queue=False, **QUIET)
    method.change(describe, method, columns, queue=False, **QUIET)
    upload.upload(uploaded, upload, source, api_visibility="private")
    start.click(begin, [method, source, source_model, epochs, name], [watched, result], **QUIET)
