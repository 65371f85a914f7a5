"""The Train and Experiments tabs."""

__all__ = ["experiments_tab", "methods_panel", "train_tab"]
