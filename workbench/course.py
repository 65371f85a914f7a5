"""What a course shows besides single runs: when to use which way, a red team, recipes, a search.

What takes minutes goes on behind the page (`studies`); runs go through the queue as all others. Every call takes an
`Actor`. Knows no page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from common.errors import AfinaError
from common.settings import Settings
from tuning.examples import questions
from tuning.jobs import Queue
from tuning.runs import RunStore
from workbench.studies import Say, Studies, Study

if TYPE_CHECKING:
    from tuning.alternatives import Measured
    from tuning.generate import Engine
    from workbench.alternatives import Alternatives
    from workbench.roles import Actor, Roles

WHICH, REDTEAM, SEARCH, RECIPE = "which", "redteam", "search", "recipe"
_MOST_QUESTIONS = 200


class Course:
    def __init__(
        self, settings: Settings, store: RunStore, queue: Queue, roles: Roles, alternatives: Alternatives,
        engine: Callable[[], Engine],
    ) -> None:  # fmt: skip
        """`engine`: as threads behind the page may use it."""
        self._settings, self._store, self._queue, self._roles = settings, store, queue, roles
        self._alternatives, self._engine = alternatives, engine
        self.studies = Studies(settings.home, roles)

    def told(self, actor: Actor, kind: str) -> Study | None:
        """How far a study is, or what came of the last one: everybody may look."""
        return self.studies.told(actor, kind)

    def stop(self, actor: Actor, kind: str) -> None:
        self.studies.stop(actor, kind)

    def compare_ways(
        self, actor: Actor, base: str, tuned: str = "", language: str = "en", limit: int = 40
    ) -> None:
        """Measures base, few-shot, RAG, and of a run `tuned` it alone and with RAG, behind the page.

        Raises: NotAllowed; AfinaError `config.range`; NotFound for a run that is none; Conflict `studies.busy`.
        """
        from tuning import models

        self._roles.require_teacher(actor)
        if not 1 <= limit <= _MOST_QUESTIONS:
            raise AfinaError("config.range", name="questions", value=limit, min=1, max=_MOST_QUESTIONS)
        for name in filter(None, (base, tuned)):
            self._roles.require_no_folder(name)
            models.resolve(name, self._settings.home)
        asked = [asdict(each) for each in questions(language, limit)]
        about = {"base": base, "tuned": tuned, "language": language, "questions": asked}

        def do(say: Say, should_stop: Callable[[], bool]) -> None:
            def seen(measured: Sequence[Measured], total: int) -> None:
                say(len(measured), total, {"ways": [asdict(each) for each in measured]})

            say(0, 5 if tuned else 3, {})
            self._alternatives.compare(actor, base, tuned, language, limit, seen, should_stop, self._engine())

        self.studies.begin(actor, WHICH, about, do)
