"""Endpoints say which value is of the wrong kind, in the reader's language, and never break."""

import gradio as gr
import pytest

from common.settings import Settings
from tests.ui.serving import handlers
from ui.page import build
from workbench import services as services_module

TOKEN = "api-values-test-token"
GOOD = {
    "chat_tab.compare": ["Hi", ["pocket"], {}, ""],
    "run_endpoints.start_run": ["pocket", "mixed.en", "x", {}],
    "run_endpoints.run_status": ["x"],
    "run_endpoints.stop_run": ["x"],
    "run_endpoints.resume_run": ["x"],
    "vote_tab.open_round": ["x", {}],
    "vote_tab.round_status": ["x"],
    "vote_tab.export_preferences": ["x", {}],
}
WRONG = [
    None,
    5,
    1.5,
    True,
    "text",
    [],
    ["a"],
    [5],
    {},
    {"a": 1},
    {"temperature": "hot"},
    {"temperature": None},
    {"max_new_tokens": []},
    {"seed": "x"},
    {"epochs": "many"},
    {"policies": 5},
    {"n_train": "x", "policies": ["a"]},
    {"criteria": 5},
    {"asks": 5},
    {"typed": 5},
    {"prompts": 5},
    {"minimum": "x"},
    {"format": []},
]


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory):
    services = services_module.build(Settings(home=tmp_path_factory.mktemp("home"), teacher_token=TOKEN))
    services.comparing._make_engine = lambda: None
    yield {name: each.fn for name, each in handlers(build(services)) if name in GOOD}
    services.labels.close()


@pytest.mark.parametrize("name", GOOD)
def test_a_wrong_kind_is_told(endpoints, name):
    for language in ("en", "es"):
        headers = {"authorization": f"Bearer {TOKEN}", "accept-language": language}
        request = gr.Request(headers=headers, session_hash="s")
        for at in range(len(GOOD[name])):
            for wrong in WRONG:
                given = [wrong if place == at else value for place, value in enumerate(GOOD[name])]
                if given == GOOD[name] or (isinstance(wrong, type(GOOD[name][at])) and at == 2 and "start" in name):
                    continue
                with pytest.raises(gr.Error) as caught:
                    endpoints[name](*given, request)
                told = str(caught.value)
                assert "went wrong (" not in told and "Algo inesperado" not in told, (at, wrong, told)


def test_seats_are_a_whole_number_and_a_truth_value(tmp_path):
    services = services_module.build(Settings(home=tmp_path, teacher_token=TOKEN))
    named = {name: each.fn for name, each in handlers(build(services))}
    request = gr.Request(headers={"authorization": f"Bearer {TOKEN}"}, session_hash="s")
    for name, given in (
        ("set_seats", ["5", False]),
        ("set_seats", [1.5, False]),
        ("set_seats", [5, "no"]),
        ("undo_joins", ["all"]),
        ("undo_joins", [None]),
    ):
        with pytest.raises(gr.Error, match=r"give a value of the type: (whole number|number|true or false)"):
            named[f"door_panel.{name}"](*given, request)
    assert named["door_panel.set_seats"](5, True, request)["seats"] == 5
    assert named["door_panel.undo_joins"](1, request)["n"] == 0
    services.labels.close()


def test_the_kind_is_named(endpoints):
    request = gr.Request(headers={}, session_hash="s")
    for given, words in (
        (["Hi", "pocket", {}, ""], "“policies” has the type str; give a value of the type: list of text"),
        (["Hi", [5], {}, ""], "“policies” has the type list"),
        ([None, ["pocket"], {}, ""], "“message” has the type NoneType"),
        (["Hi", ["pocket"], [], ""], "“sampling” has the type list; give a value of the type: object"),
        (["Hi", ["pocket"], {"temperature": "hot"}, ""], "has the wrong type"),
    ):
        with pytest.raises(gr.Error) as caught:
            endpoints["chat_tab.compare"](*given, request)
        assert words in str(caught.value)
