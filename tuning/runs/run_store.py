"""Storage of runs: a run is a directory with config, frozen data, events, checkpoints and adapter.

    AFINA_HOME/runs/<run_id>/run.json              what it is; never changes
                            /data/{train,heldout}.jsonl
                            /events.jsonl          what happened (tuning.runs.events)
                            /checkpoints/ /adapter/ /card.md
                            /run.lock              held by the process that works on it, freed by its death
                            /stop                  there when somebody wants it to stop

Knows nothing of methods, trainers or queues.
"""

from __future__ import annotations

import builtins
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from common import records
from common.errors import AfinaError, Conflict, NotFound
from common.files import BrokenFile, readable, write_json
from tuning.data.examples import Example, read_rows, write_rows
from tuning.models import peft_methods
from tuning.runs import archive
from tuning.runs.broken_runs import Known, LeftOut
from tuning.runs.events import Event, EventLog, SilentLog
from tuning.runs.status import ACTIVE, RunStatus, WrongState, fold, state_of

T = TypeVar("T")
_RESERVED = ("pocket", "base")
_YEAR_9999 = 253_370_764_800.0  # seconds; no date can be made of what comes later


@dataclass(frozen=True)
class RunInfo:
    """run.json."""

    run_id: str
    name: str
    method: str
    config: dict[str, Any]
    base: dict[str, str]  # name, sha256 ("" while unknown: a model that has to be downloaded first)
    data: dict[str, Any]  # name, fingerprint, n_train, n_heldout
    created_at: float
    parent: str | None = None  # run_id
    extra: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, run: Path) -> RunInfo:
        """What stands in the run.json of the directory `run`; fields of a newer version are left in the file.

        Its id is the directory's name, by which everything refers to it. Raises: FileNotFoundError; BrokenFile.
        """
        path = run / "run.json"
        info = records.read(cls, path)
        if not info.name.strip():
            raise BrokenFile(path, "field", name="name", value=info.name)
        if not 0 <= info.created_at < _YEAR_9999:
            raise BrokenFile(path, "field", name="created_at", value=info.created_at)
        return replace(info, run_id=run.name, base={"name": "", "sha256": "", **info.base})


