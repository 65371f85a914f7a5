"""Seals replies: proof that this installation wrote a reply, to which conversation, by which policy, for whom.

A seal travels through the reader's page beside its reply. It says which policy wrote and which system message there was
(both are covered by the signature), so that neither is taken from what a page claims. Does not store anything.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import NotAllowed
from workbench.keyring import Keyring

Message = dict[str, str]
LONGEST = 300_000  # characters of a seal: the longest system message, encoded
_LABEL = "reply"


@dataclass(frozen=True)
class Sealed:
    """What a seal proves."""

    policy: str
    prompt: tuple[Message, ...]  # with the system message
    reply: str


def seal(keys: Keyring, person: str, policy: str, prompt: Sequence[Message], reply: str) -> str:
    """The seal of `reply` by `policy` to `prompt`, written for `person`."""
    system = prompt[0]["content"] if prompt and prompt[0]["role"] == "system" else ""
    head = urlsafe_b64encode(json.dumps([policy, system]).encode()).rstrip(b"=").decode()
    return f"{head}.{keys.sign(_LABEL, _payload(person, policy, prompt, reply))}"


def opened(keys: Keyring, person: str, seal: object, turns: Sequence[Message], reply: str) -> Sealed:
    """What `seal` proves of `reply`, which follows `turns` (without a system message) on the page of `person`.

    Raises: NotAllowed `rating.unsigned` for whatever this installation did not write in exactly this place.
    """
    head, _, signature = seal.rpartition(".") if isinstance(seal, str) and len(seal) <= LONGEST else ("", "", "")
    try:
        policy, system = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, TypeError, RecursionError):
        raise NotAllowed("rating.unsigned") from None
    if not isinstance(policy, str) or not isinstance(system, str):
        raise NotAllowed("rating.unsigned")
    prompt = [{"role": "system", "content": system}] if system else []
    prompt += [{"role": turn["role"], "content": turn["content"]} for turn in turns]
    if not keys.verify(_LABEL, _payload(person, policy, prompt, reply), signature):
        raise NotAllowed("rating.unsigned")
    return Sealed(policy, tuple(prompt), reply)


def _payload(person: str, policy: str, prompt: Sequence[Message], reply: str) -> str:
    turns = [[turn["role"], turn["content"]] for turn in prompt]
    return json.dumps([person, policy, turns, reply])
