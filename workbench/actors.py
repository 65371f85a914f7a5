"""Who calls: the teacher, or a visitor. Every service call takes an `Actor`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Actor:
    """Whoever calls. `visitor` may look and, where it is open, chat; `teacher` may do everything.

    `person` tells visitors apart for what each may ask for: a random number, "" for all who keep no cookie.
    """

    kind: Literal["teacher", "visitor"]
    person: str = field(default="", compare=False)

    @property
    def is_teacher(self) -> bool:
        return self.kind == "teacher"

    @property
    def key(self) -> str:
        """What tells this caller from others: the teacher from all visitors too."""
        return f"{self.kind} {self.person}" if self.person else self.kind


TEACHER, VISITOR = Actor("teacher"), Actor("visitor")
