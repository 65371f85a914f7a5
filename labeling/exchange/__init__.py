"""Votes in and out of files: import, export, dataset cards."""

__all__ = ["exporter", "importer", "read_votes", "reader"]
