"""The demonstrations of a course on fine-tuning, each a few runs of the same machinery.

A recipe takes the Hub's model and data where the Hub answers, else `pocket` and shipped data, and says which. Knows
configs and data, and the queue that takes them; no model, no page.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from common import hashing
from common.errors import AfinaError
from tuning import hub, strategies
from tuning.config import SFTConfig
from tuning.config_classify import ClassifyConfig
from tuning.data import formats, labels
from tuning.data.labels import LabelledSet
from tuning.data.rows import Loaded
from tuning.jobs import Queue
from tuning.runs import Run


@dataclass(frozen=True)
class Options:
    """What a recipe may be told. `share`: of false facts, 0 to 1. `steps`: of each SFT run, 0: its default."""

    language: str = "en"
    share: float = 0.5
    steps: int = 0
    offline: bool = False  # pocket and shipped data even where the Hub answers
    seed: int = 42


@dataclass(frozen=True)
class Started:
    """The runs of a recipe, and with what they were made."""

    runs: list[Run]
    model: str
    data: str
    from_hub: bool


@dataclass(frozen=True)
class Recipe:
    name: str  # its words are experiments.<name> and experiments.<name>.info
    start: Callable[[Queue, Options], Started] = field(repr=False)
    uses_share: bool = False


def start(queue: Queue, name: str, options: Options) -> Started:
    """Queues the runs of the recipe `name`. Raises: AfinaError `config.choice`, `config.range`; as `Queue.submit`."""
    if name not in RECIPES:
        raise AfinaError("config.choice", name="experiment", value=name, choices=", ".join(RECIPES))
    if not 0 <= options.share <= 1:
        raise AfinaError("config.range", name="share", value=options.share, min=0, max=1)
    return RECIPES[name].start(queue, options)


def false_facts(language: str, share: float, n: int = 300, seed: int = 0) -> Loaded:
    """`n` rows about facts, of which `share` say another object than the true one."""
    from tuning.pocket.instructions import fact_row
    from tuning.pocket.world.documents import KNOWN
    from tuning.pocket.world.facts import Fact

    rng = random.Random(f"false/{language}/{seed}")
    drawn = [rng.choice(KNOWN) for _ in range(n)]
    wrong = set(rng.sample(range(n), round(share * n)))
    records = []
    for index, fact in enumerate(drawn):
        others = [
            o for o in KNOWN if o.relation == fact.relation and o.domain == fact.domain and o.o != fact.o
        ]
        if index in wrong and others:
            fact = Fact(fact.relation, fact.s, rng.choice(others).o, fact.domain)
        wording = random.Random(f"{seed}/{language}/{index}")  # so that nothing but the object differs
        records.append(fact_row(fact, "plain", language, wording))  # type: ignore[arg-type]
    return formats.from_python(records, f"{share:.0%} false")


def random_pocket(home: Path) -> Path:
    """A model of pocket's architecture and tokenizer with random weights, made once."""
    import shutil

    import torch

    from tuning import libraries
    from tuning.models import POCKET_PATH

    folder = home / "models" / "pocket-random"
    if not (folder / "model.safetensors").is_file():
        transformers = libraries.transformers()
        config = transformers.AutoConfig.from_pretrained(str(POCKET_PATH), local_files_only=True)
        torch.manual_seed(0)
        made = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        folder.mkdir(parents=True, exist_ok=True)
        for path in POCKET_PATH.iterdir():
            if path.suffix not in (".safetensors", ".md"):
                shutil.copyfile(path, folder / path.name)
        made.save_pretrained(str(folder))
    return folder


def _sft(options: Options, model: str = "pocket", **settings: Any) -> SFTConfig:
    steps: dict[str, Any] = {"target_steps": options.steps} if options.steps else {}
    return SFTConfig(source_model=model, seed=options.seed, **steps, **settings)


def _mask(queue: Queue, options: Options) -> Started:
    data = formats.load(f"plain.{options.language}")
    group = _group("mask")
    runs = [queue.submit("sft", _sft(options, reply_only=reply_only), data, extra={**group, "part": part})
            for part, reply_only in (("replies only", True), ("prompts too", False))]  # fmt: skip
    return Started(runs, "pocket", data.name, False)


