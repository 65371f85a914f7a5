"""Hyperparameter search: Optuna proposes settings, each trial is a run in the same queue, the best one is kept.

Sampled by TPE (Bergstra et al. 2011) from a seed. Knows the queue and a run's held-out loss, no trainer.
"""

from __future__ import annotations

import dataclasses
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from common import files
from common.errors import AfinaError
from tuning.config.training import SFTConfig
from tuning.data.examples import Loaded
from tuning.data.splits import divide
from tuning.runs.queue import Queue, follow
from tuning.runs.run_store import Run, RunStore

# setting -> how it is drawn: between two numbers by their logarithm, or one of several
SPACE: dict[str, tuple[float, float] | tuple[int, ...]] = {
    "learning_rate": (1e-4, 1e-2),
    "rank": (2, 4, 8, 16, 32, 64),
    "epochs": (1, 2, 4, 8),
    "batch_size": (4, 8, 16, 32),
}


@dataclass(frozen=True)
class Trial:
    name: str
    run_id: str
    settings: dict[str, float]
    loss: float | None  # lowest held-out loss; None: it came to no end
    state: str


@dataclass(frozen=True)
class Found:
    search_id: str
    trials: tuple[Trial, ...]
    best: Trial | None
    importance: dict[str, float]  # share of the loss's variance that a setting explains (fANOVA); {}: too few trials
    ended: bool = False  # False as long as it goes on, and for ever if its program ended before it


def search(
    queue: Queue,
    config: SFTConfig,
    data: Loaded,
    over: Sequence[str],
    n_trials: int,
    name: str = "search",
    *,
    keep_all: bool = False,
    search_id: str = "",
    seen: Callable[[Found], None] = lambda outcome: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Found:
    """Runs `n_trials` one after the other and waits for each; adapters of all but the best are removed at the end.

    What came of it is kept as `AFINA_HOME/searches/<search_id>.json`. Raises: AfinaError `search.over`,
    `search.none`, `search.no_heldout`, `config.range`; as `Queue.submit`.
    """
    import optuna

    check(config, data, over, n_trials)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=config.seed))
    search_id = search_id or secrets.token_hex(4)
    trials: list[Trial] = []
    _keep(queue.store, _found(search_id, trials, study))  # whoever looks finds it while its first trial waits
    for number in range(1, n_trials + 1):
        if should_stop():
            break
        proposal = study.ask()
        chosen: dict[str, Any] = {each: _draw(proposal, each) for each in over}
        own = dataclasses.replace(config, **chosen)
        run = queue.submit(
            "sft", own, data, _free(queue.store, f"{name}-{search_id[:3]}-{number}"), extra={"search": search_id}
        )
        follow(queue, run)
        trial = _trial(run, chosen)
        study.tell(proposal, trial.loss, state=None if trial.loss is not None else optuna.trial.TrialState.FAIL)
        trials.append(trial)
        so_far = _found(search_id, trials, study)
        _keep(queue.store, so_far)
        seen(so_far)
    outcome = dataclasses.replace(_found(search_id, trials, study), ended=True)
    if not keep_all and outcome.best:
        for trial in trials:
            if trial.run_id != outcome.best.run_id:
                shutil.rmtree(queue.store.get(trial.run_id).adapter_dir, ignore_errors=True)
    _keep(queue.store, outcome)
    return outcome


def check(config: SFTConfig, data: Loaded, over: Sequence[str], n_trials: int) -> None:
    """Raises: AfinaError `search.none`, `search.over`, `search.no_heldout`, `config.range`."""
    if not over:
        raise AfinaError("search.none", known=", ".join(SPACE))
    for each in over:
        if each not in SPACE:
            raise AfinaError("search.over", name=each, known=", ".join(SPACE))
    if not 1 <= n_trials <= 200:
        raise AfinaError("config.range", name="trials", value=n_trials, min=1, max=200)
    if not divide(data.rows, config.heldout_fraction)[1]:
        raise AfinaError("search.no_heldout", name=data.name)


def read(store: RunStore, search_id: str) -> dict[str, Any] | None:
    """What was found so far."""
    path = store.home / "searches" / f"{search_id}.json"
    return files.read_json(path) if path.is_file() else None


def all_searches(store: RunStore) -> list[str]:
    """Ids, the newest first."""
    folder = store.home / "searches"
    files_there = (path for path in folder.glob("*.json") if path.is_file()) if folder.is_dir() else ()
    found = sorted(files_there, key=lambda path: -path.stat().st_mtime)
    return [path.stem for path in found]


def _draw(trial: Any, name: str) -> float:
    space = SPACE[name]
    if name == "learning_rate":
        return float(trial.suggest_float(name, *space, log=True))
    return trial.suggest_categorical(name, space)


def _trial(run: Run, chosen: dict[str, float]) -> Trial:
    status = run.status()
    losses = [value for step, value in status.series.get("heldout_loss", []) if step > 0]
    done = status.state == "done" and losses
    return Trial(run.name, run.id, chosen, min(losses) if done else None, status.state)


def _found(search_id: str, trials: Sequence[Trial], study: Any) -> Found:
    ended = [trial for trial in trials if trial.loss is not None]
    best = min(ended, key=lambda trial: trial.loss or 0.0) if ended else None
    return Found(search_id, tuple(trials), best, _importance(study) if len(ended) >= 4 else {})


def _importance(study: Any) -> dict[str, float]:
    import optuna

    try:
        return {name: round(float(share), 4) for name, share in optuna.importance.get_param_importances(study).items()}
    except (RuntimeError, ValueError):  # all trials alike
        return {}


def _keep(store: RunStore, found: Found) -> None:
    folder = store.home / "searches"
    folder.mkdir(parents=True, exist_ok=True)
    files.write_json(folder / f"{found.search_id}.json", dataclasses.asdict(found))


def _free(store: RunStore, name: str) -> str:
    taken = {run.name for run in store}
    return name if name not in taken else f"{name}-{secrets.token_hex(2)}"
