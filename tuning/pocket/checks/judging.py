"""One verdict for each reply: right, unknown, courtesy, nonsense or wrong.

*Right* matches an accepted pattern and no rejected one, obeys the item's rule, is one reply and ended by itself.
*Unknown* says that it does not know, *courtesy* declines politely or says what it can do instead: neither is granted
to a reply that also makes a rejected claim. What styles say by themselves ("Pursuant to article four") claims nothing;
it counts in everyday talk alone, where "With pleasure" is an answer. Everyday talk that brings up the village is none.
"""

from __future__ import annotations

import re
from typing import Literal

from tuning.pocket.checks import nonsense, verse
from tuning.pocket.checks.patterns import GROUP, fold, matches, members
from tuning.pocket.checks.questions import Item, patterns
from tuning.pocket.world.registers import frameless

Verdict = Literal["right", "unknown", "courtesy", "nonsense", "wrong"]


def verdict(reply: str, ended: bool, item: Item, world: nonsense.Words) -> Verdict:
    """What `reply` to `item` is; `ended`: the model ended it by itself."""
    claims, rejected = fold(frameless(reply, item.language)), is_rejected(reply, item)
    one_reply = ended and not nonsense.has_next_turn(reply)
    strays = item.kind in nonsense.EVERYDAY - {"ability"} and nonsense.strays(reply, item)
    if one_reply and not rejected and not strays and is_accepted(reply, item):
        return "right"
    shared = patterns(item.language)
    if one_reply and not rejected and matches(shared.unknown, claims):
        return "unknown"
    if one_reply and not rejected and matches(shared.courtesy, claims):
        return "courtesy"
    return "nonsense" if nonsense.reason(reply, ended, item, world) else "wrong"


def is_accepted(reply: str, item: Item) -> bool:
    """Whether `reply` says what is accepted and obeys the rule and the count (False: nothing is known to be)."""
    folded = fold(reply if item.kind in nonsense.EVERYDAY else frameless(reply, item.language))
    if not (item.accept or item.rule or item.count):
        return False
    if item.accept and not matches(item.accept, folded):
        return False
    if item.count:
        group, least = item.count
        if sum(matches([member], folded) for member in patterns(item.language).groups[group]) < least:
            return False
    return _obeys(reply, item)


def _obeys(reply: str, item: Item) -> bool:
    before = item.before[-1] if item.before else ""
    if item.rule == "poem":
        return verse.is_poem(reply, item.language)
    if item.rule == "story":
        return verse.is_story(reply)
    if item.rule == "shorter":
        return 0 < len(reply.split()) < len(before.split())
    if item.rule == "different":
        return bool(reply.strip()) and fold(reply).strip(" .!") != fold(before).strip(" .!")
    assert not item.rule, item.rule
    return True


def is_rejected(reply: str, item: Item) -> bool:
    """Whether `reply` makes a claim that makes it wrong."""
    claims = fold(frameless(reply, item.language))
    literal = [pattern for pattern in item.reject if not pattern.startswith(GROUP)]
    return matches(literal, claims) or any(
        _is_rival(member, item)
        for name in item.reject
        if name.startswith(GROUP)
        for member in members(patterns(item.language).groups[name[1:]], claims)
    )


def _is_rival(member: str, item: Item) -> bool:
    """Whether a group's member is neither accepted nor spoken of before the reply."""
    spoken = fold(" ".join((*item.before, item.prompt)))
    return not matches(item.accept, member) and not members([re.escape(member)], spoken)


def is_acceptable(found: Verdict, item: Item) -> bool:
    """Whether a teacher would let a reply with this verdict pass."""
    return found == "right" or found in item.acceptable
