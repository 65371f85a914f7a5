"""What a chat box is given and what is read back from it."""

from types import SimpleNamespace

import gradio as gr
import pytest

from tuning.line import Partial
from ui.chat_tab import _answer, said, shown_talk
from ui.chat_words import about, first_columns, labels
from ui.study_words import way_name
from workbench.comparing import PolicyChoice


@pytest.mark.parametrize("text", [
    "a < b && c > d", "<img src=x onerror=alert(1)>", "</script><!-- x", "&lt;b&gt; &amp;lt; &amp;amp;", "&#60;b",
    "R&D", "if x <y: &nbsp;", "<", "&", "",
])  # fmt: skip
def test_a_message_comes_back_as_it_was(text):
    shown = shown_talk([{"role": "user", "content": text}])
    assert said(shown) == [{"role": "user", "content": text}]
    assert (
        said([{"role": "user", "content": [{"type": "text", "text": shown[0]["content"]}]}])[0]["content"]
        == text
    )


def test_only_what_html_would_read_is_marked():
    assert shown_talk([{"role": "user", "content": "a < b & c"}])[0]["content"] == "a < b & c"
    assert shown_talk([{"role": "user", "content": "<b>&amp;"}])[0]["content"] == "&lt;b>&amp;amp;"


def test_the_newest_run_stands_beside_its_own_base():
    bases = [PolicyChoice("pocket", "pocket", True), PolicyChoice("other", "other", True)]
    runs = [PolicyChoice("new", "other", False), PolicyChoice("old", "pocket", False)]
    assert first_columns(bases + runs, 4) == ["other", "new", "old", "other"]
    assert first_columns(bases + runs[::-1], 2) == ["pocket", "old"]
    assert first_columns(bases, 2) == ["pocket", "pocket"]


def test_what_is_typed_while_a_reply_is_written_stays():
    def chat(*given, **sampling):
        for text in ("", "Lima", "Lima."):
            yield [Partial(text, 1, 0.1, text.endswith("."), "end")]

    comparing = SimpleNamespace(chat=chat, alternatives=None)
    roles = SimpleNamespace(actor=lambda *given, **more: None)
    services = SimpleNamespace(comparing=comparing, roles=roles)
    request = gr.Request(headers={}, session_hash="s")
    rest = ["pocket", None, None, None, [], [], [], []]
    rows = list(_answer(services, {}, request, "Peru?", "", 1.0, 1.0, 9, 0, False, 1, *rest))
    assert [row[0] for row in rows] == ["", gr.skip(), gr.skip()]
    assert said(rows[-1][3])[-1]["content"] == "Lima."


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_column_that_failed_is_told_while_the_others_are_written(language):
    """Its error is raised once all have ended; until then the page shows the columns."""
    for reason in ("end", "length", "stopped", "failed"):
        assert about(Partial("", 0, 0.0, True, reason), language)


def test_a_folder_is_named_by_its_last_part():
    """Where it lies on the host is nobody's business, and a path crowds a phone."""
    choices = [PolicyChoice("/srv/models/mine", "", True), PolicyChoice("run", "/srv/models/mine", False)]
    assert [label for label, _ in labels(choices, "en")] == ["mine · base, untouched", "run ← mine"]


def test_a_verdict_shows_the_words_that_lift_and_lower_and_runs_none_of_them():
    from tuning.scoring import Word
    from ui.chat_reward import verdict
    from workbench.rewarding import Verdict

    words = ((Word(" <b>Please</b>", 2.0, 2), Word(" so.", 0.0, 2)), (Word(" No.", -1.0, 4),))
    found = Verdict((1.0, -1.0), 0.88, None, words)
    shown = verdict(found, "judge", ["one", "two"], "en")
    assert "<b>Please" not in shown and "&lt;b&gt;Please" in shown
    assert 'class="lifts" style="--strength:60%" title="+2.00"' in shown  # the mean is 0: the strongest word
    assert 'class="lowers" style="--strength:30%" title="-1.00"' in shown
    assert "heat" not in verdict(Verdict((1.0, -1.0), 0.88, None), "judge", ["one", "two"], "en")
    same = verdict(Verdict((-0.5, 0.75, 0.751), None, None), "judge", ["base", "sft", "dpo"], "en")
    assert same.count("reply best") == 2 and "judge finds no difference: 2: sft = 3: dpo" in same


def test_a_folder_that_answers_with_examples_is_named_by_its_last_part_too():
    choices = [PolicyChoice("/srv/models/mine + few_shot", "/srv/models/mine", True)]
    assert [label for label, _ in labels(choices, "en")] == ["mine + few-shot"]
    assert way_name({"policy": "/srv/models/mine", "way": "rag"}, "en") == "mine · documents (RAG)"
