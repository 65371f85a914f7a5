"""Who is in the voting room: annotators, their joining, seats, doubts, and the places that their votes take."""

__all__ = ["annotators", "seats", "vote_counts", "vote_standing", "workload"]
