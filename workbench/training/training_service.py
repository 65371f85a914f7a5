"""Training, as people do it: look at data, estimate, start, watch, stop, resume, delete, download.

Every call takes an `Actor`; what changes something needs the teacher. Knows no page and no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import AfinaError
from common.settings import Settings
from tuning.api.job import READERS
from tuning.config.training import SFTConfig
from tuning.config.training_methods import METHODS, from_votes
from tuning.data import loading
from tuning.data.examples import ExampleSet, Loaded
from tuning.data.report import DataReport, inspect
from tuning.executors import gpu_leases
from tuning.executors.gpu_leases import Quote
from tuning.experiments import method_comparison
from tuning.experiments.method_comparison import Compared
from tuning.runs import retrain
from tuning.runs.estimate import Estimate, estimate
from tuning.runs.queue import Queue
from tuning.runs.run_store import RunStore
from tuning.runs.status import RunStatus
from tuning.runs.summary import RunSummary, summarise
from workbench.access import anybody, teacher

if TYPE_CHECKING:
    from tuning.inference.latency import Latency
    from workbench.access import Roles
    from workbench.actors import Actor


class Training:
    def __init__(self, settings: Settings, store: RunStore, queue: Queue, roles: Roles) -> None:
        self.settings = settings
        self.store = store
        self._queue = queue
        self._roles = roles

    # Before a run

    @teacher
    def load(self, source: str | Path, mapping: Mapping[str, str] | None = None) -> Loaded:
        """Reads data for the teacher: a file, a shipped set, a data set of the Hub."""
        self._roles.require_own_file(source)
        settings = self.settings
        return loading.load(source, mapping=mapping, max_mb=settings.max_upload_mb, token=settings.hf_token)

    @teacher
    def check_data(
        self,
        actor: Actor,
        source: str | Path,
        mapping: Mapping[str, str] | None = None,
        config: SFTConfig | None = None,
    ) -> tuple[Loaded, DataReport | None]:
        """The data and its report under the base model's tokenizer (None while a mapping is needed)."""
        from tuning.models import loader
        from tuning.runs import resolver
        from tuning.runs.estimate import context_of

        loaded = self.load(actor, source, mapping)
        if loaded.needs_mapping:
            return loaded, None
        config = config or SFTConfig(source_model=self.settings.base_model)
        self._roles.require_no_folder(config.source_model)
        base = resolver.resolve(config.source_model, self.settings.home).base
        tokenizer = loader.load_tokenizer(base)
        limit = config.max_length or context_of(base)
        return loaded, inspect(loaded, tokenizer, limit, config.heldout_fraction, config.reply_only)

    @anybody
    def estimate(self, config: SFTConfig, loaded: Loaded) -> Estimate:
        """What a run would take on this device; loads no model."""
        return estimate(config, loaded, self.store)

    @anybody
    def quote(self, cost: Estimate) -> Quote | None:
        """The GPU time that a run of this cost asks of the visitor's quota; None where no GPU is lent."""
        return gpu_leases.quote(cost.seconds, self.settings.gpu_slice) if self.settings.zero_gpu else None

    # A run

    @teacher
    def start(
        self,
        actor: Actor,
        config: SFTConfig,
        source: str | Path | Loaded,
        name: str = "",
        mapping: Mapping[str, str] | None = None,
    ) -> str:
        """Queues a run and gives its id."""
        self._roles.require_no_folder(config.source_model)
        data = source if isinstance(source, Loaded) else self.load(actor, source, mapping)
        return self._queue.submit("sft", config, data, name).id

    @teacher
    def start_from_file(
        self, method: str, source: str, source_model: str, name: str = "", **settings: Any
    ) -> tuple[str, ExampleSet]:
        """Queues a run of a method that learns from feedback; gives its id, and the data as read.

        Raises: NotAllowed; AfinaError `config.choice` for another method; as its reader and `Queue.submit`.
        """
        self._roles.require_own_file(source)
        self._roles.require_no_folder(source_model)
        if method not in from_votes():
            raise AfinaError("config.choice", name="method", value=method, choices=", ".join(from_votes()))
        config = METHODS[method].config.from_settings({"source_model": source_model, **settings})
        data: ExampleSet = READERS[METHODS[method].learns_from](source)
        return self._queue.submit(method, config, data, name).id, data

    @teacher
    def compare(
        self,
        actor: Actor,
        config: SFTConfig,
        source: str | Path | Loaded,
        methods: Sequence[str],
        name: str = "",
        mapping: Mapping[str, str] | None = None,
    ) -> str:
        """Queues a run of each method on the same data and gives the comparison's name."""
        self._roles.require_no_folder(config.source_model)
        data = source if isinstance(source, Loaded) else self.load(actor, source, mapping)
        runs = method_comparison.submit(self._queue, config, data, methods, name)
        return str(runs[0].info.extra["group"])

    @teacher
    def mend(self, run_id: str, remedy: str) -> str:
        """Queues a run again with a remedy against forgetting; gives the new run's id. Raises: as `mending.again`."""
        return retrain.again(self._queue, self.store.get(run_id), remedy).id

    @teacher
    def stop(self, run_id: str) -> None:
        self._queue.stop(run_id)

    @teacher
    def resume(self, run_id: str) -> None:
        self._queue.resume(run_id)

    @teacher
    def cancel(self, run_id: str) -> None:
        self._queue.cancel(run_id)

    @teacher
    def delete(self, run_id: str) -> None:
        self.store.delete(run_id)

    @teacher
    def download(self, run_id: str) -> Path:
        return self.store.get(run_id).download()

    @teacher
    def download_merged(self, run_id: str) -> Path:
        """A zip of the run as a full model. Raises: NotAllowed; AfinaError as `tuning.runs.merge`."""
        from tuning.runs.merge import archive

        run = self.store.get(run_id)
        return archive(run.id, self.store.home, run.path)

    @teacher
    def latency(self, model: str) -> Latency:
        """Times a run's model bare, with its adapter, and with the adapter merged; takes a while."""
        from tuning.inference.latency import measure

        self._roles.require_no_folder(model)
        return measure(model, self.settings.home)

    # Looking: everybody may

    @anybody
    def comparisons(self) -> list[str]:
        """Names of the comparisons of methods, the newest first."""
        return method_comparison.groups(self.store)

    @anybody
    def compared(self, group: str) -> list[Compared]:
        """One line for each method of a comparison. Raises: AfinaError `compare.unknown`."""
        return method_comparison.compared(self.store, group)

    @anybody
    def status(self, run_id: str) -> RunStatus:
        return self.store.get(run_id).status()

    @anybody
    def runs(self) -> list[RunSummary]:
        """All runs, newest first."""
        return self.store.gather(lambda run: summarise(run, self.store))

    @anybody
    def broken(self) -> list[AfinaError]:
        """What is wrong with each run that `runs` leaves out, newest first."""
        return list(self.store.broken.values())

    @anybody
    def summary(self, run_id: str) -> RunSummary:
        return summarise(self.store.get(run_id), self.store)

    @anybody
    def card(self, run_id: str) -> str:
        """The run's model card (Markdown), empty before its adapter is saved."""
        path = self.store.get(run_id).card
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    @anybody
    def queue(self, actor: Actor) -> list[RunSummary]:
        """The run at work, then those that wait, in their order."""
        summaries = {each.run_id: each for each in self.runs(actor)}
        return [summaries[run.id] for run in (*self._queue.active(), *self._queue.waiting()) if run.id in summaries]

    @anybody
    def current(self, actor: Actor) -> str | None:
        """The run to show to somebody who just came: at work, else next in turn, else None."""
        queue = self.queue(actor)
        return queue[0].run_id if queue else None
