"""The Classify and Numbers tabs."""

__all__ = ["classify_tab", "numbers_tab", "numbers_view"]
