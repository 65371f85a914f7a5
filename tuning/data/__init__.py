"""Data in: file types and formats to rows, tokens, splits, reports."""

__all__ = [
    "examples",
    "file_types",
    "general_text",
    "hub_datasets",
    "labelled",
    "loading",
    "preference_pairs",
    "prompts",
    "rated_replies",
    "report",
    "row_formats",
    "splits",
    "tokenize",
    "uploads",
]
