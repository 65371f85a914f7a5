"""The command line `python -m tuning`."""

__all__ = ["main"]
