"""No path from a client is used as a path on a machine that is not the teacher's own; no visitor loads models."""

import pytest

from common.errors import AfinaError, NotAllowed
from common.settings import Settings
from tests.standin.engine import StandInEngine
from tuning.config.classification import ClassifyConfig
from tuning.config.training import SFTConfig
from tuning.data import uploads
from workbench.access import Roles
from workbench.actors import TEACHER, VISITOR
from workbench.alignment.ai_feedback import JudgeChoice
from workbench.chat.chat_service import Comparing
from workbench.services import build
from workbench.voting.prompt_sources import read_prompts
from workbench.voting.rounds import RoundRequest

ROWS = '{"prompt": "Why?", "completion": "Because."}\n' * 30


@pytest.fixture(params=["space", "proxy", "class"])
def hosted(request, tmp_path, monkeypatch):
    """The services of a machine that others run, and a file of it that nobody has uploaded."""
    if request.param == "space":
        monkeypatch.setenv("SPACE_ID", "owner/afina")
    public = "https://afina.example.org" if request.param == "proxy" else ""
    host = "0.0.0.0" if request.param == "class" else "127.0.0.1"
    services = build(Settings(home=tmp_path / "home", teacher_token="x" * 16, public_url=public, host=host))
    secret = tmp_path / "secret.jsonl"
    secret.write_text(ROWS)
    yield services, secret
    services.labels.close()


def test_no_file_of_a_server_is_read_that_was_not_uploaded(hosted, tmp_path, monkeypatch):
    services, secret = hosted
    readers = {
        "train": lambda path: services.training.load(TEACHER, path),
        "classify": lambda path: services.classifying.load(TEACHER, path),
        "prompts": lambda path: services.rounds.prompts(TEACHER, path),
        "gold": lambda path: services.rounds.gold(TEACHER, path),
        "votes": lambda path: services.rounds.load(TEACHER, path, "x"),
        "examples": lambda path: services.comparing.alternatives.draw_examples(TEACHER, path),
    }
    (services.settings.home / "uploads").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    climbing = services.settings.home / "uploads" / ".." / ".." / secret.name
    for name, read in readers.items():
        for path in (str(secret), secret, str(climbing), "~/secret.jsonl", "/etc/passwd"):
            with pytest.raises(NotAllowed) as caught:
                read(path)
            assert caught.value.key == "role.server_file", (name, path)
    kept = uploads.keep(secret, services.settings.home)
    assert services.training.load(TEACHER, str(kept)).rows
    assert len(services.rounds.prompts(TEACHER, str(kept))) == 30


def test_no_folder_of_a_server_is_a_model(hosted, tmp_path):
    services, _ = hosted
    folder = str(tmp_path)
    calls = [
        lambda: services.training.start(TEACHER, SFTConfig(source_model=folder), "plain.en"),
        lambda: services.training.check_data(TEACHER, "plain.en", None, SFTConfig(source_model=folder)),
        lambda: services.training.compare(TEACHER, SFTConfig(source_model=folder), "plain.en", ["lora"]),
        lambda: services.classifying.start(TEACHER, ClassifyConfig(source_model=folder), None, ["lora"]),
        lambda: services.rounds.make(TEACHER, RoundRequest("x", (folder,), prompts=("a",), n_train=0, n_heldout=1)),
        lambda: services.comparing.replies(TEACHER, [folder], "Hello"),
        lambda: services.comparing.engine.generate([folder], [[]], None),
        lambda: services.comparing.engine.stream(["pocket", folder], [[]], None),
        lambda: services.queue.submit("sft", SFTConfig(source_model=folder), None),
        lambda: services.course.red_team(TEACHER, [folder], "en"),
        lambda: services.course.compare_ways(TEACHER, folder),
        lambda: services.training.latency(TEACHER, folder),
        lambda: services.judging.revise(TEACHER, folder, "x", ["a"], JudgeChoice("policy", "pocket")),
        lambda: services.judging.revise(TEACHER, "pocket", "x", ["a"], JudgeChoice("policy", folder)),
        lambda: services.comparing.sampled(TEACHER, f"{folder}*2", "Hello", 2),
    ]
    for call in calls[:-1]:
        with pytest.raises(NotAllowed) as caught:
            call()
        assert caught.value.key == "role.server_folder"


def test_a_name_that_climbs_is_no_shipped_set(tmp_path):
    from tuning.data import prompts

    for source in ("../sets/prompts.en", "../../pocket/sets/prompts.en"):
        with pytest.raises(AfinaError):
            prompts.load(source)
        with pytest.raises(AfinaError):
            read_prompts(source, Settings(home=tmp_path))


@pytest.mark.parametrize("name", ["gpt2", "owner/huge-model", "/srv/models/private", "pocket/../x", "nobody*2"])
def test_a_visitor_talks_to_what_is_offered_alone(tmp_path, name):
    settings = Settings(home=tmp_path, teacher_token="x" * 16)
    engine, roles = StandInEngine(), Roles(settings)
    from tuning.runs.run_store import RunStore

    comparing = Comparing(settings, RunStore(tmp_path), roles, lambda: engine)
    for call in (
        lambda: comparing.replies(VISITOR, [name], "Hello"),
        lambda: comparing.replies(VISITOR, ["pocket", f"{name} + rag"], "Hello"),
        lambda: list(comparing.chat(VISITOR, [name], [[]], "Hello")),
        lambda: comparing.sampled(VISITOR, name, "Hello", 2),
    ):
        with pytest.raises(NotAllowed) as caught:
            call()
        assert caught.value.key == "role.policy"
    assert not engine.policies
    with pytest.raises(NotAllowed):
        comparing.replies(VISITOR, ["pocket*0.5"], "Hello")
    comparing.replies(VISITOR, ["pocket", "pocket + rag"], "Hello")
    comparing.replies(TEACHER, [name], "Hello")
    assert engine.policies == ["pocket", "pocket", name]
