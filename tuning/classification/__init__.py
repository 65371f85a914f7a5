"""Text classifiers: heads, training, prediction, metrics, comparison of strategies."""

__all__ = ["compare", "generative", "metrics", "predict"]
