"""The phone page of the voters, without Gradio."""

__all__ = ["routes"]
