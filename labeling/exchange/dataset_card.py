"""The card beside an exported file: what is in it, how it was judged, what it must not be taken for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from labeling.rounds.aggregation import Judged
from labeling.schema import Rating, Source

_COLUMNS = {
    "trl": "`prompt`, `chosen`, `rejected` (messages), `margin` where every annotator stated a strength; "
    "`tie` is true where neither reply was found better: such a row is no pair for DPO",
    "kto": "`prompt`, `completion` (messages), `label` (true: good)",
    "hh": "`chosen`, `rejected`: whole dialogues as `\\n\\nHuman: … \\n\\nAssistant: …`",
    "battles": "`question_id`, `model_a`, `model_b`, `winner`, `judge`, `conversation_a`, …",
    "argilla": "both replies, `winner`, `num_responses`, `agreement_ratio`, `raw_responses`",
    "jsonl": "every annotation with its comparison; `exclude_reason` tells those that do not count",
}
_TAGS: dict[Source, str] = {"human": "human-feedback", "ai": "ai-feedback", "simulated": "simulated-feedback"}
_RULES = {
    "every": "every counting vote is a row of its own",
    "majority": "the most frequent answer per comparison; where two lead, none",
    "minimum": "the most frequent answer per comparison, if at least {minimum:.0%} gave it",
}


def words(
    judged: Sequence[Judged],
    file: str,
    format: str,
    rule: str,
    minimum: float,
    phase: str,
    n: int,
    title: str,
    rated: Sequence[Rating] = (),
) -> str:
    """The card as Markdown with the Hub's front matter."""
    votes = [vote for each in judged for vote in each.counting("blind") + each.counting("discussed")]
    policies = sorted({name for each in judged for name in each.comparison.models})
    splits = Counter(each.comparison.split for each in judged)
    winners = Counter(vote.winner for vote in votes)
    sources = Counter(vote.source for vote in votes)
    tags = ["preference", "rlhf", *(tag for source, tag in _TAGS.items() if sources[source])]
    lines = [
        "---",
        "configs:",
        "- config_name: default",
        f"  data_files: {file}",
        f"tags: [{', '.join(tags)}]",
        "---",
        f"# {' '.join(title.split())}",
        "",
        f"{n} rows in the format `{format}`: {_COLUMNS.get(format, _COLUMNS['jsonl'])}.",
        "",
        "| | |",
        "|---|---|",
        f"| comparisons | {len(judged)} ({splits['train']} train, {splits['heldout']} validation) |",
        f"| counting votes | {len(votes)} by {len({vote.annotator_id for vote in votes})} annotators |",
        f"| answers | {_listed(winners)} |",
        f"| who judged | {_listed(sources)} |",
        f"| policies | {', '.join(policies)} |",
        f"| phase used | {phase} |",
        f"| one answer of many | {_RULES[rule].format(minimum=minimum)} |",
        *_ratings(rated),
        "",
        "Annotators were shown two replies without names, sides drawn at random. They are known by",
        "random ids; no name or address was kept. Prompts marked `heldout` are for validation: a model",
        "that trained on them cannot be judged on them. The replies are a language model's and may be",
        "false or offensive.",
    ]
    return "\n".join(lines) + "\n"


def _ratings(rated: Sequence[Rating]) -> list[str]:
    """How many replies were rated alone, and how many of these ratings nobody can vouch for."""
    if not rated:
        return []
    people, unsigned = len({each.annotator_id for each in rated}), sum(not each.verified for each in rated)
    rows = [f"| ratings of single replies | {len(rated)} by {people} people |"]
    if unsigned:
        rows.append(f"| of these unsigned | {unsigned}: kept without proof that this installation wrote the reply |")
    return rows


def _listed(counts: Counter) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items())) or "-"
