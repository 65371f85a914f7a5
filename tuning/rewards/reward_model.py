"""A trained reward model in memory: rewards of replies, and probabilities that one is better than another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from common import files
from common.errors import AfinaError
from tuning.config.training_methods import REWARD_MODELS
from tuning.data.examples import Pair, Row
from tuning.data.tokenize import encode
from tuning.runs.run_store import RunStore

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase as Tokenizer

Message = dict[str, str]


class Word(NamedTuple):
    """A word of a reply as a reward model reads it, in its context."""

    text: str  # with the space before it
    score: float  # mean of its tokens'; the mean over a reply's tokens is its reward
    tokens: int


class Reading(NamedTuple):
    """A reply's reward, and the words whose mean it is (none where it is no mean over words)."""

    reward: float
    words: tuple[Word, ...] = ()


class Rewards:
    """What gives replies a reward."""

    def scores(self, replies: Sequence[tuple[Sequence[Message], str]]) -> list[float]:
        """The reward of each (prompt's messages, reply). Only differences mean something."""
        raise NotImplementedError

    def read(self, replies: Sequence[tuple[Sequence[Message], str]]) -> list[Reading]:
        """The rewards of `scores`, and which words they come from."""
        return [Reading(reward) for reward in self.scores(replies)]

    def preferences(self, pairs: Sequence[Pair]) -> list[float]:
        """P(chosen is better than rejected) = sigmoid(r(chosen) - r(rejected)), for each pair."""
        both = [(pair.prompt, reply) for pair in pairs for reply in (pair.chosen, pair.rejected)]
        rewards = self.scores(both)
        return [1 / (1 + math.exp(rewards[i + 1] - rewards[i])) for i in range(0, len(rewards), 2)]


class RewardModel(Rewards):
    """The reward model that the run `name` made. Loading takes as long as its base model.

    Raises: NotFound `runs.unknown`; AfinaError `reward.other_method` for a run of another method, `models.no_adapter`.
    """

    def __init__(self, name: str, home: Path) -> None:
        from peft import PeftModel

        from tuning.methods.reward import config_of, with_head
        from tuning.methods.start import Start, parent_adapter

        store = RunStore(home)
        run = store.get(name)
        if run.info.method not in REWARD_MODELS:
            raise AfinaError("reward.other_method", name=run.name, method=run.info.method)
        if not run.has_adapter:
            raise AfinaError("models.no_adapter", name=run.name)
        self.name = run.name
        start = Start.load(run.info.base["name"], home, "float32")
        self.tokenizer = start.tokenizer
        parent = parent_adapter(run, home)
        pooling = config_of(run).pooling
        body = with_head(start.model, parent, start.tokenizer.pad_token_id, pooling)
        with files.usable(run.adapter_dir):
            self._model = PeftModel.from_pretrained(body, str(run.adapter_dir)).eval()
        self._limit = start.info.context or 2048
        self._reads_all = pooling == "mean"

    def scores(self, replies: Sequence[tuple[Sequence[Message], str]]) -> list[float]:
        from tuning.methods.reward import scores

        rows = [self._ids(prompt, reply or " ") for prompt, reply in replies]
        return scores(self._model, rows, self.tokenizer.pad_token_id).tolist() if rows else []

    def read(self, replies: Sequence[tuple[Sequence[Message], str]]) -> list[Reading]:
        from tuning.methods.reward import token_scores

        if not self._reads_all:
            return super().read(replies)
        rows = [self._ids(prompt, reply or " ") for prompt, reply in replies]
        found = token_scores(self._model, rows, self.tokenizer.pad_token_id)
        return [
            Reading(sum(scores) / len(scores), _words(self.tokenizer, reply, scores))
            for (_, reply), scores in zip(rows, found, strict=True)
        ]

    def _ids(self, prompt: Sequence[Message], reply: str) -> tuple[list[int], list[int]]:
        """Token ids of prompt and reply; of a prompt that fills the context its last token stands for the reply."""
        from tuning.methods.preference_data import prompt_and_reply

        row = Row(messages=(*prompt, {"role": "assistant", "content": reply}))
        found = prompt_and_reply(self.tokenizer, row, self._limit)
        if found is not None:
            return found
        ids = encode(self.tokenizer, row, self._limit).input_ids
        return ids[:-1], ids[-1:]


def _words(tokenizer: Tokenizer, ids: Sequence[int], scores: Sequence[float]) -> tuple[Word, ...]:
    """Tokens together as words: a new one begins at a space; letters of several tokens come whole."""
    words: list[tuple[str, list[float]]] = []
    before, waiting = "", []
    for n, score in enumerate(scores, 1):
        waiting.append(score)
        text = str(tokenizer.decode(list(ids[:n]), skip_special_tokens=False))
        if text.endswith("\ufffd") and n < len(ids):  # half a letter
            continue
        piece, before = text[len(before) :], text
        if words and not piece[:1].isspace() and ids[n - 1] not in tokenizer.all_special_ids:
            words[-1] = (words[-1][0] + piece, words[-1][1] + waiting)
        else:
            words.append((piece, waiting))
        waiting = []
    return tuple(Word(text, sum(each) / len(each), len(each)) for text, each in words)
