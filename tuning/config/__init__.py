"""Every setting of a run with its unit and limits, and what automatic settings become."""

__all__ = ["classification", "memory_math", "planner", "training", "training_methods"]
