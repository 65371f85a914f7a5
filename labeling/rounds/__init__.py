"""Rounds from their plan to their reveal: comparisons, who judges what next, ballots, ratings, which votes count."""

__all__ = [
    "aggregation",
    "ai_annotators",
    "assignment",
    "guidelines",
    "history",
    "lifecycle",
    "planning",
    "progress",
    "ratings",
    "round_names",
    "simulated_annotators",
    "training_links",
    "vote_casting",
    "vote_selection",
]
