"""The words of replies, coloured by what a reward model gives each of them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuning.rewards.reward_model import Word


def heat(replies: Sequence[Sequence[Word]]) -> list[str]:
    """HTML of each reply, its words on blue where they lift its reward above the replies' mean, else on orange.

    The two colours that most people can tell apart. Empty where the model does not say what it reads.
    """
    every = [each for reply in replies for each in reply]
    if not every:
        return [""] * len(replies)
    mean = sum(each.score * each.tokens for each in every) / sum(each.tokens for each in every)
    most = max(abs(each.score - mean) for each in every) or 1.0

    def shown(word: Word) -> str:
        share = (word.score - mean) / most
        kind, strength = "lifts" if share > 0 else "lowers", round(60 * abs(share))
        bare = word.text.lstrip()
        before = escape(word.text[: len(word.text) - len(bare)])
        about = f'class="{kind}" style="--strength:{strength}%" title="{word.score:+.2f}"'
        return f"{before}<span {about}>{escape(bare)}</span>"

    return [f'<p class="heat">{"".join(map(shown, reply)).lstrip()}</p>' for reply in replies]
