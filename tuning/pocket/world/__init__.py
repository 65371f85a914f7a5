"""The small world that pocket knows: generated text, facts and questions."""

__all__ = [
    "answer_check",
    "corpus",
    "documents",
    "fact_rows",
    "facts",
    "prose",
    "refusals",
    "registers",
    "shipped",
    "words",
]
