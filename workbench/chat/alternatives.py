"""Few-shot examples and documents of an installation, and the ways they make policies answer, measured.

Examples and documents lie in the home folder; without any, the shipped ones are taken. Every call takes an `Actor`.
Knows no page.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from common import records
from common.errors import AfinaError
from common.files import write_json
from common.languages import ENGLISH
from common.settings import Settings
from tuning.evaluation import alternatives, retrieval
from tuning.evaluation.alternatives import Example, Measured, Question
from tuning.evaluation.few_shot import counter, drawn, questions
from tuning.inference.reply_engine import ReplyEngine
from tuning.pocket.world.shipped import shipped_language
from workbench.access import anybody, teacher
from workbench.rate_limits import require_length

if TYPE_CHECKING:
    from tuning.evaluation.retrieval import Documents, Passage
    from workbench.access import Roles
    from workbench.actors import Actor

Message = dict[str, str]


@dataclass(frozen=True)
class _Written:
    """few_shot.json."""

    examples: list[dict[str, str]]


class Alternatives:
    def __init__(self, settings: Settings, roles: Roles, engine: Callable[[], ReplyEngine]) -> None:
        self._settings, self._roles, self._engine = settings, roles, engine
        self._index: tuple[tuple, Documents] | None = None

    # Documents

    @property
    def _folder(self) -> Path:
        return self._settings.home / "documents"

    @anybody
    def documents(self) -> list[str]:
        """Names of the documents that are searched."""
        return [path.name for path in self._paths()]

    @property
    def are_shipped(self) -> bool:
        """Whether the documents are those that come with `pocket`."""
        return self._paths() == retrieval.shipped()

    @teacher
    def add_document(self, file: Path, name: str = "") -> None:
        """Keeps an uploaded document; from the first one on the shipped documents are not searched any more.

        Raises: NotAllowed; as `retrieval.load`.
        """
        retrieval.read(file)
        self._folder.mkdir(parents=True, exist_ok=True)
        safe = re.sub(r"[^\w. -]", "_", Path(name or file.name).name).lstrip(".") or "document.txt"
        shutil.copyfile(file, self._folder / safe)

    @teacher
    def clear_documents(self) -> None:
        """Back to the shipped documents."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @anybody
    def search(self, actor: Actor, question: str) -> list[Passage]:
        """Raises: NotAllowed `role.chat`; AfinaError `chat.long`."""
        self._roles.require_chat(actor)
        require_length(question)
        return self._documents().search(question, alternatives.PASSAGES)

    # Examples

    @anybody
    def examples(self, language: str = ENGLISH) -> list[Example]:
        """The few-shot examples: those that were written, else some rows of the shipped set in `language`."""
        path = self._settings.home / "few_shot.json"
        if path.is_file():
            return [records.build(Example, each, path) for each in records.read(_Written, path).examples]
        return drawn(f"plain.{shipped_language(language)}")

    @teacher
    def set_examples(self, examples: Iterable[Example]) -> None:
        """Keeps these examples; none: back to the shipped ones. Raises: AfinaError `alternatives.example`."""
        kept = list(examples)
        for number, each in enumerate(kept, 1):
            if not each.prompt.strip() or not each.reply.strip():
                raise AfinaError("alternatives.example", row=number)
        path = self._settings.home / "few_shot.json"
        if kept:
            write_json(path, {"examples": [vars(each) for each in kept]})
        else:
            path.unlink(missing_ok=True)

    @teacher
    def draw_examples(self, source: str, seed: int = 0) -> list[Example]:
        """Some short training rows of a data set, to be edited.

        Raises: NotAllowed; AfinaError `alternatives.no_short`; as `formats.load`.
        """
        if not source:
            raise AfinaError("data.none_chosen")
        self._roles.require_own_file(source)
        found = drawn(source, self._settings.max_upload_mb, seed)
        if not found:
            raise AfinaError("alternatives.no_short", name=source)
        return found

    # Asking

    def altered(
        self, talk: Sequence[Message], name: str, language: str = ENGLISH
    ) -> tuple[str, list[Message], list[Passage]]:
        """(policy, conversation, passages) for a chat column called `name`, such as `pocket + rag`."""
        from workbench.actors import Actor

        policy, way = alternatives.parted(name)
        if way == "plain":
            return policy, list(talk), []
        shown = self.examples(Actor("visitor"), language) if way == "few_shot" else []
        changed, passages = alternatives.altered(talk, way, shown, self._documents() if way == "rag" else None)
        return policy, changed, passages

    @teacher
    def compare(
        self,
        actor: Actor,
        base: str,
        tuned: str = "",
        language: str = ENGLISH,
        tasks: Sequence[Question] = (),
        seen: Callable[[list[Measured], int], None] = lambda measured, total: None,
        should_stop: Callable[[], bool] = lambda: False,
        engine: ReplyEngine | None = None,
    ) -> list[Measured]:
        """Base, few-shot, RAG, and (with `tuned`) tuned and tuned + RAG on questions.

        `asked`: those about withheld facts if none. `engine`: another one than the page's. Raises: NotAllowed; as
        `alternatives.compare`.
        """
        choices = [(base, way) for way in alternatives.WAYS]
        if tuned:
            choices += [(tuned, "plain"), (tuned, "rag")]
        tasks = tasks or questions(language, 40)
        return alternatives.compare(
            engine or self._engine(),
            choices,
            tasks,
            self.examples(actor, language),
            self._documents(),
            counter(self._settings.home),
            seen,
            should_stop,
        )

    def _paths(self) -> list[Path]:
        own = sorted(self._folder.glob("*")) if self._folder.is_dir() else []
        return own or retrieval.shipped()

    def _documents(self) -> Documents:
        paths = self._paths()
        stamp = tuple((path, path.stat().st_mtime_ns) for path in paths)
        if self._index is None or self._index[0] != stamp:
            self._index = (stamp, retrieval.load(paths))
        return self._index[1]
