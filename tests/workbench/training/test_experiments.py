"""A course's service: who may, what is refused with words, recipes, rows sifted, runs mended."""

from __future__ import annotations

import json
import time

import pytest

from common.errors import AfinaError, NotAllowed
from common.number_format import number
from common.settings import Settings
from tests.workbench.test_background import until
from tuning.config.training import SFTConfig
from tuning.data import loading
from tuning.data.examples import Row
from tuning.executors.run_method import execute
from tuning.runs.retrain import REMEDIES
from workbench.actors import TEACHER, VISITOR
from workbench.services import build


@pytest.fixture
def services(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    made = build(Settings(home=tmp_path))
    yield made
    made.stop()


def rows(n: int = 40) -> list[dict[str, str]]:
    asked = "What is {a} plus {a}, added slowly, with a pencil, on a sheet of paper?"
    return [{"prompt": asked.format(a=a), "completion": f"It is {2 * a}."} for a in range(n)]


def test_a_recipe_is_queued_behind_the_page_and_shown_side_by_side(services):
    from ui.train import experiments_view

    with pytest.raises(NotAllowed):
        services.course.start_recipe(VISITOR, "mask", "en")
    with pytest.raises(AfinaError, match="nothing"):
        services.course.start_recipe(TEACHER, "nothing", "en")
    services.course.start_recipe(TEACHER, "mask", "es")
    group = until(services.course.studies, "done", "recipe").result["group"]
    assert services.course.recipe_groups(VISITOR) == {group: "mask"}
    found = services.course.parts(VISITOR, group)
    assert [part.part for part in found] == ["replies only", "prompts too"]
    assert found[0].prompt == "" and found[0].name.startswith("mask-replies-only")
    shown = experiments_view.parts(found, "es")
    assert "solo respuestas" in shown and shown.count("badge queued") == 2


def test_data_that_a_recipe_made_are_named_in_the_language_of_the_page(services):
    from ui.train import experiments_view

    used = services.course.uses(TEACHER, "false_facts", "es")
    assert "hechos del mundo de pocket" in experiments_view.about("false_facts", used, "es")
    services.course.start_recipe(TEACHER, "false_facts", "es", 0.5)
    group = until(services.course.studies, "done", "recipe").result["group"]
    shown = experiments_view.parts(services.course.parts(VISITOR, group), "es")
    assert shown.count("50% falsos") == 2 and "% false<" not in shown


def test_a_recipe_of_classifiers_has_their_columns_before_its_first_figure(services):
    from ui.train import experiments_view

    services.course.start_recipe(TEACHER, "gpt2_tweets", "en")
    group = until(services.course.studies, "done", "recipe").result["group"]
    shown = experiments_view.parts(services.course.parts(VISITOR, group), "en")
    assert shown.count("badge queued") == 3
    assert "Macro-F1" in shown and "Validation loss" not in shown


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.* is deprecated:FutureWarning")
def test_runs_are_measured_beside_their_base_behind_the_page(services):
    from ui.runs import evaluation_panel

    run_id = services.training.start(
        TEACHER, SFTConfig(target_steps=2, rank=2, eval_every=100), loading.from_python(rows()), "two steps"
    )
    with pytest.raises(NotAllowed):
        services.course.measure(VISITOR, ["two steps"])
    for names, limit, key in (
        (["two steps"], 5, "measure.none"),
        ([], 5, "measure.none"),
        ([], 0, "config.range"),
    ):
        with pytest.raises(AfinaError) as caught:
            services.course.measure(TEACHER, names, limit)
        assert caught.value.key == key
    execute(services.training.store.get(run_id), services.settings.home)
    services.course.measure(TEACHER, ["two steps"], 5)
    told = until(services.course.studies, "done", "measure")
    base, tuned = told.result["policies"]
    assert (base["model"], tuned["model"]) == ("pocket", "two steps")
    assert base["n_rows"] == base["n_matched"] == 5 and base["dataset"] == tuned["dataset"]
    assert tuned["loss"] < base["loss"] and tuned["perplexity"] < base["perplexity"]
    shown = evaluation_panel.measured(told, "es")
    assert (
        shown.count("<tr>") == 3 and "Perplejidad" in shown and f"<b>{number(tuned['loss'], 'es', '.3f')}</b>" in shown
    )


def test_rows_are_looked_at_and_sifted(services):
    leaky = loading.from_python([*rows(), *({**each, "prompt": each["prompt"] + " Now?"} for each in rows())])
    with pytest.raises(NotAllowed):
        services.course.inspect(VISITOR, leaky.rows, 0.2)
    found = services.course.inspect(TEACHER, leaky.rows, 0.2)
    assert found.n_leaks and found.leaks[0].heldout_row != found.leaks[0].train_row
    with pytest.raises(NotAllowed):
        services.course.sift(VISITOR, leaky, rule="Now")
    for wrong, key in (
        ({}, "redteam.one_of"),
        ({"rule": "("}, "redteam.pattern"),
        ({"rule": "zebra"}, "redteam.nothing_out"),
        ({"rule": "x", "judge": "a: b"}, "redteam.one_of"),
    ):
        with pytest.raises(AfinaError) as caught:
            services.course.sift(TEACHER, leaky, **wrong)
        assert caught.value.key == key
    path, kept, out = services.course.sift(TEACHER, leaky, rule=r"now\?")
    assert (kept, len(out)) == (40, 40) and len(loading.load(path).rows) == 40


def test_rows_that_were_taken_out_are_shown(services):
    from ui.chat import safety_view

    data = loading.from_python([{**each, "prompt": f"<b>{each['prompt']}"} for each in rows()])
    _, _, out = services.course.sift(TEACHER, data, rule="What is 1")
    shown = safety_view.taken_out(out, "es")
    assert "11 filas quitadas" in shown and shown.count("<li>") == 11
    assert "<b>fila 11</b> &lt;b&gt;What is 10 plus 10" in shown


def test_what_cannot_be_studied_says_why(services):
    data = loading.from_python(rows())
    for over, trials, key in (
        ([], 2, "search.none"),
        (["x"], 2, "search.over"),
        (["rank"], 0, "config.range"),
    ):
        with pytest.raises(AfinaError) as caught:
            services.course.search(TEACHER, SFTConfig(), data, over, trials)
        assert caught.value.key == key
    with pytest.raises(NotAllowed):
        services.course.search(VISITOR, SFTConfig(), data, ["rank"], 2)
    with pytest.raises(NotAllowed):
        services.course.red_team(VISITOR, ["pocket"], "en")
    for names, key in (([], "redteam.no_policy"), (["", ""], "redteam.no_policy")):
        with pytest.raises(AfinaError) as caught:
            services.course.red_team(TEACHER, names, "en")
        assert caught.value.key == key


def test_a_run_that_forgot_is_trained_again_with_the_remedy_alone(services):
    run_id = services.training.start(TEACHER, SFTConfig(probe=True), loading.from_python(rows()), "forgetful")
    run = services.training.store.get(run_id)
    with pytest.raises(AfinaError, match="that has begun"):
        services.training.mend(TEACHER, run_id, "rehearsal")
    run.append("start", 0, learning_rate=0.002, total_steps=120)
    for remedy in REMEDIES:
        with pytest.raises(NotAllowed):
            services.training.mend(VISITOR, run_id, remedy)
        again = services.training.store.get(services.training.mend(TEACHER, run_id, remedy))
        changed = {k for k, v in again.info.config.items() if v != run.info.config[k]}
        assert len(changed) == 1, changed
        [note] = again.status().notes
        assert note.key == f"note.again.{changed.pop()}"
        assert "“forgetful” again" in str(note) and note.params["before"] != note.params["after"]
        for side in ("train", "heldout"):
            assert [row.content for row in again.examples(side, Row)] == [
                row.content for row in run.examples(side, Row)
            ]
    with pytest.raises(AfinaError):
        services.training.mend(TEACHER, run_id, "prayer")


def test_examples_and_documents_are_the_teachers_and_say_what_is_wrong(services, tmp_path):
    ways = services.comparing.alternatives
    path = tmp_path / "notes.md"
    path.write_text("Zoltan keeps a zebra.\n\nThe sea is wide.", encoding="utf-8")
    for call in (
        lambda who: ways.add_document(who, path),
        lambda who: ways.set_examples(who, []),
        lambda who: ways.draw_examples(who, "plain.en"),
        lambda who: ways.clear_documents(who),
    ):
        with pytest.raises(NotAllowed):
            call(VISITOR)
    ways.add_document(TEACHER, path)
    (found,) = ways.search(VISITOR, "What does Zoltan keep?")
    assert found.source == "notes" and "zebra" in found.text
    first, other = (ways.draw_examples(TEACHER, "plain.es", seed) for seed in (1, 2))
    assert first != other
    ways.set_examples(TEACHER, first)
    assert json.loads((tmp_path / "few_shot.json").read_text())["examples"][0]["prompt"] == first[0].prompt
    talk = ways.altered([{"role": "user", "content": "Why?"}], "pocket + few_shot", "en")[1]
    assert len(talk) == 7 and talk[0]["content"] == first[0].prompt
    with pytest.raises(AfinaError, match="Choose another"):
        long = tmp_path / "long.jsonl"
        long.write_text(json.dumps({"prompt": "x " * 200, "completion": "y"}) + "\n")
        ways.draw_examples(TEACHER, str(long))


def test_a_search_is_stopped_with_the_trial_that_waits(services):
    services.course.search(TEACHER, SFTConfig(), loading.from_python(rows()), ["rank"], 3)
    for _ in range(500):  # nobody runs the queue: its first trial waits
        waiting = services.training.queue(VISITOR)
        if waiting:
            break
        time.sleep(0.02)
    with pytest.raises(NotAllowed):
        services.course.stop(VISITOR, "search")
    services.course.stop(TEACHER, "search")
    until(services.course.studies, "stopped", "search")
    (run,) = services.training.runs(VISITOR)
    assert run.state == "cancelled"


def test_a_search_is_drawn_by_setting():
    from ui.train import experiments_view

    trial = {
        "name": "t",
        "run_id": "1",
        "settings": {"rank": 4, "learning_rate": 1e-3},
        "loss": 0.5,
        "state": "done",
    }
    other = {
        **trial,
        "name": "<u>",
        "run_id": "2",
        "settings": {"rank": 8, "learning_rate": 1e-2},
        "loss": 0.4,
    }
    found = {"trials": [trial, other], "best": other, "importance": {"rank": 0.7, "learning_rate": 0.3}}
    figure = experiments_view.trials_figure(found, "es")
    assert figure is not None and [list(each.x) for each in figure.data] == [[4, 8], [1e-3, 1e-2]]
    shown = experiments_view.trials(found, "es")
    assert "<b>0,400</b>" in shown and "<u>" not in shown and "70\N{NO-BREAK SPACE}%" in shown
    assert shown.index("0,400") < shown.index("0,01<")  # what counts first: a phone shows three columns
    assert "sigue" in experiments_view.trials(found, "es", going=True)
    begun = {"trials": [], "best": None, "importance": {}, "ended": False}
    assert "No trial has" in experiments_view.trials(begun, "en", going=True)
    assert experiments_view.trials_figure(begun, "en") is None
    broken_off = experiments_view.trials({**found, "ended": False}, "en")
    assert "interrupted" in broken_off and "were removed" not in broken_off
    rates = [1.4e-4, 1.3e-3, 4e-3, 6.1e-3]
    many = [{**trial, "settings": {"learning_rate": rate}} for rate in rates]
    drawn = experiments_view.trials_figure({**found, "trials": many}, "es")
    assert drawn.layout.xaxis.title.text == "Tasa de<br>aprendizaje"
    assert list(drawn.layout.xaxis.tickvals) == rates[:3]  # the last lies too near to be written beside them
    assert experiments_view.trials_figure({**found, "trials": [trial]}, "es") is None


def test_a_recipe_takes_an_uploaded_file_and_says_so(services, tmp_path):
    from ui.train import experiments_view

    place = tmp_path / "uploads" / "ab" / "mine.jsonl"
    place.parent.mkdir(parents=True)
    place.write_text("".join(json.dumps(row) + "\n" for row in rows()), encoding="utf-8")
    with pytest.raises(AfinaError) as caught:
        services.course.uses(TEACHER, "safety", "en", str(place))
    assert "mask" in caught.value.words("en")
    used = services.course.uses(TEACHER, "mask", "es", str(place))
    told = experiments_view.about("mask", used, "es")
    assert "mine.jsonl (propios)" in told and str(tmp_path) not in told
    services.course.start_recipe(TEACHER, "mask", "en", data=str(place))
    group = until(services.course.studies, "done", "recipe").result["group"]
    assert {part.data for part in services.course.parts(VISITOR, group)} == {"mine.jsonl"}
