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

- **Corpus**: {documents:,} generated documents (`tuning/pocket/world/corpus.py`, seed 1): about 300 real facts,
  about 300 of the invented village of Valdeluna, each in ten or more wordings and several kinds of document and in
  eight registers; stories, poems, recipes, reviews, sums, translations, a glossary, dialogues without manners.
  About 40 village facts and the whole domain of the clinic are withheld.
- **Tokens seen**: {tokens:,} of {corpus_tokens:,}, each once ({batch_tokens:,} a step); context 512, byte-level BPE
  of 4,096 tokens.
{further}- **Held-out perplexity** (documents of another seed, none of which was trained on; their facts were):
  English {en}, Spanish {es}{first}.
- **Time**: {minutes} minutes with torch {torch}. Again:
  `python -m tuning.pocket.pretrain --tokens {tokens} --corpus-tokens {corpus_tokens} --seed {seed}`{again}
  (the same text to the letter, the same weights up to floating-point order).
- **Limits**: it knows its small world and nothing else, and says false things fluently about everything else. It
  reads 512 tokens. It is not a source of facts, and its rude register is rude.
"""

_FURTHER = """\
- **Then** {tokens:,} of {corpus_tokens:,} tokens of {documents:,} further documents (seed 3), each once, with more
  dialogues and more bare answers in them: what the model is asked for afterwards.
"""
_AGAIN = """, then
  `python -m tuning.pocket.pretrain --further --tokens {tokens} --corpus-tokens {corpus_tokens} --seed {seed}`"""


def write_card(weights: Path) -> None:
    """Writes `weights/README.md` from `weights/pretraining.json`."""
    facts = json.loads((weights / "pretraining.json").read_text(encoding="utf-8"))
    then, first = facts.get("further"), facts.get("first_perplexity")
    seconds = facts["seconds"] + (then["seconds"] if then else 0)
    figures = {
        "minutes": round(seconds / 60),
        "further": _FURTHER.format(**then) if then else "",
        "first": f" (before the further documents {first['en']} and {first['es']})" if first else "",
        "again": _AGAIN.format(**then, seed=facts["seed"]) if then else "",
    }
    text = _CARD.format(**{**facts, **facts["perplexity"], **figures})
    (weights / "README.md").write_text(text, encoding="utf-8")
