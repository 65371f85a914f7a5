"""Passages for a question, from documents: BM25 (Robertson and Zaragoza 2009) through the library `bm25s`.

Documents are plain text or PDF; a passage is a paragraph, cut between sentences where it is long. Knows no model.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import AfinaError
from common.files import BrokenFile
from tuning.evaluation import pdf_text

SHIPPED = Path(__file__).parents[1] / "pocket" / "documents"
_LONGEST = 60  # words of a passage
_MOST_BYTES = 5_000_000
ENDINGS = (".txt", ".md", ".pdf")


@dataclass(frozen=True)
class Passage:
    source: str
    text: str
    score: float = 0.0  # BM25: larger is nearer, 0 shares no word


class Documents:
    """An index of passages; cheap to make for a few megabytes of text."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        import bm25s

        self.passages = list(passages)
        self._known: dict[str, int] = {}
        self._index = None
        rows = [_words(passage.text) for passage in self.passages]
        if any(rows):
            self._index = bm25s.BM25()
            self._index.index(rows, show_progress=False)

    def search(self, question: str, k: int = 3) -> list[Passage]:
        """At most `k` passages, the best first; those that share no word with the question are left out."""
        query_words = _words(question)
        if self._index is None or not query_words:
            return []
        k = min(k, len(self.passages))
        ids, scores = self._index.retrieve([query_words], k=k, show_progress=False)  # each (1, k)
        found = zip(ids[0].tolist(), scores[0].tolist(), strict=True)
        return [
            Passage(self.passages[at].source, self.passages[at].text, round(float(score), 3))
            for at, score in found
            if score > 0
        ]


def load(paths: Iterable[Path]) -> Documents:
    """The index of documents. Raises: as `read`."""
    return Documents([each for path in paths for source, text in read(path) for each in split(text, source)])


def read(path: Path) -> list[tuple[str, str]]:
    """(where it stands, text) of a document as a whole, or of each page of a PDF.

    Raises: AfinaError `documents.kind`, `documents.large`, `documents.encoding`, and for a PDF `documents.pdf`,
    `documents.locked`, `documents.pages`, `documents.costly`, `documents.no_text`.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise AfinaError("documents.kind", name=path.name, kinds=", ".join(ENDINGS))
    if path.stat().st_size > _MOST_BYTES:
        raise AfinaError("documents.large", name=path.name, mb=_MOST_BYTES // 10**6)
    if ending == ".pdf":
        return _pages(path)
    try:
        return [(path.stem, path.read_text(encoding="utf-8-sig"))]
    except IsADirectoryError:
        raise BrokenFile(path, "folder") from None
    except UnicodeDecodeError as error:
        raise AfinaError("documents.encoding", name=path.name) from error


def _pages(path: Path) -> list[tuple[str, str]]:
    texts = pdf_text.pages(path)
    if not any(text.strip() for text in texts):
        raise AfinaError("documents.no_text", name=path.name)
    return [(f"{path.stem}, {number}", text) for number, text in enumerate(texts, 1)]


def split(text: str, source: str) -> list[Passage]:
    """Paragraphs as passages, long ones cut between sentences."""
    passages = []
    for paragraph in re.split(r"\n\s*\n|\n(?=[-*#])", text):
        part: list[str] = []
        for sentence in re.split(r"(?<=[.!?…])\s+", " ".join(paragraph.split())):
            if part and len(" ".join([*part, sentence]).split()) > _LONGEST:
                passages.append(Passage(source, " ".join(part)))
                part = []
            part.append(sentence)
        if " ".join(part).strip():
            passages.append(Passage(source, " ".join(part)))
    return passages


def shipped(language: str = "") -> list[Path]:
    """The documents that come with `pocket`: village facts that its pretraining left out."""
    return sorted(SHIPPED.glob(f"*{language}.txt"))


def _words(text: str) -> list[str]:
    """Lower case without accents: "qué" asks as "que" answers."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return re.findall(r"\w+", "".join(letter for letter in plain if not unicodedata.combining(letter)))
