"""The Align tab."""

__all__ = ["align_tab"]
