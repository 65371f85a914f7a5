"""The training methods, rows and configuration in, an adapter out."""

__all__ = [
    "batching",
    "distributed",
    "loss",
    "preference_data",
    "recorder",
    "reward",
    "run_reporting",
    "sft",
    "start",
    "trainer_arguments",
    "trl_patches",
]
