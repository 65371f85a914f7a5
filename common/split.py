"""The one train / held-out split: every stage (SFT, reward, DPO, voting) asks here.

A prompt's side depends on its text alone, so what is held out in one stage never trains in another.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from typing import Literal

Side = Literal["train", "heldout"]
HELDOUT_FRACTION = 0.2


def prompt_key(prompt: str | Sequence[dict]) -> str:
    """What identifies a prompt: its first user message (a conversation's rows stay on one side), normalised.

    `prompt` is a text, or messages `{"role", "content"}`; without a user message the first message counts.
    """
    if isinstance(prompt, str):
        text = prompt
    else:
        users = [message["content"] for message in prompt if message["role"] == "user"]
        text = (users or [message["content"] for message in prompt] or [""])[0]
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def split(prompt: str | Sequence[dict], fraction: float = HELDOUT_FRACTION) -> Side:
    """The side of `prompt`: "heldout" for about `fraction` (0 to 1) of all prompts. Stable for ever."""
    digest = hashlib.sha256(prompt_key(prompt).encode("utf-8")).digest()
    return "heldout" if int.from_bytes(digest[:8], "big") / 2**64 < fraction else "train"
