"""A run trained again with what helps against forgetting: rehearsal, a lower rate, fewer steps.

The same rows, the same base, the same seed: nothing but the remedy differs. Knows runs and the queue, no page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from common import hashing
from common.errors import AfinaError
from tuning.config.training import SFTConfig
from tuning.data.examples import Loaded, Row
from tuning.runs.queue import Queue
from tuning.runs.run_store import Run
from tuning.runs.status import RunStatus

_SHARE = 0.3  # of general text among the training rows


def _rehearsal(config: Mapping[str, Any], status: RunStatus) -> dict[str, Any]:
    return {"rehearsal": max(_SHARE, float(config["rehearsal"]))}


def _rate(config: Mapping[str, Any], status: RunStatus) -> dict[str, Any]:
    return {"learning_rate": float(status.plan["learning_rate"]) / 4}


def _steps(config: Mapping[str, Any], status: RunStatus) -> dict[str, Any]:
    if config["epochs"]:
        return {"epochs": float(config["epochs"]) / 3}
    return {"target_steps": max(1, int(config["target_steps"]) // 3)}


REMEDIES: dict[str, Callable[[Mapping[str, Any], RunStatus], dict[str, Any]]] = {
    "rehearsal": _rehearsal,
    "lower_rate": _rate,
    "fewer_epochs": _steps,
}


def again(queue: Queue, run: Run, remedy: str) -> Run:
    """Queues `run` once more with `remedy`, a third of the epochs or a quarter of the rate, or 30 % general text.

    Raises: AfinaError `config.choice` for an unknown remedy, `mending.not_sft` for a run of another method.
    """
    if remedy not in REMEDIES:
        raise AfinaError("config.choice", name="remedy", value=remedy, choices=", ".join(REMEDIES))
    status = run.status()
    if run.info.method != "sft" or "learning_rate" not in status.plan:
        raise AfinaError("mending.not_sft", name=run.name)
    config = {**run.info.config, "probe": True}
    sides = [_loaded(run, run.examples(side, Row)) for side in ("train", "heldout")]
    [(knob, value)] = REMEDIES[remedy](config, status).items()
    changed = SFTConfig.from_settings({**config, knob: value})
    again = queue.submit(
        "sft",
        changed,
        sides[0],
        _free(queue, f"{run.name} {remedy.replace('_', ' ')}"),
        validation=sides[1],
        extra={"mends": run.id, "remedy": remedy},
    )
    before = status.plan["learning_rate"] if knob == "learning_rate" else config[knob]
    again.note(f"note.again.{knob}", 0, of=run.name, before=f"{before:.3g}", after=f"{value:.3g}")
    return again


def _loaded(run: Run, rows: list[Row]) -> Loaded:
    info = run.info.data
    return Loaded(
        tuple(rows),
        str(info["name"]),
        str(info.get("format", "")),
        fingerprint=hashing.of_json([row.content for row in rows]),
    )


def _free(queue: Queue, name: str) -> str:
    taken = {run.name.casefold() for run in queue.store}
    tries = (name if n == 1 else f"{name} {n}" for n in range(1, 10**6))
    return next(each for each in tries if each.casefold() not in taken)
