"""Which round the Vote tab shows, and the way to it from elsewhere on the page.

Rounds are made in many places: by the form, in Align, by scripts, by another app of the same home. The list follows
them all; the round shown changes by itself only where nobody has chosen one by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from labeling.rounds import round_names
from labeling.schema import BUSY, State

if TYPE_CHECKING:
    from labeling.rounds.round_names import RoundLine
    from workbench.actors import Actor
    from workbench.services import Services

_FIRST: tuple[tuple[State, ...], ...] = (("open", "open_again"), ("locked", "discussing"), ("generating",))


# The page stays scrolled as it was in the other tab: the stage is at its top.
TO_THE_STAGE = "() => setTimeout(() => window.scrollTo({top: 0}), 100)"


@dataclass(frozen=True)
class Place:
    """The list of rounds, and the name that was chosen in it by hand ("" where none was)."""

    choice: gr.Dropdown
    held: gr.State

    @property
    def outputs(self) -> list[Any]:
        return [self.choice, self.held]

    def show(self, services: Services, who: Actor, name: str, language: str) -> dict[Any, Any]:
        """Updates of `outputs` that show a round which was just made."""
        return {self.choice: update(services.rounds.overview(who), name, language), self.held: ""}


@dataclass(frozen=True)
class Way:
    """The way to a round in the Vote tab from another tab."""

    tabs: gr.Tabs
    place: Place

    @property
    def outputs(self) -> list[Any]:
        return [self.tabs, *self.place.outputs]

    def to(self, services: Services, who: Actor, name: str, language: str) -> dict[Any, Any]:
        """Updates of `outputs` that open the Vote tab with this round."""
        return {self.tabs: gr.Tabs(selected="vote"), **self.place.show(services, who, name, language)}


def update(listed: Sequence[RoundLine], name: str | None, language: str) -> Any:
    """The list of rounds with `name` chosen."""
    choices = [(round_names.listed(each, language), each.name) for each in listed]
    return gr.update(choices=choices, value=name, visible=bool(listed))


def usual(listed: Sequence[RoundLine]) -> str | None:
    """The round to show to somebody who just came: an open one, else one at work, else the newest."""
    for states in _FIRST:
        found = next((each.name for each in listed if each.state in states), None)
        if found:
            return found
    return listed[0].name if listed else None


def follow(
    listed: Sequence[RoundLine], before: Mapping[str, State] | None, held: str, current: str | None
) -> str | None:
    """The round to show now. `before`: name -> state of all rounds at the last look; None at the first."""
    states = {each.name: each.state for each in listed}
    if held in states:
        return held
    if before is None or current not in states:
        return current if current in states else usual(listed)
    opened = [each.name for each in listed if each.state in BUSY and before.get(each.name) not in BUSY]
    if opened:
        return opened[0]
    fresh = [each.name for each in listed if each.name not in before and each.name != current]
    return usual(listed) if fresh and states[current] not in BUSY else current
