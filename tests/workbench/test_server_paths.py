"""Which names may mean a file or folder of the machine, and that a refusal does not say whether there is one."""

import os

import pytest

from common.errors import AfinaError
from common.settings import Settings, is_loopback
from tuning.runs.run_store import RunStore
from workbench.server_paths import Paths


def paths(home, env=None, **settings):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (env or {}).items():
            patch.setenv(name, value)
        return Paths(Settings(home=home, **settings))


def said(call):
    """The words of a refusal in both languages; None where there is none."""
    try:
        call()
    except AfinaError as error:
        return error.words("en") + error.words("es")
    return None


ELSEWHERE = [
    ({}, {"host": "0.0.0.0"}),
    ({}, {"host": "192.0.2.7"}),
    ({}, {"host": "::"}),
    ({}, {"public_url": "https://afina.example.org"}),
    ({"SPACE_ID": "owner/afina"}, {}),
]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "LocalHost"])
def test_a_personal_machine_listens_to_itself(tmp_path, host):
    assert is_loopback(host)
    gate = paths(tmp_path, host=host)
    assert gate.is_personal
    gate.require_file("/etc/passwd")
    gate.require_model("/srv/model")


@pytest.mark.parametrize(("env", "settings"), ELSEWHERE)
def test_elsewhere_no_name_means_a_file_or_a_folder(tmp_path, monkeypatch, env, settings):
    monkeypatch.chdir(tmp_path)
    gate = paths(tmp_path / "home", env, **settings)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "data.jsonl").write_text("{}")
    (tmp_path / "bare.jsonl").write_text("{}")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "link").symlink_to(tmp_path / "here")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    names = [
        f"{tmp_path}/here",
        f"{tmp_path}/here/data.jsonl",
        "~/here/data.jsonl",
        "../here/data.jsonl",
        "./here",
        "here/../here/data.jsonl",
        f"{tmp_path}/link/data.jsonl",
        "bare.jsonl",
        "link",
        "~nobody/x",
        "/etc/passwd",
        "~",
        ".",
        "..",
        "/",
        "loop/loop/loop",
        "\\\\server\\share",
        "x\0y",
        "a" * 5000,
    ]
    for name in names:
        assert said(lambda name=name: gate.require_file(name)), name
    for name in names:
        if name != "bare.jsonl":
            assert said(lambda name=name: gate.require_model(name)), name


@pytest.mark.parametrize(("env", "settings"), ELSEWHERE)
@pytest.mark.parametrize("form", ["{home}/{name}", "~/{name}", "./{name}", "{name}/deep/er", "sub/{name}", "{name}"])
def test_a_refusal_says_not_whether_there_is_one(tmp_path, monkeypatch, env, settings, form):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    gate = paths(tmp_path / "home", env, **settings)
    for place in ("there.jsonl", "sub/there.jsonl"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text("{}")
    (tmp_path / "hidden").mkdir(mode=0)
    for ask in (gate.require_file, gate.require_model):
        both = []
        for name in ("there.jsonl", "other.jsonl"):
            text = form.format(home=tmp_path, name=name)
            told = said(lambda text=text, ask=ask: ask(text))
            both.append(told and told.replace(name, "NAME"))
        if ("/" not in form and ask == gate.require_model) or form == "sub/{name}":
            # It reads like a run or like something of the Hub. What is there is called unknown, as the Hub's answer is.
            assert both[1] is None and ("unknown" in both[0].lower() or "no " in both[0].lower())
        else:
            assert both[0] and both[0] == both[1], form


@pytest.mark.parametrize(("env", "settings"), ELSEWHERE)
def test_what_everybody_may_name(tmp_path, env, settings):
    gate = paths(tmp_path, env, base_model="/srv/base", **settings)
    for source in ("", "mixed.en", "prompts.es", "sums.en", "owner/data", "owner/data:config:train"):
        gate.require_file(source)
    kept = tmp_path / "uploads" / "abc" / "votes.jsonl"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    gate.require_file(str(kept))
    gate.require_file(kept)
    for model in ("", "pocket", "afina/pocket", "my run", "my run*1.5", "owner/model", "/srv/base"):
        gate.require_model(model)
    assert said(lambda: gate.require_file(f"{kept.parent}/../../teacher-token"))


@pytest.mark.parametrize(("env", "settings"), ELSEWHERE)
def test_the_host_names_folders(tmp_path, env, settings):
    shared, other, outside = (tmp_path / name for name in ("shared", "other", "outside"))
    for folder in (shared, other, outside):
        (folder / "model").mkdir(parents=True)
        (folder / "data.jsonl").write_text("{}")
    (shared / "escape").symlink_to(outside)
    (tmp_path / "alias").symlink_to(shared)
    folders = os.pathsep.join([str(tmp_path / "alias"), "", f" {other} "])
    gate = paths(tmp_path / "home", env, folders=folders, **settings)
    for folder in (shared, other, tmp_path / "alias"):
        gate.require_file(str(folder / "data.jsonl"))
        gate.require_model(str(folder))
        gate.require_model(str(folder / "model"))
        gate.require_model(f"{folder / 'model'}*1.5")
    for name in (outside, shared / "escape", shared / ".." / "outside", shared / "escape" / ".." / "outside"):
        assert said(lambda name=name: gate.require_file(str(name / "data.jsonl"))), name
        assert said(lambda name=name: gate.require_model(str(name / "model"))), name
    assert said(lambda: gate.require_model(f"{shared}-2/model"))  # its beginning is not its folder


def test_a_run_may_be_called_like_a_folder_that_lies_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    gate = paths(tmp_path / "home", host="0.0.0.0")
    assert said(lambda: gate.require_model("docs"))
    about = {"base": {"name": "pocket"}, "data": {"name": "x"}, "train": [], "heldout": []}
    RunStore(tmp_path / "home").create(method="sft", config={}, name="docs", **about)
    gate.require_model("docs")
