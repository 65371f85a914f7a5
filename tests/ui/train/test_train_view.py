"""What the Train tab shows of data and runs, and how it reads its form."""

from __future__ import annotations

import re

import pytest

from common.errors import AfinaError
from tests import ROOT
from tuning.data.loading import from_python
from tuning.data.report import Bar, DataReport
from tuning.runs.events import Event
from tuning.runs.fit_diagnosis import verdict
from tuning.runs.status import fold
from ui.components import data_view, run_view
from ui.train.train_handlers import Form, Recent
from ui.translations import word

LOADED = from_python([{"prompt": f"<b>{n}</b>", "completion": "Yes & no"} for n in range(40)])
REPORT = DataReport(
    n_rows=40,
    n_train=30,
    n_heldout=10,
    n_skipped=7,
    n_duplicates=0,
    n_overlap=0,
    n_repeated_prompts=0,
    n_measured=40,
    n_truncated=0,
    n_nothing_trained=0,
    tokens_mean=9.5,
    tokens_median=9,
    tokens_longest=30,
    trained_share=0.4,
    max_length=512,
    histogram=(Bar(0, 9, 30), Bar(10, 30, 10, is_open=True)),
    preview=((("Assistant:", False), (" <yes>\n", True)),),
    problems=(AfinaError("data.empty_field", row=3, column="output"),),
    notes=(AfinaError("data.note.few", n=30),),
)


def test_facts_and_remarks_are_worded_and_escaped():
    for language in ("en", "es"):
        shown = data_view.facts(LOADED, REPORT, language) + data_view.remarks(REPORT, language)
        assert not re.search(r"train\.\w+\.|data\.\w+\.", shown), "a key without words"
        assert ">40<" in shown and ">30<" in shown and ">7<" in shown
        assert word("train.data.more", language, n=6) in shown  # 7 skipped, one told


def test_tokens_show_their_mask_and_no_markup_of_the_data():
    shown = data_view.tokens(REPORT.preview, "en")
    assert '<span class="tok">Assistant:</span>' in shown
    assert '<span class="tok learned"> &lt;yes&gt;<i>↵</i>' in shown


def test_the_table_says_on_which_side_each_row_is():
    table = data_view.table(LOADED.rows, "es", fraction=0.2)
    assert len(table["data"]) == data_view.N_ROWS and len(table["headers"]) == 4
    sides = {row[1] for row in data_view.table(LOADED.rows, "en", fraction=1.0)["data"]}
    assert sides == {word("train.side.heldout", "en")}
    assert table["data"][0][2:] == ["<b>0</b>", "Yes & no"]


def test_the_histogram_keeps_its_bars_and_says_what_the_last_holds():
    bars = data_view.bars(REPORT, "en")
    assert bars["value"].values.tolist() == [[0, 30], [10, 10]] and bars["x_bin"] == 10
    assert "10 or more" in bars["x_title"]


def status(*events, state="running"):
    numbered = [Event(seq, 100.0 + seq, *event) for seq, event in enumerate(events, 1)]
    return fold("id", "my <run>", state, numbered)


TRAINING = (
    ("start", 0, {"total_steps": 20}),
    ("eval", 0, {"heldout_loss": 3.0}),
    (
        "train",
        5,
        {"loss": 2.5, "learning_rate": 1e-3, "grad_norm": 0.5, "tokens_per_second": 1234.0, "eta_seconds": 200.0},
    ),
    ("note", 5, {"key": "note.overfitting", "params": {}}),
)


def test_a_running_run_shows_step_time_left_and_losses():
    shown = run_view.head(status(*TRAINING), "en")
    assert "my &lt;run&gt;" in shown and "5 / 20" in shown and "3 min" in shown and "2.500" in shown
    assert "width:25.0%" in shown and "train-remark" in shown
    ended = run_view.head(status(*TRAINING, state="done"), "es")
    assert "3 min" not in ended and word("train.state.done", "es") in ended


