"""Classification on encoder and decoder models, each strategy: it learns, trains only its part, resumes, reloads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.errors import AfinaError
from tuning.config.classification import ClassifyConfig
from tuning.data import labelled
from tuning.data.examples import Labelled
from tuning.executors.run_method import execute
from tuning.runs.queue import Queue
from tuning.runs.run_store import Run, RunStore

GOOD = ("a warm film", "a warm and clever story", "what a warm play", "so warm", "warm music and warm words")
BAD = ("a cold film", "a cold and dull story", "what a cold play", "so cold", "cold music and cold words")


@pytest.fixture(scope="session")
def reviews() -> list[dict[str, str]]:
    """120 short reviews of three classes, one of them rare; the word that decides stands in each."""
    rows = [
        {"text": f"{text} {n}", "label": label}
        for n in range(11)
        for label, texts in (("good", GOOD), ("bad", BAD))
        for text in texts
    ]
    return rows + [{"text": f"nothing at all number {n}", "label": "none"} for n in range(10)]


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory) -> Path:
    """A random BERT of some 30,000 parameters with a real WordPiece tokenizer."""
    torch = pytest.importorskip("torch")
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "bert"
    made = BertWordPieceTokenizer()
    made.train_from_iterator(
        [*GOOD, *BAD, "nothing at all number 0 1 2 3 4 5 6 7 8 9"] * 5, vocab_size=200, show_progress=False
    )
    folder.mkdir()
    BertTokenizerFast(tokenizer_object=made._tokenizer).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=200,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.2,
    )
    BertForMaskedLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_gpt2(tiny_model, tmp_path_factory) -> Path:
    """A random GPT-2 whose tokenizer has no token to pad with."""
    torch = pytest.importorskip("torch")
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

    folder = tmp_path_factory.mktemp("models") / "gpt2"
    tokenizer = AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=384,
        n_embd=32,
        n_layer=2,
        n_head=4,
        n_positions=64,
        bos_token_id=0,
        eos_token_id=0,
        initializer_range=0.2,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


class Here:
    """An executor that is never asked: the tests execute by themselves."""

    def warm(self) -> None: ...
    def run(self, run: Run) -> None: ...
    def close(self) -> None: ...


def submit(home: Path, model: Path | str, rows: list[dict[str, str]], **settings) -> Run:
    config = ClassifyConfig.from_settings({"source_model": str(model), "learning_rate": 0.01, **settings})
    return Queue(RunStore(home), Here()).submit("classify", config, labelled.from_python(rows))


def report_of(run: Run) -> dict:
    assert run.state == "done", run.status().error
    return json.loads((run.path / "classification.json").read_text())


@pytest.mark.parametrize("kind", ["tiny_bert", "tiny_gpt2", "tiny_model"])
def test_every_architecture_learns_by_adapter_and_reloads(kind, request, tmp_path, reviews):
    run = submit(tmp_path, request.getfixturevalue(kind), reviews, epochs=6, rank=8)
    execute(run, tmp_path)
    report = report_of(run)
    assert report["labels"] == ["bad", "good", "none"]
    assert report["accuracy"] > report["majority"]["accuracy"] + 0.2
    assert sum(map(sum, report["confusion"])) == report["n"] == len(run.examples("heldout", Labelled))

    from tuning.classification.predict import Classifier

    loaded = Classifier(run.name, tmp_path)
    found = loaded.probabilities([row.text for row in run.examples("heldout", Labelled)])
    said = [max(each, key=each.__getitem__) for each in found]
    right = sum(a == row.label for a, row in zip(said, run.examples("heldout", Labelled), strict=True))
    assert right / len(said) == pytest.approx(report["accuracy"])
    assert all(sum(each.values()) == pytest.approx(1, abs=1e-5) for each in found)
    untrained = loaded.probabilities(["so warm"], trained=False)[0]
    assert untrained != loaded.probabilities(["so warm"])[0]


@pytest.mark.parametrize("strategy", ["feature", "lora", "full"])
@pytest.mark.parametrize("kind", ["tiny_bert", "tiny_gpt2"])
def test_each_strategy_trains_its_part_and_nothing_else(kind, strategy, request, tmp_path, reviews):
    import torch

    from tuning.classification import classifier_model
    from tuning.runs import resolver

    base = resolver.resolve(str(request.getfixturevalue(kind))).base
    pad = int(classifier_model.tokenizer_of(base).pad_token_id)
    run = submit(tmp_path, base.path_or_id, reviews, strategy=strategy, epochs=1)
    execute(run, tmp_path)
    report = report_of(run)
    before = classifier_model.build(base, None, report["labels"], pad, 0)
    after = classifier_model.load(run.adapter_dir, base, None, pad)
    if strategy == "lora":
        after = after.merge_and_unload()
    start, end = before.state_dict(), after.state_dict()
    assert start.keys() == end.keys()
    moved = {name for name in start if not torch.equal(start[name].float(), end[name].float())}
    heads = {name for name in start if name.split(".")[0] != before.base_model_prefix}
    assert heads <= moved
    body = moved - heads
    if strategy == "feature":
        assert not body and report["trainable"] == sum(start[name].numel() for name in heads)
    elif strategy == "full":
        assert report["trainable"] == report["parameters"]
        still = {name for name in start if name not in moved and start[name].is_floating_point()}
        assert all(
            "position" in name
            or "token_type" in name
            or "embed" in name
            or "wte" in name
            or "wpe" in name
            or "key.bias" in name
            for name in still
        ), still
    else:
        assert body and not any("embed" in name or "norm" in name.lower() or "wte" in name for name in body)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["feature", "lora", "full"])
def test_stopped_and_resumed_equals_unbroken(strategy, tmp_path, tiny_bert, reviews, monkeypatch):
    import torch

    from tuning.classification import classifier_model
    from tuning.methods.recorder import Recorder
    from tuning.runs import resolver

    whole = submit(tmp_path, tiny_bert, reviews, strategy=strategy, epochs=2, save_every=3)
    execute(whole, tmp_path)
    broken = submit(tmp_path, tiny_bert, reviews, strategy=strategy, epochs=2, save_every=3)
    plain = Recorder.on_step_end

    def stop_at_five(self, args, state, control, **kwargs):
        if state.global_step == 5:
            self.run.stop_file.touch()
        return plain(self, args, state, control, **kwargs)

    monkeypatch.setattr(Recorder, "on_step_end", stop_at_five)
    execute(broken, tmp_path)
    assert broken.state == "stopped" and broken.has_adapter
    Queue(RunStore(tmp_path), Here()).resume(broken.id)
    monkeypatch.undo()
    execute(broken, tmp_path)
    assert broken.state == "done", broken.status().error
    base = resolver.resolve(str(tiny_bert)).base
    states = [classifier_model.load(run.adapter_dir, base, None, 0).state_dict() for run in (whole, broken)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_rare_classes_weigh_more_when_asked():
    from tuning.classification.train import class_weights

    assert class_weights([0, 0, 0, 1], 3).tolist() == pytest.approx([4 / 9, 4 / 3, 0])


def test_scores_agree_with_scikit_learn():
    from sklearn.metrics import accuracy_score, f1_score

    from tuning.classification.metrics import scores

    true, said = [0, 0, 1, 2, 2, 2, 1], [0, 1, 1, 2, 0, 2, 1]
    found = scores(true, said, 3)
    assert found["accuracy"] == pytest.approx(accuracy_score(true, said))
    assert found["macro_f1"] == pytest.approx(f1_score(true, said, average="macro"))


def test_the_report_names_the_most_confident_mistake_and_both_baselines():
    from tuning.classification.metrics import report

    train = [Labelled(f"good film {n}", "+") for n in range(6)] + [Labelled(f"bad film {n}", "-") for n in range(4)]
    held = [Labelled("good play", "+", 1), Labelled("bad play", "-", 2), Labelled("bad song", "-", 3)]
    made = report(train, held, ["+", "-"], [[0.9, 0.1], [0.6, 0.4], [0.95, 0.05]])
    assert made.confusion == [[1, 0], [2, 0]] and made.accuracy == pytest.approx(1 / 3)
    assert [each["row"] for each in made.mistakes] == [3, 2]
    assert made.majority["accuracy"] == pytest.approx(1 / 3)
    assert made.bag_of_words is not None and made.bag_of_words["accuracy"] == 1


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        ([{"text": "a", "label": "x"}, {"text": "b", "label": "x"}], "classify.one_class"),
        ([{"text": str(n), "label": str(n)} for n in range(500)], "classify.many_classes"),
        ([{"text": str(n), "label": str(n % 250)} for n in range(1000)], "classify.many_classes"),
        ([{"text": "a", "colour": "x"}], "classify.no_label"),
        ([{"review text": 1, "label": "x"}], "classify.no_text"),
        ([{"text": " ", "label": "x"}, {"text": "a", "label": ""}], "classify.no_rows"),
    ],
)
def test_data_that_cannot_be_used_says_why(rows, key):
    with pytest.raises(AfinaError) as caught:
        labelled.from_python(rows)
    assert caught.value.key == key
    assert "{" not in caught.value.words("en") + caught.value.words("es")


def test_many_classes_are_quoted_as_the_language_does():
    with pytest.raises(AfinaError) as caught:
        labelled.from_python([{"text": str(n), "label": f"name {n}"} for n in range(500)])
    assert "(“name 0”, “name 1”, “name 2” …)" in caught.value.words("en")
    assert "(«name 0», «name 1», «name 2»…)" in caught.value.words("es")


def test_a_file_sorted_by_label_says_that_the_first_rows_are_too_few():
    records = [{"text": f"text {n}", "label": "good" if n < 30 else "bad"} for n in range(40)]
    found = labelled.from_python(records, "sorted.csv")
    assert len(found.first(31).counts) == 2
    with pytest.raises(AfinaError) as caught:
        found.first(20)
    assert caught.value.key == "classify.one_class_first"
    assert "The first 20 rows of sorted.csv" in str(caught.value) and "40 rows" in str(caught.value)


def test_one_class_that_is_left_says_what_became_of_the_others():
    rows = [{"text": f"text {n}", "label": "good" if n % 2 else ""} for n in range(10)]
    with pytest.raises(AfinaError) as caught:
        labelled.from_python(rows)
    assert caught.value.key == "classify.one_class_left"
    assert "5 " in caught.value.words("en") and "empty" in caught.value.words("en")
    assert "vacía" in caught.value.words("es") or "vacío" in caught.value.words("es")


def test_bad_rows_are_skipped_and_told(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("Reseña,Clase\nuna joya,1.0\n,0\nun horror,0\n", encoding="utf-8")
    found = labelled.load(path)
    assert found.labels == ("0", "1.0") and found.n_skipped == 1
    assert found.skipped[0].params["row"] == 2


def test_a_shipped_set_gives_the_review_without_its_question():
    found = labelled.load("sentiment.es")
    assert found.labels == ("negative", "positive")
    assert not any("reseña" in row.text for row in found.rows)
