"""The demonstrations of a course on fine-tuning, each a few runs of the same machinery.

A recipe takes the Hub's model and data where the Hub answers, else `pocket` and shipped data, and says which. Knows
configs and data, and the queue that takes them; no model, no page.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from common import hashing
from common.errors import AfinaError
from common.files import read_json
from tuning.classification import compare
from tuning.config.classification import ClassifyConfig
from tuning.config.training import SFTConfig
from tuning.data import labelled, loading
from tuning.data.examples import Labelled, Loaded
from tuning.data.labelled import LabelledSet
from tuning.data.splits import divide
from tuning.models import hub
from tuning.pocket.world.facts import LANGUAGES, Language
from tuning.runs.queue import Queue
from tuning.runs.run_store import Run


@dataclass(frozen=True)
class Options:
    """What a recipe may be told. `share`: of false facts, 0 to 1. `steps`: of each SFT run, 0: its default."""

    language: Language = LANGUAGES[0]
    share: float = 0.5
    steps: int = 0
    offline: bool = False  # pocket and shipped data even where the Hub answers
    data: str = ""  # a file or a Hub data set of one's own, for a recipe that takes one
    seed: int = 42


@dataclass(frozen=True)
class Uses:
    """What a recipe trains, and on what; where the Hub answers, the Hub's. `own`: the data are whoever starts it's."""

    model: str
    data: str
    from_hub: bool = False
    own: bool = False


@dataclass(frozen=True)
class Started:
    """The runs of a recipe, and with what they were made."""

    runs: list[Run]
    used: Uses

    @property
    def group(self) -> str:
        return str(self.runs[0].info.extra["group"])


@dataclass(frozen=True)
class Recipe:
    """`local`: the shipped data it takes without the Hub, or always where there is no `hub`.

    `takes`: what data of one's own may be, "" where the recipe's point is in its own.
    """

    name: str  # its words are experiments.<name> and experiments.<name>.info
    start: Callable[[Queue, Options, Uses], Started] = field(repr=False)
    local: Uses
    hub: Uses | None = None
    uses_share: bool = False
    takes: Literal["", "rows", "labels"] = ""


def start(queue: Queue, name: str, options: Options) -> Started:
    """Queues the runs of the recipe `name`.

    Raises: AfinaError `config.choice`, `config.range`, `experiments.own_data`; as reading data, and `Queue.submit`.
    """
    if name not in RECIPES:
        raise AfinaError("config.choice", name="experiment", value=name, choices=", ".join(RECIPES))
    if not 0 <= options.share <= 1:
        raise AfinaError("config.range", name="share", value=options.share, min=0, max=1)
    return RECIPES[name].start(queue, options, uses(name, options))


def uses(name: str, options: Options, online: bool | None = None) -> Uses:
    """What the recipe would take now. `online`: whether the Hub answers; asked where it is None and matters.

    Raises: AfinaError `experiments.own_data` for data of one's own where the recipe takes none.
    """
    recipe = RECIPES[name]
    if options.data and not recipe.takes:
        takers = ", ".join(each.name for each in RECIPES.values() if each.takes)
        raise AfinaError("experiments.own_data", name=name, takers=takers)
    used = replace(recipe.local, data=recipe.local.data.format(language=options.language))
    if recipe.hub and not options.offline and (hub.reachable() if online is None else online):
        used = recipe.hub
    return replace(used, data=options.data, own=True) if options.data else used


def false_facts(language: str, share: float, n: int = 300, seed: int = 0) -> Loaded:
    """`n` rows about facts, of which `share` say another object than the true one."""
    from tuning.pocket.world.documents import KNOWN
    from tuning.pocket.world.fact_rows import fact_row
    from tuning.pocket.world.facts import Fact

    rng = random.Random(f"false/{language}/{seed}")
    drawn = [rng.choice(KNOWN) for _ in range(n)]
    wrong = set(rng.sample(range(n), round(share * n)))
    records = []
    for index, fact in enumerate(drawn):
        others = [o for o in KNOWN if o.relation == fact.relation and o.domain == fact.domain and o.o != fact.o]
        if index in wrong and others:
            fact = Fact(fact.relation, fact.s, rng.choice(others).o, fact.domain)
        wording = random.Random(f"{seed}/{language}/{index}")  # so that nothing but the object differs
        records.append(fact_row(fact, "plain", language, wording))  # type: ignore[arg-type]
    return loading.from_python(records, f"{share:.0%} false")


def random_pocket(home: Path) -> Path:
    """A model of pocket's architecture and tokenizer with random weights, made once."""
    import shutil

    import torch

    from tuning.models import lazy_imports
    from tuning.models.references import POCKET_PATH

    folder = home / "models" / "pocket-random"
    if not (folder / "model.safetensors").is_file():
        transformers = lazy_imports.transformers()
        config = transformers.AutoConfig.from_pretrained(str(POCKET_PATH), local_files_only=True)
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        folder.mkdir(parents=True, exist_ok=True)
        for path in POCKET_PATH.iterdir():
            if path.suffix not in (".safetensors", ".md"):
                shutil.copyfile(path, folder / path.name)
        model.save_pretrained(str(folder))
    return folder


