"""Questions that judge `pocket`, which never train it, and the rules that judge its replies."""

__all__ = ["asking", "figures", "measures", "questions"]
