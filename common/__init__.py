"""What everything else stands on: errors, settings, hashing, files, the one split. Standard library only."""
