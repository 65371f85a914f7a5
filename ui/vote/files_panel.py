"""A round's files and people: export, import, invitations. Wires `services.results` and `services.rounds`."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import gradio as gr

from labeling.exchange.exporter import FORMATS
from labeling.schema import Sources
from tuning.data import uploads
from ui.edge.addresses import phones_address
from ui.request import QUIET, actor, inform, language_of, shown
from ui.translations import t, word
from ui.vote import round_choice

if TYPE_CHECKING:
    from workbench.services import Services

_AGGREGATIONS = ("every", "majority", "minimum")


class Files:
    """The panel's components, laid out in the Blocks context it is made in."""

    def __init__(self) -> None:
        with gr.Row():
            self.format = gr.Dropdown(
                [(t(f"vote.files.format.{each}"), each) for each in FORMATS],
                value="trl",
                label=t("vote.files.format"),
                min_width=240,
                elem_id="vote-format",
            )
            self.aggregation = gr.Radio(
                [(t(f"vote.files.{each}"), each) for each in _AGGREGATIONS],
                value="majority",
                label=t("vote.files.aggregation"),
                scale=2,
            )
            self.minimum = gr.Slider(0.5, 1, 0.7, step=0.05, label=t("vote.files.agreement_share"))
            self.sources = gr.Radio(
                [(t(f"judges.sources.{each}"), each) for each in get_args(Sources)],
                value="people",
                label=t("judges.sources"),
            )
            self.export = gr.Button(t("vote.files.export"), scale=0, min_width=140, elem_id="vote-export")
        self.done = gr.HTML("", padding=False, elem_id="vote-exported")
        self.upload = gr.File(label=t("vote.files.import"), file_types=[".jsonl", ".json", ".gz"], height=150)
        with gr.Row(elem_classes="ends"):
            self.invitations = gr.Number(
                10, precision=0, minimum=1, maximum=500, label=t("vote.files.invitations"), min_width=120
            )
            self.group = gr.Textbox(label=t("vote.files.group"), max_lines=1)
            self.quota = gr.Number(0, precision=0, minimum=0, label=t("vote.form.quota"), min_width=120)
            self.invite = gr.Button(t("vote.files.invite"), scale=0, min_width=140)
        self.links = gr.Textbox(label=t("vote.files.links"), lines=4, visible=False, buttons=["copy"])


def wire(services: Services, files: Files, place: round_choice.Place) -> None:
    choice = place.choice
    inputs = [choice, files.format, files.aggregation, files.minimum, files.sources]

    @shown
    def export(values: dict[Any, Any], request: gr.Request) -> str:
        name, format, aggregation, minimum, sources = (values[box] for box in inputs)
        who = actor(services, request)
        done = services.results.export(who, name, format, aggregation, minimum, sources=sources)
        note = word("vote.files.done", language_of(request), n=done.n)
        links = "".join(
            f' <a href="{escape(url_of(each))}" download>{escape(each.name)}</a>'
            for each in dict.fromkeys((done.path, done.card))
        )
        return f"<p>{note}{links}</p>"

    @shown
    def load(path: str, request: gr.Request) -> dict[Any, Any]:
        who = actor(services, request)
        services.roles.require_teacher(who)
        file = uploads.keep(Path(path), services.settings.home)
        done = services.rounds.load(who, file, file.stem[:100])
        note = word("label.imported", language_of(request), name=done.name, n=done.comparisons, votes=done.annotations)
        inform(note, 10)
        return {files.upload: None, **place.show(services, who, done.name, language_of(request))}

    @shown
    def invite(n: float, group: str, quota: float, request: gr.Request) -> Any:
        invitations = services.rounds.invite(actor(services, request), int(n or 0), group or "", int(quota or 0))
        links = "\n".join(
            f"{who[:8]}  {phones_address(services.settings)}/vote#invite={token}" for who, token in invitations
        )
        return gr.update(value=links, visible=True)

    done = files.export.click(export, set(inputs), files.done, **QUIET)
    done.failure(lambda: "", None, files.done, **QUIET)  # else the former export's links stand under the error
    files.upload.upload(load, files.upload, [*place.outputs, files.upload], **QUIET).failure(
        lambda: None, None, files.upload, **QUIET
    )  # what could not be read makes room for another
    choice.change(lambda: "", None, files.done, queue=False, **QUIET)
    files.invite.click(invite, [files.invitations, files.group, files.quota], files.links, **QUIET)


def url_of(path: Path) -> str:
    """Where the teacher downloads an export."""
    return f"/files/exports/{path.parent.name}/{path.name}"
