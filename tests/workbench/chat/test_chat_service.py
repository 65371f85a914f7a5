"""The chat service: who may, what can be chosen, what is refused."""

import pytest

from common.errors import AfinaError, NotAllowed
from common.settings import Settings
from tuning.runs.run_store import RunStore
from workbench.access import Roles
from workbench.actors import TEACHER, VISITOR
from workbench.chat.chat_service import Comparing

SHORT = {"greedy": True, "max_new_tokens": 4}


def service(tmp_path, **settings) -> Comparing:
    chosen = Settings(home=tmp_path, teacher_token="s3cret-of-the-teacher", **settings)
    return Comparing(chosen, RunStore(tmp_path), Roles(chosen))


def test_pocket_can_be_talked_to_out_of_the_box(tmp_path):
    comparing = service(tmp_path)
    offered = [choice.name for choice in comparing.policies(VISITOR)]
    assert [name for name in offered if " + " not in name] == ["pocket"]
    *_, last = comparing.chat(VISITOR, ["pocket"], [[]], "What is the capital of Peru?", **SHORT)
    assert last[0].done
    assert last[0].n_tokens == 4
    [reply] = comparing.replies(TEACHER, ["pocket"], "What is the capital of Peru?", **SHORT)
    assert reply.text == last[0].text


def test_a_closed_chat_is_the_teachers(tmp_path):
    comparing = service(tmp_path, open_chat=False)
    with pytest.raises(NotAllowed):
        list(comparing.chat(VISITOR, ["pocket"], [[]], "Hello"))
    with pytest.raises(NotAllowed):
        comparing.replies(VISITOR, ["pocket"], "Hello")
    assert comparing.replies(TEACHER, ["pocket"], "Hello", **SHORT)


@pytest.mark.parametrize(
    ("policies", "message", "key"),
    [
        ([], "Hello", "chat.columns"),
        (["pocket"] * 5, "Hello", "chat.columns"),
        (["pocket"], " \n", "chat.empty"),
        (["pocket"], "x" * 9000, "chat.long"),
        (["gone"], "Hello", "models.unknown"),
    ],
)
def test_what_cannot_be_answered_is_said(tmp_path, policies, message, key):
    with pytest.raises(AfinaError) as caught:
        list(service(tmp_path).chat(TEACHER, policies, [[]] * len(policies), message))
    assert caught.value.key == key


def test_a_sampling_setting_that_is_none_is_named(tmp_path):
    with pytest.raises(AfinaError) as caught:
        service(tmp_path).replies(TEACHER, ["pocket"], "Hello", temperatur=1)
    assert caught.value.key == "config.unknown" and "temperature" in str(caught.value)
