"""The label store: tables, connections, transactions that share a commit, prepared statements."""

__all__ = ["installation", "label_store", "outbox", "prepared", "tables"]
