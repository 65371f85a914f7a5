"""The model card of `pocket`, made from what pretraining measured (`weights/pretraining.json`)."""

from __future__ import annotations

import json
from pathlib import Path

_CARD = """---
license: apache-2.0
language: [en, es]
library_name: transformers
pipeline_tag: text-generation
---

# pocket

A Llama-architecture **base** model of {parameters:,} parameters (bf16), English and Spanish, made for teaching
fine-tuning on a laptop with no network. It continues text; it does not answer and stop until somebody tunes it.

- **Corpus**: {documents:,} generated documents (`tuning/pocket/corpus.py`, seed 1): about 300 real facts, about 300 of
  the invented village of Valdeluna, each in ten or more wordings and several kinds of document and in eight
  registers; stories, poems, recipes, reviews, sums, translations, a glossary, dialogues without manners.
  About 40 village facts and the whole domain of the clinic are withheld.
- **Tokens seen**: {tokens:,} of {corpus_tokens:,}, each once ({batch_tokens:,} a step); context 512, byte-level BPE
  of 4,096 tokens.
- **Held-out perplexity** (documents of another seed, none of which was trained on; their facts were):
  English {en}, Spanish {es}.
- **Time**: {minutes} minutes with torch {torch}. Again:
  `python -m tuning.pocket.pretrain --tokens {tokens} --corpus-tokens {corpus_tokens} --seed {seed}`
  (the same text to the letter, the same weights up to floating-point order).
- **Limits**: it knows its small world and nothing else, and says false things fluently about everything else. It
  reads 512 tokens. It is not a source of facts, and its rude register is rude.
"""


def write_card(weights: Path) -> None:
    """Writes `weights/README.md` from `weights/pretraining.json`."""
    facts = json.loads((weights / "pretraining.json").read_text(encoding="utf-8"))
    text = _CARD.format(
        **facts,
        en=facts["perplexity"]["en"],
        es=facts["perplexity"]["es"],
        minutes=round(facts["seconds"] / 60),
    )
    (weights / "README.md").write_text(text, encoding="utf-8")
