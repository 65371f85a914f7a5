"""Examples and documents in the Chat tab: what few-shot and retrieval columns work with, shown and changed there."""

from __future__ import annotations

import random
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from tuning.data.loading import shipped
from tuning.evaluation.alternatives import Example, named
from tuning.evaluation.retrieval import ENDINGS
from tuning.pocket.world.shipped import shipped_language
from ui.chat.chat_view import labels
from ui.components import shipped_data
from ui.request import QUIET, actor, inform, language_of, shown
from ui.translations import t, word

if TYPE_CHECKING:
    from workbench.chat.chat_service import PolicyChoice
    from workbench.services import Services


class Panel:
    """The panel's components, laid out in the Blocks context it is made in."""

    def __init__(self) -> None:
        with gr.Accordion(t("alternatives.box"), open=False, elem_id="chat-helps") as self.box:
            gr.Markdown(t("alternatives.help"))
            self.side = gr.Button(t("alternatives.side"), size="sm", elem_id="helps-side")
            with gr.Row(visible=False) as self.tools:
                with gr.Column(scale=6, min_width=320):
                    self.table = gr.Dataframe(
                        headers=["?", "→"],
                        datatype=["str", "str"],
                        column_count=2,
                        column_widths=["50%", "50%"],
                        interactive=True,
                        wrap=True,
                        label=t("alternatives.examples"),
                        elem_id="helps-examples",
                    )
                    with gr.Row():
                        self.source = gr.Dropdown(
                            list(shipped()),
                            value=None,
                            label=t("alternatives.source"),
                            min_width=180,
                            allow_custom_value=True,
                            scale=3,
                        )
                        self.draw = gr.Button(
                            t("alternatives.draw"), size="sm", scale=2, min_width=140, elem_id="helps-draw"
                        )
                        self.keep = gr.Button(
                            t("alternatives.keep"),
                            size="sm",
                            variant="primary",
                            scale=2,
                            min_width=140,
                            elem_id="helps-keep",
                        )
                with gr.Column(scale=4, min_width=280):
                    gr.Markdown(f"**{t('alternatives.documents')}**")
                    self.searched = gr.HTML("", padding=False, elem_id="helps-searched")
                    self.upload = gr.UploadButton(
                        t("alternatives.upload"),
                        size="sm",
                        file_types=list(ENDINGS),
                        file_count="multiple",
                        elem_id="helps-upload",
                    )
                    self.clear = gr.Button(t("alternatives.clear"), size="sm")


def build(services: Services, policies: Sequence[gr.Dropdown], n_columns: gr.Radio) -> None:
    """Lays the panel out, closed, and wires it; `policies` are the columns' choices."""
    panel = Panel()
    _wire_material(services, panel)
    _wire_columns(services, panel, policies, n_columns)


def _wire_material(services: Services, panel: Panel) -> None:
    """Examples drawn, edited and kept; documents added and taken away."""
    ways = services.comparing.alternatives

    @shown
    def open_(request: gr.Request) -> dict[Any, Any]:
        who, language = actor(services, request), language_of(request)
        return {
            panel.tools: gr.update(visible=who.is_teacher),
            panel.table: _table(ways.examples(who, language), language),
            panel.source: gr.update(value=f"plain.{shipped_language(language)}", **shipped_data.info(language)),
            panel.searched: _searched(services, request),
        }

    @shown
    def drawn(name: str, request: gr.Request) -> dict[str, Any]:
        found = ways.draw_examples(actor(services, request), name or "", random.randrange(10**6))
        return _table(found, language_of(request))

    @shown
    def kept(rows: Any, request: gr.Request) -> None:
        ways.set_examples(actor(services, request), _examples(rows))
        inform(word("alternatives.kept", language_of(request)))

    @shown
    def added(files: list[str], request: gr.Request) -> str:
        who = actor(services, request)
        services.roles.require_teacher(who)
        for file in files:
            ways.add_document(who, Path(file))
            text = word("alternatives.kept_document", language_of(request), name=Path(file).name)
            inform(text)
        return _searched(services, request)

    @shown
    def cleared(request: gr.Request) -> str:
        ways.clear_documents(actor(services, request))
        return _searched(services, request)

    panel.box.expand(open_, None, [panel.tools, panel.table, panel.source, panel.searched], queue=False, **QUIET)
    panel.draw.click(drawn, panel.source, panel.table, **QUIET)
    panel.keep.click(kept, panel.table, None, **QUIET)
    panel.upload.upload(added, panel.upload, panel.searched, **QUIET)
    panel.clear.click(cleared, None, panel.searched, **QUIET)


def _wire_columns(services: Services, panel: Panel, policies: Sequence[gr.Dropdown], n_columns: gr.Radio) -> None:
    @shown
    def all_ways(request: gr.Request) -> dict[Any, Any]:
        choices = services.comparing.columns(actor(services, request))
        chosen = side_by_side(choices)
        values = [*chosen, *(chosen[0] for _ in range(len(policies) - len(chosen)))]
        offered = labels(choices, language_of(request))
        boxes = zip(policies, values, strict=True)
        return {n_columns: len(chosen), **{box: gr.update(choices=offered, value=value) for box, value in boxes}}

    panel.side.click(all_ways, None, [n_columns, *policies], queue=False, **QUIET)


def side_by_side(choices: Sequence[PolicyChoice]) -> list[str]:
    """The base alone, with examples, with documents; then the newest run with documents."""
    base = choices[0].name
    tuned = [named(choice.name, "rag") for choice in choices if not choice.is_base][:1]
    return [base, named(base, "few_shot"), named(base, "rag"), *tuned]


def _searched(services: Services, request: gr.Request) -> str:
    names = services.comparing.alternatives.documents(actor(services, request))
    return f"<p>{escape(word('alternatives.searched', language_of(request), names=', '.join(names) or '–'))}</p>"


def _table(shown_: Sequence[Example], language: str) -> dict[str, Any]:
    """Value of the Dataframe."""
    heads = [word(f"alternatives.{name}", language) for name in ("prompt", "reply")]
    return {"headers": heads, "data": [[each.prompt, each.reply] for each in shown_]}


def _examples(rows: Any) -> list[Example]:
    """What the table holds; rows of which nothing is filled in are left out."""
    cells = rows["data"] if isinstance(rows, dict) else rows
    found = cells.values.tolist() if hasattr(cells, "values") else list(cells or [])
    texts = [["" if cell is None or cell != cell else str(cell) for cell in row[:2]] for row in found]
    return [Example(*row) for row in texts if len(row) == 2 and any(cell.strip() for cell in row)]
