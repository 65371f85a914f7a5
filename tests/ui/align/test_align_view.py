"""The Align tab's live panel: what a run that is watched from its start shows."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import gradio as gr

from tuning.data.examples import Pair, PairSet
from tuning.runs.status import RunStatus
from ui.align import align_tab, align_view
from ui.align.align_layout import After, Live
from workbench.alignment.policy_evaluation import Outcome
from workbench.alignment.preference_training import RoundPairs


def test_a_plot_has_its_words_from_the_first_curve_on(monkeypatch):
    """A run is watched before it has any curve: its words came then, with nothing to put them on, and never again."""
    run = SimpleNamespace(run_id="1", name="reward-1", method="reward", config={})
    status = [RunStatus(run_id="1", name="reward-1", state="starting")]
    training = SimpleNamespace(summary=lambda who, name: run, status=lambda who, name: status[0], runs=lambda who: [])
    services = SimpleNamespace(training=training, rewarding=SimpleNamespace(models=lambda who: []))
    with gr.Blocks():
        live, after = Live(), After()

    def look(seen: str) -> tuple[str, list[dict]]:
        who = SimpleNamespace(is_teacher=True)
        updates = align_tab._look(services, live, after, "reward-1", seen, who, "en")  # type: ignore[arg-type]
        plots = [updates[box] for box in (*live.first.values(), *live.second.values()) if box in updates]
        return updates.get(live.seen, seen), [each for each in plots if each["visible"]]

    seen, plots = look("")
    assert not plots
    for step in (1, 2):
        status[0] = RunStatus(
            run_id="1", name="reward-1", state="running", step=step, series={"accuracy": ((step, 0.5),)}
        )
        seen, plots = look(seen)
        assert plots and all(("x_title" in each) == (step == 1) for each in plots)
        seen, again = look(seen)  # once more: what comes while a plot is drawn anew is lost
        assert len(again) == len(plots) and not any("x_title" in each for each in again)
        assert not look(seen)[1]


def test_every_comparison_is_accounted_for():
    """Ties among the held-out were neither pairs nor ties to learn from nor dropped: the sum fell short."""
    rows = tuple(Pair("p", "a", "b", None, n, tie) for n, tie in enumerate((False, True, True, True)))
    found = RoundPairs(PairSet(rows, "r", "round"), 1, 0, 1, {"both_bad": 3}, ())
    told = align_view.usable({"majority": 1}, found, "en")
    assert "1 tie, from which" in told and "validation ties: 2" in told and "both bad: 3" in told


def test_ties_alone_are_not_said_to_teach():
    """A round of ties was said to teach a reward model, and refused when asked to."""
    found = RoundPairs(PairSet((Pair("p", "a", "b", None, 1, True),), "r", "round"), 0, 0, 1, {}, ())
    told = align_view.usable({"majority": 0}, found, "en")
    assert "ties: 1; a round of ties alone teaches nothing" in told and "learns too" not in told


def test_a_run_of_every_road_can_be_chosen():
    """One begun from votes by KTO or a policy gradient stood in the list after a reload alone."""
    methods = ("sft", "reward", "dpo", "kto", "rloo")
    assert align_view.runs([SimpleNamespace(name=each, method=each) for each in methods]) == list(methods[1:])  # type: ignore[misc]


def test_what_a_round_changed_tells_how_often_nothing_did():
    replies = (("Who?", "She.", "It is she."), ("Where?", "Here.", "Here."))
    found = Outcome("dpo-1", "sft-1", 100, 61, 0.54, 0.44, 0.63, 11.8, 12.4, 0.395, 0.401, 2.63, 2.6, replies)
    told = align_view.outcome(found, "en")
    assert "On 61 of 100 prompts both write the same" in told and "54% (44–63%)" in told
    assert "0.395 before, 0.401 after" in told and "<td>It is she.</td>" in told
    unjudged = dataclasses.replace(found, win_rate=None, low=None, high=None)
    assert "half a win" not in align_view.outcome(unjudged, "en")
