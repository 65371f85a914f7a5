"""The picture of the lineage, and from a run to its votes and from a vote to its adapters."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from common.number_format import number
from ui.request import QUIET, actor, language_of, on_open, shown
from ui.translations import t, texts, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labeling.rounds.training_links import Taught
    from workbench.alignment.lineage import Edge, Graph, Node
    from workbench.services import Services

_W, _H, _DX, _DY, _PAD, _TOP = 172, 58, 262, 92, 10, 26  # _TOP: room for a rate above the first row
_MOST = 200  # votes listed


def build(services: Services) -> None:
    """Lays the panel out, folded, for the teacher; drawn when it is opened."""
    with gr.Accordion(t("lineage.title"), open=False, visible=False, elem_id="lineage") as box:
        picture = gr.HTML("", padding=False, elem_id="lineage-picture")
        draw = gr.Button(t("lineage.draw"), size="sm", elem_id="lineage-draw")
        with gr.Row():
            run = gr.Dropdown([], label=t("lineage.run"), allow_custom_value=True, elem_id="lineage-run")
            vote = gr.Textbox(label=t("lineage.vote"), info=t("lineage.vote_info"), max_lines=1, elem_id="lineage-vote")
        details = gr.HTML("", padding=False, elem_id="lineage-told")

    def arrive(request: gr.Request) -> Any:
        return gr.update(visible=actor(services, request).is_teacher)

    @shown
    def look(request: gr.Request) -> list[Any]:
        graph = services.lineage.graph(actor(services, request))
        names = [node.name for node in graph.nodes if node.kind == "run" and node.votes]
        return [svg(graph, language_of(request)), gr.update(choices=names)]

    @shown
    def votes(name: str, request: gr.Request) -> str:
        return (
            taught(services.lineage.votes(actor(services, request), name), name, language_of(request)) if name else ""
        )

    @shown
    def adapters(annotation: str, request: gr.Request) -> str:
        names = services.lineage.adapters(actor(services, request), annotation or "")
        key = "lineage.adapters" if names else "lineage.no_adapter"
        return f"<p>{escape(word(key, language_of(request), names=', '.join(names)))}</p>"

    on_open(arrive, None, box, queue=False, **QUIET)
    gr.on([box.expand, draw.click], look, None, [picture, run], **QUIET)
    run.change(votes, run, details, **QUIET)
    vote.submit(adapters, vote, details, **QUIET)


def svg(graph: Graph, language: str) -> str:
    """Bases on the left, each step one column further; an edge that was measured carries its win rate."""
    if not graph.nodes:
        return f'<div class="train-empty">{escape(word("runs.empty", language))}</div>'
    rows: dict[int, int] = {}
    places: dict[str, tuple[int, int]] = {}
    for node in graph.nodes:
        row = rows[node.depth] = rows.get(node.depth, -1) + 1
        places[node.key] = (_PAD + _DX * node.depth, _TOP + _DY * row + (_DY // 3 if node.depth % 2 else 0))
    width = max(x for x, _ in places.values()) + _W + _PAD
    height = max(y for _, y in places.values()) + _H + _PAD + _DY // 3
    edges = "".join(_edge(each, places, language) for each in graph.edges)
    nodes = "".join(_node(each, places[each.key], language) for each in graph.nodes)
    rates = "".join(_rate(each, places, language) for each in graph.edges)
    size = f"width:100%;max-width:{width}px;min-width:{0.65 * width:.0f}px"  # shrinks, then scrolls
    return (
        f'<div class="lineage"><svg style="{size}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(word("lineage.title", language))}">{edges}{nodes}{rates}</svg></div>'
        f'<p class="quiet">{escape(word("lineage.legend", language))}</p>'
    )


def _node(node: Node, at: tuple[int, int], language: str) -> str:
    x, y = at
    about = word(f"lineage.{node.kind}", language)
    if node.about:
        key = f"lineage.about.{node.about}"
        about = word(key, language) if key in texts(language) else node.about
    votes = f" · {word('lineage.votes', language, n=node.votes)}" if node.votes else ""
    gone = f' <tspan class="gone">−{node.left_out}</tspan>' if node.left_out else ""
    name = node.name if len(node.name) <= 19 else f"{node.name[:18]}…"
    return (
        f'<g class="{node.kind} {escape(node.about)}"><title>{escape(node.name)}</title>'
        f'<rect x="{x}" y="{y}" width="{_W}" height="{_H}" rx="{28 if node.kind == "round" else 10}"/>'
        f'<text class="name" x="{x + _W / 2}" y="{y + 25}">{escape(name)}</text>'
        f'<text x="{x + _W / 2}" y="{y + 45}">{escape(about + votes)}{gone}</text></g>'
    )


def _edge(edge: Edge, places: dict[str, tuple[int, int]], language: str) -> str:
    (x1, y1), (x2, y2) = places[edge.start], places[edge.end]
    a, b, c, d = x1 + _W, y1 + _H / 2, x2, y2 + _H / 2
    bend = max(40.0, (c - a) / 2)
    path = f'<path class="{edge.kind}" d="M{a},{b} C{a + bend},{b} {c - bend},{d} {c},{d}"/>'
    return path


def _rate(edge: Edge, places: dict[str, tuple[int, int]], language: str) -> str:
    """Above the newer policy: between two columns there is no room for it."""
    rate, (x, y) = edge.rate, places[edge.end]
    if rate is None:
        return ""
    between = "" if rate.low is None else f" ({100 * rate.low:.0f}–{100 * (rate.high or 0):.0f})"
    text = word("lineage.rate", language, n=rate.n, judge=rate.judge or "–")
    return (
        f'<g class="rate"><title>{escape(text)}</title>'
        f'<text x="{x + _W / 2}" y="{y - 7}">{number(rate.value, language, ".0%")}{between}</text></g>'
    )


def taught(votes: Sequence[Taught], name: str, language: str) -> str:
    """The votes behind a run, those that count no more marked."""
    if not votes:
        return f'<p class="quiet">{escape(word("lineage.no_votes", language, name=name))}</p>'
    gone = sum(vote.left_out is not None for vote in votes)
    head = "".join(
        f"<th>{escape(word(f'lineage.column.{column}', language))}</th>"
        for column in ("vote", "prompt", "winner", "source", "at", "left_out")
    )
    rows = ""
    for vote in votes[:_MOST]:
        when = datetime.fromtimestamp(vote.created_at).strftime("%Y-%m-%d %H:%M")
        winner = (vote.winner or "").removeprefix("model_").upper() if vote.winner in ("model_a", "model_b") else "–"
        cells = (
            vote.annotation_id[:12],
            vote.prompt[-1]["content"][:80],
            winner,
            word(f"lineage.source.{vote.source}", language),
            when,
            vote.left_out or "",
        )
        rows += f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in cells)}</tr>"
    text = word("lineage.taught", language, name=name, n=len(votes), gone=gone)
    return (
        f'<div class="worth"><p>{escape(text)}</p><div class="scroll lineage-votes"><table><tr>{head}</tr>{rows}'
        "</table></div></div>"
    )
