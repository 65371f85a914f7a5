"""The training loss against the held-out loss at a run's end, in words. Knows curves, no model.

Overfitting, and a loss that went nowhere, are told by notes while the run goes on; this tells the other two ends. A
loss on seen rows that is no lower than on unseen ones: nothing is learned by heart, there is room (underfitting). A
lower one, while the held-out loss stays down: it fits.
"""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from common.errors import AfinaError

if TYPE_CHECKING:
    from tuning.runs.status import RunStatus

_CLOSE = 0.1  # gap between the two, as a share of the held-out loss, below which nothing is learned by heart
_FEEDBACK = {"margin", "reward"}  # measured where the loss compares replies and is no likelihood
_TOLD = {"note.overfitting", "note.nothing_learned"}


def verdict(status: RunStatus) -> AfinaError | None:
    """`verdict.underfitting` or `verdict.fits` with `train`, `heldout` (nats per token) and `gap` (their difference).

    The training loss is the mean over the last epoch: single steps jump. Of one epoch or less it is a loss on rows
    never seen before, so nothing can have been learned by heart. None before the end, where a note says it already,
    where fewer than three held-out losses were measured, and of what learned from preferences or rewards.
    """
    heldout, train = status.series.get("heldout_loss", []), status.series.get("loss", [])
    if status.state not in ("done", "stopped") or len(heldout) < 3 or not train:
        return None
    if any(note.key in _TOLD for note in status.notes) or any(status.series.get(name) for name in _FEEDBACK):
        return None
    epochs = max(1.0, status.metrics.get("epoch", 4.0))
    unseen = heldout[-1][1]
    seen = fmean(value for _, value in train[-max(1, round(len(train) / epochs)) :])
    gap = unseen - seen
    kind = "underfitting" if epochs == 1 or gap < _CLOSE * unseen else "fits"
    return AfinaError(f"verdict.{kind}", train=f"{seen:.3f}", heldout=f"{unseen:.3f}", gap=f"{gap:.3f}")
