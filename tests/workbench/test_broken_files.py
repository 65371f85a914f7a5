"""Every kind of file that is read below AFINA_HOME, broken in every way: what does not need it goes on."""

import shutil
from pathlib import Path

import pytest

from common.errors import AfinaError
from common.files import write_json
from common.settings import Settings
from tuning.classification import compare
from tuning.classification.predict import Classifier
from tuning.data.examples import Pair, Row
from tuning.experiments import method_comparison, results
from tuning.rewards.reward_model import RewardModel
from tuning.runs.run_store import Run, RunStore
from workbench import services as services_module
from workbench.actors import TEACHER

HALF = object()
TYPES = {  # a wrong type in each of its fields
    "run_id": 7,
    "name": ["x"],
    "method": None,
    "config": [],
    "base": {"name": 5},
    "data": "x",
    "created_at": "now",
    "parent": 3,
    "extra": [1],
}
ROW = Row(messages=({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}))
PAIR = Pair(({"role": "user", "content": "Hi"},), "Hello", "Go away")
SHORT = {"greedy": True, "max_new_tokens": 2}


def empty(path: Path) -> None:
    path.write_bytes(b"")


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] or b"{")


def binary(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00\x9c" * 300)


def a_list(path: Path) -> None:
    path.write_text('[1, "two", null]\n', encoding="utf-8")


def numbers(path: Path) -> None:
    path.write_text("5\n" * 3, encoding="utf-8")


def long_number(path: Path) -> None:
    path.write_text('{"a": ' + "7" * 5000 + "}\n", encoding="utf-8")


def deep(path: Path) -> None:
    path.write_text("[" * 100_000, encoding="utf-8")


def wrong_object(path: Path) -> None:
    path.write_text('{"kind": 1, "state": [], "prompts": 2, "examples": "x", "settings": {}}\n', encoding="utf-8")


def a_folder(path: Path) -> None:
    gone(path)
    path.mkdir()


def gone(path: Path) -> None:
    path.unlink()


WAYS = (empty, half, binary, a_list, numbers, long_number, deep, wrong_object, a_folder, gone)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A home folder with a file of every kind, none of them broken."""
    home = tmp_path_factory.mktemp("whole")
    services = services_module.build(Settings(home=home, teacher_token="a-token-of-some-length"))
    store, queue = services.training.store, services.queue
    tuned = made(store, "tuned", "dpo", adapter="language", extra={"group": "g", "compares": method_comparison.KIND})
    made(store, "judge", "reward", adapter="reward", parent=None)
    made(store, "sorter", "classify", adapter="classifier", extra={"labels": ["a", "b"], "group": "c"})
    made(store, "shown", "sft", adapter="", extra={"experiment": "tone", "group": "e", "part": "one"})
    made(store, "waits", "sft", adapter="", state="queued")
    services.rounds.star(TEACHER, "Why?")
    services.comparing.alternatives.set_examples(TEACHER, services.comparing.alternatives.examples(TEACHER))
    document = home / "village.txt"
    document.write_text("The village has a well.\n", encoding="utf-8")
    services.comparing.alternatives.add_document(TEACHER, document)
    document.unlink()
    for kind in ("ways", "search", "redteam", "recipe", "measure"):
        write_json(home / "studies" / f"{kind}.json", {"kind": kind, "state": "done", "about": {}, "result": {}})
    write_json(home / "searches" / "0a.json", {"search_id": "0a", "trials": [], "best": None, "importance": {}})
    write_json(tuned.path / "outcome.json", {"win_rate": 0.5, "low": 0.4, "high": 0.6, "n": 9})
    write_json(tuned.path / "dial.json", {"run": "tuned", "reward_run": "", "prompt": "", "settings": []})
    write_json(tuned.path / "kept.json", {"place": "there", "seq": 1})
    write_json(tuned.path / "job.json", {"job": "1", "seen": 0})
    (tuned.path / "card.md").write_text("# Card\n", encoding="utf-8")
    (tuned.path / "merged-000000000000.zip").write_bytes(b"PK\x05\x06" + bytes(18))
    services.dialling.prompt(TEACHER, "tuned")
    services.comparing.replies(TEACHER, ["tuned*0.5"], "Hi", **SHORT)
    for lock in ("queue.lock", "backup.lock", "labels.db.lock"):
        (home / lock).touch()
    queue.close()
    services.labels.close()
    return home


def made(store: RunStore, name: str, method: str, adapter: str, state: str = "done", **more) -> Run:
    """A run on `pocket` with what its method leaves behind, not trained."""
    rows = [PAIR if method == "dpo" else ROW]
    run = store.create(
        method=method,
        config={"peft": "lora", "strategy": "feature"},
        name=name,
        base={"name": "pocket", "sha256": "", "kind": "pocket"},
        data={"name": "x", "fingerprint": ""},
        train=rows,
        heldout=rows,
        **more,
    )
    if state != "queued":
        run.move("starting")
        run.move("running")
        run.append("start", 0, total_steps=1, parameters=1, trainable=1, learning_rate=0.1)
        run.append("eval", 1, heldout_loss=1.0)
        run.move(state)
    save = {"language": _language, "reward": _reward, "classifier": _classifier}.get(adapter)
    if save:
        save(run)
    return run


def _language(run: Run) -> None:
    from tuning.config.training import SFTConfig
    from tuning.models import adapter_io, loader
    from tuning.runs import resolver

    model = adapter_io.make(loader.load_model(resolver.resolve("pocket").base), SFTConfig())
    adapter_io.save(model, run.adapter_dir, "pocket", "lora")


def _reward(run: Run) -> None:
    from tuning.config.training import RewardConfig
    from tuning.methods.reward import with_head
    from tuning.methods.start import Start
    from tuning.models import adapter_io

    start = Start.load("pocket", run.path.parents[1], "float32")
    body = with_head(start.model, None, start.tokenizer.pad_token_id, "last")
    lora = adapter_io.lora(RewardConfig(), task_type="SEQ_CLS", modules_to_save=["score"])
    from peft import get_peft_model

    get_peft_model(body, lora).save_pretrained(str(run.adapter_dir))


def _classifier(run: Run) -> None:
    from tuning.classification import classifier_model
    from tuning.runs import resolver

    base = resolver.resolve("pocket").base
    pad = int(classifier_model.tokenizer_of(base).pad_token_id)
    about = classifier_model.About(["a", "b"], "feature", 32, 0)
    classifier_model.save_weights(classifier_model.build(base, None, about.labels, pad, 0), run.adapter_dir, "feature")
    classifier_model.save_about(run.adapter_dir, about)
    write_json(run.path / "classification.json", {"labels": ["a", "b"], "n": 1, "accuracy": 1.0})


KINDS = (
    "runs/tuned/run.json",
    "runs/waits/run.json",
    "runs/sorter/run.json",
    "runs/tuned/events.jsonl",
    "runs/waits/events.jsonl",
    "runs/sorter/events.jsonl",
    "runs/shown/events.jsonl",
    "runs/tuned/data/train.jsonl",
    "runs/tuned/data/heldout.jsonl",
    "runs/tuned/card.md",
    "runs/tuned/outcome.json",
    "runs/tuned/dial.json",
    "runs/tuned/kept.json",
    "runs/tuned/job.json",
    "runs/tuned/adapter/adapter_config.json",
    "runs/tuned/adapter/adapter_model.safetensors",
    "runs/tuned/adapter/family.json",
    "runs/tuned/merged-000000000000.zip",
    "runs/judge/adapter/adapter_config.json",
    "runs/judge/adapter/adapter_model.safetensors",
    "runs/sorter/adapter/classifier.json",
    "runs/sorter/adapter/head.safetensors",
    "runs/sorter/classification.json",
    "studies/ways.json",
    "studies/search.json",
    "studies/measure.json",
    "searches/0a.json",
    "few_shot.json",
    "starred.json",
    "documents/village.txt",
    "queue.lock",
    "backup.lock",
    "runs/.lock",
    "runs/waits/run.lock",
    "runs/waits/events.lock",
)


def test_no_kind_of_file_is_left_out_here(whole):
    """What lies in the home folder is broken by the test below, but for what is named here."""
    names = {run.id: run.name for run in RunStore(whole)}
    there = set()
    for path in whole.rglob("*"):
        parts = [names.get(part, part) for part in path.relative_to(whole).parts]
        if path.is_file() and "dials" not in parts:
            there.add("/".join(parts))
    elsewhere = {"labels.db", "labels.db-shm", "labels.db-wal", "labels.db.lock", "secret-key"}
    kinds = {Path(kind).name for kind in (*KINDS, *elsewhere)}
    tokenizer = {
        "README.md",
        "tokenizer.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "special_tokens_map.json",
    }
    assert {name for name in there if Path(name).name not in kinds | tokenizer and "studies" not in name} == set()


@pytest.fixture
def home(whole, tmp_path) -> Path:
    shutil.copytree(whole, tmp_path / "home")
    return tmp_path / "home"


def place(home: Path, kind: str) -> Path:
    """The file of this kind; a run's is found by the run's name."""
    top, _, rest = kind.partition("/")
    if top != "runs" or rest == ".lock":
        return home / kind
    name, _, inside = rest.partition("/")
    return RunStore(home).get(name).path / inside


@pytest.mark.parametrize("kind", KINDS)
def test_one_broken_file_breaks_nothing_else(whole, home, kind):
    """Broken before the app looks, broken while it runs, and whole again: then everything is back."""
    path, owner = place(home, kind), kind.split("/")[1] if kind.startswith("runs/") else ""
    whole_file = whole / path.relative_to(home)
    services = services_module.build(Settings(home=home, teacher_token="a-token-of-some-length"))
    path.touch()
    for way in WAYS:
        mend(path, whole_file)
        way(path)
        for opened in (services, reopened(services)):
            try:
                look(opened, owner)
            except Exception as error:
                raise AssertionError(f"{kind}: {way.__name__}") from error
    mend(path, whole_file)
    look(services, "")
    assert services.training.store.broken == {}
    services.labels.close()


def reopened(services):
    """The services of another process that opens the same home folder now."""
    again = services_module.build(services.settings)
    again.labels.close()
    return again


def mend(path: Path, whole_file: Path) -> None:
    if path.is_dir():
        path.rmdir()
    if whole_file.exists():
        shutil.copy2(whole_file, path)
    else:
        path.touch()


def look(services, broken: str) -> None:
    """Everything that lists or waits; whatever of it needs the broken file is left out, the rest is there."""
    others = {"tuned", "judge", "sorter", "shown", "waits"} - {broken}
    store = services.training.store
    assert {run.name for run in services.training.runs(TEACHER)} >= others
    offered = {choice.name for choice in services.comparing.policies(TEACHER)}
    assert {"pocket", *({"tuned"} & others)} <= offered
    assert {"judge"} & others <= set(services.rewarding.models(TEACHER))
    assert {"c"} & ({"c"} if "sorter" in others else set()) <= compare.groups(store).keys()
    assert "g" in method_comparison.groups(store) or broken == "tuned"
    assert "e" in results.groups(store) or broken == "shown"
    for group in compare.groups(store):
        compare.lines(store, group)
    services.training.comparisons(TEACHER)
    services.training.queue(TEACHER)
    services.training.current(TEACHER)
    services.lineage.graph(TEACHER)
    services.course.judges(TEACHER)
    for kind in ("ways", "search", "measure"):
        services.course.latest(TEACHER, kind)
    services.course.searches(TEACHER)
    services.rounds.starred(TEACHER)
    services.comparing.alternatives.documents(TEACHER)
    services.health()
    next_one = services.queue._next()
    assert broken == "waits" or (next_one is not None and next_one.name == "waits")
    for error in store.broken.values():
        assert error.words("en") != error.words("es") and len(error.words("en")) < 700
    for load in (
        lambda: services.dialling.prompt(TEACHER, "tuned"),
        lambda: services.dialling.measured(TEACHER, "tuned"),
        lambda: services.comparing.alternatives.examples(TEACHER),
        lambda: services.comparing.alternatives.search(TEACHER, "well"),
        lambda: services.training.card(TEACHER, "tuned"),
    ):
        worded(load)


def worded(load) -> None:
    """What needs a broken file itself either does without it, or says so in words."""
    try:
        load()
    except AfinaError as error:
        assert "{" not in error.words("en") and error.words("es") != error.words("en")


LOADED = ("runs/tuned/run.json", *(kind for kind in KINDS if "/adapter/" in kind))


@pytest.mark.slow
@pytest.mark.parametrize("kind", LOADED)
def test_what_cannot_be_loaded_is_said_in_words(whole, home, kind):
    path = place(home, kind)
    whole_file = whole / path.relative_to(home)
    services = services_module.build(Settings(home=home, teacher_token="a-token-of-some-length"))
    for way in WAYS:
        mend(path, whole_file)
        way(path)
        if "sorter" in kind:
            worded(lambda: Classifier("sorter", home).probabilities(["well"]))
        elif "judge" in kind:
            talk = ({"role": "user", "content": "Hi"},)
            worded(lambda talk=talk: RewardModel("judge", home).scores([(talk, "Hello")]))
        else:
            for policy in ("tuned", "tuned*0.7"):
                worded(lambda policy=policy: services.comparing.replies(TEACHER, [policy], "Hi", **SHORT))
            assert services.comparing.replies(TEACHER, ["pocket"], "Hi", **SHORT)[0].text
    worded(lambda: services.training.download(TEACHER, "tuned"))
    services.labels.close()
