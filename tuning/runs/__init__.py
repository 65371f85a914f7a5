"""A run is a directory: its events, status, queue, card, archive."""

__all__ = [
    "card",
    "estimate",
    "events",
    "fit_diagnosis",
    "merge",
    "queue",
    "resolver",
    "retrain",
    "reward_names",
    "run_store",
    "status",
    "summary",
]
