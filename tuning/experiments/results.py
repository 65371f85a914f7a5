"""What came of a course's recipes: the runs of one, side by side. Knows the runs' events, no queue and no page."""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import AfinaError
from tuning.classification import metrics
from tuning.runs.run_store import Run, RunStore
from tuning.runs.status import RunStatus
from tuning.runs.summary import shown_base


@dataclass(frozen=True)
class Part:
    """One run of a recipe. `part`: what sets it apart; figures are None, texts empty, where there are none yet."""

    run_id: str
    name: str
    recipe: str
    part: str
    state: str
    share: float  # of its steps, 0 to 1
    model: str
    data: str
    classifies: bool
    n_train: int
    seconds: float
    heldout_before: float | None
    heldout_after: float | None
    accuracy: float | None  # of a classifier, 0 to 1
    macro_f1: float | None
    prompt: str  # that was watched
    reply_before: str
    reply_after: str


def groups(store: RunStore) -> dict[str, str]:
    """group -> recipe, the newest first."""
    recipes: dict[str, str] = {}
    for group, recipe in store.gather(lambda run: (_group(run), str(run.info.extra.get("experiment")))):
        if group:
            recipes.setdefault(group, recipe)
    return recipes


def parts(store: RunStore, group: str) -> list[Part]:
    """The runs of `group`, in the order in which they were queued. Raises: AfinaError `compare.unknown`."""
    found = store.gather(lambda run: _part(run) if _group(run) == group else None)
    if not found:
        raise AfinaError("compare.unknown", name=group)
    return found[::-1]


def _group(run: Run) -> str | None:
    """The demonstration that the run belongs to."""
    return str(run.info.extra["group"]) if run.info.extra.get("experiment") else None


def series(store: RunStore, group: str) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """part -> metric -> points, of the runs of `group`."""
    names = {part.run_id: part.part for part in parts(store, group)}
    return {name: store.get(run_id).status().series for run_id, name in names.items()}


def _part(run: Run) -> Part:
    status, info = run.status(), run.info
    report = metrics.read(run.path) or {}
    prompt, before, after = _replies(status)
    return Part(
        run_id=run.id,
        name=run.name,
        recipe=str(info.extra["experiment"]),
        part=str(info.extra.get("part") or info.config.get("strategy") or run.name),
        state=status.state,
        share=status.step / status.total_steps if status.total_steps else 0.0,
        model=shown_base(info.base),
        data=str(info.data["name"]),
        classifies=info.method == "classify",
        n_train=int(info.data.get("n_train", 0)),
        seconds=status.elapsed_seconds,
        heldout_before=status.first.get("heldout_loss"),
        heldout_after=status.metrics.get("heldout_loss") if status.ended else None,
        accuracy=report.get("accuracy"),
        macro_f1=report.get("macro_f1"),
        prompt=prompt,
        reply_before=before,
        reply_after=after,
    )


def _replies(status: RunStatus) -> tuple[str, str, str]:
    if not status.samples:
        return "", "", ""
    (_, prompt, before), (_, _, after) = status.samples[0], status.samples[-1]
    return prompt, before, after if len(status.samples) > 1 else ""
