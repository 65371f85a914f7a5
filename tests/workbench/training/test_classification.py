"""Groups of classifiers as the page handles them: stopped, resumed, and shown."""

import gradio as gr
import pytest

from common import files
from common.errors import AfinaError, NotAllowed
from common.settings import Settings
from tuning.classification import metrics
from tuning.classification.compare import StrategyRow
from tuning.config.classification import ClassifyConfig
from tuning.data import labelled
from ui.laboratory import classify_tab, classify_view
from ui.laboratory.classify_layout import Form, Results
from workbench.actors import TEACHER, VISITOR, Actor
from workbench.rate_limits import TooMany
from workbench.services import build

ROWS = [{"text": f"{word} {n}", "label": word} for n in range(10) for word in ("warm", "cold")]
REPORT = {
    "accuracy": 0.5,
    "macro_f1": 0.4,
    "n": 100,
    "majority": {"accuracy": 0.5, "macro_f1": 0.33},
    "bag_of_words": {"accuracy": 0.9, "macro_f1": 0.9},
    "trainable": 10,
    "parameters": 100,
    "peak_memory_bytes": 1e9,
    "seconds": 3.0,
    "adapter_bytes": 1000,
    "milliseconds": 2.0,
}

REQUEST = gr.Request(headers={}, session_hash="s")


def test_a_stopped_group_is_resumed_whole(tmp_path):
    services = build(Settings(home=tmp_path))  # its queue is never started: what is queued stays so
    group = services.classifying.start(TEACHER, ClassifyConfig(), labelled.from_python(ROWS), ["feature", "lora"])
    states = lambda: [line.state for line in services.classifying.lines(TEACHER, group)]  # noqa: E731
    services.classifying.stop(TEACHER, group)
    assert states() == ["cancelled", "cancelled"]
    with pytest.raises(NotAllowed):
        services.classifying.resume(VISITOR, group)
    services.classifying.resume(TEACHER, group)
    services.classifying.resume(TEACHER, group)  # a second click changes nothing
    assert states() == ["queued", "queued"]
    services.stop()


def test_only_what_came_to_its_end_is_judged():
    def shown(state: str) -> str:
        return classify_view.table(
            [StrategyRow("1", "mine", "lora", state, 0.1, {"heldout_accuracy": 0.625}, REPORT)], "en"
        )

    assert "is not worth it" in shown("done")
    assert "is not worth it" not in shown("stopped") and "50.0%" in shown("stopped")
    resumed = shown("running")  # its report is of the moment it was stopped
    assert "62.5%" in resumed and "is not worth it" not in resumed and "<b>50.0%</b>" not in resumed


@pytest.mark.parametrize(
    ("accuracy", "bag", "told"),
    [
        (1.0, 0.986, "may be chance"),
        (1.0, 0.9, "beats"),
        (0.5, 0.55, "may be chance"),
        (0.5, 0.9, "not worth it"),
    ],
)
def test_a_difference_within_chance_is_called_so_even_where_every_text_is_right(accuracy, bag, told):
    report = {**REPORT, "n": 140, "accuracy": accuracy, "bag_of_words": {"accuracy": bag, "macro_f1": bag}}
    shown = classify_view.table([StrategyRow("1", "mine", "lora", "done", 1.0, {}, report)], "en")
    assert told in shown and "{" not in shown


def poll(services, group="", picked="", seen=None):
    """What a page with these values is sent, and its results' components."""
    with gr.Blocks():
        form, results = Form(services), Results()
    return classify_tab._poll(services, form, results, group, picked, seen, REQUEST), results


def test_a_resumed_run_is_shown_with_its_new_mistakes(tmp_path):
    services = build(Settings(home=tmp_path))
    group = services.classifying.start(TEACHER, ClassifyConfig(), labelled.from_python(ROWS), ["lora"])
    run = services.training.store.get(services.classifying.lines(TEACHER, group)[0].run_id)

    def mistakes(text: str) -> str:
        wrong = {"said": "warm", "label": "cold", "probability": 0.9, "text": text, "row": 3}
        told = {**REPORT, "labels": ["cold", "warm"], "confusion": [[1, 2], [3, 4]], "mistakes": [wrong]}
        files.write_json(run.path / metrics.FILE, told)
        updates, results = poll(services, group)
        return updates[results.mistakes]

    assert "as it was stopped" in mistakes("as it was stopped")
    assert "as it ended" in mistakes("as it ended")
    services.stop()


def test_the_classifier_that_somebody_chose_stays_while_a_better_one_comes_in(tmp_path):
    services = build(Settings(home=tmp_path))
    group = services.classifying.start(TEACHER, ClassifyConfig(), labelled.from_python(ROWS), ["feature", "lora"])
    worse, better = [line.run_id for line in services.classifying.lines(TEACHER, group)]
    for run_id, accuracy in ((worse, 0.5), (better, 0.8)):
        told = {**REPORT, "accuracy": accuracy, "labels": ["a", "b"], "confusion": [[1, 2], [3, 4]]}
        files.write_json(services.training.store.get(run_id).path / metrics.FILE, {**told, "mistakes": []})

    def chosen(picked: str) -> str:
        updates, results = poll(services, group, picked)
        return updates[results.run]["value"]

    assert chosen("") == chosen("of another group") == better and chosen(worse) == worse
    services.stop()


