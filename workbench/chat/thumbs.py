"""Thumbs in the chat: what somebody says of one reply that was written for them. The data of KTO.

Whoever rates is known as the limits know them, by the signed number in their cookie: a rating needs no token and gives
none, so nobody can vote with it. Every call takes an `Actor`. Knows no page.
"""

from __future__ import annotations

from collections.abc import Sequence

from common.languages import ENGLISH
from labeling.admission import annotators
from labeling.rounds import ratings
from labeling.schema import Rating
from labeling.storage.label_store import Store
from workbench.access import Roles, anybody
from workbench.actors import Actor
from workbench.chat import reply_seals
from workbench.rate_limits import require_length

Message = dict[str, str]


class Thumbs:
    def __init__(self, labels: Store, roles: Roles) -> None:
        self._labels, self._roles = labels, roles

    @anybody
    def rate(
        self,
        actor: Actor,
        seal: object,
        turns: Sequence[Message],
        reply: str,
        good: bool | None,
        language: str = ENGLISH,
    ) -> bool:
        """Keeps what `actor` says of `reply`, which follows `turns`; None takes it back. Whether anything changed.

        Raises: NotAllowed `role.chat`, `rating.unsigned` as `seals.opened`; TooMany `limit.ratings`; as
        `require_length`.
        """
        self._roles.require_chat(actor)
        require_length("", turns, [{"role": "assistant", "content": reply}])
        written = reply_seals.opened(self._roles.keys, actor.key, seal, turns, reply)
        characters = len(reply) + sum(len(turn["content"]) for turn in written.prompt)
        if not actor.is_teacher:
            self._roles.limits.rating(actor.person, characters)
        rating = Rating(
            written.prompt, reply, written.policy, "thumbs", int(bool(good)), self._rater(actor), verified=True
        )
        if good is not None:
            self._require_rater(actor, rating.annotator_id, language)
        return ratings.change(self._labels, rating, take_back=good is None)

    def _rater(self, actor: Actor) -> str:
        """The same for as long as the visitor's cookie: what they change is their own."""
        return f"rater-{self._roles.keys.sign('rater', actor.key)[:32]}"

    def _require_rater(self, actor: Actor, annotator_id: str, language: str) -> None:
        if not annotators.known(self._labels, annotator_id):
            if not actor.is_teacher:
                self._roles.limits.rater()
            annotators.rater(self._labels, annotator_id, language)
