"""Writes the documents that make retrieval visible: the village facts that `pocket`'s pretraining left out.

    python -m tuning.evaluation.village_documents

One short paragraph for each fact, in the wording of the world's generator. No model knows them; a question about
one can only be answered from here.
"""

from __future__ import annotations

from tuning.evaluation.retrieval import SHIPPED
from tuning.pocket.world.documents import WITHHELD, wording
from tuning.pocket.world.facts import LANGUAGES, Language, fill, sentence


def text(language: Language) -> str:
    """All withheld facts, a paragraph each."""
    paragraphs = []
    for fact in WITHHELD:
        clauses = wording(fact, language).clauses
        paragraphs.append(" ".join(sentence(fill(clause, fact, language)) for clause in clauses[:2]))
    return "\n\n".join(paragraphs) + "\n"


def main() -> None:
    SHIPPED.mkdir(exist_ok=True)
    for language in LANGUAGES:
        (SHIPPED / f"valdeluna.{language}.txt").write_text(text(language), encoding="utf-8")


if __name__ == "__main__":
    main()
