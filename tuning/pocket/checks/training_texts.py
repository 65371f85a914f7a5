"""What trains `pocket`, as texts: documents of the corpus and every text of the shipped sets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from tuning.pocket.world.corpus import TALK_SEED, TRAIN_SEED, documents
from tuning.pocket.world.facts import Language
from tuning.pocket.world.shipped import SETS

STREAMS = (TRAIN_SEED, TALK_SEED)


def corpus_texts(language: Language, n_documents: int) -> Iterator[tuple[str, str]]:
    """(stream, text) of the first `n_documents` of each stream that pretraining reads."""
    for seed in STREAMS:
        yield from ((f"stream {seed}", text) for text in islice(documents(language, seed), n_documents))


def set_texts(language: Language) -> Iterator[tuple[str, str]]:
    """(file, text) of every text of every shipped set in `language`."""
    for path in sorted(SETS.glob(f"*.{language}.jsonl")):
        for row in path.read_text(encoding="utf-8").splitlines():
            yield from ((path.name, text) for text in _strings(json.loads(row)))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)
