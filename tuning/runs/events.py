"""A run's event log: one JSON object a line, appended by several processes, read by whoever looks.

Each line is `{"v": 1, "seq", "time", "kind", "step", "metrics"}`. A line that a crash tore is skipped and
never joined with the next; so is one that is no event. Knows nothing of what the events mean.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock

from common.files import readable
from common.records import is_number

KINDS = ("state", "start", "train", "eval", "note", "checkpoint", "sample", "error", "end")
_DURABLE = ("state", "error", "end", "checkpoint")


@dataclass(frozen=True)
class Event:
    seq: int  # 1, 2, … over the whole run
    time: float  # seconds since 1970
    kind: str
    step: int | None = None  # optimiser steps done
    metrics: dict[str, Any] = field(default_factory=dict)


class EventLog:
    """The file `path`; its lock stands beside it. Safe between threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mutex = threading.Lock()
        self._seen: list[Event] = []
        self._offset = 0  # bytes read so far, up to the end of a whole line
        self._file = -1  # inode of what was read

    def append(
        self,
        kind: str,
        step: int | None,
        metrics: dict[str, Any],
        only_if: Callable[[list[Event]], bool] | None = None,
    ) -> Event | None:
        """Adds an event; with `only_if` only if that says so of the log as it then is, atomically."""
        if kind not in KINDS:
            raise ValueError(f"unknown event kind: {kind}")
        with FileLock(self.path.with_suffix(".lock"), timeout=60):
            events = self.read()
            if only_if is not None and not only_if(events):
                return None
            event = Event(events[-1].seq + 1 if events else 1, time.time(), kind, step, metrics)
            self._write(event)
            return event

    def read(self, after: int = 0) -> list[Event]:
        """Every event with `seq` above `after`, in order. A half-written last line is left for later."""
        with self._mutex:
            self._catch_up()
            if after <= 0:
                return list(self._seen)
            return [event for event in self._seen if event.seq > after]

    def _catch_up(self) -> None:
        try:
            stat = self.path.stat()
            if (stat.st_ino, stat.st_size) == (self._file, self._offset):
                return
            with readable(self.path), open(self.path, "rb") as file:
                if not self._goes_on(file, stat):
                    self._seen, self._offset, self._file = [], 0, stat.st_ino
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            self._seen, self._offset = [], 0
            return
        end = data.rfind(b"\n") + 1
        self._seen += [event for line in data[:end].splitlines() if (event := _parse(line)) is not None]
        self._offset += end

    def _goes_on(self, file: BinaryIO, stat: os.stat_result) -> bool:
        """Whether it is the file that was read so far, and not another one that somebody has put in its place."""
        if stat.st_ino != self._file or stat.st_size < self._offset:
            return False
        file.seek(max(0, self._offset - 1))
        return self._offset == 0 or file.read(1) == b"\n"

    def _write(self, event: Event) -> None:
        record = {"v": 1, **vars(event)}
        line = json.dumps(record, ensure_ascii=False, default=str).encode() + b"\n"
        with open(self.path, "ab") as file:
            if file.tell() > self._offset:  # a torn line: it ends here, and is no event
                line = b"\n" + line
            file.write(line)
            file.flush()
            if event.kind in _DURABLE:
                os.fsync(file.fileno())


class SilentLog(EventLog):
    """Reads as ever, and writes nothing."""

    def append(self, *event: object, **fields: object) -> None:  # type: ignore[override]
        return None


def _parse(line: bytes) -> Event | None:
    try:
        fields = json.loads(line)
        event = Event(fields["seq"], fields["time"], fields["kind"], fields.get("step"), fields.get("metrics") or {})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    whole = isinstance(event.seq, int) and is_number(event.time) and isinstance(event.kind, str)
    whole = whole and (event.step is None or isinstance(event.step, int)) and isinstance(event.metrics, dict)
    if event.kind == "state":
        whole = whole and isinstance(event.metrics.get("state"), str)
    return event if whole else None
