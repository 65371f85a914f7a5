"""What votes are worth: agreement, rankings, intervals, traits. Plain numbers in and out; no storage."""

__all__ = ["bootstrap", "reply_traits", "report", "vote_table", "wilson"]
