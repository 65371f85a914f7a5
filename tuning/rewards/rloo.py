"""REINFORCE leave-one-out (Ahmadian et al. 2024): a policy, prompts and a reward in; the policy that earns more out.

The policy samples k replies y_1 … y_k to a prompt. Each earns R(y) = reward(y) - beta [log pi(y) - log pi_ref(y)], is
compared with the mean of its siblings, A_i = R(y_i) - mean of R(y_j), j not i, and becomes likelier by that much:

    loss = - mean of min(rho A, clip(rho, 1 - clip, 1 + clip) A)      rho = pi(y) / pi_when_sampled(y)

As rho = 1 and the A of siblings add up to 0, every step's loss starts at 0: watch the reward. The advantages are
scaled to a standard deviation of 1, so that no reward needs its own learning rate. The reward is a proxy: whether
replies stay right, and whether the policy still ranks replies as people did, is measured on held-out prompts and told
when it falls while the reward rises (Gao et al. 2023). Knows no votes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from torch.utils.data import Sampler
from transformers import GenerationConfig, PrinterCallback, set_seed
from trl import RLOOConfig as TrainerConfig
from trl import RLOOTrainer

from common.errors import AfinaError
from tuning.config.training import RLOOConfig
from tuning.data.examples import Pair, Task
from tuning.data.tokenize import end_token_ids, render_prompt
from tuning.methods.preference_data import (
    PreferencePlan,
    arguments,
    log_probabilities,
    plan_of,
    tokenised,
)
from tuning.methods.recorder import Recorder
from tuning.methods.run_reporting import ReplyWatcher, announce, train_to_end
from tuning.methods.start import (
    Preloaded,
    Start,
    add_adapter,
    last_checkpoint,
    start_of,
)
from tuning.methods.trl_patches import AdapterCheckpoints
from tuning.rewards import reward_functions
from tuning.runs.run_store import Run

# What TRL logs -> what our events call it. A test pins both sides.
METRICS = {"reward": "reward", "kl": "token_kl", "completions/mean_length": "reply_tokens"}
MOST_HELDOUT = 48  # held-out prompts answered at each measuring
FALL = 0.1  # of a share, below its best: the reward is followed too far
_ROWS = 64  # of a batch that is sampled


def train(run: Run, home: Path, preloaded: Preloaded | None = None) -> bool:
    """Trains `run` to its end (True), or until it is stopped (False).

    Raises: as `sft.train`; AfinaError `rloo.reward`, and `tasks.unusable` where the reward can judge no prompt.
    """
    config = RLOOConfig.stored(run.info.config)
    reward = reward_functions.reward_of(config.reward, home)
    start = start_of(run, config, home, preloaded)
    model = add_adapter(start, config, run, home)
    every, heldout = run.examples("train", Task), run.examples("heldout", Task)
    tasks = reward_functions.usable(config.reward, every)
    if not tasks:
        raise AfinaError("tasks.unusable", reward=config.reward, n=len(every))
    plan = plan_of(config, start, len(tasks))
    watched = reward_functions.usable(config.reward, heldout)[:MOST_HELDOUT]
    checkpoint = last_checkpoint(run)
    announce(run, start, plan, model, len(watched), checkpoint)
    shown = ReplyWatcher(run, model, start, (each.prompt for each in watched or tasks))
    watch = _Heldout(run, model, start, config, reward, watched, judged(heldout), shown)
    recorder = Recorder(run, plan.eval_every, config.save_every, watch, METRICS)
    recorder.derive = _kl
    trainer = GradientTrainer(start, model, config, plan, tasks, reward, run.checkpoints_dir, [recorder])
    return train_to_end(run, start, model, plan, trainer, recorder, checkpoint)


class GradientTrainer(AdapterCheckpoints, RLOOTrainer):
    """RLOOTrainer on token ids, sampling as our chat does; checkpoints hold the policy alone."""

    def __init__(
        self,
        start: Start,
        model: PeftModel,
        config: RLOOConfig,
        plan: PreferencePlan,
        tasks: Sequence[Task],
        reward: reward_functions.Reward,
        folder: Path,
        callbacks: list,
    ) -> None:
        self._base, self._tasks, self._config, self._start = start.base, list(tasks), config, start
        self._prompts = [render_prompt(start.tokenizer, list(task.prompt)) for task in tasks]
        settings = arguments(folder, config, plan, start.device.kind) | {
            "per_device_train_batch_size": plan.batch_size * config.replies,
            "num_generations": config.replies,
            "max_completion_length": config.reply_tokens,
            "temperature": config.temperature,
            "beta": config.beta,
            "epsilon": config.clip,
            "normalize_advantages": True,
            "disable_dropout": True,  # a reply is as likely in the update as when it was sampled
        }
        settings.pop("max_length")

        def earned(prompts: list[str], completions: list[str], **rest: Any) -> list[float | None]:
            return list(reward([self._tasks[int(each)] for each in prompts], completions))

        set_seed(config.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice for programmers, not for whoever looks at a run
            super().__init__(
                model=model,
                reward_funcs=earned,
                args=TrainerConfig(**settings),
                train_dataset=Dataset.from_list([{"prompt": str(index)} for index in range(len(tasks))]),
                processing_class=start.tokenizer,
                callbacks=callbacks,
            )
        self.remove_callback(PrinterCallback)

    def _generate(self, prompts: list[str]) -> tuple[list[list[int]], list[list[int]], list[str]]:
        """(prompts' token ids, replies' token ids with their end, replies as text); a prompt here is its number."""
        ids = [self._prompts[int(each)] for each in prompts]
        config = self._config
        replies = sample(self.model, self._start, ids, config.reply_tokens, config.temperature)
        lengths = [len(reply) for reply in replies]
        self.state.num_input_tokens_seen += sum(lengths) + sum(len(each) for each in ids)
        self._metrics["train"]["num_tokens"] = [self.state.num_input_tokens_seen]
        self._metrics["train"]["completions/mean_length"].append(sum(lengths) / len(lengths))
        return ids, replies, texts(self._start, replies)

    def _get_train_sampler(self, dataset: Any = None) -> Sampler:
        return Siblings(len(self._tasks), self._train_batch_size, self._config.replies, self._config.seed)


class Siblings(Sampler[int]):
    """Each prompt `replies` times in a row, in whole batches of `rows`; an order for each epoch that depends on seed
    and epoch alone: a resumed run goes on with it (TRL's own sampler begins again with the first epoch's)."""

    def __init__(self, n: int, rows: int, replies: int, seed: int) -> None:
        self.n, self.rows, self.replies, self.seed = n, rows, replies, seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return self.n * self.replies // self.rows * self.rows

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
        order = [each for each in torch.randperm(self.n, generator=generator).tolist() for _ in range(self.replies)]
        yield from order[: len(self)]


@torch.no_grad()
def sample(
    model: Any, start: Start, prompts: Sequence[list[int]], n_tokens: int, temperature: float = 0.0
) -> list[list[int]]:
    """Token ids of a reply to each prompt, with its end token; temperature 0: the likeliest. Mode unchanged."""
    tokenizer, was_training = start.tokenizer, model.training
    ends, pad = end_token_ids(tokenizer), tokenizer.pad_token_id
    drawn = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
    config = GenerationConfig(max_new_tokens=n_tokens, eos_token_id=ends, pad_token_id=pad, **drawn)
    model.eval()
    replies: list[list[int]] = []
    for first in range(0, len(prompts), _ROWS):
        part = prompts[first : first + _ROWS]
        width = max(len(prompt) for prompt in part)
        ids = torch.tensor([[pad] * (width - len(prompt)) + prompt for prompt in part])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in part])
        out = model.generate(
            input_ids=ids.to(model.device), attention_mask=mask.to(model.device), generation_config=config
        )
        replies += [_ended(row, ends) for row in out[:, width:].tolist()]
    model.train(was_training)
    return replies


def _ended(tokens: list[int], ends: list[int]) -> list[int]:
    """The tokens up to the first end token, and with it."""
    first = next((place for place, token in enumerate(tokens) if token in ends), len(tokens) - 1)
    return tokens[: first + 1]


def texts(start: Start, replies: list[list[int]]) -> list[str]:
    return [str(text).strip() for text in start.tokenizer.batch_decode(replies, skip_special_tokens=True)]


def judged(tasks: Sequence[Task]) -> list[Pair]:
    """The pairs of replies of which people said which is better."""
    return [Pair(task.prompt, task.better, task.worse) for task in tasks if task.better and task.worse]


class _Heldout:
    """On held-out prompts, the likeliest replies: what they earn, how many are right, how long they are; and how often
    the policy has come to favour, of two judged replies, the one that people favoured (0.5 before it has moved)."""

    def __init__(
        self,
        run: Run,
        model: Any,
        start: Start,
        config: RLOOConfig,
        reward: reward_functions.Reward,
        tasks: Sequence[Task],
        pairs: Sequence[Pair],
        shown: ReplyWatcher,
    ) -> None:
        self._run, self._model, self._start, self._reward = run, model, start, reward
        self._tasks, self._config, self._shown = tasks, config, shown
        self._prompts = [render_prompt(start.tokenizer, list(task.prompt)) for task in tasks]
        self._known = [place for place, task in enumerate(tasks) if task.answers]
        self._pairs = tokenised(start.tokenizer, pairs, start.info.context or 1024)
        self._pad = start.tokenizer.pad_token_id
        self._reference = log_probabilities(model, self._pairs, self._pad) if self._pairs else None

    def __call__(self) -> dict[str, float]:
        self._shown()
        metrics: dict[str, float] = {}
        if self._tasks:
            replies = sample(self._model, self._start, self._prompts, self._config.reply_tokens)
            decoded = texts(self._start, replies)
            metrics["heldout_reward"] = sum(self._reward(self._tasks, decoded)) / len(decoded)
            metrics["heldout_tokens"] = sum(len(reply) for reply in replies) / len(replies)
            if self._known:
                n_right = sum(reward_functions.right(self._tasks[place], decoded[place]) for place in self._known)
                metrics["heldout_right"] = n_right / len(self._known)
        if self._reference is not None:
            moved = log_probabilities(self._model, self._pairs, self._pad) - self._reference  # (N, 2)
            gap = moved[:, 0] - moved[:, 1]
            metrics["heldout_accuracy"] = float(((gap > 0).float() + 0.5 * (gap == 0).float()).mean())
        step = self._run.status().step
        warn_if_overoptimised(self._run, step, metrics)
        return metrics


def warn_if_overoptimised(run: Run, step: int, now: dict[str, float]) -> None:
    """The note when the held-out reward has risen while right answers, or agreement with people, have fallen clearly.

    `now`: the measures of `step`, which are not in the run's events yet.
    """
    series = run.status().series
    before = [value for at, value in series.get("heldout_reward", []) if at < step]
    if not before or now.get("heldout_reward", before[0]) <= before[0]:
        return
    for name in ("heldout_right", "heldout_accuracy"):
        past = [value for at, value in series.get(name, []) if at < step]
        best = max(past, default=0.0)
        if past and now.get(name, best) <= best - FALL:
            run.note(
                f"note.overoptimised.{name.removeprefix('heldout_')}",
                step,
                step=step,
                best=f"{best:.0%}",
                now=f"{now[name]:.0%}",
                reward_before=f"{before[0]:.2f}",
                reward_now=f"{now['heldout_reward']:.2f}",
            )


def _kl(measures: dict[str, float]) -> dict[str, float]:
    """KL(policy || reference), in nats a reply: its mean over tokens times the mean length."""
    if "token_kl" not in measures:
        return {}
    return {"kl": measures["token_kl"] * measures["reply_tokens"]}
