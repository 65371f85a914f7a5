"""Copies of the labels outside this machine: segments, their outbox, restoring."""

__all__ = ["destinations", "labels_backup"]
