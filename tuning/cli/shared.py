"""What several commands share: following a run, `key=value`, numbers, silence of the libraries."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from common.errors import AfinaError
from common.terminal import language

Answer = tuple[dict[str, Any], list[str]]  # for --json, and for people


def watch(job: Any) -> Answer:
    """Follows a run to its end. Ctrl-C stops it (it saves); a second Ctrl-C leaves it alone."""
    show = Progress()
    try:
        job.wait(seen=show)
    except KeyboardInterrupt:
        print("\nstopping and saving …", file=sys.stderr)
        job.stop()
        job.wait(seen=show)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    for note in job.status.notes:
        print(note.words(language()), file=sys.stderr)
    if job.status.state in ("failed", "interrupted"):
        raise job.error or AfinaError("engine.no_start")
    return job.to_dict(), [f"{job.name}: {job.state} ({Path('runs') / job.run_id})"]


class Progress:
    """One line on a terminal, rewritten; in a log a line every five seconds and for every new state."""

    def __init__(self) -> None:
        self._line = self._state = ""
        self._at = 0.0

    def __call__(self, status: Any) -> None:
        line, on_screen = _progress(status), sys.stderr.isatty()
        due = on_screen or status.state != self._state or time.monotonic() - self._at > 5
        if line == self._line or not due:
            return
        self._line, self._state, self._at = line, status.state, time.monotonic()
        text, end = (f"\r\033[K{line}", "") if on_screen else (line, "\n")
        print(text, end=end, file=sys.stderr, flush=True)


def _progress(status: Any) -> str:
    parts = [status.state]
    if status.total_steps:
        parts.append(f"step {status.step}/{status.total_steps}")
    for label, name in (("loss", "loss"), ("validation", "heldout_loss")):
        if name in status.metrics:
            parts.append(f"{label} {number(status.metrics[name])}")
    if status.eta_seconds is not None:
        parts.append(f"{status.eta_seconds:.0f} s left")
    return f"{status.name}: {', '.join(parts)}"


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def assignment(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise AfinaError("config.assignment", value=text)
    return name.strip(), value.strip()


def no_progress_bars() -> None:
    """No bars on stderr for files that load within a second."""
    from transformers.utils import logging

    logging.disable_progress_bar()
