"""In and out: the formats of other tools, and the files of our own. See `read` and `write`."""