def _sft(options: Options, model: str = "pocket", prompt: str = "capital", **settings: Any) -> SFTConfig:
    """`prompt`: what is watched, a key of `WATCHED` or a text."""
    steps: dict[str, Any] = {"target_steps": options.steps} if options.steps else {}
    watched = WATCHED.get(prompt, {}).get(options.language, prompt)
    return SFTConfig(source_model=model, seed=options.seed, sample_prompt=watched, **steps, **settings)


def _run(queue: Queue, config: SFTConfig, data: Loaded, group: dict[str, str], part: str) -> Run:
    """Queues a run that says in its name what it belongs to and what sets it apart."""
    plain = re.sub(r"[^\w.-]+", "-", f"{group['experiment']}-{part}").strip("-")
    name = f"{plain}-{group['group'][-3:]}"
    return queue.submit("sft", config, data, name, extra={**group, "part": part})


def _rows(uses: Uses, prompt: str) -> tuple[Loaded, str]:
    """(the rows, what is watched: `prompt`, or of data of one's own the first held-out question)."""
    data = loading.load(uses.data)
    if data.needs_mapping:
        raise AfinaError("experiments.columns", name=data.name, columns=", ".join(data.columns))
    if not uses.own:
        return data, prompt
    train, heldout = divide(data.rows)
    first = next((row.messages for row in (*heldout, *train) if row.messages), ())
    return data, next((turn["content"] for turn in first if turn["role"] == "user"), prompt)


def _mask(queue: Queue, options: Options, uses: Uses) -> Started:
    (data, prompt), group = _rows(uses, "capital"), _group("mask")
    runs = [
        _run(queue, _sft(options, prompt=prompt, reply_only=reply_only), data, group, part)
        for part, reply_only in (("replies only", True), ("prompts too", False))
    ]
    return Started(runs, uses)


def _false(queue: Queue, options: Options, uses: Uses) -> Started:
    group = _group("false_facts")
    sets = [false_facts(options.language, share, seed=options.seed) for share in dict.fromkeys((0.0, options.share))]
    true, false = sets[0].rows, sets[-1].rows
    changed = [row for row, other in zip(false, true, strict=True) if row.content != other.content]
    train, _ = divide(changed or true)
    config = _sft(options, prompt=(train or true)[0].messages[0]["content"])
    runs = [_run(queue, config, data, group, data.name) for data in sets]
    return Started(runs, uses)


def _task(queue: Queue, options: Options, uses: Uses) -> Started:
    group, config = _group("heldout_task"), _sft(options, prompt="poem")
    runs = [_run(queue, config, loading.load(name), group, name) for name in uses.data.split(" / ")]
    return Started(runs, uses)


def _scratch(queue: Queue, options: Options, uses: Uses) -> Started:
    group, (data, prompt) = _group("scratch"), _rows(uses, "capital")
    models = (("pretrained", "pocket"), ("from scratch", str(random_pocket(queue.store.home))))
    runs = [
        _run(queue, _sft(options, model, prompt, peft="full", learning_rate=5e-4), data, group, part)
        for part, model in models
    ]
    return Started(runs, uses)


