"""Shows under which field of a new round's form a refusal stands.

Everything that was typed stays; the words stand there until the round is made. Does not depend on any service.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import gradio as gr

from common.errors import AfinaError

# Beside which field a refusal is told: what an error's key begins with, or the setting that it names.
_OF_KEY = {
    "round.name_taken": "name",
    "round.policies": "policies",
    "models.": "policies",
    "role.server_folder": "policies",
    "round.heldout": "numbers",
    "plan.too_short": "numbers",
    "plan.too_few": "prompts",
    "round.no_prompts": "prompts",
    "role.server_file": "prompts",
    "data.": "prompts",
    "label.not_messages": "prompts",
    "label.criteria": "more",
    "exchange.": "more",
}
_OF_SETTING = {"name": "name", "votes_wanted": "numbers", "n_train": "numbers", "n_heldout": "numbers"}
SHOW = """() => setTimeout(() => document.querySelector('.field-problem')?.scrollIntoView(
  {block: 'center', behavior: 'smooth'}), 150)"""


def field_of(error: AfinaError) -> str:
    """The field beside which an error is told: name, policies, prompts, numbers, more or rest."""
    if error.key.startswith("label."):
        setting = _OF_SETTING.get(str(error.params.get("name")))
        if setting:
            return setting
    found = next((field for start, field in _OF_KEY.items() if error.key.startswith(start)), None)
    return found or ("more" if error.key.startswith("label.") else "rest")


def shown(problems: Mapping[str, gr.HTML], field: str = "", words: str = "") -> dict[Any, Any]:
    """Updates of the words under each field: `words` under `field`, none under the others."""
    why = f'<div class="train-problem field-problem" role="alert">{escape(words)}</div>'
    return {
        under: gr.update(value=why, visible=True) if name == field else gr.update(value="", visible=False)
        for name, under in problems.items()
    }
