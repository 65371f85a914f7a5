"""Every handler and endpoint of the page, given the path of a file and of a folder: nothing of them comes out.

Not what stands in them, and not whether they are there: what the page says of a path that exists and of one that does
not reads the same. Checked for a visitor, and for the teacher of a machine that others can reach.
"""

from __future__ import annotations

import inspect
import json
import re
import shutil
from itertools import islice

import gradio as gr
import pytest

from common.settings import Settings
from labeling.rounds import lifecycle
from labeling.schema import Comparison, RoundSettings
from tests.standin.engine import StandInEngine
from tests.ui.serving import handlers
from tuning.models.references import POCKET_PATH
from ui.page import build
from workbench import services as services_module

TOKEN = "server-paths-test-token"
CONTENT = "PLANTED-CONTENT"
TEXTS = ("Textbox", "Dropdown", "State", "Radio", "CheckboxGroup")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a model and a file in it, and the names of others that are not there."""
    folder = tmp_path_factory.mktemp("outside")
    shutil.copytree(POCKET_PATH, folder / "hereA")
    row = {
        "prompt": CONTENT,
        "completion": CONTENT,
        "completion_a": CONTENT,
        "completion_b": "y",
        "model_a": "a",
        "model_b": "b",
        "winner": "model_a",
        "label": "x",
        "text": CONTENT,
    }
    for name in ("hereA.jsonl", "hereA.txt"):
        (folder / name).write_text((json.dumps(row) + "\n") * 30)
    return folder


@pytest.fixture(scope="module", params=["class", "folders", "space"])
def page(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    other = tmp_path_factory.mktemp("named")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "space":
            patch.setenv("SPACE_ID", "owner/afina")
        folders = str(other) if request.param == "folders" else ""
        services = services_module.build(
            Settings(
                home=home,
                teacher_token=TOKEN,
                host="0.0.0.0",
                folders=folders,
                vote_requests=10**6,
                chat_messages=10**6,
                chat_tokens=10**9,
            )
        )
        services.engine_of_the_test = StandInEngine()
        services.comparing._make_engine = lambda: services.engine_of_the_test
        this = lifecycle.create(services.labels, "one", "judge", ["a", "b"], RoundSettings())
        lifecycle.add_comparisons(services.labels, this.round_id, [Comparison("Q?", "first", "second", "a@1", "b@2")])
        yield services, build(services)
        services.rounds.stop()
        services.course.studies.close()
        services.labels.close()


def planted(value, text):
    """The places of a default value into which a text can be put, each by itself."""
    if isinstance(value, dict):
        keys = ("source", "gold", "upload", "source_model", "data", "uncertain_by")
        return [{**value, key: text} for key in keys] + [
            {"policies": [text], "source": "typed", "typed": "a", "n_train": 1, "n_heldout": 1},
            {"policies": ["pocket"], "source": text, "n_train": 1, "n_heldout": 1},
            {"policies": ["pocket"], "upload": text, "source": "upload", "n_train": 1, "n_heldout": 1},
            {"policies": ["pocket"], "gold": text, "source": "typed", "typed": "a", "n_train": 1, "n_heldout": 1},
        ]
    return [text, [text]]


def variants(each, text, request):
    """Arguments of a handler with the text in one of its places at a time, and in all of them."""
    if not each.inputs and "request" not in inspect.signature(inspect.unwrap(each.fn)).parameters:
        return
    names = [name for name in inspect.signature(inspect.unwrap(each.fn)).parameters if name != "request"]
    values = [getattr(component, "value", None) for component in each.inputs]
    kinds = [type(component).__name__ for component in each.inputs]
    if not each.inputs_as_dict and len(values) != len(names) and not kinds:
        return
    fields = [at for at, kind in enumerate(kinds) if kind in (*TEXTS, "Api", "JSON")]
    changed = []
    for at in fields:
        for one in planted(_api(each, at, names, values[at]), text):
            changed.append(
                [one if place == at else _api(each, place, names, value) for place, value in enumerate(values)]
            )
    changed.append([text if at in fields else value for at, value in enumerate(values)])
    for given in changed:
        if each.inputs_as_dict:
            yield [dict(zip(each.inputs, given, strict=True)), request]
            continue
        arguments, left = [], list(given)
        for name, parameter in inspect.signature(inspect.unwrap(each.fn)).parameters.items():
            if name == "request":
                arguments.append(request)
            elif parameter.kind is parameter.VAR_POSITIONAL:
                arguments += left
            elif left:
                arguments.append(left.pop(0))
        yield arguments


def _api(each, at, names, value):
    """What an endpoint's field is filled with where nothing is planted."""
    if type(each.inputs[at]).__name__ != "Api" or at >= len(names):
        return value
    known = {
        "settings": {},
        "wanted": {},
        "options": {},
        "sampling": {},
        "policies": ["pocket"],
        "message": "Hi",
        "name": "",
    }
    return known.get(names[at], "pocket" if "model" in names[at] else "mixed.en" if "data" in names[at] else "one")


def outcome(services, each, arguments):
    """Everything that a handler answers, or says in its error, as text; what it began has ended by then."""
    try:
        answer = each.fn(*arguments)
        if inspect.isgenerator(answer):
            answer = list(islice(answer, 4))
        return repr(answer)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        services.judging.close()
        services.course.studies.close()


def plain(text):
    """Without what differs from call to call: numbers, hashes, and the names that were planted."""
    text = re.sub(r"(here|none)[AB]", "NAME", text)
    return re.sub(r"invite=[\w-]+|[0-9a-f]{8,}|(\d+-)+[0-9a-f]+|\d+", "#", text)


def speaks_of_it(text):
    """Whether an answer is an error, or names what was planted: what the teacher does changes the next answers."""
    return "Error" in text.split(":")[0] or "NAME" in plain(text)


@pytest.mark.slow
@pytest.mark.parametrize("who", ["visitor", "teacher"])
@pytest.mark.parametrize("ending", ["", ".jsonl", ".txt"])
def test_no_handler_opens_or_betrays_a_path(page, place, who, ending, monkeypatch):
    services, demo = page
    monkeypatch.chdir(place)
    headers = {"authorization": f"Bearer {TOKEN}"} if who == "teacher" else {}
    tried = 0
    for name, each in handlers(demo):
        for form in (f"{place}/", "./"):
            both = []
            for base in ("hereA", "noneB"):
                request = gr.Request(headers=headers, session_hash="s")
                text = f"{form}{base}{ending}"
                both.append([outcome(services, each, given) for given in variants(each, text, request)])
            for here, none in zip(*both, strict=True):
                tried += 1
                assert CONTENT not in here, (name, form)
                if who == "visitor" or speaks_of_it(here) or speaks_of_it(none):
                    assert plain(here) == plain(none), (name, form)
    assert tried > 300
    assert not [policy for policy in services.engine_of_the_test.policies if "here" in policy or "none" in policy]
