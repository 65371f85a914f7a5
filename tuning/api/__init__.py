"""The Python calls `tuning.sft.train` and its siblings, and the job that they give."""

__all__ = ["classify", "facade", "job", "sft"]
