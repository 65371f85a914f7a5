"""Studies: what takes minutes and goes on behind the page, one of each kind at a time.

How far it is and what came of it stand in a file, so that whoever looks sees the same, after a reload and after a
restart too. Knows threads and files, nothing of what is studied.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common import records
from common.errors import AfinaError, Conflict
from common.files import write_json
from workbench.access import anybody, teacher

if TYPE_CHECKING:
    from workbench.access import Roles

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Study:
    """`state`: running, done, stopped, failed, or interrupted where the app ended before it."""

    kind: str
    state: str
    about: dict[str, Any] = field(default_factory=dict)  # what was asked
    done: int = 0
    total: int = 0
    result: dict[str, Any] = field(default_factory=dict)
    problem: dict[str, Any] = field(default_factory=dict)  # key and params of an `AfinaError`

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def error(self) -> AfinaError | None:
        if not self.problem:
            return None
        params = self.problem.get("params")
        return AfinaError(str(self.problem.get("key")), **(params if isinstance(params, dict) else {}))


Say = Callable[[int, int, Mapping[str, Any]], None]
"""(done, total, result so far)"""
Do = Callable[[Say, Callable[[], bool]], None]
"""Gets `Say` and what tells whether to stop; says its last result before it returns."""


class Studies:
    def __init__(self, home: Path, roles: Roles) -> None:
        self._folder, self._roles = home / "studies", roles
        self._threads: dict[str, tuple[threading.Thread, threading.Event]] = {}
        self._starting = threading.Lock()

    @teacher
    def begin(self, kind: str, about: Mapping[str, Any], do: Do) -> None:
        """Starts `do` in a thread. Raises: NotAllowed; Conflict `studies.busy` while one of that kind goes on."""
        with self._starting:
            if self._alive(kind):
                raise Conflict("studies.busy")
            stop, first = threading.Event(), Study(kind, "running", dict(about))
            self._keep(first)
            thread = threading.Thread(target=self._run, args=(first, do, stop), name=kind, daemon=True)
            self._threads[kind] = (thread, stop)
            thread.start()

    @anybody
    def latest(self, kind: str) -> Study | None:
        """The study of this kind that goes on, or went on last."""
        study = records.read_if_whole(Study, self._folder / f"{kind}.json")
        if study is None:
            return None
        return replace(study, state="interrupted") if study.running and not self._alive(kind) else study

    @teacher
    def stop(self, kind: str) -> None:
        """Ends it at its next step; what is known by then stays. Raises: NotAllowed."""
        if kind in self._threads:
            self._threads[kind][1].set()

    def close(self) -> None:
        for _, stop in self._threads.values():
            stop.set()
        for thread, _ in self._threads.values():
            thread.join(timeout=5)

    def _alive(self, kind: str) -> bool:
        return kind in self._threads and self._threads[kind][0].is_alive()

    def _run(self, study: Study, do: Do, stop: threading.Event) -> None:
        def say(done: int, total: int, result: Mapping[str, Any]) -> None:
            nonlocal study
            study = replace(study, done=done, total=total, result=dict(result))
            self._keep(study)

        try:
            do(say, stop.is_set)
            study = replace(study, state="stopped" if stop.is_set() else "done")
        except AfinaError as error:
            shown = {name: str(value) for name, value in error.params.items()}
            study = replace(study, state="failed", problem={"key": error.key, "params": shown})
        except Exception as error:  # whatever a library raises: it must not look as if it still ran
            logger.exception("the study %s broke", study.kind)
            reason = f"{type(error).__name__}: {error}"[:300]
            study = replace(study, state="failed", problem={"key": "studies.broken", "params": {"reason": reason}})
        with contextlib.suppress(OSError):  # the home folder is gone: nobody is left to look
            self._keep(study)

    def _keep(self, study: Study) -> None:
        write_json(self._folder / f"{study.kind}.json", asdict(study))
