"""What the Chat tab says: names of policies, facts below a column, example prompts. No components."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from common.number_format import number
from common.wording import placeless
from tuning.evaluation.alternatives import parted
from tuning.inference.reply_engine import Partial
from tuning.pocket.world.shipped import EXAMPLES
from ui.translations import word

if TYPE_CHECKING:
    from tuning.evaluation.retrieval import Passage
    from workbench.chat.chat_service import PolicyChoice


def labels(choices: Sequence[PolicyChoice], language: str) -> list[tuple[str, str]]:
    """(label, name) for a dropdown."""
    base = word("chat.base", language)
    options = []
    for choice in choices:
        policy, way = parted(choice.name)
        if way != "plain":
            label = f"{placeless(policy)} + {word(f'alternatives.way.{way}', language)}"
        else:
            label = f"{placeless(policy)} · {base}" if choice.is_base else f"{policy} ← {placeless(choice.base)}"
        options.append((label, choice.name))
    return options


def first_columns(choices: Sequence[PolicyChoice], n: int) -> list[str]:
    """What `n` columns show at first: the newest run's base, then the runs, the newest first."""
    tuned = [choice for choice in choices if not choice.is_base]
    base = next((each.name for each in choices if each.is_base and each.name == tuned[0].base), "") if tuned else ""
    base = base or choices[0].name
    names = [base, *(choice.name for choice in tuned)][:n]
    return names + [base] * (n - len(names))


def passages(retrieved: Sequence[Passage], language: str) -> str:
    """HTML: what was retrieved for the last question, with its scores."""
    if not retrieved:
        return f'<p class="passages">{word("alternatives.nothing_found", language)}</p>'
    rows = "".join(
        f"<li><b>{number(passage.score, language, '.2f')}</b> {escape(passage.text)} "
        f"<small>({escape(passage.source)})</small></li>"
        for passage in retrieved
    )
    title = word("alternatives.passages", language)
    return f'<details open class="passages"><summary>{title}</summary><ul>{rows}</ul></details>'


def about(partial: Partial, language: str) -> str:
    """The line below a column: tokens, speed, length, and why it ended."""
    if not partial.n_tokens and not partial.done:
        return word("chat.waiting", language)
    if partial.done and not partial.text:
        return word("chat.nothing", language, why=word(f"chat.finish.{partial.finish_reason}", language))
    speed = partial.n_tokens / partial.seconds if partial.seconds else 0
    why = word(f"chat.finish.{partial.finish_reason}", language) if partial.done else "…"
    return word(
        "chat.facts",
        language,
        tokens=partial.n_tokens,
        speed=number(speed, language, ".0f"),
        words=len(partial.text.split()),
        why=why,
    )


@cache
def examples(language: str) -> list[str]:
    """Prompts worth trying on a tuned `pocket`."""
    if not EXAMPLES.is_file():
        return []
    return json.loads(EXAMPLES.read_text(encoding="utf-8")).get(language, [])
