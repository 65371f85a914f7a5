"""The Align tab's live panel: what a run that is watched from its start shows."""

from __future__ import annotations

from types import SimpleNamespace

from tuning.progress import RunStatus
from ui import align_tab, align_words


def test_a_plot_has_its_words_from_the_first_curve_on(monkeypatch):
    """A run is watched before it has any curve: its words came then, with nothing to put them on, and never again."""
    run = SimpleNamespace(run_id="1", name="reward-1", method="reward", config={})
    status = [RunStatus(run_id="1", name="reward-1", state="starting")]
    training = SimpleNamespace(
        summary=lambda who, name: run, status=lambda who, name: status[0], runs=lambda who: []
    )
    services = SimpleNamespace(training=training)
    names = [*align_words.FIRST, *align_words.SECOND]
    live = SimpleNamespace(outputs=[None] * (7 + len(names)))

    def look(seen: str) -> tuple[str, list[dict]]:
        told = align_tab._look(services, live, "reward-1", seen, SimpleNamespace(is_teacher=True), "en")  # type: ignore[arg-type]
        assert len(told) == len(live.outputs) + 4
        mark = next((each for each in told[6:] if isinstance(each, str)), seen)
        return mark, [
            each for each in told if isinstance(each, dict) and hasattr(each.get("value"), "columns")
        ]

    seen, plots = look("")
    assert not plots
    for step in (1, 2):
        status[0] = RunStatus(
            run_id="1", name="reward-1", state="running", step=step, series={"accuracy": ((step, 0.5),)}
        )
        seen, plots = look(seen)
        assert plots and all(("x_title" in each) == (step == 1) for each in plots)
        seen, again = look(seen)  # after words the curves come again: another run's may have been drawn
        assert bool(again) == (step == 1) and not any("x_title" in each for each in again)
        assert not look(seen)[1]
