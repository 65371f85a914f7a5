"""Votes from files and into files, with their dataset cards."""

__all__ = ["exporter", "importer", "read_votes", "reader"]