class Run:
    """One run. Cheap to make; everything is read from its directory when asked."""

    def __init__(self, path: Path) -> None:
        """Raises: FileNotFoundError; BrokenFile where its run.json is none."""
        self.path = path
        self.info = RunInfo.read(path)
        self.id = self.info.run_id
        self.name = self.info.name
        # A sitting of limited length: whoever trains pauses at the first step after `deadline` (time.monotonic),
        # saves as for a stop, says so in `paused`, and the run goes on in its next sitting.
        self.deadline: float | None = None
        self.paused = False
        self.silent = False
        self._log = EventLog(path / "events.jsonl")
        self._status: tuple[int, str, RunStatus] | None = None

    @classmethod
    def watched(cls, path: Path) -> Run:
        """A run of which this process only reads: of several that train it together, one writes."""
        run = cls(path)
        run._log, run.silent = SilentLog(path / "events.jsonl"), True
        return run

    # What is in the directory

    @property
    def adapter_dir(self) -> Path:
        return self.path / "adapter"

    @property
    def checkpoints_dir(self) -> Path:
        return self.path / "checkpoints"

    @property
    def card(self) -> Path:
        return self.path / "card.md"

    @property
    def stop_file(self) -> Path:
        return self.path / "stop"

    @property
    def has_adapter(self) -> bool:
        return peft_methods.is_whole(self.adapter_dir) or (self.adapter_dir / "classifier.json").is_file()

    def examples(self, side: str, kind: type[T]) -> list[T]:
        """The frozen data of `side` ("train" or "heldout"), of the `kind` that the method learns from."""
        return read_rows(self.path / "data" / f"{side}.jsonl", kind)

    def download(self) -> Path:
        """A zip of adapter, tokenizer and card (for `pocket` with the base) that works on its own."""
        if not self.has_adapter:
            raise WrongState("runs.no_adapter", name=self.name, state=self.state)
        return archive.make(self.path, self.name, self.info.base)

    # Events

    def append(self, kind: str, step: int | None = None, /, **metrics: Any) -> Event | None:
        return self._log.append(kind, step, metrics)

    def events(self, after: int = 0) -> list[Event]:
        return self._log.read(after)

    def note(self, key: str, step: int | None = None, /, **params: Any) -> None:
        """A remark that everyone who looks at the run sees; worded by its key in `common/locales`."""
        self._log.append("note", step, {"key": key, "params": params})

    def fail(self, error: AfinaError, step: int | None = None) -> None:
        """The `error` event and the state `failed`."""
        self._log.append("error", step, {"key": error.key, "params": error.params})
        self.move("failed")

    # State

    @property
    def state(self) -> str:
        """The state as it is: a run that should be active and that no process holds is `interrupted`."""
        state = state_of(self.events())
        if state in ACTIVE and not self.held:
            state = state_of(self.events())  # it may have ended between the two looks
            return "interrupted" if state in ACTIVE else state
        return state

    @property
    def held(self) -> bool:
        """Whether some process works on it."""
        try:
            with self.lock(timeout=0):
                return False
        except Timeout:
            return True

    def lock(self, timeout: float = 5) -> FileLock:
        """The lock of whoever works on the run. Freed by the system when that process dies."""
        return FileLock(self.path / "run.lock", timeout=timeout)

    def move(self, to: str, only_from: tuple[str, ...] = (), /, **metrics: Any) -> bool:
        """Appends the state `to`; with `only_from` only out of one of these, and says whether it did."""

        def allowed(events: list[Event]) -> bool:
            return not only_from or state_of(events) in only_from

        return self._log.append("state", None, {"state": to, **metrics}, allowed) is not None

    def status(self) -> RunStatus:
        state, events = self.state, self.events()
        latest = events[-1].seq if events else 0
        if self._status is None or self._status[:2] != (latest, state):
            self._status = (latest, state, fold(self.id, self.name, state, events))
        return self._status[2]

    @property
    def queued_at(self) -> float:
        """When it was last put into the queue: runs take turns by it."""
        times = (
            event.time
            for event in reversed(self.events())
            if event.kind == "state" and event.metrics.get("state") == "queued"
        )
        return next(times, self.info.created_at)


