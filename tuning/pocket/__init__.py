"""The embedded base model: its text, pretraining, instructions, checks."""

__all__ = ["check"]
