"""Whether a name means a reward that a policy gradient can follow."""

from __future__ import annotations

from common.errors import AfinaError, NotFound
from tuning.config.training import PROGRAMMED
from tuning.config.training_methods import REWARD_MODELS
from tuning.runs.run_store import RunStore


def check(name: str, store: RunStore) -> None:
    """Raises: AfinaError `rloo.reward` unless `name` is a programmed reward or a finished reward model's run."""
    if name in PROGRAMMED:
        return
    try:
        run = store.get(name)
    except NotFound:
        run = None
    if run is None or run.info.method not in REWARD_MODELS or not run.has_adapter:
        raise AfinaError("rloo.reward", value=name, known=", ".join(PROGRAMMED))
