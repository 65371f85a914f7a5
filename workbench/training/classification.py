"""Classification as people do it: look at labels, train several ways at once, compare, type a sentence.

Every call takes an `Actor`. Knows no page.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import AfinaError
from common.settings import Settings
from tuning.classification import compare, generative
from tuning.classification.compare import StrategyRow
from tuning.config.classification import ClassifyConfig
from tuning.data import labelled
from tuning.data.labelled import LabelledSet
from tuning.inference.reply_engine import ReplyEngine
from tuning.models import lazy_imports
from tuning.runs.queue import Queue
from tuning.runs.run_store import RunStore
from tuning.runs.status import RESUMABLE
from workbench.access import anybody, teacher
from workbench.rate_limits import require_length

if TYPE_CHECKING:
    from tuning.classification.predict import Classifier
    from workbench.access import Roles
    from workbench.actors import Actor

_KEPT = 2  # classifiers in memory


class Classifying:
    def __init__(
        self, settings: Settings, store: RunStore, queue: Queue, roles: Roles, engine: Callable[[], ReplyEngine]
    ) -> None:
        self._settings, self._store, self._queue, self._roles = settings, store, queue, roles
        self._engine = engine
        self._loaded: OrderedDict[str, Classifier] = OrderedDict()
        self._loading = threading.Lock()

    @teacher
    def load(self, source: str | Path, text: str = "", label: str = "", limit: int = 0) -> LabelledSet:
        """Labelled texts for the teacher. Raises: as `labels.load`."""
        self._roles.require_own_file(source)
        settings = self._settings
        return labelled.load(
            source, text=text, label=label, limit=limit, max_mb=settings.max_upload_mb, token=settings.hf_token
        )

    @teacher
    def columns(self, source: str | Path) -> tuple[str, ...]:
        """What there is to choose text and label from, of data that cannot be used as they are; () if unreadable."""
        self._roles.require_own_file(source)
        try:
            return labelled.columns_of(source, self._settings.max_upload_mb, self._settings.hf_token)
        except AfinaError:
            return ()

    @teacher
    def start(
        self,
        config: ClassifyConfig,
        data: LabelledSet,
        chosen: Sequence[str],
        name: str = "",
    ) -> str:
        """Queues one run for each chosen strategy and gives the group's id. Raises: as `strategies.submit`."""
        self._roles.require_no_folder(config.source_model)
        runs = compare.submit(self._queue, config, data, chosen, name)
        return str(runs[0].info.extra["group"])

    @teacher
    def stop(self, group: str) -> None:
        """Stops the group's run at work, which can be resumed, and takes out those that wait."""
        for line in compare.lines(self._store, group):
            if line.state in ("queued", "starting", "running"):
                self._queue.stop(line.run_id)

    @teacher
    def resume(self, group: str) -> None:
        """Queues the group's runs again that did not come to their end."""
        for line in compare.lines(self._store, group):
            if line.state in RESUMABLE:
                self._queue.resume(line.run_id)

    @anybody
    def groups(self) -> dict[str, str]:
        return compare.groups(self._store)

    @anybody
    def lines(self, group: str) -> list[StrategyRow]:
        """The runs of a group with what is known of each."""
        return compare.lines(self._store, group)

    @teacher
    def measure_written(self, group: str) -> None:
        """Lets the group's writing run answer its held-out texts, if that was not done. Raises: as `measure`."""
        for line in compare.lines(self._store, group):
            if line.strategy == "generate" and line.report is None and line.state == "done":
                generative.measure(self._store.get(line.run_id), self._engine())

    @anybody
    def probabilities(self, actor: Actor, run_id: str, text: str) -> dict[str, dict[str, float]]:
        """{"untrained", "tuned"}: class -> probability.

        Raises: NotAllowed `role.chat`; TooMany as `Limits`; AfinaError `chat.long`, as `Classifier`.
        """
        require_length(text)
        self._roles.spend(actor, 0)
        with self._roles.writing(actor, 1):
            model = self._classifier(run_id)
            return {
                "untrained": model.probabilities([text], trained=False)[0],
                "tuned": model.probabilities([text])[0],
            }

    def _classifier(self, run_id: str) -> Classifier:
        run = self._store.get(run_id)
        if run.info.method != "classify":
            raise AfinaError("classify.other_method", name=run.name, method=run.info.method)
        key = f"{run.id} {run.status().step}"
        with self._loading:
            if key not in self._loaded:
                lazy_imports.transformers()
                from tuning.classification.predict import Classifier

                self._loaded[key] = Classifier(run.id, self._settings.home)
                while len(self._loaded) > _KEPT:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(key)
            return self._loaded[key]

    def sets(self) -> list[str]:
        """Shipped sets with labels."""
        return labelled.shipped_sets()

    @anybody
    def chosen_run(self, actor: Actor, group: str) -> str | None:
        """The best classifier of a group that can be asked."""
        ready = [line for line in self.lines(actor, group) if line.report and line.strategy != "generate"]
        return max(ready, key=lambda line: (line.report or {})["accuracy"]).run_id if ready else None

    @anybody
    def report(self, run_id: str) -> dict[str, Any]:
        """A run's figures. Raises: AfinaError `classify.no_report` before there are any."""
        from tuning.classification import metrics

        run = self._store.get(run_id)
        found = metrics.read(run.path)
        if found is None:
            raise AfinaError("classify.no_report", name=run.name, state=run.state)
        return found
