"""Logs as lines of JSON, for a host's collector: when, how grave, who, what, and the run's or round's id.

Nothing of a person is in them: who logs names runs, rounds and files, never tokens, texts or addresses.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

IDS = ("run_id", "round_id")  # given as `extra={"run_id": …}`


class JSONLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= {name: getattr(record, name) for name in IDS if hasattr(record, name)}
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def as_json(stream: TextIO | None = None) -> None:
    """From now on this process logs lines of JSON to `stream` (default: stderr), and nothing else there."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JSONLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for noisy in ("httpx", "uvicorn.access"):  # each request's address is nobody's business
        logging.getLogger(noisy).setLevel(logging.WARNING)
