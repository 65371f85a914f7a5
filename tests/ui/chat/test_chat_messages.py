"""What a chat box is given and what is read back from it."""

import html
from types import SimpleNamespace

import gradio as gr
import pytest

from common.errors import AfinaError
from tuning.inference.reply_engine import Partial
from ui.chat import reply_writer
from ui.chat.alternatives_view import way_name
from ui.chat.chat_messages import Turn, read, said, shown_talk, whole
from ui.chat.chat_view import about, first_columns, labels
from ui.chat.reply_writer import Answers, again, sent
from workbench.chat.chat_service import PolicyChoice


@pytest.mark.parametrize(
    "text",
    [
        "a < b && c > d",
        "<img src=x onerror=alert(1)>",
        "</script><!-- x",
        "&lt;b&gt; &amp;lt; &amp;amp;",
        "&#60;b",
        "R&D",
        "if x <y: &nbsp;",
        "<",
        "&",
        "",
    ],
)
def test_a_message_comes_back_as_it_was(text):
    shown = shown_talk([{"role": "user", "content": text}])
    assert said(shown) == [{"role": "user", "content": text}]
    assert said([{"role": "user", "content": shown[0]["content"][0]["text"]}])[0]["content"] == text


def test_only_what_html_would_read_is_marked():
    for text, marked in (("a < b & c", "a < b & c"), ("<b>&amp;", "&lt;b>&amp;amp;")):
        assert shown_talk([{"role": "user", "content": text}])[0]["content"][0]["text"] == marked


def test_the_newest_run_stands_beside_its_own_base():
    bases = [PolicyChoice("pocket", "pocket", True), PolicyChoice("other", "other", True)]
    runs = [PolicyChoice("new", "other", False), PolicyChoice("old", "pocket", False)]
    assert first_columns(bases + runs, 4) == ["other", "new", "old", "other"]
    assert first_columns(bases + runs[::-1], 2) == ["pocket", "old"]
    assert first_columns(bases, 2) == ["pocket", "pocket"]


@pytest.fixture
def page():
    """Rows of the page while columns write: `page(partials, …)` says what each look finds; an error is raised."""

    def rows(*looks, talks=None, ask=sent, message="Peru?"):
        def chat(*given, **sampling):
            for look in looks:
                if isinstance(look, Exception):
                    raise look
                yield look

        services = SimpleNamespace(
            comparing=SimpleNamespace(chat=chat, alternatives=None),
            roles=SimpleNamespace(actor=lambda *given, **more: None),
        )
        talks = talks or [[] for _ in looks[0]]
        given = ["pocket"] * len(talks), [read(shown_talk(each)) for each in talks], "", {}
        asked = ask(message, *given) if ask is sent else ask(*given)
        return reply_writer.rows(services, Answers(), gr.Request(headers={}, session_hash="s"), asked)

    return rows


def talk(*texts):
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


def texts(box):
    return [turn.content for turn in read(box)]


def test_what_is_typed_while_a_reply_is_written_stays(page):
    looks = [[Partial(text, 1, 0.1, text.endswith("."), "end", "seal")] for text in ("", "Lima", "Lima.")]
    rows = list(page(*looks))
    assert [row.message for row in rows] == ["", *[gr.skip()] * 3]
    assert texts(rows[0].talks[0]) == ["Peru?", "…"]
    (asked, reply) = read(rows[-1].talks[0])
    assert (asked.content, reply.content, reply.seal, rows[-1].unsent) == ("Peru?", "Lima.", "seal", "")


def test_earlier_seals_stay_with_their_replies(page):
    before = shown_talk([Turn("user", "a"), Turn("assistant", "b", "proof")])
    *_, last = page([Partial("Lima.", 1, 0.1, True, "end", "seal")], talks=[read(before)])
    assert [turn.seal for turn in read(last.talks[0])] == ["", "proof", "", "seal"]


@pytest.mark.parametrize("reason", ["stopped", "failed", "end"])
def test_a_reply_without_a_word_leaves_the_talk_and_the_question_goes_back(page, reason):
    *_, last = page([Partial("", 0, 0.0)], [Partial("", 0, 0.1, True, reason)], talks=[talk("a", "b")])
    assert texts(last.talks[0]) == ["a", "b"] and last.unsent == "Peru?"


