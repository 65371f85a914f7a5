"""Under a run that has forgotten what its base knew: the remedies, each one click that trains it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from tuning.runs.retrain import REMEDIES
from ui.request import QUIET, actor, language_of, shown
from ui.translations import t

if TYPE_CHECKING:
    from tuning.runs.status import RunStatus
    from ui.train.train_handlers import Train


@dataclass(frozen=True)
class Mend:
    box: gr.Row
    buttons: dict[str, gr.Button]


def lay_out() -> Mend:
    with gr.Row(visible=False) as box:
        buttons = {
            name: gr.Button(t(f"mend.{name}"), size="sm", min_width=140, elem_id=f"mend-{name}") for name in REMEDIES
        }
    return Mend(box, buttons)


def offered(status: RunStatus | None, is_teacher: bool) -> bool:
    """Whether the run has come to an end and was found to forget."""
    return bool(is_teacher and status and status.ended and any(n.key == "note.forgetting" for n in status.notes))


def wire(train: Train, mend: Mend, choice: gr.Dropdown) -> None:
    for name, button in mend.buttons.items():
        button.click(_again(train, name), choice, choice, **QUIET)


def _again(train: Train, remedy: str) -> Any:
    @shown
    def again(chosen: str, request: gr.Request) -> Any:
        run_id = train.mend(actor(train.services, request), chosen, remedy)
        return gr.update(choices=train.run_choices(language_of(request)), value=run_id)

    return again
