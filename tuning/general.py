"""Text that a base model already knows: to see what fine-tuning forgets, and to mix in so that it forgets less.

For `pocket` documents of its own world: those of the held-out stream probe, those of the pretraining stream are
rehearsed. For any other model a general text shipped with the app (`general_texts/*.txt`): odd paragraphs probe, even
ones are rehearsed. Knows no model and no run.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from tuning.data.rows import Row
from tuning.pocket.world.facts import Language

PROBES = 24  # texts the probe is measured on
_SHIPPED = Path(__file__).parent / "general_texts"
_LANGUAGES: tuple[Language, ...] = ("en", "es")


def probe(is_pocket: bool) -> list[Row]:
    """What is measured before and after; none of it is ever rehearsed."""
    if is_pocket:
        return _documents(PROBES // 2, heldout=True)
    return [Row(text=text) for text in _paragraphs()[1::2]][:PROBES]


def rehearsal(is_pocket: bool, n: int) -> list[Row]:
    """`n` texts to mix into the training rows (fewer where there are no more)."""
    if is_pocket:
        return _documents((n + 1) // 2, heldout=False)[:n]
    texts = _paragraphs()[::2]
    return [Row(text=texts[index % len(texts)]) for index in range(min(n, 4 * len(texts)))]


def _documents(each: int, heldout: bool) -> list[Row]:
    from tuning.pocket.corpus import HELDOUT_SEED, TRAIN_SEED, documents

    seed = HELDOUT_SEED if heldout else TRAIN_SEED
    return [Row(text=text) for language in _LANGUAGES for text in islice(documents(language, seed), each)]


def _paragraphs() -> list[str]:
    found = []
    for path in sorted(_SHIPPED.glob("*.txt")):
        found += [part.strip() for part in path.read_text(encoding="utf-8").split("\n\n") if part.strip()]
    return found
