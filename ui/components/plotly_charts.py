"""Final figures: curves of several runs laid over each other, in Plotly. Live curves are elsewhere (they update)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Told apart in both themes and by colour-blind eyes (Okabe and Ito 2008).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
Points = Sequence[tuple[int, float]]


def curves(runs: Mapping[str, Mapping[str, Points]], words: Mapping[str, str]) -> go.Figure:
    """Held-out loss (full line, markers) and training loss (dotted) of each run, over its steps.

    `runs` is name -> metric -> [(step, value)]; `words` has `heldout`, `train`, `step`, `loss`.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for index, (name, series) in enumerate(runs.items()):
        colour = COLOURS[index % len(COLOURS)]
        _add(figure, series.get("loss", ()), f"{name} · {words['train']}", colour, dash="dot", width=1.5)
        _add(
            figure,
            series.get("heldout_loss", ()),
            f"{name} · {words['heldout']}",
            colour,
            dash="solid",
            width=3,
        )
    figure.update_layout(
        xaxis_title=words["step"],
        yaxis_title=words["loss"],
        template="none",
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"size": 15, "color": "#7a8194"},
        legend={"orientation": "h", "y": -0.25},
        margin={"l": 60, "r": 20, "t": 20, "b": 60},
        height=430,
        hovermode="x unified",
    )
    figure.update_xaxes(gridcolor="rgba(128,128,128,.2)", zeroline=False)
    figure.update_yaxes(gridcolor="rgba(128,128,128,.2)", zeroline=False)
    return figure


def _add(figure: Any, points: Points, name: str, colour: str, dash: str, width: float) -> None:
    if points:
        steps, values = zip(*points, strict=True)
        mode = "lines+markers" if dash == "solid" else "lines"
        line = {"color": colour, "dash": dash, "width": width}
        figure.add_scatter(x=steps, y=values, name=name, mode=mode, line=line)
