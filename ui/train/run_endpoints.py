"""The Train tab's named endpoints, for `gradio_client` and scripts: one plain function each.

A caller without the teacher's token (`headers={"Authorization": "Bearer …"}`) can read and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from common.errors import NotFound
from tuning.config.training import SFTConfig
from ui.request import actor, language_of, shown
from ui.server.endpoint_values import typed

if TYPE_CHECKING:
    from tuning.runs.status import RunStatus
    from ui.train.train_handlers import Train


def add(train: Train) -> None:
    """Adds `/start_run`, `/run_status`, `/stop_run` and `/resume_run` to the Blocks it is called in."""
    services = train.services

    @shown
    @typed
    def start_run(
        source_model: str, train_dataset: str, name: str, settings: dict[str, Any], request: gr.Request
    ) -> str:
        """Queues a run on a shipped set, a file on the server or a Hub data set; gives its id.

        settings: any knobs, and `preset`; {} takes the defaults.
        """
        config = SFTConfig.from_settings({**settings, "source_model": source_model})
        return services.training.start(actor(services, request), config, train_dataset, name)

    @shown
    @typed
    def run_status(run_id: str, request: gr.Request) -> dict[str, Any]:
        """State, step, time left, metrics, curves and notes of a run by id or name; "" means the newest."""
        who = actor(services, request)
        name = run_id or train.newest(who)
        if not name:
            raise NotFound("runs.unknown", name=run_id)
        return status_json(services.training.status(who, name), language_of(request))

    @shown
    @typed
    def stop_run(run_id: str, request: gr.Request) -> str:
        """Asks a run to save its adapter and stop."""
        services.training.stop(actor(services, request), run_id)
        return run_id

    @shown
    @typed
    def resume_run(run_id: str, request: gr.Request) -> str:
        """Queues a stopped, interrupted or failed run again."""
        services.training.resume(actor(services, request), run_id)
        return run_id

    for endpoint in (start_run, run_status, stop_run, resume_run):
        gr.api(endpoint, api_name=endpoint.__name__, queue=False)


def status_json(status: RunStatus, language: str) -> dict[str, Any]:
    """A status as JSON, its notes and error in words."""
    plain = {name: value for name, value in vars(status).items() if name not in ("notes", "error")}
    notes = [{"key": note.key, "text": note.words(language)} for note in status.notes]
    error = {"key": status.error.key, "text": status.error.words(language)} if status.error else None
    return {**plain, "notes": notes, "error": error}
