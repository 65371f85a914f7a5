"""Studies go on behind the page, are told from a file, stop, break with words; the ways are measured through them."""

from __future__ import annotations

import time

import pytest

from common.errors import AfinaError, Conflict, NotAllowed
from common.settings import Settings
from workbench.access import Roles
from workbench.actors import TEACHER, VISITOR
from workbench.background import Studies
from workbench.services import build


@pytest.fixture
def studies(tmp_path):
    made = Studies(tmp_path, Roles(Settings(home=tmp_path)))
    yield made
    made.close()


def until(studies, state, kind="one"):
    for _ in range(4500):
        told = studies.latest(VISITOR, kind)
        if told is not None and told.state == state:
            return told
        time.sleep(0.02)
    raise AssertionError(f"never {state}: {told}")


def test_it_is_told_as_it_goes_on_and_stops_where_it_is(studies, tmp_path):
    def count(say, should_stop):
        for n in range(10_000):
            if should_stop():
                return
            say(n, 10_000, {"n": n})
            time.sleep(0.005)

    assert studies.latest(VISITOR, "one") is None
    with pytest.raises(NotAllowed):
        studies.begin(VISITOR, "one", {}, count)
    studies.begin(TEACHER, "one", {"what": "x"}, count)
    with pytest.raises(Conflict, match="already running"):
        studies.begin(TEACHER, "one", {}, count)
    told = until(studies, "running")
    assert told.about == {"what": "x"} and told.total in (0, 10_000)
    with pytest.raises(NotAllowed):
        studies.stop(VISITOR, "one")
    other = Studies(tmp_path, Roles(Settings(home=tmp_path)))  # the app after a restart
    interrupted = other.latest(VISITOR, "one")
    assert interrupted is not None and interrupted.state == "interrupted"
    time.sleep(0.05)
    studies.stop(TEACHER, "one")
    assert until(studies, "stopped").result["n"] > 0


def test_what_breaks_says_why(studies):
    def missing(say, should_stop):
        say(1, 2, {"kept": True})
        raise AfinaError("alternatives.no_questions")

    def broken(say, should_stop):
        raise ZeroDivisionError("by nothing")

    studies.begin(TEACHER, "one", {}, missing)
    told = until(studies, "failed")
    assert told.result == {"kept": True} and told.error.key == "alternatives.no_questions"
    studies.begin(TEACHER, "two", {}, broken)
    assert "by nothing" in until(studies, "failed", "two").error.words("es")


@pytest.mark.slow
def test_ways_are_measured_behind_the_page(tmp_path):
    services = build(Settings(home=tmp_path))
    try:
        with pytest.raises(NotAllowed):
            services.course.compare_ways(VISITOR, "pocket")
        for wrong in ({"limit": 0}, {"tuned": "nothing"}):
            with pytest.raises(AfinaError):
                services.course.compare_ways(TEACHER, "pocket", **wrong)
        services.course.compare_ways(TEACHER, "pocket", limit=2, language="es")
        told = until(services.course.studies, "done", "which")
        assert [row["way"] for row in told.result["ways"]] == ["plain", "few_shot", "rag"]
        assert told.done == told.total == 3 and len(told.about["questions"]) == 2
        from ui.chat import alternatives_view

        shown = alternatives_view.which(told, "es")
        assert shown.count("<tr>") == 4 + 3 and "ejemplos" in shown
    finally:
        services.stop()


def said(shares: dict[str, tuple[float, float]], n: int, milliseconds: float = 5.0) -> str:
    """What is said of policies that are so often right alone and with documents; the last takes `milliseconds`."""
    from ui.chat import alternatives_view

    ways = [
        {"policy": policy, "way": way, "accuracy": share, "n": n, "prompt_tokens": 9.0, "milliseconds": 5.0}
        for policy, both in shares.items()
        for way, share in zip(("plain", "rag"), both, strict=True)
    ]
    ways[-1]["milliseconds"] = milliseconds
    return alternatives_view._said(ways, {}, "en")


def test_no_answer_takes_no_time():
    times = {ms: said({"pocket": (0.75, 0.5)}, 4, ms) for ms in (0.1, 4.0)}
    assert "0.02 × the time" in times[0.1] and "0.8 × the time" in times[4.0]


def test_chance_on_a_few_questions_makes_no_reader_and_what_is_known_needs_no_documents():
    few = said({"pocket": (0.0, 0.0), "mine": (0.0, 0.25)}, n=4)
    assert "Documents did not help the base" in few and "answers from them" not in few
    assert "did not help" not in said({"pocket": (0.75, 0.5)}, n=4)


def test_ways_that_are_right_equally_often_are_all_named():
    assert "pocket · alone is correct most often (75%)" in said({"pocket": (0.75, 0.5)}, n=4)
    equal = said({"pocket": (0.75, 0.75)}, n=4)
    assert "most often" not in equal and "pocket · alone, pocket · RAG (documents) (75%)" in equal


def test_who_has_a_run_that_reads_is_not_told_to_train_one():
    def told(with_documents: float) -> str:
        return said({"pocket": (0.05, 0.05), "mine": (0.1, with_documents)}, n=20)

    assert "mine was, and answers from them" in told(0.6) and "Tune a run" not in told(0.6)
    assert "Tune a run" in told(0.1) and "did not help the tuned model" in told(0.1)