def test_a_reply_that_was_cut_is_marked_and_keeps_its_words(page):
    *_, last = page([Partial("Li", 1, 0.1, True, "stopped")])
    assert [(turn.content, turn.cut) for turn in read(last.talks[0])] == [("Peru?", False), ("Li", True)]
    assert last.talks[0][1]["content"][1]["text"].startswith("✂") and last.unsent == ""


def test_an_error_settles_what_was_written_before_it_is_raised(page):
    rows = page(
        [Partial("Li", 1, 0.1), Partial("", 0, 0.0), Partial("Lima.", 2, 0.1, True, "end", "seal")],
        ValueError("secret"),
    )
    seen = []
    with pytest.raises(ValueError):
        for row in rows:
            seen.append(row)
    cut, empty, whole_one = seen[-1].talks
    assert [turn.cut for turn in read(cut)] == [False, True] and empty == [] and read(whole_one)[1].seal == "seal"
    assert "…" not in str(seen[-1].facts)


def test_again_replaces_the_last_answer_in_each_column(page):
    talks = [talk("a", "b", "Peru?", "old"), talk("a", "b")]
    *_, last = page([Partial(), Partial()], [Partial("new", 1, 0.1, True, "end")] * 2, talks=talks, ask=again)
    assert texts(last.talks[0]) == ["a", "b", "Peru?", "new"] and texts(last.talks[1]) == ["a", "b", "Peru?", "new"]
    *_, last = page([Partial("", 0, 0.1, True, "stopped")] * 2, talks=talks, ask=again)
    assert (
        texts(last.talks[0]) == ["a", "b", "Peru?", "old"] and texts(last.talks[1]) == ["a", "b"] and last.unsent == ""
    )


@pytest.mark.parametrize(
    ("held", "kept"),
    [
        (("a", "…"), ()),
        (("a", ""), ()),
        (("a", "b", "c", "…"), ("a", "b")),
        (("a", "…", "c", "d"), ("c", "d")),
        (("a",), ()),
        (("a", "b", "c"), ("a", "b")),
        (("a", " … "), ()),
    ],
)
def test_a_stub_is_nothing_that_the_assistant_said(held, kept):
    assert [turn.content for turn in whole(read(shown_talk(talk(*held))))] == list(kept)
    sealed = [Turn("user", "a"), Turn("assistant", "…", "seal")]  # a policy that writes just this
    assert whole(sealed) == sealed


def test_one_page_writes_one_answer_at_a_time():
    answers = Answers()
    with answers.begin("one") as wish, answers.begin("other"), answers.begin(None), answers.begin(None):
        assert answers.going("one") and not answers.going("third")
        with pytest.raises(AfinaError) as caught, answers.begin("one"):
            pass
        assert caught.value.key == "chat.busy" and answers.going("one")
        answers.stop("one")
        answers.stop("nobody")
        assert wish.is_set()
    assert not answers.going("one")


@pytest.mark.parametrize("text", ["?a=1&copy=2&section=3&amp=4", "&notanumber &not &copy", "&Copy=&", "\tx\n   y"])
def test_what_a_browser_would_read_as_a_sign_comes_back_as_it_was(text):
    """A browser reads some names without their semicolon too."""
    marked = shown_talk([{"role": "user", "content": text}])
    box = gr.Chatbot().postprocess(marked).model_dump()
    assert said(box) == [{"role": "user", "content": text}]
    assert html.unescape(marked[0]["content"][0]["text"]) == text


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_column_that_failed_is_told_while_the_others_are_written(language):
    """Its error is raised once all have ended; until then the page shows the columns."""
    for reason in ("end", "length", "stopped", "failed"):
        assert about(Partial("", 0, 0.0, True, reason), language)


def test_a_folder_is_named_by_its_last_part():
    """Where it lies on the host is nobody's business, and a path crowds a phone."""
    choices = [PolicyChoice("/srv/models/mine", "", True), PolicyChoice("run", "/srv/models/mine", False)]
    assert [label for label, _ in labels(choices, "en")] == ["mine · base model", "run ← mine"]


def test_a_verdict_shows_the_words_that_lift_and_lower_and_runs_none_of_them():
    from tuning.rewards.reward_model import Word
    from ui.chat.reward_panel import verdict
    from workbench.alignment.reward_training import Verdict

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
    assert [label for label, _ in labels(choices, "en")] == ["mine + few-shot examples"]
    assert way_name({"policy": "/srv/models/mine", "way": "rag"}, "en") == "mine · RAG (documents)"