def test_watched_prompts_show_how_their_replies_change():
    asked = [
        ("sample", step, {"prompt": prompt, "reply": reply})
        for prompt, replies in (
            ("Why?", ("<rambling>", "<rambling>", "Because.")),
            ("Who?", ("me", "you", "you")),
        )
        for step, reply in zip((0, 5, 10), replies, strict=True)
    ]
    shown = run_view.head(status(*TRAINING, *asked), "en")
    assert shown.count("train-sample") == 2
    first, second = shown.split('class="train-sample"')[1:]
    assert "Why?" in first and "&lt;rambling&gt;" in first and "Because." in first
    assert first.count("<li>") == 2 and first.index("step 10:") < first.index("step 0:")
    assert "Who?" in second and second.count("<li>") == 2 and "step 5:" in second


def test_the_loss_on_general_text_stands_beside_what_it_was():
    probed = [
        ("eval", step, {"heldout_loss": 2.0, "probe_loss": loss, "probe_right": loss / 2})
        for step, loss in ((0, 1.25), (5, 1.5))
    ]
    shown = run_view.head(status(*TRAINING, *probed), "en")
    assert "1.500" in shown and "1.250 before" in shown and "75%" in shown and "62% before" in shown


@pytest.mark.parametrize(
    ("train", "heldout", "kind"),
    [
        (1.0, (3.0, 2.0, 1.04), "underfitting"),
        (0.5, (3.0, 2.0, 1.0), "fits"),
        (0.5, (3.0, 1.0), None),  # two points are no curve
    ],
)
def test_both_losses_are_judged_in_words(train, heldout, kind):
    events = [("start", 0, {"total_steps": 20}), ("eval", 0, {"heldout_loss": heldout[0]})]
    for number, loss in enumerate(heldout[1:], 1):
        events += [("train", 5 * number, {"loss": train}), ("eval", 5 * number, {"heldout_loss": loss})]
    judged = verdict(status(*events, state="done"))
    assert (judged.key if judged else None) == (f"verdict.{kind}" if kind else None)
    assert ("train-remark good" in run_view.head(status(*events, state="done"), "es")) == bool(kind)
    once = [*events, ("train", 11, {"loss": train, "epoch": 0.8})]
    assert kind is None or verdict(status(*once, state="done")).key == "verdict.underfitting"
    noted = [*events, ("note", 10, {"key": "note.overfitting", "params": {}})]
    assert verdict(status(*noted, state="done")) is None and verdict(status(*events)) is None
    compared = [*events, ("train", 12, {"loss": train, "margin": 0.2})]
    assert verdict(status(*compared, state="done")) is None  # a loss of DPO says nothing of rows known by heart


def test_who_only_watches_is_not_told_to_press_start():
    assert "press Start" in run_view.empty("en") and "Start" not in run_view.empty("en", teaches=False)
    assert "pulse Empezar" not in run_view.empty("es", teaches=False)


def test_a_failed_run_says_why():
    failed = status(("error", 3, {"key": "data.empty", "params": {"name": "x.csv"}}), state="failed")
    assert "x.csv" in run_view.head(failed, "es")


def test_both_losses_are_in_the_plot_from_the_beginning():
    before = run_view.losses({"heldout_loss": [(0, 3.0)]}, "en")
    assert list(before["which"]) == ["training", "validation"] and before["loss"].isna().tolist() == [
        True,
        False,
    ]
    frame = run_view.losses(status(*TRAINING).series, "en")
    assert frame.values.tolist() == [[5, 2.5, "training"], [0, 3.0, "validation"]]
    assert set(run_view.loss_words("en")["color_map"]) == set(frame["which"])


def test_the_mark_changes_with_what_is_shown_and_only_then():
    first = run_view.mark(status(*TRAINING), ["a"])
    assert first == run_view.mark(status(*TRAINING), ["a"])
    assert first != run_view.mark(status(*TRAINING), [])
    assert first != run_view.mark(status(*TRAINING[:-1]), ["a"])
    assert first != run_view.mark(status(*TRAINING, state="stopping"), ["a"])


