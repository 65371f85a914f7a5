"""Numbers for replies: reward models and functions, and the policy gradient that follows them."""

__all__ = ["reward_model"]
