"""Parts that several tabs show: charts, tables of data, a run, background tasks."""

__all__ = [
    "background_task",
    "data_view",
    "plotly_charts",
    "run_view",
    "safe_markdown",
    "shipped_data",
    "svg_charts",
    "token_heatmap",
]
