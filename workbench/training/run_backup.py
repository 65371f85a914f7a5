"""Finished runs, kept where the votes are kept: their adapter, settings, data, events and card; and brought back.

Only files of known kinds are taken either way, none of which is ever unpickled. Checkpoints stay behind. Knows no
method.
"""

from __future__ import annotations

import logging
import re
import tempfile
import threading
from pathlib import Path

from common.errors import AfinaError
from common.files import BrokenFile, read_json, write_json
from labeling.backup.destinations import Place, Unreachable
from tuning.runs.run_store import Run, RunStore

logger = logging.getLogger(__name__)
_SECONDS = 10.0  # between two looks for runs that have ended
_ENDED = ("done", "stopped")
_KINDS = r"[\w][\w.-]*\.(?:safetensors|json|jsonl|jinja|txt|md|model)"
_INSIDE = re.compile(rf"run\.json|events\.jsonl|card\.md|(?:data|adapter)/{_KINDS}")
_KEPT = re.compile(r"runs/(\d[\w-]*)/(.+)")
_MARK = "kept.json"


class Keeping:
    """Copies every run that has ended with an adapter to `place`, once; again when it has gone on since."""

    def __init__(self, store: RunStore, place: Place) -> None:
        self._store, self._place = store, place
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="keeping", daemon=True)
        self._thread.start()

    def stop(self, patience: float = 20.0) -> None:
        """Copies what has ended since the last look."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(patience)
        self._try()

    def keep(self) -> list[str]:
        """Copies the runs that ask for it; their names. Raises: Unreachable."""
        kept = []
        for run in self._store.gather(_to_keep):
            mark = {"place": self._place.name, "seq": run.events()[-1].seq}
            if _marked(run) == mark:
                continue
            files = {f"runs/{run.id}/{inside}": run.path / inside for inside in _files(run.path)}
            self._place.add(files, f"run {run.id}")
            write_json(run.path / _MARK, mark)
            logger.info("run %s is in the backup", run.id, extra={"run_id": run.id})
            kept.append(run.name)
        return kept

    def restore(self) -> list[str]:
        """Brings back runs that are in the place and not here; their ids. A place that does not answer is no error."""
        try:
            return self._restore()
        except Unreachable as error:
            logger.warning("%s", error)
            return []

    def _restore(self) -> list[str]:
        there: dict[str, list[str]] = {}
        for name in self._place.names():
            found = _KEPT.fullmatch(name)
            if found and _INSIDE.fullmatch(found.group(2)):
                there.setdefault(found.group(1), []).append(name)
        back = []
        for run_id, names in sorted(there.items()):
            target = self._store.root / run_id
            if target.exists() or f"runs/{run_id}/run.json" not in names:
                continue
            self._store.root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self._store.root, prefix=".restoring-") as folder:
                self._place.fetch(names, Path(folder))
                (Path(folder) / "runs" / run_id).rename(target)
            back += self._brought_back(target)
        return back

    def _brought_back(self, target: Path) -> list[str]:
        """Marks a run as being in the place; its id, or nothing where what was kept there is broken."""
        try:
            events = Run(target).events()
        except (FileNotFoundError, BrokenFile) as error:  # the list of runs names it
            logger.warning("run %s: %s", target.name, error, extra={"run_id": target.name})
            return []
        write_json(target / _MARK, {"place": self._place.name, "seq": events[-1].seq if events else 0})
        return [target.name]

    def _work(self) -> None:
        while not self._closing.wait(_SECONDS):
            self._try()

    def _try(self) -> None:
        try:
            self.keep()
        except AfinaError as error:
            logger.warning("%s", error)
        except OSError:
            logger.exception("keeping runs")


def _files(folder: Path) -> list[str]:
    every = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in every if _INSIDE.fullmatch(name))


def _marked(run: Run) -> dict[str, object] | None:
    try:
        return read_json(run.path / _MARK)
    except (FileNotFoundError, BrokenFile):
        return None


def _to_keep(run: Run) -> Run | None:
    return run if run.state in _ENDED and run.has_adapter else None
