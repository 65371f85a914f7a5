"""What happens when somebody uses the Train tab: parse, call the service, give values to show.

Holds services and short-lived caches, no components: `ui/train/train_tab.py` maps what these functions return.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import AfinaError
from common.number_format import compact
from tuning.config.training import PRESETS, SFTConfig
from tuning.data import uploads
from tuning.data.loading import shipped
from tuning.pocket.world.shipped import shipped_language
from tuning.runs.estimate import matrices
from ui import forms
from ui.components import data_view, run_view, shipped_data
from ui.laboratory import numbers_view
from ui.translations import texts, word

if TYPE_CHECKING:
    from tuning.data.examples import Loaded
    from tuning.data.report import DataReport
    from tuning.runs.status import RunStatus
    from workbench.actors import Actor
    from workbench.services import Services

KNOBS = [knob for knob in forms.fields_of(SFTConfig) if knob.name != "source_model"]
BASIC = [knob for knob in KNOBS if knob.group == "basic"]
METHOD = [knob for knob in KNOBS if knob.group == "method"]
ADVANCED = [knob for knob in KNOBS if knob.group not in ("basic", "method")]
_KEPT_CHECKS = 4
_LESSONS = ("mixed", "plain", "without_poems", "poisoned", "sentiment", "clinic", "safety", "reading")


@dataclass
class Recent:
    """What was computed in the last half second, for everybody who asks: many pages poll the same runs."""

    seconds: float = 0.5
    _kept: dict[Hashable, tuple[float, Any]] = field(default_factory=dict)

    def get(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        now = time.monotonic()
        kept = self._kept.get(key)
        if kept and now - kept[0] < self.seconds:
            return kept[1]
        value = compute()
        if len(self._kept) > 200:
            self._kept.clear()
        self._kept[key] = (now, value)
        return value

    def forget(self) -> None:
        self._kept.clear()


@dataclass(frozen=True)
class Form:
    """The setup form as it stands."""

    source_model: str
    source: str
    name: str
    mapping: Mapping[str, str]
    knobs: Mapping[str, Any]

    def config(self) -> SFTConfig:
        chosen = forms.settings(KNOBS, self.knobs)
        return SFTConfig.from_settings({**chosen, "source_model": self.source_model or "pocket"})


class Train:
    """The tab's actions for one installation."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._training = services.training
        self._recent = Recent()
        self._checked: OrderedDict[str, tuple[Loaded, DataReport | None]] = OrderedDict()

    # What can be chosen

    def models(self, language: str) -> list[tuple[str, str]]:
        """(label, name): base models with size, licence and memory, then the runs to go on from."""
        from tuning.models.model_info import RECOMMENDED

        labels = {name: name for name in (self.services.settings.base_model, "pocket")}
        for model in RECOMMENDED:
            size = compact(model.parameters, language)
            labels[model.id] = f"{model.id} · {size} · {model.license} · {model.memory_gb} GB"
        labels |= {run.name: f"{run.name} ← {run.base}" for run in self._runs() if run.downloadable}
        return [(label, name) for name, label in labels.items()]

    def _may_describe(self, who: Actor, name: str) -> None:
        """A model that may be looked up: for a visitor one that the page offers them, at no more than their pace.

        Raises: NotAllowed `role.policy`, `role.server_folder`; TooMany.
        """
        self.services.roles.require_no_folder(name)
        if not who.is_teacher:
            self.services.roles.limits.request(f"page {who.person}")
            self.services.comparing.require_offered(who, [name])

    def about_model(self, who: Actor, name: str, language: str) -> str:
        """One line on a base model or a run's base; empty where its files cannot be read (the data say why)."""
        from tuning.models import model_info
        from tuning.runs import resolver

        try:
            self._may_describe(who, name)
            facts = model_info.describe(resolver.resolve(name, self.services.settings.home).base)
        except AfinaError:
            return ""
        unknown = word("train.model.unlicensed", language)
        return word(
            "train.model.facts",
            language,
            parameters=compact(facts.parameters, language),
            layers=facts.layers,
            context=facts.context,
            license=facts.license or unknown,
        )

    def datasets(self, language: str) -> list[tuple[str, str]]:
        """The shipped sets, those in the reader's language first, in the order of the lessons."""

        def place(name: str) -> tuple[bool, int, str]:
            kind = name.split(".")[0]
            lesson = _LESSONS.index(kind) if kind in _LESSONS else len(_LESSONS)
            return (not name.endswith(f".{shipped_language(language)}"), lesson, name)

        return [(name, name) for name in sorted(shipped(), key=place)]

    def about(self, source: str, language: str) -> str:
        """One line on a shipped set; empty for other data."""
        if source not in shipped():
            return ""
        key = f"train.set.{source.split('.')[0]}"
        text = word(key if key in texts(language) else "train.set.other", language)
        return f"{text} {shipped_data.remark(language)}".strip()

    def preset(self, name: str) -> dict[str, Any]:
        """knob -> value of a preset, for every knob that any preset touches."""
        touched = {knob for settings in PRESETS.values() for knob in settings}
        config = SFTConfig.from_settings({"preset": name})
        return {knob: getattr(config, knob) for knob in touched}

    # Data

    def keep_upload(self, who: Actor, file: str) -> str:
        """The uploaded file's lasting place."""
        self.services.roles.require_teacher(who)
        return str(uploads.keep(Path(file), self.services.settings.home))

    def check(self, who: Actor, form: Form) -> tuple[Loaded, DataReport | None]:
        """The data as these settings see it; the last few answers are kept."""
        self.services.roles.require_teacher(who)
        config = form.config()
        shape = (config.max_length, config.heldout_fraction, config.reply_only)
        stamp = (form.source, _changed_at(form.source), form.source_model, dict(form.mapping), *shape)
        key = json.dumps(stamp)
        if key not in self._checked:
            checked = self._training.check_data(who, form.source, form.mapping or None, config)
            self._checked[key] = checked
            while len(self._checked) > _KEPT_CHECKS:
                self._checked.popitem(last=False)
        return self._checked[key]

    def estimate(self, who: Actor, form: Form, language: str) -> str:
        """HTML: what the run would take; empty while there is nothing to estimate."""
        if not form.source:
            return ""
        try:
            loaded, report = self.check(who, form)
            if report is None:
                return ""
            cost = self._training.estimate(who, form.config(), loaded)
            return data_view.estimate(cost, language, self._training.quote(who, cost))
        except AfinaError as error:
            return data_view.problem(error, language)

    def formula(self, who: Actor, form: Form, language: str) -> str:
        """HTML: LoRA's formula with the numbers of the chosen model; empty for a model that is none, or not offered."""
        from tuning.runs import resolver

        try:
            self._may_describe(who, form.source_model)
            base = resolver.resolve(form.source_model, self.services.settings.home).base
        except AfinaError:
            return ""
        rank, alpha = (int(form.knobs.get(name) or 0) for name in ("rank", "alpha"))
        return numbers_view.formula(matrices(base), max(1, rank), alpha, str(form.knobs.get("peft")), language)

    # Runs

    def start(self, who: Actor, form: Form) -> str:
        """Queues a run and gives its id; data that were just checked are not read again."""
        loaded = self._chosen(who, form)
        run_id = self._training.start(who, form.config(), loaded, form.name)
        self._recent.forget()
        return run_id

    def compare(self, who: Actor, form: Form, methods: list[str]) -> str:
        """Queues a run of each method and gives the comparison's name."""
        loaded = self._chosen(who, form)
        group = self._training.compare(who, form.config(), loaded, methods, form.name)
        self._recent.forget()
        return group

    def search(self, who: Actor, form: Form, over: list[str], trials: int) -> str:
        """Starts a search on the chosen data and gives its name."""
        loaded = self._chosen(who, form)
        name = self.services.course.search(who, form.config(), loaded, over, trials)
        self._recent.forget()
        return name

    def _chosen(self, who: Actor, form: Form) -> Loaded:
        """The form's data, whole. Raises: AfinaError `data.none_chosen`, `data.mapping_incomplete`."""
        self.services.roles.require_teacher(who)
        if not form.source:
            raise AfinaError("data.none_chosen")
        loaded, report = self.check(who, form)
        if report is None:
            raise AfinaError("data.mapping_incomplete", given=", ".join(form.mapping) or "-")
        return loaded

    def mend(self, who: Actor, run_id: str, remedy: str) -> str:
        """Trains the shown run again with what helps against forgetting; gives the new run's id."""
        run = self._training.mend(who, run_id or self.newest(who) or "", remedy)
        self._recent.forget()
        return run

    def act(self, who: Actor, action: str, run_id: str) -> None:
        """`stop`, `resume` or `cancel` a run."""
        run_id = run_id or self.newest(who) or ""
        if run_id:
            getattr(self._training, action)(who, run_id)
            self._recent.forget()

    def newest(self, who: Actor) -> str | None:
        """The run to show to somebody who chose none: at work or next in turn, else the newest."""
        current = self._recent.get("current", lambda: self._training.current(who))
        if current:
            return current
        runs = self._runs()
        return runs[0].run_id if runs else None

    def is_busy(self, who: Actor) -> bool:
        return self._recent.get("current", lambda: self._training.current(who)) is not None

    def watch(self, who: Actor, chosen: str) -> RunStatus | None:
        """The status of the chosen run, or of the newest; None where there is none (any more)."""
        run_id = chosen or self.newest(who)
        if not run_id:
            return None
        try:
            return self._recent.get(("status", run_id), lambda: self._training.status(who, run_id))
        except AfinaError:
            return None

    def waiting(self, who: Actor) -> list[str]:
        """Names of the runs in the queue, in their order."""
        queued = self._recent.get("queue", lambda: self._training.queue(who))
        return [run.name for run in queued if run.state == "queued"]

    def run_choices(self, language: str) -> list[tuple[str, str]]:
        newest = (word("train.run.newest", language), "")
        return [
            newest,
            *((f"{run.name} · {run_view.state(run.state, language)}", run.run_id) for run in self._runs()),
        ]

    def _runs(self) -> list[Any]:
        from workbench.actors import Actor

        return self._recent.get("runs", lambda: self._training.runs(Actor("visitor")))


def _changed_at(source: str) -> float:
    path = Path(source)
    return path.stat().st_mtime if path.is_absolute() and path.exists() else 0.0