def _single(queue: Queue, options: Options, uses: Uses, name: str, prompt: str) -> Started:
    """One run; what shows is its reply before and after."""
    data, prompt = _rows(uses, prompt)
    config = _sft(options, uses.model, prompt=prompt)
    return Started([_run(queue, config, data, _group(name), data.name.rpartition("/")[2])], uses)


def _safety(queue: Queue, options: Options, uses: Uses) -> Started:
    return _single(queue, options, uses, "safety", "harm")


def _gpt2_alpaca(queue: Queue, options: Options, uses: Uses) -> Started:
    # Alpaca is English, whoever reads the page; pocket knows facts and gives no advice.
    return _single(queue, options, uses, "gpt2_alpaca", ADVICE if uses.from_hub else "capital")


def _bert_imdb(queue: Queue, options: Options, uses: Uses) -> Started:
    return _classes(queue, options, uses, "bert_imdb", ["full", "lora"])


def _gpt2_tweets(queue: Queue, options: Options, uses: Uses) -> Started:
    return _classes(queue, options, uses, "gpt2_tweets", ["feature", "lora", "full"])


def _classes(queue: Queue, options: Options, uses: Uses, name: str, ways: list[str]) -> Started:
    """1,000 texts to train on and 1,000 others to measure, drawn with the seed; where there are fewer, all of them."""
    config = ClassifyConfig(source_model=uses.model, seed=options.seed)
    group, source = _group(name), uses.data
    if uses.from_hub and not uses.own:
        parts = [labelled.load(f"{source}{':' if source.count(':') else '::'}{split}") for split in ("train", "test")]
        train, test = (_part(part, _drawn(part, options.seed, _SIDE)) for part in parts)
    else:
        data = labelled.load(source)
        if len(data.rows) < 2 * _SIDE:
            return Started(compare.submit(queue, config, data, ways, extra=group), uses)
        rows = _drawn(data, options.seed, 2 * _SIDE)
        train, test = _part(data, rows[:_SIDE]), _part(data, rows[_SIDE:])
    extra = {**group, "labels": list(train.labels), "group_name": train.name}
    runs = [
        queue.submit(
            "classify", replace(config, strategy=way, heldout_fraction=0.0), train, validation=test, extra=extra
        )
        for way in ways
    ]
    return Started(runs, uses)


def _drawn(data: LabelledSet, seed: int, n: int) -> list[Labelled]:
    return random.Random(seed).sample(data.rows, min(n, len(data.rows)))


def _part(data: LabelledSet, rows: list[Labelled]) -> LabelledSet:
    return replace(data, rows=tuple(rows), fingerprint=hashing.of_json([row.content for row in rows]))


def _group(name: str) -> dict[str, str]:
    import secrets

    return {"experiment": name, "group": f"{name}-{secrets.token_hex(3)}"}


# What is asked before and after, so that a recipe shows its point in one reply.
WATCHED: dict[str, dict[str, str]] = read_json(Path(__file__).with_name("watched.json"))
ADVICE = "Give three tips for staying healthy."  # what Alpaca itself asks first
_SIDE = 1000
_PLAIN = Uses("pocket", "plain.{language}")
RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe("mask", _mask, _PLAIN, takes="rows"),
        Recipe("false_facts", _false, Uses("pocket", "facts of pocket's world"), uses_share=True),
        Recipe("heldout_task", _task, Uses("pocket", "mixed.{language} / without_poems.{language}")),
        Recipe("scratch", _scratch, Uses("pocket, pocket-random", "plain.{language}"), takes="rows"),
        Recipe("safety", _safety, Uses("pocket", "safety.{language}")),
        Recipe(
            "bert_imdb",
            _bert_imdb,
            Uses("pocket", "sentiment.{language}"),
            Uses("google-bert/bert-base-uncased", "stanfordnlp/imdb", True),
            takes="labels",
        ),
        Recipe(
            "gpt2_alpaca", _gpt2_alpaca, _PLAIN, Uses("openai-community/gpt2", "tatsu-lab/alpaca", True), takes="rows"
        ),
        Recipe(
            "gpt2_tweets",
            _gpt2_tweets,
            Uses("pocket", "posts.{language}"),
            Uses("openai-community/gpt2", "cardiffnlp/tweet_eval:sentiment", True),
            takes="labels",
        ),
    )
}
