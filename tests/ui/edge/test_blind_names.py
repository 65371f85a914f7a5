"""What a class can get of a blind round, by every route and event: never what it compares, nor its own name."""

from __future__ import annotations

import inspect
import json
import time

import gradio as gr
import pytest

from common.errors import AfinaError
from labeling.exchange import importer
from labeling.rounds import lifecycle
from labeling.rounds.aggregation import Judged
from labeling.schema import Comparison, new_id
from tests.standin.engine import StandInEngine
from tests.ui.serving import TOKEN, Page, arguments, handlers
from workbench.actors import TEACHER

SECRETS = ("secretpolicy", "hiddenparent", "abc123def456", "confidential")
# They write replies by a policy that the visitor names, and need a model in memory.
WRITING = {
    "chat_tab.send",
    "chat_tab.again",
    "chat_tab.compare",
    "reward_panel.judge",
    "reward_panel.best",
    "classify_tab.ask",
    "scaling_panel.hear",
    "scaling_panel.arrive",
    "alternatives_panel.all_ways",
}
EVENTS = {"rating_panel.rate", "page.watch"}  # a thumb; which timers run
PATHS = (
    "/",
    "/config",
    "/gradio_api/info",
    "/healthz",
    "/vote",
    "/vote/next",
    "/vote/state?language=en",
    "/vote/state?language=es",
    "/files/exports/x/y",
)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    made = Page(tmp_path_factory.mktemp("blind"))
    services = made.services
    for state in ("locked", "revealed", "done"):
        lifecycle.move(services.labels, "one", state)
    engine = StandInEngine()
    services.rounds._engine = lambda: engine
    services.rounds._identity = lambda policy: f"{policy}@abc123def456"
    parent = run(services, "hiddenparent", "sft")
    run(services, "secretpolicy", "dpo", parent)
    yield made
    made.demo.close()
    services.rounds.stop()
    services.labels.close()


def run(services, name, method, parent=None):
    made = services.training.store.create(
        method=method,
        config={},
        name=name,
        base={"name": "pocket", "sha256": "", "kind": "pocket"},
        data={"name": "x", "fingerprint": ""},
        train=[],
        heldout=[],
        parent=parent.id if parent else None,
        extra={},
    )
    made.move("cancelled")
    return made


def handler(page, wanted):
    return next(each for name, each in handlers(page.demo) if name == wanted)


def teacher():
    return gr.Request(headers={"authorization": f"Bearer {TOKEN}"}, session_hash="teacher")


def by_form(page):
    """What the form and a script ask for: the same service."""
    wanted = {
        "policies": ["secretpolicy", "hiddenparent"],
        "purpose": "judge",
        "source": "prompts.en",
        "n_train": 0,
        "n_heldout": 4,
    }
    told = handler(page, "vote_tab.open_round").fn("confidential: secretpolicy", wanted, teacher())
    return told["name"]


def by_align(page):
    handler(page, "align_tab.again").fn("secretpolicy", teacher())
    return lifecycle.listed(page.services.labels)[0].name


def by_dial(page):
    page.services.dialling.vote(TEACHER, "secretpolicy", (0.5, 1.5), 4, "es")
    return lifecycle.listed(page.services.labels)[0].name


def by_import(page):
    pairs = [Judged(Comparison(f"Q{i}?", "x", "y", "secretpolicy@1", "hiddenparent@2"), ()) for i in range(4)]
    return importer.ingest(page.services.labels, pairs, "confidential import").name


def answered(page, path: str, token: str) -> str:
    """What the path answers. An annotator's token is no teacher's: a few such are answered, then there is a wait."""
    for _ in range(90):
        status, body = page.ask("GET", path, authorization=f"Bearer {token}")[:2]
        if status != 429:
            return body.decode()
        time.sleep(1)
    raise AssertionError(f"{path} was never answered")


def got(page, token, name) -> dict[str, str]:
    """Everything that somebody with an annotator's token and no other right can get."""
    found = {path: answered(page, path, token) for path in PATHS}
    request = gr.Request(headers={"authorization": f"Bearer {token}"}, session_hash="visitor")
    untried: set[str] = set()
    for number, (where, each) in enumerate(handlers(page.demo)):
        if where in WRITING:
            continue
        try:
            values = arguments(each, request)
        except IndexError:  # it takes what Gradio says of the event besides
            untried.add(where)
            continue
        if where == "label_tab.show":
            values[0] = token
        elif where in ("vote_tab.look", "vote_tab.round_status", "vote_tab.open_round"):
            values[0] = name
        elif where == "align_tab.facts":
            values[0] |= {box: name for box in each.inputs if box.elem_id == "align-round"}
        try:
            answer = each.fn(*values)
            found[f"{where} {number}"] = repr(list(answer) if inspect.isgenerator(answer) else answer)
        except (gr.Error, AfinaError) as error:
            found[f"{where} {number}"] = str(error)
        except Exception as error:  # a value of the wrong kind: the page words it by its kind alone
            found[f"{where} {number}"] = type(error).__name__
    assert untried <= EVENTS, untried
    return found


