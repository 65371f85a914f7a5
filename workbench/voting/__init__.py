"""Rounds as a teacher handles them: their replies, the door, votes, results, a simulated class."""

__all__ = [
    "door",
    "prompt_sources",
    "reveal",
    "rounds",
    "simulated_preferences",
    "simulation",
    "vote_results",
    "voting_service",
]
