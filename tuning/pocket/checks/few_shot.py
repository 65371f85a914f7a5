"""Few-shot tasks: a bare input, its output, and three examples of the same task before it.

The examples stand as turns of a talk, as the page shows them. An untuned base runs on, so only the first line of its
reply counts, and only up to its first words: an answer that comes later does not.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from tuning.data.tokenize import Message
from tuning.pocket.checks.patterns import fold, matches
from tuning.pocket.checks.questions import read
from tuning.pocket.world.facts import Language

N_EXAMPLES = 3
TOKENS = 24
_FIRST_WORDS = 6


@dataclass(frozen=True)
class Shown:
    """One input with its accepted outputs, and the examples that stand before it."""

    task: str
    prompt: str
    accept: tuple[str, ...]
    reject: tuple[str, ...]
    examples: tuple[tuple[str, str], ...]

    def talk(self, n_examples: int = N_EXAMPLES) -> list[Message]:
        """The conversation with `n_examples` of the examples (0: the bare input)."""
        turns = [text for example in self.examples[:n_examples] for text in example]
        roles = ("user", "assistant")
        return [{"role": roles[index % 2], "content": text} for index, text in enumerate([*turns, self.prompt])]

    def is_right(self, reply: str) -> bool:
        """Whether the first words of `reply` name an accepted output and no rejected one."""
        beginning = " ".join(reply.strip().partition("\n")[0].split()[:_FIRST_WORDS])
        folded = fold(beginning)
        return matches(self.accept, folded) and not matches(self.reject, folded)


def tasks(language: Language) -> dict[str, list[Shown]]:
    """The tasks of `few_shot.<language>.jsonl`, by name."""
    found: dict[str, list[Shown]] = defaultdict(list)
    for row in read("few_shot", language):
        shown = tuple((prompt, reply) for prompt, reply in row["examples"])
        found[row["task"]].append(
            Shown(row["task"], row["prompt"], tuple(row["accept"]), tuple(row.get("reject", ())), shown)
        )
    return dict(found)