def _false(queue: Queue, options: Options) -> Started:
    group = _group("false_facts")
    runs = []
    for share in dict.fromkeys((0.0, options.share)):
        data = false_facts(options.language, share, seed=options.seed)
        runs.append(queue.submit("sft", _sft(options), data, extra={**group, "part": data.name}))
    return Started(runs, "pocket", "facts of pocket's world", False)


def _task(queue: Queue, options: Options) -> Started:
    group = _group("heldout_task")
    names = [f"{name}.{options.language}" for name in ("mixed", "without_poems")]
    runs = [
        queue.submit("sft", _sft(options), formats.load(name), extra={**group, "part": name})
        for name in names
    ]
    return Started(runs, "pocket", " / ".join(names), False)


def _scratch(queue: Queue, options: Options) -> Started:
    group, data = _group("scratch"), formats.load(f"plain.{options.language}")
    models = (("pretrained", "pocket"), ("from scratch", str(random_pocket(queue.store.home))))
    runs = [queue.submit("sft", _sft(options, model, peft="full", learning_rate=5e-4), data,
                         extra={**group, "part": part}) for part, model in models]  # fmt: skip
    return Started(runs, "pocket, pocket-random", data.name, False)


def _safety(queue: Queue, options: Options) -> Started:
    data = formats.load(f"safety.{options.language}")
    run = queue.submit("sft", _sft(options), data, extra={**_group("safety"), "part": "safety"})
    return Started([run], "pocket", data.name, False)


def _bert_imdb(queue: Queue, options: Options) -> Started:
    return _classes(queue, options, "google-bert/bert-base-uncased", "stanfordnlp/imdb", ["full", "lora"])


def _gpt2_tweets(queue: Queue, options: Options) -> Started:
    return _classes(
        queue,
        options,
        "openai-community/gpt2",
        "cardiffnlp/tweet_eval:sentiment",
        ["feature", "lora", "full"],
    )


def _gpt2_alpaca(queue: Queue, options: Options) -> Started:
    online = not options.offline and hub.reachable()
    model = "openai-community/gpt2" if online else "pocket"
    data = formats.load("tatsu-lab/alpaca" if online else f"plain.{options.language}")
    run = queue.submit("sft", _sft(options, model), data, extra=_group("gpt2_alpaca"))
    return Started([run], model, data.name, online)


def _classes(queue: Queue, options: Options, model: str, source: str, ways: list[str]) -> Started:
    """1,000 texts to train on and 1,000 others to measure, drawn with the seed (fewer of shipped data)."""
    online = not options.offline and hub.reachable()
    config = ClassifyConfig(source_model=model if online else "pocket", seed=options.seed)
    if not online:
        data = labels.load(f"sentiment.{options.language}")
        return Started(strategies.submit(queue, config, data, ways), "pocket", data.name, False)
    parts = [_drawn(labels.load(f"{source}{':' if source.count(':') else '::'}{split}"), options.seed)
             for split in ("train", "test")]  # fmt: skip
    extra = {**_group(source), "labels": list(parts[0].labels), "group_name": source}
    runs = [
        queue.submit("classify", replace(config, strategy=way, heldout_fraction=0.0), parts[0],
                     validation=parts[1], extra=extra)
        for way in ways
    ]  # fmt: skip
    return Started(runs, model, source, True)


def _drawn(data: LabelledSet, seed: int, n: int = 1000) -> LabelledSet:
    rows = random.Random(seed).sample(data.rows, min(n, len(data.rows)))
    return replace(data, rows=tuple(rows), fingerprint=hashing.of_json([row.content for row in rows]))


def _group(name: str) -> dict[str, str]:
    import secrets

    return {"experiment": name, "group": f"{name}-{secrets.token_hex(3)}"}


RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("mask", _mask),
        Recipe("false_facts", _false, uses_share=True),
        Recipe("heldout_task", _task),
        Recipe("scratch", _scratch),
        Recipe("safety", _safety),
        Recipe("bert_imdb", _bert_imdb),
        Recipe("gpt2_alpaca", _gpt2_alpaca),
        Recipe("gpt2_tweets", _gpt2_tweets),
    )
}
