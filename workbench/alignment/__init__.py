"""From votes to models: reward models, preference training, AI judges, lineage."""

__all__ = [
    "adapter_scaling",
    "ai_feedback",
    "best_of_n",
    "kto_and_rloo",
    "lineage",
    "policy_evaluation",
    "preference_training",
    "reward_training",
]