def vote(page, token, most: int = 5) -> None:
    for _ in range(most):
        item = json.loads(page.ask("GET", "/vote/next", authorization=f"Bearer {token}")[1])
        if item.get("done") or "comparison_id" not in item:
            return
        body = {name: item[name] for name in ("comparison_id", "assignment_id")}
        body |= {"annotation_id": new_id(), "action": "vote", "winner": "left"}
        assert page.ask("POST", "/vote/cast", body, authorization=f"Bearer {token}")[0] == 200


@pytest.mark.slow
@pytest.mark.parametrize("way", [by_form, by_align, by_dial, by_import])
def test_nothing_tells_what_a_blind_round_compares(page, way):
    services, token = page.services, page.join()
    before = got(page, token, "one")
    ids = tuple(run.id for run in services.training.store)
    name = way(page)
    this = lifecycle.get(services.labels, name)
    if thread := services.rounds._at_work.get(this.round_id):
        thread.join(60)
    assert len(lifecycle.comparisons_of(services.labels, this.round_id)) >= 4
    if lifecycle.get(services.labels, name).state == "draft":
        services.rounds.move(TEACHER, name, "open")

    def nothing_new() -> None:
        services.voting.news()
        for where, told in got(page, token, name).items():
            for secret in (*SECRETS, *ids, "*0.5", "*1.5", " × "):
                # A run's name stands in the lists of runs and of whom one may talk to, round or no round.
                assert told.count(secret) <= before.get(where, "").count(secret), (where, secret)
        told = json.loads(page.ask("GET", "/vote/state?language=es", authorization=f"Bearer {token}")[1])
        assert told["round"]["name"] == f"Ronda {this.number}"

    nothing_new()
    vote(page, token)
    other = page.join()
    vote(page, other)
    for step in ("locked", "discuss", "open_again", "locked"):
        if step == "discuss":
            services.rounds.discuss(
                TEACHER, name, lifecycle.comparisons_of(services.labels, this.round_id)[0].comparison_id
            )
        else:
            services.rounds.move(TEACHER, name, step)
        nothing_new()
    services.rounds.move(TEACHER, name, "revealed")
    told = page.ask("GET", "/vote/state?language=es", authorization=f"Bearer {token}")[1].decode()
    assert "secretpolicy" in told  # now it may be known
    assert json.loads(told)["round"]["name"] == name
    services.rounds.move(TEACHER, name, "done")


@pytest.mark.slow
def test_a_discussed_pair_stands_on_the_same_sides_on_the_wall_and_on_the_phones(page):
    from ui.vote.vote_tab import _screen

    services = page.services
    seen = set()
    for n in range(12):
        this = lifecycle.create(services.labels, f"sides {n}", "judge", ("secretpolicy", "hiddenparent"))
        pair = Comparison("Q?", "written by the first", "written by the second", "secretpolicy@1", "hiddenparent@2")
        lifecycle.add_comparisons(services.labels, this.round_id, [pair])
        services.rounds.move(TEACHER, this.round_id, "open")
        token = page.join()
        vote(page, token)
        services.rounds.move(TEACHER, this.round_id, "locked")
        services.rounds.discuss(TEACHER, this.round_id, pair.comparison_id)
        person = services.voting.person(token)
        shown = services.voting.state(person, "en")["shown"]
        wall = _screen(services, services.rounds.stage(TEACHER, this.round_id), TEACHER, "en")
        assert wall.index(shown["left"]) < wall.index(shown["right"])
        services.rounds.move(TEACHER, this.round_id, "open_again")
        served = services.voting.next(person)
        assert (served["left"], served["right"]) == (shown["left"], shown["right"])
        vote(page, token)  # for the left one
        winner = "model_a" if shown["left"].endswith("first") else "model_b"
        services.rounds.move(TEACHER, this.round_id, "locked")
        services.results._kept.clear()  # it does not look for new votes within a second
        assert (
            services.results.shares(lifecycle.get(services.labels, this.round_id), pair.comparison_id)["discussed"][
                "left"
            ]
            == 1
        )
        rate = services.results.findings(lifecycle.get(services.labels, this.round_id)).votes.counted("discussed")
        assert len(rate.winner) == 1
        seen.add(winner)
        for state in ("revealed", "done"):
            services.rounds.move(TEACHER, this.round_id, state)
    assert seen == {"model_a", "model_b"}  # all twelve alike once in two thousand
