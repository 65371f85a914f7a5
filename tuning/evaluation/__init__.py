"""What models can do: metrics, few-shot, retrieval, red team, quality of data."""

__all__ = ["alternatives", "data_quality", "evaluate", "few_shot", "red_team", "retrieval", "text_metrics"]
