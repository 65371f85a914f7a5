"""Runs on this machine, each in a process of its own that was warmed up beforehand. Knows processes, no trainer."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from common.errors import AfinaError
from tuning.runs.run_store import Run
from tuning.runs.status import ACTIVE, state_of

logger = logging.getLogger(__name__)
_LOGS_KEPT = 20
_ROOT = Path(__file__).parents[2]


class LocalExecutor:
    """`base_model` is what waiting workers have in memory: runs on it begin at once."""

    def __init__(self, home: Path, base_model: str = "pocket") -> None:
        self.home = Path(home)
        self.base_model = base_model
        self._mutex = threading.Lock()
        self._idle: tuple[subprocess.Popen, Path] | None = None
        self._closed = False

    def warm(self) -> None:
        with self._mutex:
            if not self._closed and (self._idle is None or self._idle[0].poll() is not None):
                self._idle = self._spawn()

    def run(self, run: Run) -> None:
        """Hands `run` to the warm worker and returns when that has ended (or this executor is closed)."""
        self.warm()
        with self._mutex:
            if self._idle is None:
                return
            (process, log), self._idle = self._idle, None
        command = json.dumps({"run": str(run.path.resolve())}) + "\n"
        try:
            assert process.stdin is not None
            process.stdin.write(command.encode())
            process.stdin.close()
        except OSError:  # it died while it waited
            logger.warning("worker %s died while waiting, see %s", process.pid, log)
        self._follow(run, process, log)

    def close(self) -> None:
        """Ends the waiting worker; one at work goes on by itself."""
        with self._mutex:
            self._closed = True
            idle, self._idle = self._idle, None
        if idle is not None:
            process, _ = idle
            if process.stdin is not None:
                process.stdin.close()
            process.kill()  # it has nothing to save
            process.wait(timeout=10)

    def _spawn(self) -> tuple[subprocess.Popen, Path]:
        command = [
            sys.executable,
            "-m",
            "tuning.executors.local_worker",
            str(self.home.resolve()),
            self.base_model,
        ]
        return self._popen(command)

    def _follow(self, run: Run, process: subprocess.Popen, log: Path) -> None:
        """Returns when `process`, which works on `run`, has ended (or this executor is closed)."""
        while not self._closed:
            try:
                status = process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
            self._ended(run, status, log)
            return

    def _popen(self, command: list[str]) -> tuple[subprocess.Popen, Path]:
        """A process with a session of its own, and the file that it prints to."""
        logs = self.home / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        for old in sorted(logs.glob("worker-*.log"))[:-_LOGS_KEPT]:
            old.unlink(missing_ok=True)
        log = logs / f"worker-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{time.monotonic_ns() % 10**6}.log"
        path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        with open(log, "wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
            )
        return process, log

    def _ended(self, run: Run, status: int, log: Path) -> None:
        """Says why, when the process ended in the middle of the run."""
        if status != 0 and state_of(run.events()) in ACTIVE:
            if status < 0:
                error = AfinaError("engine.killed", signal=-status)
            else:
                error = AfinaError("engine.crashed", status=status, log=log.name)
            run.append("error", None, key=error.key, params=error.params)
