"""A group of classifiers on the same texts, one of which writes its labels."""

from __future__ import annotations

import json

import pytest

from common.errors import AfinaError
from tuning.classification import compare, generative
from tuning.config.classification import ClassifyConfig
from tuning.data import labelled
from tuning.data.examples import Labelled, Row
from tuning.executors.run_method import execute
from tuning.runs.queue import Queue
from tuning.runs.run_store import RunStore

ROWS = [
    {"text": f"{word} {n}", "label": label} for n in range(30) for word, label in (("warm", "good"), ("cold", "bad"))
]


class Here:
    def warm(self) -> None: ...
    def run(self, run) -> None: ...
    def close(self) -> None: ...


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing` is deprecated:FutureWarning")
def test_a_group_shares_data_and_split_and_is_put_side_by_side(tmp_path, tiny_model):
    store, data = RunStore(tmp_path), labelled.from_python(ROWS)
    config = ClassifyConfig(source_model=str(tiny_model), epochs=3, learning_rate=0.01)
    runs = compare.submit(Queue(store, Here()), config, data, ["feature", "generate"], "mine")
    heads, writer = runs
    held = [row.text for row in heads.examples("heldout", Labelled)]
    assert held and [row.messages[0]["content"].split("\n")[0] for row in writer.examples("heldout", Row)] == held
    assert len(heads.examples("train", Labelled)) == len(writer.examples("train", Row))
    group = heads.info.extra["group"]
    assert [line.report for line in compare.lines(store, group)] == [None, None]
    for run in runs:
        execute(run, tmp_path)
        assert run.state == "done", run.status().error

    from tuning.inference.engine import LocalEngine

    told = generative.measure(writer, LocalEngine(tmp_path))
    assert told["n"] == len(held) and told["milliseconds"] > 0
    assert sum(map(sum, told["confusion"])) == len(held)
    lines = compare.lines(store, group)
    assert [line.strategy for line in lines] == ["feature", "generate"] and all(line.report for line in lines)
    assert lines[0].report["majority"] == lines[1].report["majority"]
    assert compare.groups(store) == {group: "mine"}


def test_a_group_is_queued_whole_or_not_at_all(tmp_path, tiny_model):
    store, data = RunStore(tmp_path), labelled.from_python(ROWS)
    queue, config = Queue(store, Here()), ClassifyConfig(source_model=str(tiny_model))
    compare.submit(queue, config, data, ["lora"], "mine")
    for chosen, name, key in (
        (
            ["feature", "lora", "full"],
            "mine",
            "runs.name_taken",
        ),  # "mine feature" is free, "mine lora" is not
        (["feature", "generate"], "a" * 52, "runs.name"),  # one word is short enough, the other is not
    ):
        with pytest.raises(AfinaError) as caught:
            compare.submit(queue, config, data, chosen, name)
        assert caught.value.key == key
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    (encoder / "model.safetensors").write_bytes(b"")
    told = {"model_type": "bert", "architectures": ["BertForMaskedLM"]}
    (encoder / "config.json").write_text(json.dumps(told))
    config = ClassifyConfig(source_model=str(encoder))
    with pytest.raises(AfinaError) as caught:  # it reads, and has no labels to write
        compare.submit(queue, config, data, ["feature", "generate"], "reader")
    assert caught.value.key == "family.encoder"
    assert [run.name for run in store] == ["mine lora"]


def test_a_reply_is_read_as_the_class_it_begins_with():
    classes = ["bad", "good", "good enough"]
    assert generative.read_label(" Good enough.", classes) == 2
    assert generative.read_label("good.", classes) == 1
    assert generative.read_label("It is good", classes) == 3


@pytest.mark.parametrize(("chosen", "key"), [([], "classify.no_strategy"), (["magic"], "config.choice")])
def test_what_cannot_be_a_group_says_why(tmp_path, chosen, key):
    with pytest.raises(AfinaError) as caught:
        compare.submit(Queue(RunStore(tmp_path), Here()), ClassifyConfig(), labelled.from_python(ROWS), chosen)
    assert caught.value.key == key