def test_a_page_that_was_open_before_the_first_group_finds_it(tmp_path):
    services = build(Settings(home=tmp_path))
    empty, results = poll(services)
    assert "No classifier yet" in empty[results.table]
    seen = empty[results.seen]
    group = services.classifying.start(TEACHER, ClassifyConfig(), labelled.from_python(ROWS), ["lora"])
    updates, results = poll(services, seen=seen)
    assert updates[results.group]["value"] == group
    services.stop()


def test_nothing_is_said_of_the_best_before_all_have_ended():
    done = StrategyRow("1", "mine", "feature", "done", 1.0, {}, REPORT)
    assert "is not worth it" in classify_view.table([done], "en")
    later = StrategyRow("2", "mine-2", "full", "queued", 0.0, {}, None)
    assert "is not worth it" not in classify_view.table([done, later], "en")


def test_a_verdict_says_what_it_leaves_out():
    done = StrategyRow("1", "mine", "feature", "done", 1.0, {}, REPORT)
    cancelled = StrategyRow("2", "mine-2", "full", "cancelled", 0.0, {}, None)
    stopped = StrategyRow("3", "mine-3", "lora", "stopped", 0.4, {}, REPORT)
    assert "leaves out" not in classify_view.table([done], "en")
    shown = classify_view.table([done, cancelled, stopped], "en")
    assert "is not worth it" in shown and "Full fine-tuning (cancelled), LoRA (stopped)" in shown


def test_mistakes_are_quoted_as_the_language_does():
    wrong = {"said": "warm", "label": "cold", "probability": 0.9, "text": "ice", "row": 3}
    assert ": “ice” " in classify_view.mistakes({"mistakes": [wrong]}, "en")
    assert ": «ice» " in classify_view.mistakes({"mistakes": [wrong]}, "es")


def test_a_class_without_held_out_texts_is_named():
    told = {**REPORT, "labels": ["bad", "good"], "confusion": [[0, 0], [1, 37]]}
    shown = classify_view.table([StrategyRow("1", "mine", "lora", "done", 1.0, {}, told)], "en")
    assert "has the label bad" in shown
    told = {**REPORT, "labels": ["bad", "good"], "confusion": [[2, 0], [1, 37]]}
    assert "has the label" not in classify_view.table([StrategyRow("1", "m", "lora", "done", 1.0, {}, told)], "en")


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_strategy_and_baseline_has_room_on_a_phone(language):
    figure = classify_view.comparison(dict.fromkeys(["feature", "lora", "full", "generate"], REPORT), language)
    labels = figure.data[0].y
    assert len(labels) == 6 and figure.layout.height >= 6 * 60
    assert max(len(line) for label in labels for line in label.split("<br>")) <= 15


def test_where_no_label_is_recognised_the_columns_can_be_chosen(tmp_path):
    path = tmp_path / "uploads" / "stars.csv"
    path.parent.mkdir()
    path.write_text("text,stars\n" + "".join(f"film {n},{n % 3}\n" for n in range(30)))
    services = build(Settings(home=tmp_path))
    with gr.Blocks():
        form, results = Form(services), Results()
    request = gr.Request(headers={"authorization": f"Bearer {services.roles.token}"}, session_hash="s")

    def check(values: dict) -> list:
        """What is said of the data; the text column, the label column and the closer look."""
        updates = classify_tab._check(services, form, results, form.source(values), request)
        return [updates[box] for box in (results.data, form.text, form.label, results.look)]

    new = {form.dataset: str(path), form.limit: 0}
    told, text, label, look = check(new)
    assert "“label”" in told and look["visible"] is False
    assert [each if isinstance(each, str) else each[0] for each in label["choices"]] == ["", "text", "stars"]
    assert text["value"] == label["value"] == ""  # what was chosen for other data is not left standing
    told, text, label, look = check({**new, form.text: "", form.label: "stars"})
    assert "stars.csv" in told and label["value"] == "stars" and look["visible"] is True
    assert text["value"] == "text"  # which column was taken is shown
    services.stop()


def test_asking_a_classifier_is_bounded_as_the_chat_is(tmp_path):
    """Before anything is loaded: the length, the messages a minute, the replies at once."""
    services = build(Settings(home=tmp_path, chat_messages=3, chat_queue=1))
    asked = []

    class Model:
        def probabilities(self, texts, trained=True):
            asked.append(texts)
            return [{"warm": 1.0}]

    services.classifying._classifier = lambda run_id: Model()
    who = Actor("visitor", "one")
    for text in ("x" * 8_001, "x" * 3_500_000):
        with pytest.raises(AfinaError) as caught:
            services.classifying.probabilities(who, "run", text)
        assert caught.value.key == "chat.long" and not asked
    with services.roles.writing(Actor("visitor", "other"), 1), pytest.raises(TooMany) as caught:
        services.classifying.probabilities(who, "run", "warm?")
    assert caught.value.key == "limit.queue" and not asked
    for _ in range(2):
        services.classifying.probabilities(who, "run", "warm?")
    with pytest.raises(TooMany) as caught:
        services.classifying.probabilities(who, "run", "warm?")
    assert caught.value.key == "limit.messages" and len(asked) == 4
    services.stop()


def test_a_search_in_the_documents_takes_no_more_than_a_message(tmp_path):
    services = build(Settings(home=tmp_path))
    with pytest.raises(AfinaError) as caught:
        services.comparing.alternatives.search(VISITOR, "x" * 8_001)
    assert caught.value.key == "chat.long"
    services.stop()
