"""*Before class*: what is set and kept, for the teacher, in a panel that the header opens."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import gradio as gr

from ui.edge.addresses import addresses
from ui.request import actor, language_of, on_open, shown
from ui.translations import t, word
from workbench.before_class import BeforeClass, Check

if TYPE_CHECKING:
    from workbench.services import Services


def button() -> gr.Button:
    """What opens the panel; it stands in the header."""
    return gr.Button(t("before.title"), elem_id="before-class-open", size="sm", scale=0, min_width=110, visible=False)


def build(services: Services, opener: gr.Button) -> None:
    """Lays the panel out below the header, hidden, and wires `opener` to it."""
    checking = BeforeClass(services, lambda: addresses(services.settings))
    is_open = gr.Checkbox(False, visible=False)
    panel = gr.HTML("", visible=False, padding=False, elem_id="before-class")

    @shown
    def toggle(open_now: bool, request: gr.Request) -> list[Any]:
        who = actor(services, request)
        services.roles.require_teacher(who)
        if open_now:
            return [False, gr.update(visible=False)]
        waiting = f'<p class="quiet">{html.escape(word("before.busy", language_of(request)))}</p>'
        return [True, gr.update(value=waiting, visible=True)]

    @shown
    def look(open_now: bool, request: gr.Request) -> Any:
        who = actor(services, request)
        services.roles.require_teacher(who)
        return table(checking.checks(who), language_of(request)) if open_now else gr.skip()

    def arrive(request: gr.Request) -> gr.Button:
        return gr.Button(visible=actor(services, request).is_teacher)

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    on_open(arrive, None, opener, queue=False, **quiet)
    opener.click(toggle, is_open, [is_open, panel], queue=False, **quiet).success(look, is_open, panel, **quiet)


def table(checks: list[Check], language_: str) -> str:
    """The checks as rows: name, state, what it is and what to do."""
    look = sum(not each.ok for each in checks)
    head = word("before.all_well" if not look else "before.some", language_, n=look)
    rows = "".join(_row(each, language_) for each in checks)
    title = html.escape(word("before.title", language_))
    return (
        f'<section class="before-class" aria-label="{title}"><h2>{title}</h2><p>{html.escape(head)}</p>'
        f"<ul>{rows}</ul></section>"
    )


def _row(check: Check, language_: str) -> str:
    state = html.escape(word("before.ok" if check.ok else "before.look", language_))
    name = html.escape(word(f"before.name.{check.name}", language_))
    text = html.escape(word(check.text, language_, **check.params))
    todo = check.error.words(language_) if check.error else word(check.remedy, language_) if check.remedy else ""
    remedy = f'<span class="todo">{html.escape(todo)}</span>' if todo else ""
    kind = "teacher" if check.ok else "visitor"
    return f'<li><strong>{name}</strong><span class="afina-chip {kind}">{state}</span><span>{text}{remedy}</span></li>'