class RunStore:
    """All runs under `home`/runs. Runs are kept in memory once read; their events are read as they grow.

    A run whose files are broken is left out of what is listed and stands in `broken`; the others are as they were.
    """

    def __init__(self, home: Path) -> None:
        self.home = Path(home)
        self.root = self.home / "runs"
        self._known = Known(Run)
        self._left_out = LeftOut()

    def create(
        self,
        *,
        method: str,
        config: dict[str, Any],
        name: str,
        base: dict[str, str],
        data: dict[str, Any],
        train: Sequence[Example],
        heldout: Sequence[Example],
        parent: str | None = None,
        extra: dict[str, Any] | None = None,
    ) -> Run:
        """A new run, queued, with its data frozen. An empty `name` gets one like `sft-3`.

        Raises: AfinaError `runs.name` for a name that cannot be one, Conflict `runs.name_taken`.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with FileLock(self.root / ".lock", timeout=30):
            name = self._free_name(name.strip(), method)
            created = datetime.fromtimestamp(time.time(), UTC)
            run_id = f"{created:%Y%m%d-%H%M%S-%f}-{secrets.token_hex(1)}"  # sorts by time
            counts = {"n_train": len(train), "n_heldout": len(heldout)}
            info = RunInfo(
                run_id, name, method, config, base, {**data, **counts}, created.timestamp(), parent, extra or {}
            )
            beside = self.root / f".{run_id}"
            write_rows(beside / "data" / "train.jsonl", train)
            write_rows(beside / "data" / "heldout.jsonl", heldout)
            write_json(beside / "run.json", asdict(info))
            EventLog(beside / "events.jsonl").append("state", None, {"state": "queued"})
            beside.rename(self.root / run_id)
        return self.get(run_id)

    def get(self, name: str) -> Run:
        """The run with this id or name. Raises: NotFound."""
        if not isinstance(name, str):  # from a program, which may send anything
            raise NotFound("runs.unknown", name=name)
        if re.fullmatch(r"[\w-]{1,200}", name):
            known = self._known.look(self.root / name)
            if isinstance(known, AfinaError):
                raise known
            if known:
                return known
        for run in self:
            if run.name.casefold() == name.strip().casefold():
                return run
        raise NotFound("runs.unknown", name=name)

    def list(self) -> list[Run]:
        """Newest first."""
        return list(self)

    def __iter__(self) -> Iterator[Run]:
        for path in self._directories():
            run = self._known.look(path)
            if isinstance(run, Run):
                yield run

    def gather(self, make: Callable[[Run], T | None]) -> builtins.list[T]:
        """What `make` gives for each run, newest first, without None.

        A run for which it raises, because of what is in its files, is left out and stands in `broken`.
        """
        return self._left_out.gather(self, make)

    @property
    def broken(self) -> dict[str, AfinaError]:
        """Directory -> what is wrong with it, of each run that is left out of lists."""
        return {path.name: error for path in self._directories() if (error := self._why(path))}

    def children(self, run: Run) -> tuple[Run, ...]:
        """The runs that continue `run`'s adapter."""
        return tuple(other for other in self if other.info.parent == run.id)

    def with_parent(self, run: Run) -> tuple[Path, Path | None]:
        """The folders of a run and of the run that it continues."""
        return run.path, self.root / run.info.parent if run.info.parent else None

    def delete(self, name: str) -> None:
        """Removes a run for good; a broken one by its directory's name.

        Raises: Conflict while it runs, waits, or another run depends on it.
        """
        with FileLock(self.root / ".lock", timeout=30):
            broken = name in self.broken
            path = self.root / name if broken else self.get(name).path
            if not broken and (state := self.get(name).state) in (*ACTIVE, "queued"):
                raise WrongState("runs.busy", name=self.get(name).name, state=state)
            children = ", ".join(run.name for run in self if run.info.parent == path.name)
            if children:
                raise Conflict("runs.has_children", name=name, children=children)
            self._remove(path)

    def _remove(self, path: Path) -> None:
        """Takes a run's directory away. Raises: Conflict while a process works on it."""
        try:
            with FileLock(path / "run.lock", timeout=0):
                pass
        except Timeout:
            raise WrongState("runs.busy", name=path.name, state="running") from None
        except OSError:  # a lock that cannot be one is held by nobody
            pass
        gone = self.root / f".deleted-{path.name}"
        path.rename(gone)  # at once and whole; clearing up can take its time
        shutil.rmtree(gone, ignore_errors=True)

    def _directories(self) -> builtins.list[Path]:
        """Newest first."""
        try:
            with readable(self.root):
                return sorted((path for path in self.root.iterdir() if path.name[0] != "."), reverse=True)
        except (FileNotFoundError, BrokenFile):  # nothing has been trained here, or no run can be reached
            return []

    def _why(self, path: Path) -> AfinaError | None:
        found = self._known.look(path)
        return found if isinstance(found, AfinaError) else self._left_out.why(path.name)

    def require_free(self, *names: str) -> None:
        """Raises: AfinaError `runs.name` for a name that cannot be a run's, Conflict `runs.name_taken`."""
        taken = {run.name.casefold() for run in self}
        for name in names:
            if len(name) > 60 or not re.fullmatch(r"[\w][\w .+-]*", name) or name.casefold() in _RESERVED:
                raise AfinaError("runs.name", name=name)
            if name.casefold() in taken or (self.root / name).exists():
                raise Conflict("runs.name_taken", name=name)

    def _free_name(self, name: str, method: str) -> str:
        if name:
            self.require_free(name)
            return name
        taken = {run.name.casefold() for run in self}
        return next(free for n in range(1, 10**6) if (free := f"{method}-{n}") not in taken)
