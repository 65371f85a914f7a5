"""Which executor an installation's settings ask for."""

from __future__ import annotations

from pathlib import Path

from common.settings import Settings
from tuning.executors.local import LocalExecutor
from tuning.runs.queue import Executor


def executor_of(settings: Settings, base_model: str = "") -> Executor:
    """The executor of this installation, with `base_model` (the settings' own if empty) in waiting workers.

    Raises: AfinaError `engine.no_launch_config`.
    """
    base = base_model or settings.base_model
    if settings.accelerate_config:
        from tuning.executors.accelerate import LaunchedExecutor

        return LaunchedExecutor(settings.home, Path(settings.accelerate_config), base)
    if settings.job_flavor:
        from tuning.executors.hub_job import HubJobExecutor

        return HubJobExecutor(settings.home, settings.job_flavor, settings.job_repo, settings.hf_token)
    return LocalExecutor(settings.home, base)
