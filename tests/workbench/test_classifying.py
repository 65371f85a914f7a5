"""Groups of classifiers as the page handles them: stopped, resumed, and shown."""

import pytest

from common.errors import NotAllowed
from common.settings import Settings
from tuning.config_classify import ClassifyConfig
from tuning.data import labels
from tuning.strategies import Line
from ui import classify_words
from workbench.roles import TEACHER, VISITOR
from workbench.services import build

ROWS = [{"text": f"{word} {n}", "label": word} for n in range(10) for word in ("warm", "cold")]
REPORT = {
    "accuracy": 0.5, "macro_f1": 0.4, "n": 100, "majority": {"accuracy": 0.5, "macro_f1": 0.33},
    "bag_of_words": {"accuracy": 0.9, "macro_f1": 0.9}, "trainable": 10, "parameters": 100,
    "peak_memory_bytes": 1e9, "seconds": 3.0, "adapter_bytes": 1000, "milliseconds": 2.0,
}  # fmt: skip


def test_a_stopped_group_is_resumed_whole(tmp_path):
    services = build(Settings(home=tmp_path))  # its queue is never started: what is queued stays so
    group = services.classifying.start(
        TEACHER, ClassifyConfig(), labels.from_python(ROWS), ["feature", "lora"]
    )
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
        return classify_words.table(
            [Line("1", "mine", "lora", state, 0.1, {"heldout_accuracy": 0.625}, REPORT)], "en"
        )

    assert "does not pay" in shown("done")
    assert "does not pay" not in shown("stopped") and "50.0%" in shown("stopped")
    resumed = shown("running")  # its report is of the moment it was stopped
    assert "62.5%" in resumed and "does not pay" not in resumed and "<b>50.0%</b>" not in resumed
