"""Logs: plain lines for a terminal, or lines of JSON for a host's collector: when, how grave, who, what, and the run's
or round's id.

Nothing of a person is in them: who logs names runs, rounds and files, never tokens, texts or addresses; of an
exception the places and kinds are told, because its words may quote what somebody sent. What libraries print past
the logs becomes lines too.
"""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

from common.wording import unsigned

IDS = ("run_id", "round_id")  # given as `extra={"run_id": …}`
# Control characters but the tab, other line breaks, and what turns the direction of writing.
_STEERING = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_NOISY = ("httpx", "httpx2", "uvicorn.access", "alembic")  # each request's address is nobody's business


class Lines(logging.Formatter):
    """Plain lines for a terminal. What a request holds begins no line of its own and moves no cursor."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{record.levelname} {record.name}: {visible(record.getMessage())}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line

    def formatException(self, ei: Any) -> str:
        text, at = super().formatException(ei), ei[1]
        while at is not None:
            text = text.replace(str(at), visible(str(at)))
            at = at.__cause__ or at.__context__
        return text


class JSONLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": unsigned(record.getMessage()),
        }
        fields |= {name: getattr(record, name) for name in IDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[1]:
            fields["exception"] = _wordless(record.exc_info[1])
        return json.dumps(fields, ensure_ascii=False)


class Printed(io.TextIOBase):
    """Stands for stderr: what is printed there becomes lines of the logger `stderr`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._rest, self._lock = stream, "", threading.Lock()

    def write(self, text: str) -> int:
        with self._lock:
            *whole, self._rest = (self._rest + text.replace("\r", "\n")).split("\n")
        for line in whole:
            if line.strip():
                logging.getLogger("stderr").info("%s", line.rstrip())
        return len(text)

    def fileno(self) -> int:
        return self._stream.fileno()


def as_lines(stream: TextIO | None = None) -> None:
    """From now on this process logs warnings and errors to `stream` (default: stderr), in plain lines."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def visible(text: str) -> str:
    """`text` with line breaks, escapes and other signs that steer a terminal written out."""
    return _STEERING.sub(lambda sign: sign.group().encode("unicode_escape").decode(), text)


def as_json(stream: TextIO | None = None) -> None:
    """From now on this process logs lines of JSON to `stream` (default: stderr), and nothing else goes to stderr."""
    to = stream or sys.stderr
    handler = logging.StreamHandler(to)
    handler.setFormatter(JSONLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.raiseExceptions = False  # a log that cannot be written would be told in the log
    logging.captureWarnings(True)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for bars in ("TQDM_DISABLE", "HF_HUB_DISABLE_PROGRESS_BARS"):
        os.environ.setdefault(bars, "1")
    threading.excepthook = _thread_broke
    sys.stderr = Printed(to)


def adopt(*names: str) -> None:
    """Brings loggers that a library gave handlers of their own (uvicorn, as it starts) to these logs."""
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


def _wordless(error: BaseException) -> str:
    """The traceback, with the exceptions' kinds and without their words."""
    causes, at = [], error
    while True:
        causes.append("".join(traceback.format_tb(at.__traceback__)) + type(at).__name__)
        before = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
        if before is None:
            return "\nwhich led to\n".join(reversed(causes))
        at = before


def _thread_broke(crash: threading.ExceptHookArgs) -> None:
    name = crash.thread.name if crash.thread else "?"
    logging.getLogger(__name__).error("thread %s", name, exc_info=crash.exc_value)
