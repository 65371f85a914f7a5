"""Training as a teacher handles it: data, start, stop, classifiers, experiments, backups of runs."""

__all__ = ["classification", "experiments", "run_backup", "training_service"]
