"""A trained reward model in memory: rewards of replies, and probabilities that one is better than another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from common.errors import AfinaError
from tuning.data.rows import Pair, Row
from tuning.data.tokens import encode
from tuning.runs import RunStore

Message = dict[str, str]


class Rewards:
    """What gives replies a reward."""

    def scores(self, replies: Sequence[tuple[Sequence[Message], str]]) -> list[float]:
        """The reward of each (prompt's messages, reply). Only differences mean something."""
        raise NotImplementedError

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

        from tuning.methods.base import Start, parent_adapter
        from tuning.methods.reward import config_of, with_head

        store = RunStore(home)
        run = store.get(name)
        if run.info.method != "reward":
            raise AfinaError("reward.other_method", name=run.name, method=run.info.method)
        if not run.has_adapter:
            raise AfinaError("models.no_adapter", name=run.name)
        self.name = run.name
        start = Start.load(run.info.base["name"], home, "float32")
        self.tokenizer = start.tokenizer
        parent = parent_adapter(run, home)
        pooling = config_of(run).pooling
        body = with_head(start.model, parent, start.tokenizer.pad_token_id, pooling)
        self._model = PeftModel.from_pretrained(body, str(run.adapter_dir)).eval()
        self._limit = start.info.context or 2048

    def scores(self, replies: Sequence[tuple[Sequence[Message], str]]) -> list[float]:
        from tuning.methods.reward import scores

        rows = [self._ids(prompt, reply or " ") for prompt, reply in replies]
        return scores(self._model, rows, self.tokenizer.pad_token_id).tolist() if rows else []

    def _ids(self, prompt: Sequence[Message], reply: str) -> tuple[list[int], list[int]]:
        """Token ids of prompt and reply; of a prompt that fills the context its last token stands for the reply."""
        from tuning.methods.preference import prompt_and_reply

        row = Row(messages=(*prompt, {"role": "assistant", "content": reply}))
        found = prompt_and_reply(self.tokenizer, row, self._limit)
        if found is not None:
            return found
        ids = encode(self.tokenizer, row, self._limit).input_ids
        return ids[:-1], ids[-1:]
