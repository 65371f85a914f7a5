"""The Vote and Label tabs."""

__all__ = ["label_tab", "presenter_view", "round_choice", "vote_tab"]