@pytest.mark.parametrize(
    "state", ["queued", "starting", "running", "stopping", "stopped", "done", "failed", "interrupted", "cancelled"]
)
def test_every_state_has_words(state):
    for language in ("en", "es"):
        assert not run_view.state(state, language).startswith("train.")


def test_every_format_has_words():
    source = (ROOT / "tuning/data/row_formats.py").read_text(encoding="utf-8")
    names = {*re.findall(r'^    \("(\w+)", \{', source, re.MULTILINE), "tags", "mapped"}
    assert len(names) > 9
    for name in names:
        assert not data_view.format_name(name, "es").startswith("train."), name


@pytest.mark.parametrize(("seconds", "shown"), [(0.2, "1 s"), (75, "75 s"), (600, "10 min"), (9000, "2.5 h")])
def test_durations(seconds, shown):
    assert data_view.duration(seconds, "en") == shown


def test_the_form_becomes_a_config():
    form = Form("pocket", "x.csv", "", {}, {"rank": 4, "packing": "auto", "epochs": None, "reply_only": False})
    config = form.config()
    assert (config.rank, config.packing, config.reply_only) == (4, None, False)
    with pytest.raises(AfinaError):
        Form("pocket", "", "", {}, {"rank": 0}).config()


def test_recent_answers_are_shared_for_a_moment():
    calls = []
    recent = Recent(seconds=60)
    assert [recent.get("a", lambda: calls.append(1) or len(calls)) for _ in range(3)] == [1, 1, 1]
    recent.forget()
    assert recent.get("a", lambda: calls.append(1) or len(calls)) == 2


def test_only_what_can_be_merged_is_offered_merged():
    from types import SimpleNamespace

    from ui.runs.runs_tab import _details
    from workbench.actors import TEACHER

    services = SimpleNamespace(training=SimpleNamespace(card=lambda who, run_id: ""))
    told = {
        "run_id": "a",
        "name": "mine",
        "method": "sft",
        "downloadable": True,
        "data_fingerprint": "",
        "base_sha256": "",
    }
    for method, merges in (("lora", True), ("prompt", False), ("full", False)):
        run = SimpleNamespace(**told, config={"peft": method})
        shown = _details(services, run, TEACHER, "en")
        assert "/files/runs/a" in shown and ("/files/merged/a" in shown) == merges


def test_who_watches_a_run_gets_its_download_when_it_is_there(tmp_path):
    import gradio as gr

    from common.settings import Settings
    from tuning.config.training import SFTConfig
    from ui.runs.runs_tab import build_runs_tab
    from workbench.actors import TEACHER
    from workbench.services import build

    services = build(Settings(home=tmp_path))  # its queue is never started
    run = services.training.store.get(services.training.start(TEACHER, SFTConfig(), LOADED, "mine"))
    with gr.Blocks() as page:
        build_runs_tab(services)
    event = next(each for each in page.fns.values() if "_wire_watch.<locals>.watch" in each.fn.__qualname__)
    request = gr.Request(headers={"authorization": f"Bearer {services.roles.token}"}, session_hash="s")

    def watch(mark: tuple[str, str]) -> list:
        updates = event.fn(["mine"], mark, request)
        return [updates[box] for box in event.outputs[-2:]]

    details, mark = watch(("", ""))
    assert "mine" in details and "/files/runs/" not in details
    assert event.fn(["mine"], mark, request) == gr.skip()
    run.append("state", None, state="running")
    details, mark = watch(mark)
    assert details == gr.skip()  # what is unfolded stays so
    run.adapter_dir.mkdir()
    (run.adapter_dir / "adapter_config.json").write_text("{}")
    run.append("state", None, state="done")
    details, mark = watch(mark)
    assert f"/files/runs/{run.id}" in details
    services.stop()
