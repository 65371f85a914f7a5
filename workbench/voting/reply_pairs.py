"""A round's comparisons, sampled in batches before the class votes.

Each waiting prompt is answered twice: by one policy with two seeds (collect), or by two policies. Replies that are
empty, identical, or tell who wrote them are sampled again, a few times, then the prompt is dropped; all of it is
counted. Every settled prompt is in the store at once, so that a killed app goes on where it was. Knows no page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations

from common import hashing
from labeling.rounds import lifecycle
from labeling.schema import Comparison, Round
from labeling.storage.label_store import Store
from tuning.data.examples import Pair
from tuning.inference.reply_engine import ReplyEngine, Sampling

BATCH = 16  # prompts; two replies each
ATTEMPTS = 4  # at a prompt before it is dropped
_PRODUCTS = r"chat ?gpt|gpt-?\d|open ?ai|llama-?\d*|claude|gemini|qwen|smollm\d*|mistral|deepseek"
_INTRODUCES = r"i am|i'm|my name is|i was made by|call me|soy|me llamo|mi nombre es"


@dataclass
class _Try:
    position: int
    prompt: tuple[dict[str, str], ...]
    policies: tuple[str, str]
    attempt: int = 0


def generate(
    store: Store,
    engine: ReplyEngine,
    round_: Round,
    identity: Callable[[str], str],
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Settles every waiting prompt of `round_`; True when none is left.

    `identity(policy)` names a policy with its adapter's hash, as comparisons keep it. Raises: AfinaError as the engine.
    """
    names = [identity(name) for name in round_.policies]
    tries = [
        _Try(each.position, each.prompt, _pair(round_, each.position))
        for each in lifecycle.waiting(store, round_.round_id)
    ]
    by_name = dict(zip(round_.policies, names, strict=True))
    while tries and not should_stop():
        part, tries = tries[:BATCH], tries[BATCH:]
        tries = [*_settle(store, engine, round_, part, by_name), *tries]
    return not tries


def most_uncertain(store: Store, round_: Round, preferences: Callable[[Sequence[Pair]], list[float]]) -> None:
    """Keeps the training comparisons whose probability is nearest to one half: a vote tells most there.

    (Uncertainty sampling, Lewis and Gale 1994.) Held-out comparisons stay as they were drawn: what measures must not
    be chosen by what is measured. `preferences` gives P(first better) of each pair.
    """
    every = [
        each for each in lifecycle.comparisons_of(store, round_.round_id) if each.split == "train" and not each.is_gold
    ]
    if len(every) <= round_.generation.kept_train:
        return
    found = preferences([Pair(each.prompt, each.completion_a, each.completion_b) for each in every])
    order = sorted(range(len(every)), key=lambda i: abs(found[i] - 0.5))
    surplus = [every[i].comparison_id for i in order[round_.generation.kept_train :]]
    lifecycle.discard(store, round_.round_id, surplus, "certain")


def fault(first: str, second: str, policies: Sequence[str]) -> str | None:
    """Why two replies make no comparison: `empty`, `identical`, `self_naming`; None where they do."""
    if not first.strip() or not second.strip():
        return "empty"
    if " ".join(first.split()).casefold() == " ".join(second.split()).casefold():
        return "identical"
    if _names_itself(first, policies) or _names_itself(second, policies):
        return "self_naming"
    return None


def _settle(
    store: Store, engine: ReplyEngine, round_: Round, part: list[_Try], identities: dict[str, str]
) -> list[_Try]:
    """Samples one batch and keeps what came of it; gives back what has to be tried again."""
    generation = round_.generation
    sampling = Sampling(generation.temperature, generation.top_p, generation.max_new_tokens, generation.seed)
    policies = [name for try_ in part for name in try_.policies]
    seeds = [_seed(round_, try_, side) for try_ in part for side in (0, 1)]
    talks = [list(try_.prompt) for try_ in part for _ in try_.policies]
    replies = engine.generate(policies, talks, sampling, seeds=seeds)
    again = []
    for index, try_ in enumerate(part):
        first, second = (reply.text for reply in replies[2 * index : 2 * index + 2])
        wrong = fault(first, second, round_.policies)
        if wrong and try_.attempt + 1 < ATTEMPTS:
            again.append(replace(try_, attempt=try_.attempt + 1))
            continue
        pairs = []
        if not wrong:
            drawn = asdict(generation) | {"seeds": seeds[2 * index : 2 * index + 2]}
            one, other = (identities[name] for name in try_.policies)
            pairs = [Comparison(try_.prompt, first, second, one, other, generation=drawn)]
        counts = Counter(regenerated=try_.attempt)
        lifecycle.generated(store, round_.round_id, try_.position, pairs, wrong, dict(+counts))
    return again


def _pair(round_: Round, position: int) -> tuple[str, str]:
    """Which policies answer the prompt at `position`: all pairs in turn."""
    if round_.purpose == "collect":
        return round_.policies[0], round_.policies[0]
    pairs = list(combinations(round_.policies, 2))
    return pairs[position % len(pairs)]


def _seed(round_: Round, try_: _Try, side: int) -> int:
    """The same for the same round, prompt, attempt and side, so that a killed app samples what it would have.

    Drawn from the round's secret: who could work it out would ask each policy in the chat for the same reply.
    """
    drawn = [round_.secret or round_.round_id, round_.generation.seed, try_.position, try_.attempt, side]
    return int(hashing.of_json(drawn)[:7], 16)


def _names_itself(text: str, policies: Sequence[str]) -> bool:
    names = "|".join(re.escape(name) for name in policies)
    own = rf"(?<!\w)(?:{_INTRODUCES})\s+(?:\w+\s+){{0,3}}?(?:{names})(?!\w)"
    return bool(re.search(rf"(?<!\w)(?:{_PRODUCTS})(?!\w)|{own}", text, re.IGNORECASE))
