"""The Models tab."""

__all__ = ["runs_tab"]
